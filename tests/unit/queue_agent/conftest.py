"""The agent with in-memory ports and virtual time; all calls are recorded in order."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from queue_agent import clock
from queue_agent.errors import AwsUnreachableError
from queue_agent.output_bucket import OutputBucket
from queue_agent.queue import Message, Queue
from queue_agent.runtimes.base import Content, Description, InputFile, OutputFile, RuntimeTask
from queue_agent.settings import Settings
from queue_agent.task_table import Refused, TaskTable, Written
from queue_agent.worker import Worker
from task_record import table
from task_record.callback import callback_of
from task_record.message import PayloadRef, TaskMessage, encode_message
from task_record.runtime_types import RUNTIME_TYPES
from task_record.status import TERMINAL, Status
from task_record.table import Item
from task_record.transition import Transition

virtual_time = pytest.mark.looptime(noop_cycles=0)
"""Time that passes at once: the clock need not stand still for 42 turns of a loop that nothing reaches from outside."""
VISIBILITY_S = 33
EPOCH_MS = 1_800_000_000_000
PNG = OutputFile(data=b"\x89PNG", extension="png", content_type="image/png")


@dataclass
class World:
    """The state of the outside world; `events` has (virtual seconds, event) in order."""

    events: list[tuple[float, str]] = field(default_factory=list)
    records: dict[tuple[str, str], Item] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)
    objects: dict[str, bytes] = field(default_factory=dict)
    table_is_up: bool = True
    store_is_up: bool = True
    offloaded: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Offloaded bodies, by pointer; others have a default content."""
    named_inputs: Mapping[str, Any] = field(default_factory=dict)
    checkpoint: str | None = None
    """Named inputs of the last prepared task."""
    put_s: float = 0.0
    call_s: float = 0.0
    """Latency of a call to AWS."""
    running: str | None = None
    prepared: set[str] = field(default_factory=set)
    endings: dict[str, list[str]] = field(default_factory=dict)
    callbacks: dict[str, list[str]] = field(default_factory=dict)
    """The published callbacks of each submission: one for each terminal write."""
    posts: list[str] = field(default_factory=list)
    receives: list[tuple[float, int]] = field(default_factory=list)
    hidden: dict[str, tuple[Message, asyncio.TimerHandle]] = field(default_factory=dict)
    waiters: "list[asyncio.Future[None]]" = field(default_factory=list)
    chance: random.Random = field(default_factory=lambda: random.Random(7))
    before: dict[str, Callable[[], None]] = field(default_factory=dict)
    """Hooks that run immediately before an event of this name."""

    @property
    def record(self) -> Item | None:
        """The only record."""
        return next(iter(self.records.values()), None)

    @record.setter
    def record(self, item: Item | None) -> None:
        self.records.clear()
        if item is not None:
            self.records[key_of(item)] = item

    def arrive(self, message: Message) -> None:
        """Make a message available. Any of the waiting receivers may get it."""
        self.messages.append(message)
        if self.waiters:
            self.waiters.pop(self.chance.randrange(len(self.waiters))).set_result(None)

    def change(self, old: Item | None, new: Item) -> None:
        """Put a record. Every change to a terminal state is counted."""
        self.records[key_of(new)] = new
        if new[table.STATUS] not in TERMINAL:
            return
        submission = str(new[table.SUBMISSION])
        self.callbacks.setdefault(submission, []).append(callback_of(new, "bucket").body)
        if old is None or old[table.STATUS] not in TERMINAL:
            self.endings.setdefault(submission, []).append(str(new[table.STATUS]))

    def note(self, what: str) -> None:
        if what in self.before:
            self.before.pop(what)()
        self.events.append((round(clock.monotonic_s(), 3), what))

    def names(self) -> list[str]:
        """Events without heartbeats, and without the ends of inferences, which the agent does not cause."""
        quiet = ("renew", "visibility 33", "inferred")
        return [what for _, what in self.events if not what.startswith(quiet)]

    def times(self, what: str) -> list[float]:
        return [seconds for seconds, name in self.events if name.startswith(what)]

    def at(self, what: str) -> float:
        return next(seconds for seconds, name in self.events if name.startswith(what))


def key_of(item: Mapping[str, Any]) -> tuple[str, str]:
    return str(item[table.PK]), str(item[table.SK])


