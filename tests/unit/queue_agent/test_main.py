"""The agent's entry point."""

import json
from typing import Any

import pytest

from queue_agent import __main__ as entry_point

ENVIRONMENT = {
    "AWS_REGION": "us-east-1",
    "SQS_QUEUE_URL": "https://queue",
    "TASK_TABLE_NAME": "tasks",
    "S3_BUCKET": "output",
    "RUNTIME_TYPE": "comfyui",
    "RUNTIME_NAME": "comfy",
    "API_BASE_URL": "http://127.0.0.1:8080",
}


@pytest.mark.parametrize(("value", "warnings"), [(None, 0), ("true", 0), ("false", 1)])
def test_agent_warns_of_a_server_that_may_ignore_its_stop_signal(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, value: str | None, warnings: int
) -> None:
    async def run(*_: Any) -> None:
        return

    monkeypatch.setattr(entry_point, "run", run)
    monkeypatch.setattr(entry_point, "configure_logs", lambda: caplog.set_level("INFO"))
    for name, one in (ENVIRONMENT | ({} if value is None else {"RUNTIME_STOPS_ON_SIGNAL": value})).items():
        monkeypatch.setenv(name, one)
    assert entry_point.main() == 0
    found = [line for line in map(json.loads, caplog.messages) if line["event"] == "runtime_may_ignore_stop"]
    assert len(found) == warnings
    assert all("inferenceApi.command" in line["advice"] for line in found)
