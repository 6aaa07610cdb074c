"""The handlers as Lambda functions: settings, responses and metrics."""

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import boto3
import pytest

from sd_on_eks.task_recovery.recovery.run import RunNotDoneError
from sd_on_eks.task_recovery.recovery.settings import DeadLetterSettings, ReconcilerSettings
from task_record import table
from task_record.environment import SettingsError
from task_record.protocol_times import ProtocolTimes
from task_record.table import Item
from tests.unit.task_recovery.world import TIMES, World, client_error

ROOT = Path(__file__).parents[3]
RECOVERY = "sd_on_eks.task_recovery.recovery"
ENVIRONMENT = {
    **TIMES.environment(),
    "AWS_ACCESS_KEY_ID": "x",
    "AWS_SECRET_ACCESS_KEY": "x",
    "AWS_DEFAULT_REGION": "us-east-1",
    "POWERTOOLS_SERVICE_NAME": "test",
    "POWERTOOLS_METRICS_NAMESPACE": "test",
    "TASK_TABLE_NAME": "tasks",
    "OUTPUT_BUCKET_NAME": "output",
    "RUNTIME_QUEUES": '{"sd": "sd-queue"}',
    "TOPIC_ARN": "arn:aws:sns:us-east-1:123456789012:input",
    "FAILURE_BUCKET_NAME": "failures",
    "NOTIFY_RUNNING": "false",
}
Context = SimpleNamespace

pytestmark = pytest.mark.usefixtures("world")


@pytest.fixture
def context() -> Context:
    return SimpleNamespace(
        function_name="f",
        memory_limit_in_mb=1,
        invoked_function_arn="arn:f",
        aws_request_id="a",
        get_remaining_time_in_millis=lambda: 240_000,
    )


