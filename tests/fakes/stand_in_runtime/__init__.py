"""A stand-in for the two inference servers: for tests and the local stack only. Its images show the prompt.

It speaks the SD Web UI's API or ComfyUI's as observed on the real servers, including their quirks.

    gpu       one inference at a time, with interrupts and a journal
    drawing   images that show the prompt
    sdwebui   the SD Web UI's API
    comfyui   ComfyUI's API
    faults    faults that a test can inject
"""
