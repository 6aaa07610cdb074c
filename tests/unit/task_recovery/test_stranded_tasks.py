"""The reconciler: overdue tasks, and tasks of removed runtimes."""

import json

import pytest

from sd_on_eks.task_recovery.recovery.run import Run
from sd_on_eks.task_recovery.recovery.stranded_tasks import StrandedTasks
from task_record import table
from task_record.status import Status
from task_record.transition import Transition
from task_record.transitions import TaskRef
from tests.unit.task_recovery.world import MINUTE, NOW, TIMES, World, client_error

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


def test_a_task_that_is_not_overdue_stays(world: World) -> None:
    task = world.submit("t", expires_at=NOW + 1)
    assert end(world, "sd").counts == {}
    assert error_of(world, task) is None


def test_an_overdue_task_with_a_live_lease_stays_until_the_lease_expires(world: World) -> None:
    task = world.submit("t", expires_at=NOW - 1, status="running", claim="c", lease_until=NOW + 1)
    assert end(world, "sd").counts == {}
    world.submit("t", expires_at=NOW - 1, status="running", claim="c", lease_until=NOW - 2_001)
    assert end(world, "sd").counts == {"Expired": 1}
    assert error_of(world, task) == "expired"


def test_a_task_of_a_removed_runtime_fails_and_names_it(world: World) -> None:
    stays, fails = world.submit("stays"), world.submit("fails", runtime="old")
    assert end(world, "sd", "comfy").counts == {"RuntimeGone": 1}
    assert (error_of(world, stays), error_of(world, fails)) == (None, "runtime_gone")
    record = world.record(fails)
    assert record is not None
    assert "the runtime old was removed from the deployment" in str(record[table.ERROR])


def test_a_running_task_of_a_removed_runtime_is_left_to_its_agent(world: World) -> None:
    task = world.submit("t", runtime="old", status="running", claim="c", lease_until=NOW + 1)
    assert end(world, "sd").counts == {}
    assert error_of(world, task) is None


def test_a_new_task_of_a_runtime_that_this_run_does_not_know_yet_stays(world: World) -> None:
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


def test_a_run_that_is_out_of_time_reads_no_further_page_even_if_all_are_empty(world: World) -> None:
    pages = []
    events = world.dynamodb.meta.events
    events.register("provide-client-params.dynamodb.Query", lambda params, **_: {**params, "Limit": 1})
    events.register("before-call.dynamodb.Query", lambda **_: pages.append(1))
    for number in range(9):
        world.submit(f"t{number}")
    # The clock is read once after each page: overdue tasks have one page, of the others four are read.
    remaining = iter([LONG, LONG, *(LONG / 2 + seconds for seconds in (4, 3, 2, 1, 0))])
    end(world, "sd", run=Run(lambda: next(remaining)))
    assert len(pages) == 1 + 5


def test_ended_tasks_are_never_read(world: World) -> None:
    task = world.submit("t", runtime="old", status=Status.COMPLETED)
    record = world.record(task)
    assert record is not None
    record.pop(table.OPEN)
    world.put(record)
    assert end(world, "sd").counts == {}


def test_a_record_that_cannot_be_written_does_not_stop_the_others(world: World) -> None:
    bad, good = world.submit("bad", expires_at=NOW - 2), world.submit("good", expires_at=NOW - 1)
    write = world.records.write

    def fail_one(transition: Transition) -> object:
        if transition.key == bad.key:
            raise client_error("ValidationException", "UpdateItem")
        return write(transition)

    world.records.write = fail_one  # type: ignore[assignment,method-assign] # an error of the table
    run = end(world, "sd")
    assert (run.counts, run.errors) == ({"Expired": 1}, {"UpdateItem: ValidationException": 1})
    assert error_of(world, good) == "expired"


def test_half_of_a_run_is_left_for_lost_messages_and_the_next_run_continues(world: World) -> None:
    for number in range(4):
        world.submit(f"t{number}", expires_at=NOW - 1)
    # Each time the clock is read, a second passes: two tasks end before half of the run's time is over.
    remaining = iter([LONG, *(LONG / 2 + seconds for seconds in (2, 1, 0))])
    run = end(world, "sd", run=Run(lambda: next(remaining, 0.0)))
    assert run.counts == {"Expired": 2}
    assert end(world, "sd").counts == {"Expired": 2}


@pytest.mark.parametrize(("owner", "task_id"), [("a#b", "t"), ("-", "a%20b")])
def test_a_record_is_found_by_its_key_and_not_by_its_id(world: World, owner: str, task_id: str) -> None:
    task = TaskRef(owner=owner, id=task_id, submission="01J00000000000000000000000")
    world.put({**task.key, "id": "a b", "runtime": "sd", "status": "queued", "open": 1, "expires_at": NOW})
    assert end(world, "sd").counts == {"Expired": 1}