@pytest.fixture
def cold_start(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Callable[[str], ModuleType]:
    """Import an entry point as Lambda does: once, and with its environment. AWS is in memory."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    # Loggers are cached by this name, and write to the output that they were created with.
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", request.node.name)

    def load(name: str) -> ModuleType:
        sys.modules.pop(f"{RECOVERY}.{name}", None)
        return importlib.import_module(f"{RECOVERY}.{name}")

    return load


def metrics(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines() if '"_aws"' in line]


def sqs_record(message_id: str, body: str) -> dict[str, Any]:
    return {
        "messageId": message_id,
        "body": body,
        "attributes": {"SentTimestamp": "1800000000000"},
        "eventSourceARN": "arn:aws:sqs:us-east-1:111122223333:sd-queue",
    }


def body_of(world: World, task_id: str) -> str:
    (body,) = [
        str(item[table.MESSAGE])
        for item in world.items()
        if table.MESSAGE in item and str(item[table.PK]).endswith(f"#{task_id}")
    ]
    return body


def test_dead_letter_handler_returns_the_messages_that_stay_and_counts_the_others(
    world: World,
    cold_start: Callable[[str], ModuleType],
    context: Context,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="output")
    handler = cold_start("dead_letter")
    world.submit("leased", status="running", claim="c", lease_until=2**52)
    world.submit("fails")
    down = world.submit("down")
    read = handler._messages._records.read

    def read_unless_down(key: Item) -> Item | None:
        if key == down.key:
            raise client_error("InternalServerError", "GetItem")
        found: Item | None = read(key)
        return found

    monkeypatch.setattr(handler._messages._records, "read", read_unless_down)
    event = {
        "Records": [
            sqs_record("1", "no JSON"),
            *(sqs_record(str(2 + i), body_of(world, name)) for i, name in enumerate(("leased", "down", "fails"))),
        ]
    }
    answer = handler.lambda_handler(event, context)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "2"}, {"itemIdentifier": "3"}]}
    (counted,) = metrics(capsys.readouterr().out)
    assert counted["DeadLettered"] == [1.0, 1.0]
    assert (counted["Parked"], counted["Held"], counted["NotHandled"], counted["GivenUp"]) == ([1.0],) * 4
    assert counted["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["service"], ["runtime"]]
    assert counted["runtime"] == "sd"


def test_dead_letter_handler_does_not_log_bodies(
    cold_start: Callable[[str], ModuleType], context: Context, capsys: pytest.CaptureFixture[str]
) -> None:
    boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="output")
    handler = cold_start("dead_letter")
    message = {"metadata": {"id": "t", "owner": "a-key"}, "content": {"prompt": "a secret"}}
    handler.lambda_handler({"Records": [sqs_record("1", json.dumps(message))]}, context)
    captured = capsys.readouterr()
    assert "message dead-lettered" in captured.out
    assert "a secret" not in captured.out + captured.err
    assert "a-key" not in captured.out + captured.err


def test_reconciler_returns_its_counts(
    world: World, cold_start: Callable[[str], ModuleType], context: Context, capsys: pytest.CaptureFixture[str]
) -> None:
    boto3.client("sqs", region_name="us-east-1").create_queue(QueueName="sd-queue")
    boto3.client("sns", region_name="us-east-1").create_topic(Name="input")
    world.submit("stranded", runtime="removed", expires_at=2**52)
    world.submit("long", expires_at=2**52)
    handler = cold_start("reconciler")
    # The time of the tests is after that of the machine: without this, the tasks would be in the future.
    handler._tasks._now_ms = handler._messages._now_ms = lambda: 1_800_000_000_000
    assert handler.lambda_handler({}, context) == {"RuntimeGone": 1, "Republished": 1}
    (counted,) = metrics(capsys.readouterr().out)
    assert (counted["Runs"], counted["RuntimeGone"], counted["Republished"]) == ([1.0], [1.0], [1.0])


def test_fails_when_a_call_failed_after_everything_else_was_done(
    world: World, cold_start: Callable[[str], ModuleType], context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNTIME_QUEUES", '{"sd": "no-such-queue"}')
    boto3.client("sns", region_name="us-east-1").create_topic(Name="input")
    world.submit("long", expires_at=2**52)
    handler = cold_start("reconciler")
    handler._tasks._now_ms = handler._messages._now_ms = lambda: 1_800_000_000_000
    with pytest.raises(RunNotDoneError, match="GetQueueUrl: .*NonExistentQueue.* \\(1\\)"):
        handler.lambda_handler({}, context)
    assert any(table.PUBLISHED_AT in item for item in world.items())


@pytest.mark.parametrize(
    ("module", "missing"),
    [
        (f"{RECOVERY}.dead_letter", "OUTPUT_BUCKET_NAME"),
        (f"{RECOVERY}.reconciler", "LEASE_S"),
        ("sd_on_eks.task_bus.publisher.entry_point", "NOTIFY_RUNNING"),
    ],
)
def test_fails_at_the_cold_start_when_the_environment_is_incomplete(module: str, missing: str) -> None:
    environment = {name: value for name, value in ENVIRONMENT.items() if name != missing}
    done = subprocess.run(  # noqa: S603 (our own command)
        [sys.executable, "-c", f"import {module}"],
        env={**environment, "PATH": os.defpath},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode != 0
    # Lambda logs this line and its traceback as one record.
    assert done.stderr.splitlines()[-1].endswith(f"SettingsError: environment variables are missing: {missing}")


@pytest.mark.parametrize("settings", [DeadLetterSettings, ReconcilerSettings])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"RUNTIME_QUEUES": "{"}, "RUNTIME_QUEUES: must be a JSON object, got invalid JSON"),
        ({"RUNTIME_QUEUES": "[1]"}, "RUNTIME_QUEUES: must be a JSON object, got list"),
        ({"LEASE_S": "soon"}, "LEASE_S must be a number, got 'soon'"),
        ({"LEASE_S": "1"}, "must be at least"),
        ({"TASK_TABLE_NAME": "", "LEASE_S": ""}, "are missing: TASK_TABLE_NAME, LEASE_S"),
    ],
)
def test_fails_when_a_variable_is_invalid(
    settings: type[DeadLetterSettings | ReconcilerSettings], change: dict[str, str], message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        settings.from_environment({**ENVIRONMENT, **change})


def test_settings_are_read_from_the_environment() -> None:
    times = ProtocolTimes(max_task_age_s=3600, queue_retention_s=7200)
    settings = ReconcilerSettings.from_environment({**ENVIRONMENT, **times.environment()})
    assert (settings.times, settings.queues) == (times, {"sd": "sd-queue"})
    assert DeadLetterSettings.from_environment(ENVIRONMENT).runtimes == {"sd-queue": "sd"}
