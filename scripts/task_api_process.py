"""One process of the task API, as scripts/bench_task_api.py measures it. It imports no more than the function does.

    python scripts/task_api_process.py real EVENT_FILE COUNT
    python scripts/task_api_process.py stubbed EVENT_FILE COUNT

Handles the event so many times, on the function's own clients or on stubs of them, and prints a last line of JSON:
processor time of each time but the first, and the peak of the process's memory. The folder of the function's asset is
on Python's path, as it is in the function.
"""

import importlib
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any


class Stub:
    """DynamoDB and S3 that take everything."""

    def transact_write_items(self, **_: object) -> dict[str, Any]:
        """The submit."""
        return {}

    def put_object(self, **_: object) -> dict[str, Any]:
        """An offloaded body."""
        return {"ETag": '"stub"'}


def handler(kind: str) -> Callable[..., dict[str, Any]]:
    """The function's handler; it is imported here, so that this is part of the time to the first answer."""
    if kind == "real":
        deployed: Callable[..., dict[str, Any]] = importlib.import_module("handler.app").lambda_handler
        return deployed
    entry_point, settings = (importlib.import_module(f"handler.{name}") for name in ("entry_point", "settings"))
    runtimes = settings.read_runtimes(Path(str(settings.__file__)).parent)
    stub: Any = Stub()
    stubbed: Callable[..., dict[str, Any]] = entry_point.entry_point(
        settings.Settings.from_environment(os.environ, runtimes), dynamodb=lambda: stub, s3=lambda: stub
    )
    return stubbed


def main() -> None:
    """Handle the event."""
    kind, event_file, count = sys.argv[1:]
    event = json.loads(Path(event_file).read_text())
    context = SimpleNamespace(
        function_name="bench", memory_limit_in_mb=1024, invoked_function_arn="arn", aws_request_id="bench"
    )
    handle = handler(kind)
    times_s = []
    for _ in range(int(count)):
        began_s = time.process_time()
        answer = handle(event, context)
        times_s.append(time.process_time() - began_s)
        if answer["statusCode"] != 200:  # noqa: PLR2004 (OK)
            sys.exit(f"the task API answered {answer}")
    peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"cpu_s": times_s[1:], "peak_bytes": peak_bytes}), flush=True)
    # What Python does to end is no part of an answer.
    os._exit(0)


if __name__ == "__main__":
    main()
