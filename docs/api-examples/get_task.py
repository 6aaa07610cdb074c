"""Wait until a task has ended, then download its results."""

from pathlib import Path

from client import TaskApi

api = TaskApi()
task = api.wait("cat-1")
print(task["status"], task.get("error"))
for result in task["results"]:
    name = Path(result["s3_url"]).name
    Path(name).write_bytes(api.http.request("GET", result["url"]).data)
    print(name)
