"""A service of AWS is unavailable, in each way and at each time: nothing is lost, and callers are notified in time."""

import json

import pytest

from queue_agent import clock
from task_record import table
from task_record.status import Status
from task_record.transition import Transition
from tests.unit.queue_agent.conftest import EPOCH_MS, virtual_time
from tests.unit.queue_agent.fault_world import Shared
from tests.unit.queue_agent.outage_world import Kind, Moment, Outage, Service, play
from tests.unit.queue_agent.promises import broken

pytestmark = [pytest.mark.asyncio, virtual_time]

TASKS = 3
SHORT_S = 20.0
FOR_GOOD_S = 120.0
"""Longer than all retries except those of a finish. The events after it show that nothing was lost."""
NOTIFIED_WITHIN_MS = 60_000
HEARTBEAT_S = 3.0

every_kind = pytest.mark.parametrize("kind", ["503", "403", "reset", "hang", "lost_reply"])
every_moment = pytest.mark.parametrize("moment", ["receiving", "preparing", "inferring", "delivering"])


@pytest.fixture(autouse=True)
def virtual_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now_ms", lambda: EPOCH_MS + round(clock.monotonic_s() * 1000))
    monkeypatch.setattr(Transition, "update_item", lambda transition, _table_name: {"transition": transition})


def statuses(shared: Shared) -> list[str]:
    return [str(item[table.STATUS]) for item in shared.world.records.values()]


def count_until(seconds: float, shared: Shared, what: str) -> int:
    """Number of events with a name until a time."""
    return sum(at <= seconds for at in shared.world.times(what))


@every_moment
@every_kind
@pytest.mark.parametrize("service", ["s3", "sqs", "dynamodb"])
async def test_a_short_outage_costs_no_task_and_no_second_inference(
    service: Service, kind: Kind, moment: Moment
) -> None:
    shared = await play(Outage(service, kind, moment, SHORT_S), tasks=TASKS)
    assert broken(shared, tasks=TASKS, faults=0) == []
    assert statuses(shared) == [Status.COMPLETED] * TASKS


@every_moment
@every_kind
async def test_callers_are_notified_within_a_minute_that_results_cannot_be_stored(kind: Kind, moment: Moment) -> None:
    shared = await play(Outage("s3", kind, moment, FOR_GOOD_S), tasks=TASKS)
    assert broken(shared, tasks=TASKS, faults=0) == []
    records = shared.world.records.values()
    assert [json.loads(str(item[table.ERROR]))["code"] for item in records] == ["storage"] * TASKS
    assert max(int(item[table.FINISHED_AT]) - int(item[table.STARTED_AT]) for item in records) <= NOTIFIED_WITHIN_MS


@every_moment
@every_kind
async def test_without_the_queue_what_was_received_is_finished_under_its_lease(kind: Kind, moment: Moment) -> None:
    outage = Outage("sqs", kind, moment, FOR_GOOD_S)
    shared = await play(outage, tasks=TASKS)
    assert broken(shared, tasks=TASKS, faults=0) == []
    received = count_until(shared.world.at("away"), shared, "receive")
    assert sorted(outage.statuses) == [Status.COMPLETED] * received + [Status.QUEUED] * (TASKS - received)
    assert statuses(shared) == [Status.COMPLETED] * TASKS


@every_kind
async def test_without_the_queue_a_long_inference_keeps_its_lease(kind: Kind) -> None:
    outage = Outage("sqs", kind, "inferring", FOR_GOOD_S)
    shared = await play(outage, tasks=1, agents=1, inference_s=60)
    assert broken(shared, tasks=1, faults=0) == []
    assert outage.statuses == [Status.COMPLETED]


