"""List all tasks of a runtime, newest first, page by page."""

import os
from urllib.parse import urlencode

from client import TaskApi

api = TaskApi()
query = {"runtime": os.environ["SDWEBUI_RUNTIME"], "limit": 10}
while True:
    page = api.call("GET", f"v1alpha2/tasks?{urlencode(query)}")
    for task in page["tasks"]:
        print(task["id"], task["submission"], task["status"])
    if "next" not in page:
        break
    query["next"] = page["next"]
