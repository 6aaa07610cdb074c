"""Just-in-time prefetch: a task does not wait behind a busy GPU while another pod's GPU is idle."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from queue_agent import clock
from queue_agent.runtimes.base import Content, RuntimeTask
from queue_agent.worker import Worker
from tests.unit.queue_agent.conftest import (
    EPOCH_MS,
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
    virtual_time,
)

pytestmark = [pytest.mark.asyncio, virtual_time]

TASKS = 100
_CALL_S = 0.015

Reports = Sequence[tuple[float, float]]
"""Reports of a server: the elapsed share of the time, and the reported share."""


class Ledger:
    """Sums the time in which a task waits in one pod while the GPU of the other one is idle."""

    def __init__(self) -> None:
        self.pods: list[Pod] = []
        self.held_s = 0.0
        self._since = 0.0

    def before_change(self) -> None:
        """Must be called before every change of the state."""
        now = clock.monotonic_s()
        for pod, other in (self.pods, self.pods[::-1]):
            if pod.waiting and pod.is_inferring and not other.is_inferring and not other.waiting:
                self.held_s += now - self._since
        self._since = now


@dataclass
class Pod:
    """A GPU and its waiting tasks."""

    world: World
    ledger: Ledger
    seconds_of: dict[str, float]
    reports: Reports
    is_inferring: bool = False
    waiting: set[str] = field(default_factory=set)

    async def is_ready(self) -> bool:
        return True

    def duration_key(self, task: RuntimeTask) -> str:
        return task.tasktype

    async def with_inputs(self, content: Content, fetched: Callable[[Content], Awaitable[Content]]) -> Content:
        return await fetched(content)

    async def interrupt_until_idle(self, timeout_s: float) -> bool:
        return True

    @asynccontextmanager
    async def prepare(self, task: RuntimeTask) -> AsyncIterator["Prepared"]:
        self.ledger.before_change()
        self.waiting.add(task.submission)
        try:
            yield Prepared(self, task.submission)
        finally:
            self.ledger.before_change()
            self.waiting.discard(task.submission)


@dataclass
class Prepared:
    pod: Pod
    submission: str

    async def infer(self, *, before_post: Callable[[], None], on_progress: Callable[[float], None]) -> FakeOutputs:
        before_post()
        self.pod.ledger.before_change()
        self.pod.waiting.discard(self.submission)
        self.pod.is_inferring = True
        on_progress(0.0)
        passed = 0.0
        for time_share, share in (*self.pod.reports, (1.0, None)):
            await asyncio.sleep((time_share - passed) * self.pod.seconds_of[self.submission])
            passed = time_share
            if share is not None:
                on_progress(share)
        self.pod.ledger.before_change()
        self.pod.is_inferring = False
        return FakeOutputs(self.pod.world)


@dataclass(frozen=True)
class Measured:
    """The results of two pods.

    Attributes:
        held_s: for each task, the seconds that it waits in one pod while the GPU of the other one is idle.
        writes: number of writes of each task's record.
    """

    held_s: float
    writes: float


async def two_pods(lengths: list[float], *, load: float, reports: Reports = ()) -> Measured:
    """Run tasks on two pods.

    Args:
        lengths: duration of each inference in seconds, in the order of arrival.
        load: utilization of the two GPUs; tasks arrive as a Poisson process.
        reports: progress reports of each inference.
    """
    world, ledger = World(call_s=_CALL_S, put_s=_CALL_S), Ledger()
    seconds_of = {submission_of(number): seconds for number, seconds in enumerate(lengths)}
    ledger.pods = [Pod(world, ledger, seconds_of, reports) for _ in range(2)]
    agents = [asyncio.create_task(_worker(world, pod).run()) for pod in ledger.pods]
    await _arrivals(world, lengths, load)
    await asyncio.sleep(10 * max(lengths))
    assert len(world.endings) == len(lengths)
    for agent in agents:
        agent.cancel()
    await asyncio.gather(*agents, return_exceptions=True)
    writes = sum(len(world.times(name)) for name in ("claim", "renew", "release", "finish"))
    return Measured(held_s=ledger.held_s / len(lengths), writes=writes / len(lengths))


async def _arrivals(world: World, lengths: list[float], load: float) -> None:
    chance = random.Random(7)
    a_second = load * 2 * len(lengths) / sum(lengths)
    for number in range(len(lengths)):
        await asyncio.sleep(chance.expovariate(a_second))
        record = make_record(number=number)
        world.records[key_of(record)] = record
        world.arrive(make_message(number))


def _worker(world: World, pod: Pod) -> Worker:
    return Worker(
        queue=MemoryQueue(world),
        runtime=pod,
        output_bucket=MemoryOutputBucket(world),
        task_table=MemoryTaskTable(world),
        inputs=MemoryInputs(world),
        settings=make_settings(),
    )


@pytest.fixture(autouse=True)
def virtual_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now_ms", lambda: EPOCH_MS + round(clock.monotonic_s() * 1000))


ALIKE = [3.0] * TASKS
MIXED = random.Random(3).choices((0.5, 20.0), k=TASKS)


@pytest.mark.parametrize("load", [0.3, 0.5, 0.7])
@pytest.mark.parametrize("lengths", [ALIKE, MIXED], ids=["alike", "mixed"])
async def test_a_task_hardly_waits_while_another_gpu_is_idle(lengths: list[float], load: float) -> None:
    assert (await two_pods(lengths, load=load)).held_s <= 0.1


def graph(*parts: tuple[int, float]) -> Reports:
    """Reports of a workflow in which all steps count equally: steps and seconds of its parts."""
    steps = [seconds / count for count, seconds in parts for _ in range(count)]
    return [(sum(steps[:done]) / sum(steps), done / len(steps)) for done in range(1, len(steps))]


CLAIM_RENEW_FINISH = 3
"""Writes for a task that is held for less than two heartbeats and is never returned to the queue."""


@pytest.mark.parametrize(
    "reports",
    [
        pytest.param(graph((39, 0.4), (20, 4.0)), id="many quick nodes first"),
        pytest.param(graph((20, 4.0), (39, 0.4)), id="many quick nodes last", marks=pytest.mark.soak),
        pytest.param(graph((20, 0.4), (20, 4.0)), id="two samplers", marks=pytest.mark.soak),
        pytest.param(graph((5, 0.1), (20, 2.0), (1, 2.3)), id="a long decode last"),
    ],
)
async def test_a_pace_that_changes_neither_holds_tasks_nor_returns_them(reports: Reports) -> None:
    measured = await two_pods([4.4] * 24, load=0.63, reports=reports)
    assert measured.held_s <= 0.02
    assert measured.writes <= 1.2 * CLAIM_RENEW_FINISH


async def test_without_the_rule_tasks_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    async def always(_worker: Worker, _polled_for: int) -> bool:
        return False  # as with a free GPU: always long polling

    monkeypatch.setattr(Worker, "_next_receive", always)
    assert (await two_pods(ALIKE, load=0.5)).held_s > 0.15
