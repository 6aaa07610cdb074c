"""AUTOMATIC1111 Stable Diffusion Web UI, by its HTTP API.

https://github.com/AUTOMATIC1111/stable-diffusion-webui/wiki/API

    server            whether it is ready, how it is stopped, how a task is prepared
    checkpoints       which checkpoints it has, and which one is loaded
    checkpoint_files  what its list of them says
    choices           what else a task names of its lists
    request           one inference
    outputs           what it answers
"""

from queue_agent.runtimes.sdwebui.server import SdWebUi

__all__ = ["SdWebUi"]
