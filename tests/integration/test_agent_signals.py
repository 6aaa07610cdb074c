"""Real signals to real agents: on real HTTP, with the protocol's times made short."""

import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from local_stack.child_process import ChildProcess
from task_record import table
from task_record.callback import callback_of
from task_record.message import PayloadRef, TaskMessage, encode_message
from task_record.status import Status
from tests.fakes.careful_aws import BUCKET, REGION, TABLE, CarefulAws, careful_aws
from tests.fakes.stand_in_runtime.application import RuntimeType, make_app
from tests.fakes.stand_in_runtime.bench import SMALL, until
from tests.fakes.stand_in_runtime.sdwebui import MODELS

Moment = Literal["preparing", "inferring", "delivering"]

ROOT: Final = Path(__file__).parents[2]
INFERENCE_S: Final = 0.8
SHORT_TIMES: Final = {
    "CLOCK_ERROR_S": "0.5",
    "BEAT_S": "0.5",
    "TABLE_CALL_TIMEOUT_S": "1",
    "INTERRUPT_S": "1",
    "LEASE_S": "4",
    "VISIBILITY_S": "5",
}
SUBMISSION: Final = "01J00000000000000000000001"


@dataclass
class Pods:
    """Pods of one runtime.

    Attributes:
        aws: the services.
        folder: for journals and logs.
        exits: ends what was started.
        journals: of each runtime: every inference that it began.
        runtime_type: which server the stand-ins are.
    """

    aws: CarefulAws
    folder: Path
    exits: AsyncExitStack
    journals: list[Path] = field(default_factory=list)
    runtime_type: RuntimeType = "sdwebui"

    async def start(
        self, app: web.Application | None = None, *, inference_s: float = INFERENCE_S, spot_allowed: bool = False
    ) -> ChildProcess:
        """Start an agent, and the runtime in its pod.

        Args:
            app: the runtime; a stand-in by default.
            inference_s: how long the stand-in takes for an inference.
            spot_allowed: whether the pod's node may be a spot instance.
        """
        number = len(self.journals)
        self.journals.append(self.folder / f"journal-{number}")
        runtime = TestServer(
            app or make_app(self.runtime_type, seconds_per_task=inference_s, journal=self.journals[number])
        )
        await runtime.start_server(shutdown_timeout=0.1)
        self.exits.push_async_callback(runtime.close)
        agent = ChildProcess(
            "the agent",
            [sys.executable, "-m", "queue_agent"],
            environment=self._environment(str(runtime.make_url("")).rstrip("/"))
            | {"SPOT_ALLOWED": str(spot_allowed).lower()},
            log=self.folder / f"agent-{number}.log",
            folder=self.folder,
        )
        agent.start()
        self.exits.callback(agent.kill)
        return agent

    def begun(self) -> int:
        """How many inferences were begun."""
        return self.events().count("begin")

    def events(self) -> list[str]:
        """What the runtimes have noted of inferences."""
        return [
            json.loads(line)["event"]
            for journal in self.journals
            if journal.exists()
            for line in journal.read_text().splitlines()
        ]

    async def bring_to(self, moment: Moment) -> None:
        """Send a task, and wait until an agent is at this stage of it. Storage does not answer there, until it must."""
        if moment != "inferring":
            self.aws.faults["s3"] = "hang"
        payload: PayloadRef | None = None
        if moment == "preparing":
            stored = self.aws.clients["s3"].put_object(Bucket=BUCKET, Key="payload", Body=json.dumps(SMALL))
            payload = PayloadRef(url=f"s3://{BUCKET}/payload", etag=stored["ETag"], pointer="")
        self.submit(tasktype="text-to-image", content=None if payload else SMALL, payload=payload)
        reached: dict[Moment, Callable[[], bool]] = {
            "preparing": lambda: self.aws.asked["GET"] > 0,
            "inferring": lambda: self.begun() > 0,
            "delivering": lambda: self.aws.asked["PUT"] > 0,
        }
        await so(reached[moment])

    def submit(self, **fields: Any) -> None:
        """Let a task wait.

        Args:
            fields: of its message.
        """
        message = TaskMessage(id="t1", runtime="sd", owner="o", submission=SUBMISSION, **fields)
        self.aws.put_record(
            {
                **table.meta_key("o", "t1", SUBMISSION),
                table.ID: "t1",
                table.SUBMISSION: SUBMISSION,
                table.STATUS: Status.QUEUED,
                table.ATTEMPTS: 0,
                table.EXPIRES_AT: round(time.time() * 1000) + 3_600_000,
                table.OPEN: 1,
            }
        )
        self.aws.send(encode_message(message))

    def _environment(self, runtime_url: str) -> dict[str, str]:
        folders = ("constructs", "runtime_images/queue_agent/src")
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            "PYTHONPATH": os.pathsep.join(str(ROOT / folder) for folder in folders),
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "x",
            "AWS_SECRET_ACCESS_KEY": "x",
            "AWS_ENDPOINT_URL": self.aws.url,
            "SQS_QUEUE_URL": self.aws.queue_url,
            "TASK_TABLE_NAME": TABLE,
            "S3_BUCKET": BUCKET,
            "RUNTIME_TYPE": self.runtime_type,
            "RUNTIME_NAME": "sd",
            "DYNAMIC_MODEL": "true",
            "MODEL_FILENAME": MODELS[0],
            "API_BASE_URL": runtime_url,
            **SHORT_TIMES,
        }


