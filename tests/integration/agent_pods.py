"""Pods of one runtime: real agent processes that use real HTTP, with short protocol times."""

import json
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from aiohttp import web
from aiohttp.test_utils import TestServer

from local_stack.child_process import ChildProcess
from task_record import table
from task_record.message import PayloadRef, TaskMessage, encode_message
from task_record.status import Status
from tests.fakes.careful_aws import BUCKET, REGION, TABLE, CarefulAws, careful_aws
from tests.fakes.stand_in_runtime.application import RuntimeType, make_app
from tests.fakes.stand_in_runtime.bench import SMALL, until
from tests.fakes.stand_in_runtime.sdwebui import MODELS

Moment = Literal["preparing", "inferring", "delivering"]

ROOT: Final = Path(__file__).parents[2]
TODAY: Final = (ROOT / "constructs", ROOT / "runtime_images/queue_agent/src")
NAMES: Final[dict[RuntimeType, str]] = {"sdwebui": "sd", "comfyui": "comfy"}
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
        aws: the AWS services.
        folder: folder for journals and logs.
        exits: stops the processes and servers.
        journals: a file of each runtime with its inferences.
    """

    aws: CarefulAws
    folder: Path
    exits: AsyncExitStack
    journals: list[Path] = field(default_factory=list)

    async def start(
        self,
        app: web.Application | None = None,
        *,
        runtime_type: RuntimeType = "sdwebui",
        inference_s: float = INFERENCE_S,
        spot_allowed: bool = False,
        sources: Sequence[Path] = TODAY,
        environment: Mapping[str, str] | None = None,
    ) -> ChildProcess:
        """Start an agent and the runtime of its pod.

        Args:
            app: the runtime; a fake by default.
            runtime_type: type of the runtime.
            inference_s: duration of an inference of the fake.
            spot_allowed: whether the pod's node may be a spot instance.
            sources: source roots of the agent.
            environment: additional variables of the agent.
        """
        number = len(self.journals)
        self.journals.append(self.folder / f"journal-{number}")
        runtime = TestServer(app or make_app(runtime_type, seconds_per_task=inference_s, journal=self.journals[number]))
        await runtime.start_server(shutdown_timeout=0.1)
        self.exits.push_async_callback(runtime.close)
        agent = ChildProcess(
            "the agent",
            [sys.executable, "-m", "queue_agent"],
            environment=self._environment
            | {
                "PYTHONPATH": os.pathsep.join(map(str, sources)),
                "RUNTIME_TYPE": runtime_type,
                "RUNTIME_NAME": NAMES[runtime_type],
                "API_BASE_URL": str(runtime.make_url("")).rstrip("/"),
                "SPOT_ALLOWED": str(spot_allowed).lower(),
                **(environment or {}),
            },
            log=self.folder / f"agent-{number}.log",
            folder=self.folder,
        )
        agent.start()
        self.exits.callback(agent.kill)
        return agent

    def inference_count(self) -> int:
        """Number of inferences that were started."""
        return self.events().count("begin")

    def events(self) -> list[str]:
        """Events of inferences from the journals of the runtimes."""
        return [
            json.loads(line)["event"]
            for journal in self.journals
            if journal.exists()
            for line in journal.read_text().splitlines()
        ]

    async def bring_to(self, moment: Moment) -> None:
        """Send a task, and wait until an agent reaches a stage of it. S3 hangs there until the fault is removed."""
        if moment != "inferring":
            self.aws.faults["s3"] = "hang"
        payload: PayloadRef | None = None
        if moment == "preparing":
            stored = self.aws.clients["s3"].put_object(Bucket=BUCKET, Key="payload", Body=json.dumps(SMALL))
            payload = PayloadRef(url=f"s3://{BUCKET}/payload", etag=stored["ETag"], pointer="")
        self.submit(tasktype="text-to-image", content=None if payload else SMALL, payload=payload)
        reached: dict[Moment, Callable[[], bool]] = {
            "preparing": lambda: self.aws.asked["GET"] > 0,
            "inferring": lambda: self.inference_count() > 0,
            "delivering": lambda: self.aws.asked["PUT"] > 0,
        }
        await wait_for(reached[moment])

    def submit(self, *, runtime_type: RuntimeType = "sdwebui", **fields: Any) -> None:
        """Submit a task.

        Args:
            runtime_type: type of its runtime.
            fields: additional fields of its message.
        """
        message = TaskMessage(id="t1", runtime=NAMES[runtime_type], owner="o", submission=SUBMISSION, **fields)
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

    @property
    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "x",
            "AWS_SECRET_ACCESS_KEY": "x",
            "AWS_ENDPOINT_URL": self.aws.url,
            "SQS_QUEUE_URL": self.aws.queue_url,
            "TASK_TABLE_NAME": TABLE,
            "S3_BUCKET": BUCKET,
            "MODEL_FILENAME": MODELS[0],
            "DYNAMIC_MODEL": "true",
            **SHORT_TIMES,
        }


async def wait_for(condition: Callable[[], bool]) -> None:
    """Wait for a condition."""

    async def check() -> bool:
        return condition()

    await until(check)


async def exit_status(agent: ChildProcess) -> int | None:
    """Wait until an agent has ended; returns its exit status."""
    await wait_for(lambda: agent.has_ended)
    return agent.exit_status


@asynccontextmanager
async def running_pods(folder: Path) -> AsyncIterator[Pods]:
    """AWS services without tasks and pods. Everything that is started is stopped with the context."""
    async with careful_aws() as aws, AsyncExitStack() as exits:
        yield Pods(aws, folder, exits)
        # Requests that hang are released before the runtimes and agents are stopped.
        aws.faults.clear()
