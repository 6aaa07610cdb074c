"""A stand-in for the two inference servers: for tests and the local stack only. It draws the prompt, it does not dream.

It speaks the SD Web UI's API or ComfyUI's as they were observed on the real servers, awkward sides included.

    gpu       one inference at a time, which can be interrupted and is noted in a journal
    drawing   pictures in which the prompt can be read
    sdwebui   the SD Web UI's API
    comfyui   ComfyUI's API
    faults    what a test can make go wrong
"""