@every_kind
@pytest.mark.parametrize("after_s", [10, 12, 14])
async def test_without_the_queue_a_cancel_is_detected_at_the_next_heartbeat(kind: Kind, after_s: float) -> None:
    outage = Outage("sqs", kind, "inferring", FOR_GOOD_S, cancelled_after_s=after_s)
    shared = await play(outage, tasks=1, agents=1, inference_s=60)
    assert broken(shared, tasks=1, faults=0) == []
    assert statuses(shared) == [Status.CANCELLED]
    assert shared.world.times("interrupt")[1] - shared.world.at("cancel") <= HEARTBEAT_S + 0.1


@every_moment
@every_kind
async def test_without_the_table_nothing_new_begins_and_nothing_is_lost(kind: Kind, moment: Moment) -> None:
    shared = await play(Outage("dynamodb", kind, moment, FOR_GOOD_S), tasks=TASKS)
    assert broken(shared, tasks=TASKS, faults=1) == []
    assert statuses(shared) == [Status.COMPLETED] * TASKS
    claimed = count_until(shared.world.at("away"), shared, "claim: running")
    assert count_until(shared.world.at("back"), shared, "post") == claimed


CLAIMED = ["claim: running", "post"]
STORED = ["put png", "put out", "finish: completed"]
NOT_STORED = ["finish: failed", "delete h1", "back"]
DELETED_LATER = ["back", "claim refused", "delete h1"]


@pytest.mark.parametrize(
    ("service", "moment", "order"),
    [
        ("s3", "receiving", ["away", *CLAIMED, *NOT_STORED]),
        ("s3", "preparing", ["claim: running", "away", *NOT_STORED]),
        ("s3", "inferring", [*CLAIMED, "away", *NOT_STORED]),
        ("s3", "delivering", [*CLAIMED, "away", *NOT_STORED]),
        ("sqs", "receiving", ["away", "back", *CLAIMED, *STORED, "delete h1"]),
        ("sqs", "preparing", ["claim: running", "away", "read", "post", *STORED, *DELETED_LATER]),
        ("sqs", "inferring", [*CLAIMED, "away", *STORED, *DELETED_LATER]),
        ("sqs", "delivering", [*CLAIMED, "away", *STORED, *DELETED_LATER]),
        ("dynamodb", "receiving", ["away", "visibility 10", "back", *CLAIMED, *STORED, "delete h1"]),
        (
            "dynamodb",
            "preparing",
            ["claim: running", "away", "read", "post", "put png", "put out", "back", "finish: completed", "delete h1"],
        ),
        ("dynamodb", "inferring", [*CLAIMED, "away", "put png", "put out", "back", "finish: completed", "delete h1"]),
        ("dynamodb", "delivering", [*CLAIMED, "away", "put png", "put out", "back", "finish: completed", "delete h1"]),
    ],
)
async def test_an_outage_leaves_the_order_as_it_is(service: Service, moment: Moment, order: list[str]) -> None:
    shared = await play(Outage(service, "reset", moment, FOR_GOOD_S), tasks=1, agents=1)
    names = [name for name in shared.world.names() if not name.startswith("receive")]
    assert names == ["interrupt", *order]


@pytest.mark.parametrize("kind", ["503", "403", "reset", "hang"])
async def test_without_the_table_an_inference_is_interrupted_at_its_deadline_and_restarted_later(kind: Kind) -> None:
    shared = await play(Outage("dynamodb", kind, "inferring", FOR_GOOD_S), tasks=1, agents=1, inference_s=100)
    names = [name for name in shared.world.names() if name != "receive m1"]
    assert names == [
        *("interrupt", *CLAIMED, "away", "interrupt", "visibility 10", "back"),
        *("claim: running", "post", *STORED, "delete h1"),
    ]
    assert shared.world.times("interrupt")[1] - shared.world.at("post") == pytest.approx(26, abs=0.1)


async def test_results_are_not_reported_as_failed_if_the_table_is_unavailable_longer_than_they_are_kept() -> None:
    shared = await play(Outage("dynamodb", "reset", "delivering", 700), tasks=1, agents=1)
    assert broken(shared, tasks=1, faults=1) == []
    assert statuses(shared) == [Status.COMPLETED]
