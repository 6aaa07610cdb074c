"""Client of the AUTOMATIC1111 Stable Diffusion Web UI, with its HTTP API.

https://github.com/AUTOMATIC1111/stable-diffusion-webui/wiki/API

    server            readiness, interrupt, preparation of tasks
    checkpoints       finds and loads checkpoints
    checkpoint_files  the list of checkpoint files
    choices           validates other names: samplers, schedulers, styles, VAEs
    request           one inference
    outputs           images and description in the response
"""

from queue_agent.runtimes.sdwebui.server import SdWebUi

__all__ = ["SdWebUi"]