async def so(is_so: Callable[[], bool]) -> None:
    """Wait for a condition that is seen at once."""

    async def look() -> bool:
        return is_so()

    await until(look)


async def exit_status(agent: ChildProcess) -> int | None:
    """Wait for the end of an agent."""
    await so(lambda: agent.has_ended)
    return agent.exit_status


def told(aws: CarefulAws) -> list[str]:
    """The states that were told in callbacks, of which none may be told twice."""
    bodies = [callback_of(image, BUCKET).body for image in aws.ends()]
    return [json.loads(body)["status"] for body in bodies]


@pytest.fixture
async def pods(tmp_path: Path) -> AsyncIterator[Pods]:
    async with careful_aws() as aws, AsyncExitStack() as exits:
        yield Pods(aws, tmp_path, exits)
        # What hangs is let go before the runtimes and agents are ended.
        aws.faults.clear()


async def test_an_idle_agent_does_not_wait_for_its_long_poll_when_it_is_told_to_stop(pods: Pods) -> None:
    agent = await pods.start()
    await so(lambda: pods.aws.asked["ReceiveMessage"] == 1)
    agent.terminate()
    assert await exit_status(agent) == 0
    assert pods.aws.answered["ReceiveMessage"] == 0


async def test_an_agent_whose_runtime_is_not_up_stops_when_it_is_told_to(pods: Pods) -> None:
    asked: list[str] = []

    async def unavailable(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(status=503)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", unavailable)
    agent = await pods.start(app)
    await so(lambda: bool(asked))
    agent.terminate()
    assert await exit_status(agent) == 0
    assert pods.aws.asked["ReceiveMessage"] == 0


async def test_an_agent_that_is_told_to_stop_gives_back_what_it_prepares(pods: Pods) -> None:
    agent = await pods.start()
    await pods.bring_to("preparing")
    agent.terminate()
    assert await exit_status(agent) == 0
    record = pods.aws.record()
    assert (record[table.STATUS], record[table.ATTEMPTS], pods.begun()) == (Status.QUEUED, 0, 0)
    answer: dict[str, Any] = pods.aws.clients["sqs"].receive_message(QueueUrl=pods.aws.queue_url)
    assert len(answer["Messages"]) == 1  # it is shown again at once


@pytest.mark.parametrize("moment", ["inferring", "delivering"])
async def test_an_agent_that_is_told_to_stop_finishes_what_has_begun(pods: Pods, moment: Moment) -> None:
    agent = await pods.start()
    await pods.bring_to(moment)
    agent.terminate()
    pods.aws.faults.clear()
    assert await exit_status(agent) == 0
    assert (told(pods.aws), pods.begun(), pods.aws.messages()) == ([Status.COMPLETED], 1, 0)


async def test_an_agent_on_spot_gives_back_what_would_outlast_its_node(pods: Pods) -> None:
    agent = await pods.start(inference_s=300, spot_allowed=True)
    await pods.bring_to("inferring")
    agent.terminate()
    assert await exit_status(agent) == 0
    record = pods.aws.record()
    assert (record[table.STATUS], record[table.ATTEMPTS], told(pods.aws)) == (Status.QUEUED, 0, [])
    assert pods.events() == ["begin", "interrupted"]
    assert pods.aws.messages() == 1


@pytest.mark.parametrize(("moment", "inferences"), [("preparing", 1), ("inferring", 2), ("delivering", 2)])
async def test_the_task_of_a_killed_agent_is_finished_by_another(pods: Pods, moment: Moment, inferences: int) -> None:
    agent = await pods.start()
    await pods.bring_to(moment)
    claim = pods.aws.record()[table.CLAIM]
    agent.kill()
    pods.aws.faults.clear()
    other = await pods.start()
    await finished_by(pods, other)
    assert pods.aws.record()[table.CLAIM] != claim
    assert (told(pods.aws), pods.begun()) == ([Status.COMPLETED], inferences)


@pytest.mark.parametrize("moment", ["inferring", "delivering"])
async def test_an_agent_that_was_stopped_beyond_its_lease_finishes_nothing(pods: Pods, moment: Moment) -> None:
    agent = await pods.start()
    await pods.bring_to(moment)
    os.kill(agent.pid, signal.SIGSTOP)
    pods.aws.faults.clear()
    other = await pods.start()
    await finished_by(pods, other)
    finished = pods.aws.record()
    os.kill(agent.pid, signal.SIGCONT)
    agent.terminate()
    assert await exit_status(agent) == 0
    assert pods.aws.record() == finished
    assert (told(pods.aws), pods.begun()) == ([Status.COMPLETED], 2)


async def finished_by(pods: Pods, agent: ChildProcess) -> None:
    """Wait until the task has ended and its message is gone, then let the agent go."""
    await so(lambda: pods.aws.record()[table.STATUS] in {Status.COMPLETED, Status.FAILED})
    await so(lambda: pods.aws.messages() == 0)
    agent.terminate()
    assert await exit_status(agent) == 0
