"""Upscale several images."""

import base64
import os
from pathlib import Path

from client import TaskApi

image = base64.b64encode(Path("image.png").read_bytes()).decode()
response = TaskApi().submit(
    metadata={"id": "cat-4", "runtime": os.environ["SDWEBUI_RUNTIME"], "tasktype": "extra-batch-images"},
    content={
        "imageList": [{"name": "one.png", "data": image}, {"name": "two.png", "data": image}],
        "upscaler_1": "R-ESRGAN 4x+",
        "upscaling_resize": 2,
    },
)
print(response["output_location"])
