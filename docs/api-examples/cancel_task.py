"""Cancel a task."""

from client import TaskApi

task = TaskApi().call("POST", "v1alpha2/tasks/cat-1/cancel")
print(task["status"])
