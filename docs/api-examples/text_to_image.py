"""Text to image."""

import os

from client import TaskApi

response = TaskApi().submit(
    metadata={
        "id": "cat-1",
        "runtime": os.environ["SDWEBUI_RUNTIME"],
        "tasktype": "text-to-image",
        "prefix": "campaign-7",
        "context": {"user": "ann"},
    },
    content={
        "prompt": "a cat in a spacesuit, photograph",
        "negative_prompt": "blurry",
        "steps": 20,
        "width": 512,
        "height": 768,
        "seed": 42,
    },
)
print(response["submission"], response["output_location"])
