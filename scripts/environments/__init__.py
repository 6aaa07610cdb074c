"""How this clone's environments are made: the part of the product that runs before anything is installed.

It is the standard library alone, and runs on the system's Python. `scripts/set_up.py` starts it.

    program       options, and the answer where there is nothing to do
    clone         the environments, and the files that decide what is in them
    environment   what an environment was made from: whether it is made, outdated or has to be made again
    session       one run: lock, interrupts, what it prints
    recipes       what waits for what, what runs side by side
    uv_installer  how uv is brought, with or without pip
    pip_wheel     a pip for a Python that has none
    command       a tool as a child process that is stopped with us
    failure       the sentence for what a tool printed when it failed
    caches        where the tools keep packages when HOME cannot be written
    lock          one set-up at a time
    progress      a spinner in a terminal, sentences anywhere else
"""
