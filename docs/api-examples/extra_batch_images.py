"""Make several pictures larger."""

import base64
import os
from pathlib import Path

from client import TaskApi

picture = base64.b64encode(Path("picture.png").read_bytes()).decode()
answer = TaskApi().submit(
    metadata={"id": "cat-4", "runtime": os.environ["SDWEBUI_RUNTIME"], "tasktype": "extra-batch-images"},
    content={
        "imageList": [{"name": "one.png", "data": picture}, {"name": "two.png", "data": picture}],
        "upscaler_1": "R-ESRGAN 4x+",
        "upscaling_resize": 2,
    },
)
print(answer["output_location"])
