#!/usr/bin/env bash
# comfy-sdk waits out a 429 with Retry-After when it submits a job or lists jobs, but not when it polls one: a single
# 429 answered to a poll ends Job.wait() with an exception, while the job goes on and succeeds.
#
# Version: comfy-sdk 0.5.0 (PyPI), Python 3.11, against a server of this script's own on loopback.
# Seen: the server answers 429 with `Retry-After: 1` once to POST /jobs and once to a later GET /jobs/{id}. The submit
# is repeated after a second and succeeds; the poll raises RateLimited (a ComfyError), retry_after 1. A new wait() on
# the same job then returns it as succeeded.
# Consequence: behind a rate limit, callers of run() and wait() have to catch the 429 and wait again themselves, or a
# server must never throttle polls.
# Output seen: "submit: 2 POSTs, accepted; wait: RateLimited 429, retry after 1 s; wait again: succeeded".
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check comfy-sdk==0.5.0

"$folder/venv/bin/python" - <<'PY'
import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from comfy_sdk import Comfy, ComfyError

TIME = "2026-11-29T10:00:00Z"
calls = {"POST": 0, "GET": 0}


def job(status: str) -> dict[str, object]:
    return {
        "id": "job-1",
        "status": status,
        "created_at": TIME,
        "started_at": TIME,
        "completed_at": TIME if status == "succeeded" else None,
        "expires_at": TIME,
        "queue_position": None,
        "progress": None,
        "outputs": [],
        "error": None,
        "urls": {"self": "/api/v2/jobs/job-1", "events": "/api/v2/jobs/job-1/events", "cancel": "/api/v2/jobs/job-1/cancel"},
    }


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass

    def answer(self, status: int, body: object, **headers: str) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(data)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def throttled(self) -> None:
        error = {"error": {"code": "rate_limited", "message": "slow down"}}
        self.answer(429, error, Retry_After="1")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        calls["POST"] += 1
        self.throttled() if calls["POST"] == 1 else self.answer(201, job("queued"))

    def do_GET(self) -> None:
        if self.path.endswith("/events"):
            self.answer(501, {"error": {"code": "not_implemented", "message": "poll"}})
            return
        calls["GET"] += 1
        self.throttled() if calls["GET"] == 2 else self.answer(200, job("running" if calls["GET"] < 2 else "succeeded"))


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
os.environ["COMFY_BASE_URL"] = f"http://127.0.0.1:{server.server_port}"
client = Comfy(api_key="k" * 20)
submitted = client.submit(client.workflows.from_json({"1": {"class_type": "EmptyImage", "inputs": {}}}))
try:
    submitted.wait()
    first = "no error"
except ComfyError as error:
    first = f"{type(error).__name__} {error.http_status}, retry after {error.retry_after} s"
again = submitted.wait().status
print(f"submit: {calls['POST']} POSTs, accepted; wait: {first}; wait again: {getattr(again, 'value', again)}")
sys.exit(0 if calls["POST"] == 2 and first.startswith("RateLimited 429") and "succeeded" in str(again) else 1)
PY
