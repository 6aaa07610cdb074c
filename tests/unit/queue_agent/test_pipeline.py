"""Overlapping stages: the GPU never waits for this agent, and no task waits here while another pod is idle."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from queue_agent.errors import RuntimeUnavailableError, TaskFailedError
from queue_agent.runtimes.base import OutputFile
from queue_agent.worker import Worker
from task_record import table
from task_record.status import Status
from tests.unit.queue_agent.conftest import virtual_time

pytestmark = [pytest.mark.asyncio, virtual_time]

OTHER = "99999999-9999-4999-8999-999999999999"


def statuses(world: Any) -> list[str]:
    return [str(record[table.STATUS]) for record in world.records.values()]


def gaps(world: Any) -> list[float]:
    """Seconds between the end of an inference and the start of the next one."""
    return [round(start - end, 3) for end, start in zip(world.times("inferred"), world.times("post")[1:], strict=False)]


async def test_the_gpu_starts_the_next_task_at_once_when_tasks_like_it_are_known(
    world: Any, work: Any, fill: Any
) -> None:
    fill(10)
    world.call_s = 0.02
    world.put_s = 0.5
    await work(seconds=60, runtime={"seconds": 2.0, "prepare_s": 0.02})
    assert statuses(world) == [Status.COMPLETED] * 10
    assert gaps(world)[0] > 0  # no estimate yet
    assert gaps(world)[1:] == [0.0] * 8


async def test_the_next_task_is_fetched_the_lead_before_the_expected_end(world: Any, work: Any, fill: Any) -> None:
    fill(3)
    await work(seconds=60, runtime={"seconds": 10.0})
    # The third is fetched while the second runs, whose duration is known from the first.
    third = world.times("receive")[2]
    assert world.times("inferred")[1] - third == pytest.approx(0.1, abs=0.16)
    assert (round(third, 3), 0) in world.receives


async def test_nothing_is_prefetched_while_the_duration_is_unknown(world: Any, work: Any, fill: Any) -> None:
    fill(2)
    await work(seconds=60, runtime={"seconds": 10.0})
    assert world.times("receive")[1] >= world.times("inferred")[0]


async def test_progress_estimates_the_end_of_a_task_of_an_unknown_kind(world: Any, work: Any, fill: Any) -> None:
    fill(2)
    world.call_s = 0.02
    await work(seconds=60, runtime={"seconds": 10.0, "progress_every_s": 0.5})
    assert gaps(world) == [0.0]


async def test_at_most_one_task_is_fetched_ahead(world: Any, work: Any, fill: Any) -> None:
    fill(5)
    world.call_s = 0.02
    most = 0

    def look(_: Worker) -> None:
        nonlocal most
        running = [one for one in world.records.values() if one[table.STATUS] == Status.RUNNING]
        most = max(most, len(running))

    await work(seconds=60, runtime={"seconds": 2.0}, during={0.1 * n: look for n in range(150)})
    assert most == 2


async def test_a_fetched_task_is_released_once_when_the_gpu_stays_busy(
    world: Any, work: Any, fill: Any, make: Any
) -> None:
    fill(3)
    lengths = {make.submission(1): 5.0, make.submission(2): 100.0, make.submission(3): 5.0}
    await work(seconds=300, runtime={"seconds": lengths, "progress_every_s": None}, stall_s=1000)
    third = make.submission(3)
    releases = world.times("release: queued")
    assert len(releases) == 1
    assert releases[0] - world.times("receive m3")[0] == pytest.approx(0.5, abs=0.01)  # two leads
    assert world.times("inferred")[1] > releases[0]
    assert world.records[table.task_pk("o", "t3"), f"S#{third}"][table.ATTEMPTS] == 1


async def test_an_empty_queue_is_polled_once_while_the_gpu_is_busy(world: Any, work: Any, fill: Any) -> None:
    fill(2)
    await work(seconds=25, runtime={"seconds": 10.0})
    assert [seconds for seconds, wait_s in world.receives if wait_s == 0] == [pytest.approx(19.75, abs=0.2)]


async def test_results_are_stored_while_the_next_task_is_inferred(world: Any, work: Any, fill: Any) -> None:
    fill(3)
    world.put_s = 1.0
    await work(seconds=60, runtime={"seconds": 3.0})
    assert world.times("post")[1] < world.times("finish: completed")[0]
    assert statuses(world) == [Status.COMPLETED] * 3


async def test_inferring_waits_while_two_results_wait_for_storage(world: Any, work: Any, fill: Any) -> None:
    fill(5)
    world.put_s = 10.0
    await work(seconds=200, runtime={"seconds": 1.0})
    assert statuses(world) == [Status.COMPLETED] * 5
    stored = world.times("finish: completed")
    for number, post in enumerate(world.times("post")[3:], start=3):
        # The previous task could release the GPU only after the third-last one was stored.
        assert post >= stored[number - 3]


async def test_outputs_are_stored_as_they_come(world: Any, work: Any) -> None:
    world.put_s = 1.0
    await work(runtime={"files": (OutputFile(data=b"x", extension="png", content_type="image/png"),) * 4})
    puts = world.times("put png")
    assert max(puts) - min(puts) < 0.5
    assert len(world.objects) == 5


async def test_a_failure_that_only_the_response_reports_ends_the_task_and_not_the_agent(
    world: Any, work: Any, fill: Any
) -> None:
    fill(2)
    await work(seconds=60, runtime={"answer_error": TaskFailedError("runtime_error", "no such sampler")})
    assert statuses(world) == [Status.FAILED] * 2


async def test_a_redelivery_of_a_held_task_brings_a_newer_handle_and_nothing_else(
    world: Any, work: Any, make: Any, fill: Any
) -> None:
    fill(2)
    world.put_s = 30.0

    def redeliver(_: Worker) -> None:
        message = make.message(1)
        world.hidden.pop("h1")[1].cancel()
        world.arrive(type(message)(id="m1", body=message.body, handle="newer", sent_at_ms=message.sent_at_ms))

    await work(seconds=200, runtime={"seconds": 2.0}, during={5: redeliver})
    assert "delete newer" in world.names()
    assert "delete h1" not in world.names()
    assert world.posts == [make.submission(1), make.submission(2)]


async def test_at_a_stop_the_fetched_task_is_released_and_the_running_one_ends(
    world: Any, work: Any, fill: Any
) -> None:
    fill(3)
    # The second runs from 10 to 20 s; the third is fetched shortly before.
    await work(seconds=19.9, runtime={"seconds": 10.0})
    assert statuses(world) == [Status.COMPLETED, Status.COMPLETED, Status.QUEUED]
    assert "interrupt" not in world.names()[1:]
    assert len(world.posts) == 2


async def test_when_the_runtime_dies_the_fetched_task_is_released_without_an_attempt(
    world: Any, work: Any, fill: Any
) -> None:
    fill(3)
    runtime: dict[str, Any] = {"seconds": 10.0}

    def die(worker: Worker) -> None:
        worker._runtime.outcome = RuntimeUnavailableError("died", accepted=True)  # type: ignore[attr-defined]  # the fake
        worker._runtime.ready = False  # type: ignore[attr-defined]  # as above

    await work(seconds=40, runtime=runtime, during={15: die})
    attempts = [record[table.ATTEMPTS] for record in world.records.values()]
    assert statuses(world) == [Status.COMPLETED, Status.QUEUED, Status.QUEUED]
    assert attempts == [1, 1, 0]


async def test_a_fetched_task_that_is_cancelled_leaves_the_running_one_alone(
    world: Any, work: Any, fill: Any, make: Any
) -> None:
    fill(3)
    key = (table.task_pk("o", "t3"), f"S#{make.submission(3)}")

    def cancel() -> None:
        world.records[key] = make.record(Status.CANCELLED, number=3)

    # Held for a long time: the lead is the maximum, and it includes a heartbeat.
    lengths = {make.submission(1): 20.0, make.submission(2): 26.0, make.submission(3): 1.0}
    world.call_s = 0.9
    world.before["claim: running"] = lambda: world.before.update(
        {"claim: running": lambda: world.before.update({"claim: running": cancel})}
    )
    await work(seconds=200, runtime={"seconds": lengths})
    assert statuses(world)[:2] == [Status.COMPLETED, Status.COMPLETED]
    assert world.names().count("interrupt") == 1  # only at the start


async def test_while_the_table_is_unavailable_the_running_task_goes_on_and_nothing_is_received(
    world: Any, work: Any, fill: Any
) -> None:
    fill(3)

    def down(_: Worker) -> None:
        world.table_is_up = False

    def up(_: Worker) -> None:
        world.table_is_up = True

    await work(seconds=100, runtime={"seconds": 10.0}, during={19: down, 30: up})
    assert statuses(world)[:2] == [Status.COMPLETED, Status.COMPLETED]
    assert [seconds for seconds in world.times("receive") if 20.5 < seconds < 30] == []
    assert "interrupt" not in world.names()[1:]


async def test_the_agent_is_ready_only_while_it_can_work(world: Any, work: Any, tmp_path: Path) -> None:
    world.messages = []
    ready = tmp_path / "ready"
    seen: list[bool] = []
    await work(seconds=5, during={1: lambda _: seen.append(ready.exists())}, ready_marker=ready)
    assert seen == [True]
    assert not ready.exists()


async def test_tasks_of_one_kind_leave_no_gap_over_a_long_run(world: Any, work: Any, fill: Any) -> None:
    fill(200)
    world.call_s = 0.015
    await work(seconds=100, runtime={"seconds": 0.2, "prepare_s": 0.005})
    assert statuses(world) == [Status.COMPLETED] * 200
    starts = world.times("post")
    assert all(later - earlier == pytest.approx(0.2, abs=0.002) for earlier, later in pairwise(starts[2:]))
