"""Run a ComfyUI workflow that was exported in the API format."""

import json
import os
from pathlib import Path

from client import TaskApi

response = TaskApi().submit(
    metadata={"id": "dog-1", "runtime": os.environ["COMFYUI_RUNTIME"], "tasktype": "pipeline"},
    content=json.loads(Path("workflow.json").read_text()),
)
print(response["output_location"])
