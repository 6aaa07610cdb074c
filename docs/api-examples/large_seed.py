"""A seed beyond 2 ** 53: integers and JSON in Python keep all digits."""

import os

from client import TaskApi

api = TaskApi()
seed = 9223372036854775783
api.submit(
    metadata={
        "id": "cat-8",
        "runtime": os.environ["SDWEBUI_RUNTIME"],
        "tasktype": "text-to-image",
        "context": {"seed": seed},
    },
    content={"prompt": "a cat in a spacesuit, photograph", "seed": seed},
)
task = api.call("GET", "v1alpha2/tasks/cat-8")
print(task["context"]["seed"])
