"""A task ends with its image."""

from verification.samples import SAMPLES
from verification.tasks import Tasks


def task_ends_with_its_image(tasks: Tasks, runtime: str, tasktype: str) -> str:
    """Submit a task and store its image."""
    return tasks.finish(runtime, tasktype, SAMPLES[tasktype]())