class MemoryQueue(Queue):
    """A queue that delivers the messages of `World.messages`, and redelivers those that were not deleted in time."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._url = "https://sqs/queue"

    async def receive(self, *, wait_s: int) -> Message | None:
        world = self._world
        world.receives.append((round(clock.monotonic_s(), 3), wait_s))
        await asyncio.sleep(world.call_s)
        until = clock.monotonic_s() + wait_s
        while not world.messages:
            waiter = asyncio.get_running_loop().create_future()
            world.waiters.append(waiter)
            try:
                await asyncio.wait_for(waiter, until - clock.monotonic_s())
            except TimeoutError:
                return None
            finally:
                if waiter in world.waiters:
                    world.waiters.remove(waiter)
        message = world.messages.pop(0)
        world.note(f"receive {message.id}")
        self._hide(message, VISIBILITY_S)
        return message

    async def change_visibility(self, handle: str, seconds: float) -> None:
        await asyncio.sleep(self._world.call_s)
        self._world.note(f"visibility {seconds:.0f}")
        if handle in self._world.hidden:
            message, _ = self._world.hidden[handle]
            self._hide(message, seconds)

    async def delete(self, handle: str) -> None:
        await asyncio.sleep(self._world.call_s)
        self._world.note(f"delete {handle}")
        if handle in self._world.hidden:
            self._world.hidden.pop(handle)[1].cancel()

    def _hide(self, message: Message, seconds: float) -> None:
        if message.handle in self._world.hidden:
            self._world.hidden[message.handle][1].cancel()
        timer = asyncio.get_running_loop().call_later(seconds, self._show, message)
        self._world.hidden[message.handle] = (message, timer)

    def _show(self, message: Message) -> None:
        del self._world.hidden[message.handle]
        self._world.arrive(message)


class MemoryTaskTable(TaskTable):
    """A table with one record, which applies the writes that the agent sends."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def write(self, transition: Transition, *, until: float) -> Written | Refused:
        sent_at = clock.monotonic_s()
        while not self._world.table_is_up:
            await asyncio.sleep(1)
            if clock.monotonic_s() > until:
                raise AwsUnreachableError("the table is down")
        await asyncio.sleep(self._world.call_s)
        key = key_of(transition.key)
        old = self._world.records.get(key)
        new = transition.apply(old)
        if new is None:
            if old is not None and transition.was_done(old):
                return Written(sent_at)
            self._world.note(f"{transition.name} refused")
            return Refused(old)
        self._world.change(old, new)
        status = new[table.STATUS]
        self._world.note(f"{transition.name}: {status}")
        return Written(sent_at)

    async def clock_error_s(self) -> float:
        if not self._world.table_is_up:
            raise AwsUnreachableError("the table is down")
        return 0.0


class MemoryOutputBucket(OutputBucket):
    """A bucket."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.bucket = "bucket"

    async def put(self, key: str, body: bytes, content_type: str) -> str:
        await self._answer()
        await asyncio.sleep(self._world.put_s)
        self._world.note(f"put {key.rpartition('.')[2]}")
        self._world.objects[key] = body
        return f"s3://bucket/{key}"

    async def read_content(self, payload: PayloadRef) -> dict[str, Any]:
        self._world.note("read")
        await self._answer()
        return self._world.offloaded.get(payload.pointer, {"prompt": "read"})

    async def _answer(self) -> None:
        await asyncio.sleep(0.01)
        if not self._world.store_is_up:
            raise AwsUnreachableError("the bucket is down")


class MemoryInputs:
    """Tasks without inputs."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def in_content(self, content: Mapping[str, Any], *, owner: str) -> Mapping[str, Any]:
        return content

    @asynccontextmanager
    async def named(self, inputs: Mapping[str, Any], *, owner: str) -> AsyncIterator[Mapping[str, InputFile]]:
        self._world.named_inputs = inputs
        yield {}


@dataclass
class FakeOutputs:
    """Outputs: `files`, then `error` if there is one."""

    world: World
    made: tuple[OutputFile, ...] = (PNG,)
    error: Exception | None = None
    read_s: float = 0.0

    async def files(self) -> AsyncIterator[OutputFile]:
        await asyncio.sleep(self.read_s)
        for file in self.made:
            yield file
        if self.error is not None:
            raise self.error

    def description(self) -> Description:
        return Description(summary={"seeds": [1]})


@dataclass
class FakeRuntime:
    """A server that runs for `seconds`, and then returns `outcome`."""

    world: World
    seconds: float | Mapping[str, float] = 2.0
    """Of all tasks, or by submission."""
    outcome: Exception | None = None
    answer_error: Exception | None = None
    """Errors that are raised when the response is read."""
    files: tuple[OutputFile, ...] = (PNG,)
    read_s: float = 0.0
    prepare_s: float = 0.0
    ready: bool = True
    progress_every_s: float | None = None
    stops_after_s: float = 0.0
    """How long an interrupt takes."""

    async def is_ready(self) -> bool:
        return self.ready

    def duration_key(self, task: RuntimeTask) -> str:
        return str(task.content.get("prompt"))

    async def with_inputs(self, content: Content, fetched: Callable[[Content], Awaitable[Content]]) -> Content:
        return await fetched(content)

    @asynccontextmanager
    async def prepare(self, task: RuntimeTask) -> AsyncIterator["FakeRequest"]:
        await asyncio.sleep(self.prepare_s)
        self.world.prepared.add(task.submission)
        self.world.checkpoint = task.checkpoint
        try:
            yield FakeRequest(self, task)
        finally:
            self.world.prepared.remove(task.submission)

    async def interrupt_until_idle(self, timeout_s: float) -> bool:
        self.world.note("interrupt")
        if self.world.running is None:
            return True
        await asyncio.sleep(min(self.stops_after_s, timeout_s))
        if self.stops_after_s > timeout_s:
            return False
        self.world.running = None
        return True


