"""The reconciler: overdue tasks, and tasks of runtimes that are not there any more."""

import json

import pytest

from sd_on_eks.task_recovery.recovery.run import Run
from sd_on_eks.task_recovery.recovery.stranded_tasks import StrandedTasks
from task_record import table
from task_record.status import Status
from task_record.transition import Transition
from task_record.transitions import TaskRef
from tests.unit.task_recovery.world import MINUTE, NOW, TIMES, World, refusal

LONG = 240.0


def end(world: World, *runtimes: str, run: Run | None = None) -> Run:
    run = run or Run(lambda: LONG)
    StrandedTasks(world.records, runtimes=runtimes, times=TIMES, now_ms=lambda: NOW).end(run)
    return run


def error_of(world: World, task: TaskRef) -> str | None:
    record = world.record(task)
    assert record is not None
    return json.loads(str(record[table.ERROR]))["code"] if table.ERROR in record else None


def test_an_overdue_task_fails(world: World) -> None:
    task = world.submit("t", expires_at=NOW)
    assert end(world, "sd").counts == {"Expired": 1}
    assert error_of(world, task) == "expired"


def test_a_task_in_time_stays(world: World) -> None:
    task = world.submit("t", expires_at=NOW + 1)
    assert end(world, "sd").counts == {}
    assert error_of(world, task) is None


def test_an_overdue_task_under_a_live_lease_stays_until_it_has_lapsed(world: World) -> None:
    task = world.submit("t", expires_at=NOW - 1, status="running", claim="c", lease_until=NOW + 1)
    assert end(world, "sd").counts == {}
    world.submit("t", expires_at=NOW - 1, status="running", claim="c", lease_until=NOW - 2_001)
    assert end(world, "sd").counts == {"Expired": 1}
    assert error_of(world, task) == "expired"


def test_a_task_whose_runtime_is_gone_fails_and_names_it(world: World) -> None:
    stays, goes = world.submit("stays"), world.submit("goes", runtime="old")
    assert end(world, "sd", "comfy").counts == {"RuntimeGone": 1}
    assert (error_of(world, stays), error_of(world, goes)) == (None, "runtime_gone")
    record = world.record(goes)
    assert record is not None
    assert "there is no runtime old any more" in str(record[table.ERROR])


def test_a_running_task_of_a_removed_runtime_ends_by_its_agent(world: World) -> None:
    task = world.submit("t", runtime="old", status="running", claim="c", lease_until=NOW + 1)
    assert end(world, "sd").counts == {}
    assert error_of(world, task) is None


def test_a_first_task_of_a_runtime_that_this_run_cannot_know_yet_stays(world: World) -> None:
    task = world.submit("t", runtime="new", ago_ms=9 * MINUTE)
    assert end(world, "sd").counts == {}
    assert error_of(world, task) is None


def test_without_runtimes_every_task_is_stranded(world: World) -> None:
    task = world.submit("t")
    assert end(world).counts == {"RuntimeGone": 1}
    assert error_of(world, task) == "runtime_gone"


def test_every_page_is_read(world: World) -> None:
    query = world.dynamodb.meta.events
    query.register("provide-client-params.dynamodb.Query", lambda params, **_: {**params, "Limit": 2})
    for number in range(7):
        world.submit(f"t{number}", runtime="old" if number % 2 else "sd", expires_at=NOW + number - 3)
    assert end(world, "sd").counts == {"Expired": 4, "RuntimeGone": 1}


def test_a_run_out_of_time_reads_no_further_page_though_none_has_a_task(world: World) -> None:
    pages = []
    events = world.dynamodb.meta.events
    events.register("provide-client-params.dynamodb.Query", lambda params, **_: {**params, "Limit": 1})
    events.register("before-call.dynamodb.Query", lambda **_: pages.append(1))
    for number in range(9):
        world.submit(f"t{number}")
    # One look at the clock after each page: the overdue have one, of the others four are looked at.
    remaining = iter([LONG, LONG, *(LONG / 2 + seconds for seconds in (4, 3, 2, 1, 0))])
    end(world, "sd", run=Run(lambda: next(remaining)))
    assert len(pages) == 1 + 5


def test_ended_tasks_are_never_looked_at(world: World) -> None:
    task = world.submit("t", runtime="old", status=Status.COMPLETED)
    record = world.record(task)
    assert record is not None
    record.pop(table.OPEN)
    world.put(record)
    assert end(world, "sd").counts == {}


def test_a_record_that_the_table_refuses_does_not_stop_the_others(world: World) -> None:
    bad, good = world.submit("bad", expires_at=NOW - 2), world.submit("good", expires_at=NOW - 1)
    write = world.records.write

    def refuse_one(transition: Transition) -> object:
        if transition.key == bad.key:
            raise refusal("ValidationException", "UpdateItem")
        return write(transition)

    world.records.write = refuse_one  # type: ignore[assignment,method-assign] # a fault of the table
    run = end(world, "sd")
    assert (run.counts, run.errors) == ({"Expired": 1}, {"UpdateItem: ValidationException": 1})
    assert error_of(world, good) == "expired"


def test_half_of_a_run_is_left_for_others_and_the_next_run_goes_on(world: World) -> None:
    for number in range(4):
        world.submit(f"t{number}", expires_at=NOW - 1)
    # Each look at the clock takes a second: a run of ten seconds more than its half ends two tasks.
    remaining = iter([LONG, *(LONG / 2 + seconds for seconds in (2, 1, 0))])
    run = end(world, "sd", run=Run(lambda: next(remaining, 0.0)))
    assert run.counts == {"Expired": 2}
    assert end(world, "sd").counts == {"Expired": 2}


@pytest.mark.parametrize(("owner", "task_id"), [("a#b", "t"), ("-", "a%20b")])
def test_a_record_is_found_by_its_key_however_its_id_is_spelled(world: World, owner: str, task_id: str) -> None:
    task = TaskRef(owner=owner, id=task_id, submission="01J00000000000000000000000")
    world.put({**task.key, "id": "a b", "runtime": "sd", "status": "queued", "open": 1, "expires_at": NOW})
    assert end(world, "sd").counts == {"Expired": 1}
