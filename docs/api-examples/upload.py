"""Upload content of more than 4 MiB, then submit a task that refers to it."""

import base64
import json
import os
from pathlib import Path

from client import TaskApi

api = TaskApi()
image = base64.b64encode(Path("image.png").read_bytes()).decode()
content = json.dumps({"prompt": "a cat in a spacesuit, oil painting", "init_images": [image]}).encode()

upload = api.call("POST", "v1alpha2/uploads", {"content_type": "application/json", "content_length": len(content)})
# The headers are part of the signature: send exactly these headers and values.
put = api.http.request(upload["method"], upload["url"], body=content, headers=upload["headers"])
if put.status != 200:
    raise RuntimeError(f"the upload failed with status {put.status}")

response = api.submit(
    metadata={"id": "cat-6", "runtime": os.environ["SDWEBUI_RUNTIME"], "tasktype": "image-to-image"},
    content_ref=upload["content_ref"],
)
print(response["output_location"])
