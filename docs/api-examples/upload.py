"""A content of more than 4 MiB is uploaded first; the task then refers to it."""

import base64
import json
import os
from pathlib import Path

from client import TaskApi

api = TaskApi()
picture = base64.b64encode(Path("picture.png").read_bytes()).decode()
content = json.dumps({"prompt": "a cat in a spacesuit, oil painting", "init_images": [picture]}).encode()

upload = api.call("POST", "v1alpha2/uploads", {"content_type": "application/json", "content_length": len(content)})
# The headers are part of the signature: exactly these, with exactly these values.
put = api.http.request(upload["method"], upload["url"], body=content, headers=upload["headers"])
if put.status != 200:
    raise RuntimeError(f"the upload was refused: {put.status}")

answer = api.submit(
    metadata={"id": "cat-6", "runtime": os.environ["SDWEBUI_RUNTIME"], "tasktype": "image-to-image"},
    content_ref=upload["content_ref"],
)
print(answer["output_location"])
