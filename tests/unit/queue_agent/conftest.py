"""The agent on ports in memory and on virtual time; every call is noted in the order in which it happens."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from queue_agent import clock
from queue_agent.errors import AwsUnreachableError
from queue_agent.queue import Message, Queue
from queue_agent.record import Record, Refused, Written
from queue_agent.runtimes.base import Answer, OutputFile, RuntimeTask
from queue_agent.settings import Settings
from queue_agent.store import Store
from queue_agent.worker import Worker
from task_record import table
from task_record.message import PayloadRef, TaskMessage, encode_message
from task_record.status import Status
from task_record.table import Item
from task_record.transition import Transition

EPOCH_MS = 1_800_000_000_000
SUBMISSION = "01J00000000000000000000000"
PNG = OutputFile(data=b"\x89PNG", extension="png", content_type="image/png")


@dataclass
class World:
    """What there is, and what has happened: `events` holds (virtual seconds, what)."""

    events: list[tuple[float, str]] = field(default_factory=list)
    record: Item | None = None
    messages: list[Message] = field(default_factory=list)
    objects: dict[str, bytes] = field(default_factory=dict)
    table_is_up: bool = True
    store_is_up: bool = True
    running: str | None = None
    before: dict[str, Callable[[], None]] = field(default_factory=dict)
    """What happens right before an event of this name."""

    def note(self, what: str) -> None:
        if what in self.before:
            self.before.pop(what)()
        self.events.append((round(clock.monotonic_s(), 3), what))

    def names(self) -> list[str]:
        """Events without the beat's."""
        return [what for _, what in self.events if not what.startswith(("renew", "visibility 33"))]

    def at(self, what: str) -> float:
        return next(seconds for seconds, name in self.events if name.startswith(what))


class MemoryQueue(Queue):
    """A queue that delivers what is in `World.messages`."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._url = "https://sqs/queue"

    async def receive(self, *, wait_s: int) -> Message | None:
        if self._world.messages:
            message = self._world.messages.pop(0)
            self._world.note(f"receive {message.id}")
            return message
        await asyncio.sleep(wait_s)
        return None

    async def change_visibility(self, handle: str, seconds: float) -> None:
        self._world.note(f"visibility {seconds:.0f}")

    async def delete(self, handle: str) -> None:
        self._world.note(f"delete {handle}")


class MemoryRecord(Record):
    """A table with one record, by the very writes that are sent."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def write(self, transition: Transition, *, until: float) -> Written | Refused:
        sent_at = clock.monotonic_s()
        while not self._world.table_is_up:
            await asyncio.sleep(1)
            if clock.monotonic_s() > until:
                raise AwsUnreachableError("the table is down")
        new = transition.apply(self._world.record)
        if new is None:
            if self._world.record is not None and transition.was_done(self._world.record):
                return Written(sent_at)
            self._world.note(f"{transition.name} refused")
            return Refused(self._world.record)
        self._world.record = new
        status = new[table.STATUS]
        self._world.note(f"{transition.name}: {status}")
        return Written(sent_at)

    async def clock_error_s(self) -> float:
        if not self._world.table_is_up:
            raise AwsUnreachableError("the table is down")
        return 0.0


class MemoryStore(Store):
    """A bucket."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.bucket = "bucket"

    async def put(self, key: str, body: bytes, content_type: str) -> str:
        await self._answer()
        self._world.note(f"put {key.rpartition('.')[2]}")
        self._world.objects[key] = body
        return f"s3://bucket/{key}"

    async def read_content(self, payload: PayloadRef) -> dict[str, Any]:
        self._world.note("read")
        await self._answer()
        return {"prompt": "read"}

    async def _answer(self) -> None:
        await asyncio.sleep(0.01)
        if not self._world.store_is_up:
            raise AwsUnreachableError("the bucket is down")


@dataclass
class FakeRuntime:
    """A server that takes `seconds` and then does what `outcome` says."""

    world: World
    seconds: float = 2.0
    outcome: Answer | Exception = field(default_factory=lambda: Answer(files=(PNG,), summary={"seeds": [1]}))
    progress_every_s: float | None = None
    stops_after_s: float = 0.0
    """How long it takes to stop what runs."""

    async def is_ready(self) -> bool:
        return True

    async def interrupt_until_idle(self, timeout_s: float) -> bool:
        self.world.note("interrupt")
        if self.world.running is None:
            return True
        await asyncio.sleep(min(self.stops_after_s, timeout_s))
        if self.stops_after_s > timeout_s:
            return False
        self.world.running = None
        return True

    async def run(
        self, task: RuntimeTask, *, before_post: Callable[[], None], on_progress: Callable[[float], None]
    ) -> Answer:
        before_post()
        self.world.note("post")
        self.world.running = task.submission
        left_s = self.seconds
        while left_s > 0:
            step_s = min(self.progress_every_s or left_s, left_s)
            await asyncio.sleep(step_s)
            left_s -= step_s
            if self.progress_every_s:
                on_progress(1 - left_s / self.seconds)
        self.world.running = None
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


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
    return Settings(**known | changes)


def make_message(**changes: Any) -> Message:
    known: dict[str, Any] = {
        "id": "t1",
        "runtime": "sd",
        "tasktype": "text-to-image",
        "owner": "o",
        "submission": SUBMISSION,
        "content": {"prompt": "x"},
    }
    sent_at_ms = changes.pop("sent_at_ms", EPOCH_MS)
    body = encode_message(TaskMessage(**known | changes))
    return Message(id="m1", body=body, handle="h1", sent_at_ms=sent_at_ms)


def make_record(status: Status = Status.QUEUED, **changes: str | int) -> Item:
    return {
        **table.meta_key("o", "t1", SUBMISSION),
        table.ID: "t1",
        table.SUBMISSION: SUBMISSION,
        table.STATUS: status,
        table.ATTEMPTS: 0,
        table.EXPIRES_AT: EPOCH_MS + 1_000_000_000,
        table.OPEN: 1,
        **changes,
    }


class Make:
    """Makes records and messages."""

    record = staticmethod(make_record)
    message = staticmethod(make_message)

    @staticmethod
    def raw(body: str) -> Message:
        return Message(id="m1", body=body, handle="h1", sent_at_ms=EPOCH_MS)


@pytest.fixture
def make() -> Make:
    return Make()


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(clock, "now_ms", lambda: EPOCH_MS + round(clock.monotonic_s() * 1000))
    return World(record=make_record(), messages=[make_message()])


Work = Callable[..., Any]


@pytest.fixture
def work(world: World) -> Work:
    """Run the agent for some virtual seconds, then stop it; returns the runtime."""

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
            store=MemoryStore(world),
            record=MemoryRecord(world),
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
