"""Metrics of a real agent process, and their arrival in the log group of the stack."""

import json
import os
import ssl
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import urllib3
from botocore.credentials import Credentials

from local_stack.child_process import ChildProcess, free_port
from queue_agent.aws_client import AwsClient, BotocoreCredentials
from queue_agent.log_stream import LogEvent, LogStream
from tests.fakes.stand_in_runtime.sdwebui import MODELS

pytestmark = pytest.mark.xdist_group("local_stack")

ROOT = Path(__file__).parents[2]
MESSAGE = {
    "metadata": {"id": "t1", "runtime": "sd", "tasktype": "text-to-image"},
    "content": {"prompt": "x", "width": 64, "height": 64},
    "submission": "01J00000000000000000000001",
    "owner": "-",
    "schema_version": 1,
}


def state_of(port: int) -> Any:
    return urllib3.request("GET", f"http://127.0.0.1:{port}/_stand_in/state", retries=False, timeout=5).json()


def is_there(port: int) -> bool:
    try:
        urllib3.request("GET", f"http://127.0.0.1:{port}/", retries=False, timeout=1)
    except urllib3.exceptions.HTTPError:
        return False
    return True


def module(name: str, *arguments: str, folder: Path, **environment: str) -> ChildProcess:
    """A process of a module of this repository, which runs and logs in `folder`."""
    sources = (".", "constructs", "runtime_images/queue_agent/src")
    return ChildProcess(
        name,
        [sys.executable, "-m", name, *arguments],
        environment={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(str(ROOT / source) for source in sources),
            **environment,
        },
        log=folder / f"{name}.log",
        folder=folder,
    )


@contextmanager
def stand_ins(folder: Path) -> Iterator[tuple[int, int]]:
    """Fakes of AWS and the SD Web UI; their ports."""
    aws_port, server_port = free_port(), free_port()
    aws = module("tests.fakes.stand_in_aws", "--port", str(aws_port), folder=folder)
    server = module(
        *("tests.fakes.stand_in_runtime", "--type", "sdwebui", "--port", str(server_port)),
        *("--seconds-per-task", "0.2", "--journal", str(folder / "journal")),
        folder=folder,
    )
    with aws, server:
        aws.wait_until(lambda: is_there(aws_port), timeout_s=20)
        server.wait_until(lambda: is_there(server_port), timeout_s=20)
        yield aws_port, server_port


@pytest.fixture
def ended(tmp_path: Path) -> Callable[..., Any]:
    """Let an agent run one task and stop it; returns the calls that AWS received."""

    def run(**environment: str) -> Any:
        with stand_ins(tmp_path) as (aws_port, server_port):
            aws = f"http://127.0.0.1:{aws_port}"
            agent = module(
                "queue_agent",
                folder=tmp_path,
                AWS_REGION="us-east-1",
                AWS_ACCESS_KEY_ID="test",
                AWS_SECRET_ACCESS_KEY="test",
                AWS_ENDPOINT_URL=aws,
                SQS_QUEUE_URL=f"{aws}/000000000000/sd",
                TASK_TABLE_NAME="tasks",
                S3_BUCKET="bucket",
                RUNTIME_TYPE="sdwebui",
                RUNTIME_NAME="sd",
                MODEL_FILENAME=MODELS[0],
                API_BASE_URL=f"http://127.0.0.1:{server_port}",
                **environment,
            )
            with agent:
                urllib3.request("POST", f"{aws}/_stand_in/messages", body=json.dumps([json.dumps(MESSAGE)]).encode())
                agent.wait_until(lambda: state_of(aws_port)["deleted"], timeout_s=30)
                assert agent.stop(timeout_s=10) == 0
                return state_of(aws_port)

    return run


def test_an_agent_writes_its_metrics_before_it_exits(ended: Callable[..., Any]) -> None:
    state = ended(METRICS_LOG_GROUP="metrics", METRICS_NAMESPACE="SdOnEks/Stack")
    assert (state["calls"]["CreateLogStream"], state["calls"]["PutLogEvents"]) == (1, 1)
    (event,) = state["log_events"]
    document = json.loads(event["message"])
    assert (document["Runtime"], document["TasksCompleted"]) == ("sd", 1)
    assert document["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "SdOnEks/Stack"
    assert document["GpuTime"] >= 0.2


def test_an_agent_without_a_log_group_sends_no_metrics(ended: Callable[..., Any]) -> None:
    calls = ended()["calls"]
    assert calls["DeleteMessage"] == 1
    assert {"CreateLogStream", "PutLogEvents"} & calls.keys() == set()


async def test_events_arrive_in_the_stacks_log_group(client: Any) -> None:
    emulator = client.stack.emulator
    resources = client.stack.deployment.resources
    (group,) = [name for logical_id, name in resources.items() if logical_id.startswith("AgentMetricsLogGroup")]
    root = emulator.root_environment()
    # Not the role of an agent: the emulator checks the permission on the log group, and AWS on the log stream.
    credentials = BotocoreCredentials(Credentials(root["AWS_ACCESS_KEY_ID"], root["AWS_SECRET_ACCESS_KEY"]))
    tls = ssl.create_default_context(cafile=str(emulator.ca_bundle))
    name = "sd/pod/20260101T000000Z"
    now_ms = int(time.time() * 1000)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls)) as http:
        aws = AwsClient(http, credentials, region="us-east-1", endpoint_url=emulator.endpoint_url)
        # The second call is like that after a restart within a second: the stream exists already.
        for message in ("one", "two"):
            await LogStream(aws, group, name).put([LogEvent(now_ms, message)])
    logs = emulator.client("logs")
    events = logs.get_log_events(logGroupName=group, logStreamName=name, startFromHead=True)["events"]
    assert [event["message"] for event in events] == ["one", "two"]
