"""Image to image, with the image in the request body in base64."""

import base64
import os
from pathlib import Path

from client import TaskApi

response = TaskApi().submit(
    metadata={"id": "cat-2", "runtime": os.environ["SDWEBUI_RUNTIME"], "tasktype": "image-to-image"},
    content={
        "prompt": "a cat in a spacesuit, oil painting",
        "init_images": [base64.b64encode(Path("image.png").read_bytes()).decode()],
        "denoising_strength": 0.6,
    },
)
print(response["output_location"])
