"""An input is uploaded first; the workflow's node has its name, and the task says which upload that is."""

import json
import os
from pathlib import Path

from client import TaskApi

api = TaskApi()
picture = Path("picture.png").read_bytes()

upload = api.call("POST", "v1alpha2/uploads", {"content_type": "image/png", "content_length": len(picture)})
put = api.http.request(upload["method"], upload["url"], body=picture, headers=upload["headers"])
if put.status != 200:
    raise RuntimeError(f"the upload was refused: {put.status}")

answer = api.submit(
    metadata={
        "id": "dog-2",
        "runtime": os.environ["COMFYUI_RUNTIME"],
        "tasktype": "pipeline",
        "inputs": {"portrait.png": upload["content_ref"]},
    },
    content=json.loads(Path("workflow_with_input.json").read_text()),
)
print(answer["output_location"])
