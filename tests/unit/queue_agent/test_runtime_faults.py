"""Failures of a runtime, over real HTTP: how often the task is started, and how it ends."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from queue_agent import clock
from queue_agent.worker import Worker
from task_record import table
from task_record.protocol_times import ProtocolTimes
from task_record.status import TERMINAL
from tests.fakes.stand_in_runtime.application import RuntimeType
from tests.fakes.stand_in_runtime.bench import Bench, bench, restarted_bench, until
from tests.unit.queue_agent.conftest import (
    EPOCH_MS,
    MemoryInputs,
    MemoryOutputBucket,
    MemoryQueue,
    MemoryTaskTable,
    World,
    make_message,
    make_settings,
    submission_of,
)

INFERENCE_S: Final = 0.4
_PATIENCE_S: Final = 20.0
CLAIMED: Final = ["receive m1", "claim: running"]
RELEASED: Final = ["release: queued", "visibility 0"]
COMPLETED: Final = ["put png", "put out", "finish: completed", "delete h1"]
FAILED: Final = ["finish: failed", "delete h1"]
AT_ONCE: Final = [*CLAIMED, *COMPLETED]
AGAIN: Final = [*CLAIMED, *RELEASED, *AT_ONCE]

both_runtimes = pytest.mark.parametrize("runtime_type", ["sdwebui", "comfyui"])


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, world: World) -> World:
    started_at = time.monotonic()
    monkeypatch.setattr(clock, "now_ms", lambda: EPOCH_MS + round((time.monotonic() - started_at) * 1000))
    return world


@asynccontextmanager
async def agent(world: World, one: Bench, **settings: Any) -> AsyncIterator[None]:
    """An agent with one task, which is stopped at the end."""
    task = one.task()
    world.messages = [make_message(tasktype=task.tasktype, content=task.content)]
    worker = Worker(
        queue=MemoryQueue(world),
        runtime=one.runtime,
        output_bucket=MemoryOutputBucket(world),
        task_table=MemoryTaskTable(world),
        inputs=MemoryInputs(world),
        settings=make_settings(runtime_type=one.runtime_type, **settings),
    )
    running = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        worker.stop()
        await asyncio.wait_for(running, _PATIENCE_S)


async def ended(world: World) -> None:
    """Wait until the task has ended and its message was deleted."""

    async def has_ended() -> bool:
        return world.record is not None and world.record[table.STATUS] in TERMINAL and not world.hidden

    await until(has_ended)


def ending(world: World) -> tuple[list[str], int, str | None]:
    """The events in order, the counted attempts, and the error in the record."""
    assert world.record is not None
    assert len(world.endings[submission_of(1)]) == len(world.callbacks[submission_of(1)]) == 1
    error = world.record.get(table.ERROR)
    return (
        world.names(),
        int(world.record[table.ATTEMPTS]),
        None if error is None else json.loads(str(error))["code"],
    )


@pytest.mark.parametrize(
    ("runtime_type", "fault", "order", "attempts", "error", "begins"),
    [
        ("sdwebui", "unavailable", AGAIN, 1, None, 1),
        ("comfyui", "unavailable", AGAIN, 1, None, 1),
        ("sdwebui", "too_many_requests", AGAIN, 1, None, 1),
        ("comfyui", "too_many_requests", AGAIN, 1, None, 1),
        ("sdwebui", "plain_500", [*CLAIMED, *FAILED], 1, "runtime_error", 0),
        ("comfyui", "plain_500", [*CLAIMED, *FAILED], 1, "runtime_error", 0),
        ("sdwebui", "out_of_memory", [*CLAIMED, *FAILED], 1, "out_of_memory", 0),
        ("comfyui", "out_of_memory", [*CLAIMED, *FAILED], 1, "out_of_memory", 0),
        ("sdwebui", "reset", AGAIN, 2, None, 2),
        ("sdwebui", "cut_answer", AGAIN, 2, None, 2),
        ("comfyui", "restart", AGAIN, 2, None, 2),
        ("comfyui", "drop_websocket", AT_ONCE, 1, None, 1),
        ("comfyui", "drop_websocket_for_good", AT_ONCE, 1, None, 1),
    ],
)
async def test_a_fault_of_the_runtime_ends_the_task_once(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    runtime_type: RuntimeType,
    fault: str,
    order: list[str],
    attempts: int,
    error: str | None,
    begins: int,
) -> None:
    monkeypatch.setattr("queue_agent.runtimes.http._BUSY_S", 0.1)
    async with bench(runtime_type, INFERENCE_S) as one:
        await one.fault(fault)
        async with agent(world, one):
            await ended(world)
        assert ending(world) == (order, attempts, error)
        assert (await one.journal()).count("begin") == begins


@both_runtimes
async def test_a_runtime_that_never_answers_is_given_up_with_its_task(
    world: World, runtime_type: RuntimeType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("queue_agent.pipeline._STALLED_IDLE_S", 0.3)
    async with bench(runtime_type, INFERENCE_S) as one:
        await one.fault("hang")
        async with agent(world, one, stall_s=0.5, times=ProtocolTimes(interrupt_s=0.3)):
            await ended(world)
        assert ending(world) == ([*CLAIMED, *FAILED], 1, "timeout")
        assert (await one.journal()).count("begin") == 1


@both_runtimes
async def test_the_task_of_a_killed_runtime_is_restarted_when_it_is_up_again(
    world: World, runtime_type: RuntimeType, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    may_start = asyncio.Event()
    may_start.set()
    async with restarted_bench(runtime_type, journal, INFERENCE_S, may_start=may_start) as one:
        await until(one.runtime.is_ready)
        await one.fault("die_mid_task")
        async with agent(world, one):
            await ended(world)
    assert ending(world) == (AGAIN, 2, None)
    assert journal.read_text().count('"begin"') == 2


@both_runtimes
async def test_nothing_is_received_before_the_runtime_is_up(
    world: World, runtime_type: RuntimeType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_start = asyncio.Event()
    async with restarted_bench(runtime_type, tmp_path / "journal", INFERENCE_S, may_start=may_start) as one:
        is_ready = one.runtime.is_ready

        async def noted() -> bool:
            ready = await is_ready()
            world.note(f"ready: {ready}")
            may_start.set()
            return ready

        monkeypatch.setattr(one.runtime, "is_ready", noted)
        async with agent(world, one):
            await ended(world)
    looked = [name for name in world.names() if name.startswith("ready") or name in CLAIMED]
    assert looked[0] == "ready: False"
    assert [name for name in looked if name != "ready: False"][:3] == ["ready: True", *CLAIMED]
