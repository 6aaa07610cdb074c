"""A client of the task API that uses the standard library and urllib3."""

import json
import os
import time
import uuid
from typing import Any

import urllib3

# All requests can be retried: a POST has an Idempotency-Key, so it creates only one task.
_RETRIES = urllib3.Retry(
    total=5,
    backoff_factor=0.5,
    status_forcelist=(429, 500, 502, 503, 504),
    allowed_methods=None,
    raise_on_status=False,
)


class TaskApi:
    """The API of one deployment, from the environment variables ENDPOINT and API_KEY."""

    def __init__(self) -> None:
        self._endpoint = os.environ["ENDPOINT"]  # with the slash at the end
        self._headers = {"x-api-key": os.environ["API_KEY"]}
        self.http = urllib3.PoolManager(timeout=30, retries=_RETRIES)

    def call(self, method: str, path: str, body: Any = None, *, key: str | None = None) -> dict[str, Any]:
        """Send a request and return the response body; raises an error if the status is not 200."""
        headers = dict(self._headers)
        if body is not None:
            headers["Idempotency-Key"] = key or str(uuid.uuid4())
        response = self.http.request(method, self._endpoint + path, json=body, headers=headers)
        if response.status != 200:
            raise RuntimeError(f"{response.status} {_message(response.data)}")
        decoded: dict[str, Any] = response.json()
        return decoded

    def submit(self, *, key: str | None = None, **task: Any) -> dict[str, Any]:
        """Submit a task with `metadata`, and `content` or `content_ref`."""
        return self.call("POST", "v1alpha2", {"task": task}, key=key)

    def wait(self, task_id: str) -> dict[str, Any]:
        """Wait until the newest task with this id has ended."""
        while (task := self.call("GET", f"v1alpha2/tasks/{task_id}"))["status"] in {"queued", "running"}:
            time.sleep(1)
        return task


def _message(body: bytes) -> str:
    """The message of an error. For a body over 10 MB, API Gateway returns plain text instead of JSON."""
    try:
        error = json.loads(body)["error"]
    except ValueError:
        return body.decode(errors="replace")
    return f"{error['code']}: {error['message']}"