@dataclass
class FakeRequest:
    """A prepared task."""

    runtime: FakeRuntime
    task: RuntimeTask

    async def infer(self, *, before_post: Callable[[], None], on_progress: Callable[[float], None]) -> FakeOutputs:
        world, runtime = self.runtime.world, self.runtime
        before_post()
        world.note("post")
        assert world.running is None, "two inferences at once"
        world.running = self.task.submission
        world.posts.append(self.task.submission)
        seconds = runtime.seconds if isinstance(runtime.seconds, int | float) else runtime.seconds[self.task.submission]
        left_s = seconds
        while left_s > 0:
            step_s = min(runtime.progress_every_s or left_s, left_s)
            await asyncio.sleep(step_s)
            left_s -= step_s
            if runtime.progress_every_s:
                on_progress(1 - left_s / seconds)
        world.running = None
        world.events.append((round(clock.monotonic_s(), 3), "inferred"))
        if runtime.outcome is not None:
            raise runtime.outcome
        return FakeOutputs(world, runtime.files, runtime.answer_error, runtime.read_s)


def submission_of(number: int) -> str:
    return f"01J{number:023}"


def make_settings(**changes: Any) -> Settings:
    known: dict[str, Any] = {
        "region": "us-east-1",
        "queue_url": "https://sqs/queue",
        "table_name": "tasks",
        "bucket": "bucket",
        "runtime_type": "sdwebui",
        "runtime_name": "sd",
        "api_base_url": "http://runtime",
    }
    given = known | changes
    return Settings(**given | {"runtime_type": RUNTIME_TYPES[given["runtime_type"]]})


def make_message(number: int = 1, **changes: Any) -> Message:
    known: dict[str, Any] = {
        "id": f"t{number}",
        "runtime": "sd",
        "tasktype": "text-to-image",
        "owner": "o",
        "submission": submission_of(number),
        "content": {"prompt": "x"},
    }
    sent_at_ms = changes.pop("sent_at_ms", EPOCH_MS)
    body = encode_message(TaskMessage(**known | changes))
    return Message(id=f"m{number}", body=body, handle=f"h{number}", sent_at_ms=sent_at_ms)


def make_record(status: Status = Status.QUEUED, *, number: int = 1, **changes: str | int) -> Item:
    return {
        **table.meta_key("o", f"t{number}", submission_of(number)),
        table.ID: f"t{number}",
        table.SUBMISSION: submission_of(number),
        table.STATUS: status,
        table.ATTEMPTS: 0,
        table.EXPIRES_AT: EPOCH_MS + 1_000_000_000,
        table.OPEN: 1,
        **changes,
    }


class Make:
    """Creates records and messages."""

    record = staticmethod(make_record)
    message = staticmethod(make_message)
    submission = staticmethod(submission_of)

    @staticmethod
    def raw(body: str) -> Message:
        return Message(id="m1", body=body, handle="h1", sent_at_ms=EPOCH_MS)


@pytest.fixture
def make() -> Make:
    return Make()


Fill = Callable[[int], None]


@pytest.fixture
def fill(world: World) -> Fill:
    """Add this many tasks to the queue."""

    def make(count: int) -> None:
        numbers = range(1, count + 1)
        world.messages = [make_message(number) for number in numbers]
        world.records = {key_of(item): item for item in (make_record(number=number) for number in numbers)}

    return make


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(clock, "now_ms", lambda: EPOCH_MS + round(clock.monotonic_s() * 1000))
    return World(records={key_of(item): item for item in (make_record(),)}, messages=[make_message()])


Work = Callable[..., Any]


@pytest.fixture
def work(world: World) -> Work:
    """Run the agent for some virtual seconds, then stop it, and return the runtime."""

    async def run(
        seconds: float = 600,
        *,
        runtime: Mapping[str, Any] | None = None,
        during: Mapping[float, Callable[[Worker], None]] | None = None,
        **settings: Any,
    ) -> FakeRuntime:
        fake = FakeRuntime(world, **dict(runtime or {}))
        worker = Worker(
            queue=MemoryQueue(world),
            runtime=fake,
            output_bucket=MemoryOutputBucket(world),
            task_table=MemoryTaskTable(world),
            inputs=MemoryInputs(world),
            settings=make_settings(**settings),
        )
        loop = asyncio.get_running_loop()
        for at_s, happens in (during or {}).items():
            loop.call_later(at_s, happens, worker)
        loop.call_later(seconds, worker.stop)
        await worker.run()
        world.note("exit")
        return fake

    return run
