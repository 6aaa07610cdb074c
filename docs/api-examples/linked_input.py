"""Upload an input file, then submit a workflow whose node refers to it by name."""

import json
import os
from pathlib import Path

from client import TaskApi

api = TaskApi()
image = Path("image.png").read_bytes()

upload = api.call("POST", "v1alpha2/uploads", {"content_type": "image/png", "content_length": len(image)})
put = api.http.request(upload["method"], upload["url"], body=image, headers=upload["headers"])
if put.status != 200:
    raise RuntimeError(f"the upload failed with status {put.status}")

response = api.submit(
    metadata={
        "id": "dog-2",
        "runtime": os.environ["COMFYUI_RUNTIME"],
        "tasktype": "pipeline",
        "inputs": {"portrait.png": upload["content_ref"]},
    },
    content=json.loads(Path("workflow_with_input.json").read_text()),
)
print(response["output_location"])
