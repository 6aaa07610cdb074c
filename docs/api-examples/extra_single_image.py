"""Upscale one image."""

import base64
import os
from pathlib import Path

from client import TaskApi

response = TaskApi().submit(
    metadata={"id": "cat-3", "runtime": os.environ["SDWEBUI_RUNTIME"], "tasktype": "extra-single-image"},
    content={
        "image": base64.b64encode(Path("image.png").read_bytes()).decode(),
        "upscaler_1": "R-ESRGAN 4x+",
        "upscaling_resize": 2,
    },
)
print(response["output_location"])
