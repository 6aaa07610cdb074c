"""Kill, suspend and cancel at every call: no task is lost, ends twice, or runs twice without a fault."""

import pytest

from queue_agent import clock
from tests.unit.queue_agent.conftest import EPOCH_MS, virtual_time
from tests.unit.queue_agent.fault_world import Fault, Kind, play, submissions
from tests.unit.queue_agent.promises import broken

pytestmark = [pytest.mark.asyncio, virtual_time]


@pytest.fixture(autouse=True)
def virtual_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now_ms", lambda: EPOCH_MS + round(clock.monotonic_s() * 1000))


async def test_without_a_fault_every_task_is_inferred_once() -> None:
    shared, passings = await play(Fault())
    assert broken(shared, faults=0) == []
    assert sorted(one.submission for one in shared.inferences) == submissions()
    # Each port is used. Otherwise the other tests prove nothing.
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
