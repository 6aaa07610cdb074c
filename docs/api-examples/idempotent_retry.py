"""Send a request again until there is a response: with an Idempotency-Key it creates only one task."""

import os

from client import TaskApi

api = TaskApi()
task = {
    "metadata": {"id": "order-4712", "runtime": os.environ["SDWEBUI_RUNTIME"], "tasktype": "text-to-image"},
    "content": {"prompt": "a cat in a spacesuit, photograph"},
}
first = api.submit(key="order-4712", **task)
again = api.submit(key="order-4712", **task)
print(first["submission"] == again["submission"])
