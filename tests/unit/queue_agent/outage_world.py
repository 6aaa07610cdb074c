"""Agents on an AWS in memory, one service of which is unavailable for a while.

The agent's own clients of the table, the queue and the bucket make the calls, so their timeouts and retries are real.
Two agents, each with its own server, see the same outage.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any, Final, Literal, TypeVar

from queue_agent import clock
from queue_agent.aws_client import Answer, AwsClient
from queue_agent.errors import AwsError, AwsUnreachableError
from queue_agent.output_bucket import OutputBucket
from queue_agent.queue import Queue
from queue_agent.task_table import TaskTable
from queue_agent.worker import Worker
from task_record import table
from task_record.attribute_values import to_attribute_values
from task_record.message import PayloadRef
from task_record.transition import Transition
from tests.unit.queue_agent.conftest import (
    VISIBILITY_S,
    MemoryInputs,
    MemoryQueue,
    World,
    key_of,
    make_message,
    make_record,
    make_settings,
)
from tests.unit.queue_agent.fault_world import INFERENCE_S, Fault, Gate, GatedRuntime, Server, Shared, cancel_all

T = TypeVar("T")
Service = Literal["s3", "sqs", "dynamodb"]
Kind = Literal["503", "403", "reset", "hang", "lost_reply"]
Moment = Literal["receiving", "preparing", "inferring", "delivering"]

_CALL_S: Final = 0.02
_INTO_INFERENCE_S: Final = 1.0
_RECOVERY_S: Final = 150.0
"""Longer than the visibility timeout, the lease, the clock error and an inference together."""
_BEGINS_BEFORE: Final[Mapping[Moment, str]] = {
    "receiving": "ReceiveMessage",
    "preparing": "GET",
    "delivering": "PUT",
}
_PAYLOAD: Final = PayloadRef(url="s3://bucket/payloads/o/1", etag="e", pointer="")


@dataclass
class Outage:
    """An outage of a service.

    Attributes:
        service: which one.
        kind: `lost_reply`: the service executes the call, and the connection is reset before the response.
        moment: the stage of the agents when it starts.
        seconds: how long it lasts.
        cancelled_after_s: when callers cancel the open tasks, in seconds since its start; `None` if they do not.
        began_at: start in virtual seconds; `None` before it.
        is_on: whether the outage is active.
        statuses: statuses of the records at its end.
    """

    service: Service
    kind: Kind
    moment: Moment
    seconds: float
    cancelled_after_s: float | None = None
    began_at: float | None = None
    is_on: bool = False
    statuses: list[str] = field(default_factory=list)

    def begin(self, world: World) -> None:
        """Start the outage, if it has not started before."""
        if self.began_at is not None:
            return
        self.began_at, self.is_on = clock.monotonic_s(), True
        world.note("away")
        loop = asyncio.get_running_loop()
        loop.call_later(self.seconds, self._end, world)
        if self.cancelled_after_s is not None:
            loop.call_later(self.cancelled_after_s, self._cancel, world)

    @staticmethod
    def _cancel(world: World) -> None:
        world.note("cancel")
        cancel_all(world)

    def _end(self, world: World) -> None:
        self.is_on = False
        self.statuses = [str(item[table.STATUS]) for item in world.records.values()]
        world.note("back")

    async def answer(self, service: str, do: Callable[[], Awaitable[T]], timeout_s: float) -> T:
        """The result of a call to a service."""
        await asyncio.sleep(_CALL_S)
        if not self.is_on or service != self.service:
            return await do()
        match self.kind:
            case "503":
                raise AwsError("ServiceUnavailable", "", status=503)
            case "403":
                raise AwsError("AccessDenied", "", status=403)
            case "hang":
                await asyncio.sleep(timeout_s)
            case "lost_reply":
                with suppress(AwsError):
                    await do()
        raise AwsUnreachableError(self.kind)


class MemoryAws(AwsClient):
    """The three services. The table receives the write object, not the rendered request."""

    def __init__(self, world: World, outage: Outage) -> None:
        self._world = world
        self._outage = outage
        self._queue = MemoryQueue(world)

    async def call(
        self,
        service: str,
        target: str,
        parameters: Mapping[str, Any],
        *,
        timeout_s: float,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[dict[str, Any], Mapping[str, str]]:
        operation = target.rpartition(".")[2]
        self._before(operation)
        answer = await self._outage.answer(service, lambda: self._do(operation, parameters), timeout_s)
        return answer, {"Date": formatdate(clock.now_ms() / 1000, usegmt=True)}

    async def object(
        self,
        method: str,
        bucket: str,
        key: str,
        *,
        timeout_s: float,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        self._before(method)
        return await self._outage.answer("s3", lambda: self._do_object(method, key, body), timeout_s)

    def _before(self, what: str) -> None:
        if what == _BEGINS_BEFORE.get(self._outage.moment):
            self._outage.begin(self._world)

    async def _do(self, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        match operation:
            case "UpdateItem":
                self._write(parameters["transition"])
            case "ReceiveMessage":
                message = await self._queue.receive(wait_s=parameters["WaitTimeSeconds"])
                assert parameters["VisibilityTimeout"] == VISIBILITY_S
                if message is not None:
                    sent_at = {"SentTimestamp": str(message.sent_at_ms)}
                    fields = {"MessageId": message.id, "Body": message.body, "ReceiptHandle": message.handle}
                    return {"Messages": [{**fields, "Attributes": sent_at}]}
            case "ChangeMessageVisibility":
                await self._queue.change_visibility(parameters["ReceiptHandle"], parameters["VisibilityTimeout"])
            case "DeleteMessage":
                await self._queue.delete(parameters["ReceiptHandle"])
        return {}

    def _write(self, transition: Transition) -> None:
        old = self._world.records[key_of(transition.key)]
        new = transition.apply(old)
        if new is None:
            self._world.note(f"{transition.name} refused")
            item = {"Item": to_attribute_values(old)}
            raise AwsError("ConditionalCheckFailedException", "", status=400, answer=item)
        self._world.change(old, new)
        self._world.note(f"{transition.name}: {new[table.STATUS]}")

    async def _do_object(self, method: str, key: str, body: bytes) -> Answer:
        if method == "GET":
            self._world.note("read")
            return Answer(headers={}, body=b'{"prompt": "read"}')
        if method == "PUT":
            if key in self._world.objects:
                raise AwsError("PreconditionFailed", "", status=412)
            self._world.note(f"put {key.rpartition('.')[2]}")
            self._world.objects[key] = body
        etag = hashlib.md5(self._world.objects[key], usedforsecurity=False).hexdigest()
        return Answer(headers={"ETag": f'"{etag}"'}, body=b"")


async def play(outage: Outage, *, tasks: int, agents: int = 2, inference_s: float = INFERENCE_S) -> Shared:
    """Run the agents until the outage is over and everything has had time to recover."""
    numbers = range(1, tasks + 1)
    changes: dict[str, Any] = {"payload": _PAYLOAD, "content": None} if outage.moment == "preparing" else {}
    world = World(
        records={key_of(item): item for item in (make_record(number=number) for number in numbers)},
        messages=[make_message(number, **changes) for number in numbers],
    )

    def into_the_inference() -> None:
        asyncio.get_running_loop().call_later(_INTO_INFERENCE_S, outage.begin, world)

    if outage.moment == "inferring":
        world.before["post"] = into_the_inference
    shared = Shared(world)
    workers = [_worker(shared, outage, inference_s) for _ in range(agents)]
    running = [asyncio.create_task(worker.run()) for worker in workers]
    await asyncio.sleep(outage.seconds + _RECOVERY_S)
    for worker in workers:
        worker.stop()
    async with asyncio.timeout(_RECOVERY_S):
        await asyncio.gather(*running)
    return shared


def _worker(shared: Shared, outage: Outage, inference_s: float) -> Worker:
    settings = make_settings()
    aws = MemoryAws(shared.world, outage)
    return Worker(
        queue=Queue(aws, settings.queue_url, visibility_s=settings.times.visibility_s),
        runtime=GatedRuntime(Server(shared, inference_s), Gate(shared, Fault())),
        output_bucket=OutputBucket(aws, settings.bucket),
        task_table=TaskTable(aws, settings.table_name, call_timeout_s=settings.times.table_call_timeout_s),
        inputs=MemoryInputs(shared.world),
        settings=settings,
    )
