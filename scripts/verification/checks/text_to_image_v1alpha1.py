"""A request of the SD Web UI API is routed by its checkpoint, and its task ends with its image."""

from verification import samples
from verification.check import BrokenError, SkippedError
from verification.tasks import Tasks, new_task_id


def text_to_image_v1alpha1(tasks: Tasks, runtime: str) -> str:
    """Submit a task by `POST /v1alpha1`, find it by its id, and store its image."""
    checkpoint = tasks.api.checkpoints.get(runtime)
    if checkpoint is None:
        raise SkippedError("no sdwebui runtime has a modelFilename, which v1alpha1 needs for routing")
    task_id = new_task_id("v1alpha1")
    routing = {"task": "text-to-image", "id_task": task_id, "sd_model_checkpoint": checkpoint}
    answer = tasks.submit(runtime, "v1alpha1", {**samples.text_to_image(), "alwayson_scripts": routing})
    for name in ("id_task", "sd_model_checkpoint"):
        if answer[name] != routing[name]:
            raise BrokenError(f"{name} of the response must be {routing[name]}, got {answer[name]}")
    task = tasks.end_of(runtime, task_id)
    if task["runtime"] != runtime:
        raise BrokenError(f"{checkpoint} must be routed to {runtime}, got {task['runtime']}")
    places = [result["s3_url"] for result in task["results"]]
    if elsewhere := [place for place in places if not place.startswith(answer["output_location"])]:
        raise BrokenError(f"results must be below {answer['output_location']}, got {elsewhere[0]}")
    return tasks.keep_images(task)
