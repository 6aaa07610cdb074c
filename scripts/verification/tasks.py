"""Tasks of a deployment, submitted as a caller does."""

import json
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from deployed_api import Api
from verification.api_client import ApiClient, Response
from verification.check import BrokenError, SkippedError
from verification.images import Image, is_image, keep_image
from verification.samples import SIZE

_POLL_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 30.0
_FAILED: Final = frozenset({"failed", "cancelled"})


def new_task_id(what: str) -> str:
    """A unique task id with a description."""
    return f"test-{what}-{secrets.token_hex(4)}"


class Tasks:
    """Submits tasks to a deployment, waits for their ends, and stores their images.

    Args:
        api: the deployment.
        client: sends requests to the deployment.
        output: folder for the images.
        timeout_s: timeout of a task, in seconds.
        report: shows the progress.

    Attributes:
        api: the deployment.
        client: for other requests.
        images: the stored images.
    """

    def __init__(
        self, api: Api, client: ApiClient, *, output: Path, timeout_s: float, report: Callable[[str], None]
    ) -> None:
        self.api = api
        self.client = client
        self.images: list[Image] = []
        self._output = output
        self._timeout_s = timeout_s
        self._report = report
        self._stuck: set[str] = set()

    def finish(self, runtime: str, tasktype: str, content: dict[str, Any]) -> str:
        """Submit a task by `POST /v1alpha2`, wait for its end and store its images.

        Returns:
            The result.

        Raises:
            BrokenError: something does not work.
            SkippedError: the runtime has not finished an earlier task.
        """
        task_id = new_task_id(tasktype)
        metadata = {"id": task_id, "runtime": runtime, "tasktype": tasktype, "context": {"test": True}}
        answer = self.submit(runtime, "v1alpha2", {"task": {"metadata": metadata, "content": content}})
        return self.keep_images(self.end_of(runtime, task_id, submission=answer["submission"]))

    def submit(self, runtime: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Submit a task.

        Raises:
            BrokenError: it is rejected.
            SkippedError: the runtime has not finished an earlier task, which blocks this one.
        """
        if runtime in self._stuck:
            raise SkippedError(f"{runtime} has not finished the task before this one")
        self._report("submitting")
        reply = self.client.post(path, body)
        answer = _content(reply)
        if reply.status != HTTPStatus.OK:
            raise BrokenError(f"the submit must return 200, got {reply.status}: {_error_message(reply)}")
        return answer

    def end_of(self, runtime: str, task_id: str, *, submission: str | None = None) -> dict[str, Any]:
        """Wait until a task has completed.

        Args:
            runtime: the runtime of the task.
            task_id: id of the task.
            submission: id of the submission; the newest by default.

        Raises:
            BrokenError: it failed, was cancelled, or did not end in time.
        """
        which = f"&submission={submission}" if submission else ""
        deadline, waited = time.monotonic() + self._timeout_s, _StatusClock()
        while time.monotonic() < deadline:
            reply = self.client.send_with_key("GET", f"v1alpha2/tasks/{task_id}?position=1{which}")
            if reply.status == HTTPStatus.OK:
                task = _content(reply)
                if task["status"] == "completed":
                    return task
                if task["status"] in _FAILED:
                    error = task.get("error") or {}
                    raise BrokenError(
                        f"the task {task_id} {task['status']}: {error.get('code')}: {error.get('message')}"
                    )
                waited.see(task["status"])
                self._report(f"the task {task_id} is {waited.status} since {waited.since}{self._likely(task)}")
            elif reply.status != HTTPStatus.TOO_MANY_REQUESTS and reply.status < HTTPStatus.INTERNAL_SERVER_ERROR:
                raise BrokenError(f"the task {task_id} must be found, got {reply.status}: {_error_message(reply)}")
            time.sleep(max(_POLL_S, _pause_s(reply)))
        self._stuck.add(runtime)
        raise BrokenError(f"the task {task_id} must end within {self._timeout_s:g} s, is {waited.status}")

    def keep_images(self, task: dict[str, Any]) -> str:
        """Download and decode the images of a task.

        Raises:
            BrokenError: there is no image, or one is invalid.
        """
        self._report("downloading")
        kept = 0
        for result in task["results"]:
            name = result["s3_url"].rpartition("/")[2]
            if is_image(name):
                reply = self.client.http.request("GET", result["url"])
                if reply.status != HTTPStatus.OK:
                    raise BrokenError(f"the image {name} cannot be downloaded: {reply.status}")
                self.images.append(keep_image(reply.data, task=task["id"], name=name, folder=self._output, size=SIZE))
                kept += 1
        if not kept:
            raise BrokenError(f"the task {task['id']} completed without an image")
        return f"{kept} image(s)"

    def _likely(self, task: dict[str, Any]) -> str:
        """What a task with this status probably waits for."""
        if task["status"] == "running":
            return f", {task['progress']:.0%} done" if "progress" in task else ""
        if ahead := task.get("tasks_ahead"):
            return f": {ahead} task(s) ahead of it"
        return "" if self.api.is_emulated else ": a GPU node is probably starting, which takes minutes"


class _StatusClock:
    """Tracks since when a task has its status."""

    def __init__(self) -> None:
        self.status = "submitted"
        self.since = _now()

    def see(self, status: str) -> None:
        """Record the current status of the task."""
        if status != self.status:
            self.status, self.since = status, _now()


def _now() -> str:
    return f"{datetime.now(UTC):%H:%M:%S} UTC"


def _content(reply: Response) -> dict[str, Any]:
    """The JSON object of a response; empty if it is not an object."""
    try:
        content = json.loads(reply.body)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _error_message(reply: Response) -> str:
    error = _content(reply).get("error")
    return str(error["message"]) if isinstance(error, dict) and "message" in error else reply.shown


def _pause_s(reply: Response) -> float:
    """The seconds of the header Retry-After, limited; 0 without one."""
    retry_after = reply.headers.get("Retry-After", "")
    # The other format, a date, is ignored: the next poll is soon enough.
    return min(int(retry_after), _LONGEST_PAUSE_S) if retry_after.isdecimal() else 0.0
