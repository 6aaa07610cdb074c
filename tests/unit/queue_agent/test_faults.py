"""Kill, stop and cancel at every call: nothing is lost, nothing ends twice, nothing runs twice but for the fault."""

from collections.abc import Iterator
from itertools import combinations

import pytest

from queue_agent import clock
from task_record import table
from task_record.status import TERMINAL, Status
from tests.unit.queue_agent.conftest import EPOCH_MS
from tests.unit.queue_agent.fault_world import Fault, Inference, Kind, Shared, play, submissions

pytestmark = [pytest.mark.asyncio, pytest.mark.looptime]


@pytest.fixture(autouse=True)
def virtual_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now_ms", lambda: EPOCH_MS + round(clock.monotonic_s() * 1000))


def broken(shared: Shared, *, faults: int, was_checked: bool) -> list[str]:
    """The promises that a run broke.

    Args:
        shared: what happened.
        faults: kills and stops that were injected.
        was_checked: the fault came between the check of the deadline and the request, which nobody can fence.
    """
    found = [promise for one in submissions() for promise in _broken_of(shared, one, faults, was_checked)]
    if shared.world.messages or shared.world.hidden:
        found.append("messages are left")
    return found


def _broken_of(shared: Shared, submission: str, faults: int, was_checked: bool) -> Iterator[str]:
    item = shared.record_of(submission)
    endings = shared.world.endings.get(submission, [])
    if item[table.STATUS] not in TERMINAL or len(endings) != 1:
        yield f"{submission} is {item[table.STATUS]} and ended {len(endings)} times"
    mine = [one for one in shared.inferences if one.submission == submission]
    if len(mine) > 1 + faults:
        yield f"{submission} was inferred {len(mine)} times"
    if any(_overlap(one, other) for one, other in combinations(mine, 2)):
        yield f"{submission} was inferred twice at once"
    if not was_checked and any(one.others_lease or one.was_finished for one in mine):
        yield f"{submission} was begun under another's lease, or after it had ended"
    if item[table.STATUS] == Status.COMPLETED and f"-{str(item[table.CLAIM])[:4]}-0.png" not in str(item[table.RESULT]):
        yield f"{submission} names objects of another claim"


def _overlap(one: Inference, other: Inference) -> bool:
    if one.ended is None or other.ended is None:
        return True
    return one.started < other.ended and other.started < one.ended


async def test_without_a_fault_every_task_is_inferred_once() -> None:
    shared, passings = await play(Fault())
    assert broken(shared, faults=0, was_checked=False) == []
    assert sorted(one.submission for one in shared.inferences) == submissions()
    # Each port is passed, or what follows proves nothing.
    ports = {"receive", "claim", "inputs", "prepare", "infer", "put", "finish", "delete", "interrupt", "visibility"}
    assert {what.split()[1] for what in passings if what.startswith("before")} >= ports


@pytest.mark.parametrize("kind", ["kill", "pause", "cancel"])
@pytest.mark.parametrize("shard", range(4))
async def test_a_fault_at_any_call_breaks_no_promise(kind: Kind, shard: int) -> None:
    _, passings = await play(Fault())
    found: dict[str, list[str]] = {}
    for number in range(shard, len(passings), 4):
        shared, seen = await play(Fault(kind, number))
        what = seen[number]
        promises = broken(shared, faults=int(kind != "cancel"), was_checked=what in {"checked", "before infer"})
        if promises:
            found[f"{number}: {what}"] = promises
    assert found == {}
