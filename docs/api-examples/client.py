"""A client of the task API, in the standard library and urllib3."""

import json
import os
import time
import uuid
from typing import Any

import urllib3

# Every request may be sent again: a POST carries an Idempotency-Key, so it becomes one task however often it arrives.
_RETRIES = urllib3.Retry(
    total=5,
    backoff_factor=0.5,
    status_forcelist=(429, 500, 502, 503, 504),
    allowed_methods=None,
    raise_on_status=False,
)


class TaskApi:
    """The API of one deployment, found by the environment's ENDPOINT and API_KEY."""

    def __init__(self) -> None:
        self._endpoint = os.environ["ENDPOINT"]  # with the slash at its end
        self._headers = {"x-api-key": os.environ["API_KEY"]}
        self.http = urllib3.PoolManager(timeout=30, retries=_RETRIES)

    def call(self, method: str, path: str, body: Any = None, *, key: str | None = None) -> dict[str, Any]:
        """Send a request and return the answer; an answer other than 200 is raised with its words."""
        headers = dict(self._headers)
        if body is not None:
            headers["Idempotency-Key"] = key or str(uuid.uuid4())
        reply = self.http.request(method, self._endpoint + path, json=body, headers=headers)
        if reply.status != 200:
            raise RuntimeError(f"{reply.status} {_words(reply.data)}")
        answer: dict[str, Any] = reply.json()
        return answer

    def submit(self, *, key: str | None = None, **task: Any) -> dict[str, Any]:
        """Submit a task: its `metadata` and its `content` or `content_ref`."""
        return self.call("POST", "v1alpha2", {"task": task}, key=key)

    def wait(self, task_id: str) -> dict[str, Any]:
        """Wait until the newest task of this id has ended."""
        while (task := self.call("GET", f"v1alpha2/tasks/{task_id}"))["status"] in {"queued", "running"}:
            time.sleep(1)
        return task


def _words(body: bytes) -> str:
    """What an error says. For a body over 10 MB it is API Gateway's own text, and no JSON."""
    try:
        error = json.loads(body)["error"]
    except ValueError:
        return body.decode(errors="replace")
    return f"{error['code']}: {error['message']}"
