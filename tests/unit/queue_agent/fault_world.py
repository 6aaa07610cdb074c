"""Two agents, each with its own server, on one queue and one table, and a fault at any call of the first agent.

Every call on an injected port passes the agent's gate before and after. A run without a fault counts the
passings. Then a fault is injected at each of them, so new calls are covered automatically.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from queue_agent import clock
from queue_agent.queue import Message
from queue_agent.runtimes.base import Content, InputFile, RuntimeTask
from queue_agent.task_table import Refused, Written
from queue_agent.worker import Worker
from task_record import table, transitions
from task_record.protocol_times import ProtocolTimes
from task_record.status import Status
from task_record.transition import Transition
from task_record.transitions import TaskRef
from tests.unit.queue_agent.conftest import (
    FakeOutputs,
    MemoryInputs,
    MemoryOutputBucket,
    MemoryQueue,
    MemoryTaskTable,
    World,
    key_of,
    make_message,
    make_record,
    make_settings,
    submission_of,
)

T = TypeVar("T")
Kind = Literal["none", "kill", "pause", "cancel"]

PAUSE_S = 60.0
RESTART_S = 5.0
INFERENCE_S = 4.0
_CALL_S = 0.02
_RUN_S = 400.0


@dataclass
class Fault:
    """A fault of the first agent, at a passing of its gate.

    Attributes:
        kind: killed and restarted, suspended for a minute, or every open task is cancelled.
        passing: number of the passing; -1 for never.
    """

    kind: Kind = "none"
    passing: int = -1


@dataclass
class Inference:
    """One inference on one server."""

    submission: str
    claim: str
    started: float
    ended: float | None = None
    was_finished: bool = False
    """The task had already ended when this inference started."""
    others_lease: bool = False
    """The lease of another claim was valid when this inference started."""


@dataclass
class Shared:
    """The state that both agents share, and the recorded events."""

    world: World
    inferences: list[Inference] = field(default_factory=list)

    def record_of(self, submission: str) -> dict[str, Any]:
        return next(dict(item) for item in self.world.records.values() if item[table.SUBMISSION] == submission)


class Gate:
    """The gate between an agent and the outside world."""

    def __init__(self, shared: Shared, fault: Fault) -> None:
        self._shared = shared
        self._fault = fault
        self.passings: list[str] = []
        self._closed: asyncio.Future[None] | None = None
        self.killed = asyncio.Event()
        self.was_checked = False

    async def call(self, what: str, do: Callable[[], Awaitable[T]]) -> T:
        await self.passing(f"before {what}")
        result = await do()
        await self.passing(f"after {what}")
        return result

    async def passing(self, what: str) -> None:
        self.passings.append(what)
        if len(self.passings) - 1 == self._fault.passing:
            self._happen()
        if self._closed is not None:
            await asyncio.shield(self._closed)

    def _happen(self) -> None:
        loop = asyncio.get_running_loop()
        if self._fault.kind == "cancel":
            cancel_all(self._shared.world)
            return
        self._closed = loop.create_future()
        if self._fault.kind == "kill":
            self.killed.set()
        else:
            loop.call_later(PAUSE_S, self._closed.set_result, None)
            loop.call_later(PAUSE_S, setattr, self, "_closed", None)


def cancel_all(world: World) -> None:
    """The callers cancel all open tasks."""
    for item in list(world.records.values()):
        task = TaskRef(owner="o", id=str(item[table.ID]), submission=str(item[table.SUBMISSION]))
        write = transitions.cancel(task, now_ms=clock.now_ms(), times=ProtocolTimes())
        changed = write.apply(item)
        if changed is not None:
            world.change(item, changed)


class GatedQueue(MemoryQueue):
    def __init__(self, world: World, gate: Gate) -> None:
        super().__init__(world)
        self._gate = gate

    async def receive(self, *, wait_s: int) -> Message | None:
        return await self._gate.call("receive", lambda: MemoryQueue.receive(self, wait_s=wait_s))

    async def change_visibility(self, handle: str, seconds: float) -> None:
        await self._gate.call("visibility", lambda: MemoryQueue.change_visibility(self, handle, seconds))

    async def delete(self, handle: str) -> None:
        await self._gate.call("delete", lambda: MemoryQueue.delete(self, handle))


class GatedTaskTable(MemoryTaskTable):
    def __init__(self, world: World, gate: Gate) -> None:
        super().__init__(world)
        self._gate = gate

    async def write(self, transition: Transition, *, until: float) -> Written | Refused:
        return await self._gate.call(transition.name, lambda: MemoryTaskTable.write(self, transition, until=until))


class GatedOutputBucket(MemoryOutputBucket):
    def __init__(self, world: World, gate: Gate) -> None:
        super().__init__(world)
        self._gate = gate

    async def put(self, key: str, body: bytes, content_type: str) -> str:
        return await self._gate.call("put", lambda: MemoryOutputBucket.put(self, key, body, content_type))


class GatedInputs(MemoryInputs):
    def __init__(self, world: World, gate: Gate) -> None:
        super().__init__(world)
        self._gate = gate

    async def in_content(self, content: Mapping[str, Any], *, owner: str) -> Mapping[str, Any]:
        return await self._gate.call("inputs", lambda: MemoryInputs.in_content(self, content, owner=owner))

    @asynccontextmanager
    async def named(self, inputs: Mapping[str, Any], *, owner: str) -> AsyncIterator[Mapping[str, InputFile]]:
        context = MemoryInputs.named(self, inputs, owner=owner)
        yield await self._gate.call("inputs", context.__aenter__)
        await context.__aexit__(None, None, None)


class Server:
    """An inference server. It continues when its agent is killed or suspended."""

    def __init__(self, shared: Shared, inference_s: float = INFERENCE_S) -> None:
        self.shared = shared
        self.inference_s = inference_s
        self.running: Inference | None = None

    async def compute(self, task: RuntimeTask) -> bool:
        """Run an inference; False if it was interrupted."""
        assert self.running is None, "two inferences at once on one server"
        item = self.shared.record_of(task.submission)
        others = item.get(table.CLAIM) not in {None, task.claim_id} and item[table.STATUS] == Status.RUNNING
        inference = Inference(
            task.submission,
            task.claim_id,
            started=clock.monotonic_s(),
            was_finished=item[table.STATUS] in {Status.COMPLETED, Status.FAILED},
            others_lease=others and int(item[table.LEASE_UNTIL]) > clock.now_ms(),
        )
        self.running = inference
        self.shared.inferences.append(inference)
        self.shared.world.note("post")
        done = asyncio.ensure_future(self._run_down(inference))
        await asyncio.shield(done)
        return self.running is not inference or inference.ended is not None

    async def _run_down(self, inference: Inference) -> None:
        left_s = self.inference_s
        while left_s > 0 and self.running is inference:
            await asyncio.sleep(0.5)
            left_s -= 0.5
        if self.running is inference:
            self.running = None
        inference.ended = clock.monotonic_s()

    def interrupt(self) -> None:
        if self.running is not None:
            self.running = None


class GatedRuntime:
    """The client of a server, behind the gate."""

    def __init__(self, server: Server, gate: Gate) -> None:
        self._server = server
        self._gate = gate

    async def is_ready(self) -> bool:
        return True

    def duration_key(self, task: RuntimeTask) -> str:
        return task.tasktype

    async def with_inputs(self, content: Content, fetched: Callable[[Content], Awaitable[Content]]) -> Content:
        return await fetched(content)

    async def interrupt_until_idle(self, timeout_s: float) -> bool:
        async def interrupt() -> bool:
            self._server.shared.world.note("interrupt")
            self._server.interrupt()
            await asyncio.sleep(0.6)
            return True

        return await self._gate.call("interrupt", interrupt)

    @asynccontextmanager
    async def prepare(self, task: RuntimeTask) -> AsyncIterator["GatedRequest"]:
        await self._gate.passing("before prepare")
        yield GatedRequest(self._server, self._gate, task)
        await self._gate.passing("after prepared")


@dataclass
class GatedRequest:
    server: Server
    gate: Gate
    task: RuntimeTask

    async def infer(self, *, before_post: Callable[[], None], on_progress: Callable[[float], None]) -> FakeOutputs:
        await self.gate.passing("before infer")
        before_post()
        await self.gate.passing("checked")
        await self.server.compute(self.task)
        await self.gate.passing("after infer")
        return FakeOutputs(self.server.shared.world)


async def play(fault: Fault, *, tasks: int = 3) -> tuple[Shared, list[str]]:
    """Two agents process a few tasks.

    Returns:
        The shared state, and the passings of the first agent's gate.
    """
    numbers = range(1, tasks + 1)
    offset_ms = round(clock.monotonic_s() * 1000)
    world = World(
        records={
            key_of(item): {**item, table.EXPIRES_AT: int(item[table.EXPIRES_AT]) + offset_ms}
            for item in (make_record(number=number) for number in numbers)
        },
        messages=[make_message(number) for number in numbers],
        call_s=_CALL_S,
        put_s=0.1,
    )
    shared = Shared(world)
    gate, healthy = Gate(shared, fault), Gate(shared, Fault())
    server = Server(shared)
    first = [_start(shared, server, gate)]
    other = _start(shared, Server(shared), healthy)
    deadline = clock.monotonic_s() + _RUN_S
    killed = asyncio.ensure_future(gate.killed.wait())
    await asyncio.wait({killed}, timeout=_RUN_S)
    if gate.killed.is_set():
        first[0].cancel()
        await asyncio.sleep(RESTART_S)
        first.append(_start(shared, server, Gate(shared, Fault())))
    killed.cancel()
    await asyncio.sleep(max(0.0, deadline - clock.monotonic_s()))
    for agent in (*first, other):
        agent.cancel()
    await asyncio.gather(*first, other, return_exceptions=True)
    for _, timer in world.hidden.values():
        timer.cancel()
    return shared, gate.passings


def _start(shared: Shared, server: Server, gate: Gate) -> "asyncio.Task[None]":
    worker = Worker(
        queue=GatedQueue(shared.world, gate),
        runtime=GatedRuntime(server, gate),
        output_bucket=GatedOutputBucket(shared.world, gate),
        task_table=GatedTaskTable(shared.world, gate),
        inputs=GatedInputs(shared.world, gate),
        settings=make_settings(),
    )
    return asyncio.create_task(_alone(worker))


async def _alone(worker: Worker) -> None:
    """Run an agent; its cancellation simulates a kill."""
    try:
        await worker.run()
    finally:
        for run in list(worker._runs):
            run.cancel()


def submissions(tasks: int = 3) -> list[str]:
    """The submissions in the queue of `play`."""
    return [submission_of(number) for number in range(1, tasks + 1)]
