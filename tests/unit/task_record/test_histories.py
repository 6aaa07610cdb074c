"""Searches over all histories of one submission: the protocol's promises hold, and each of its rules is needed."""

from dataclasses import fields

import pytest

from tests.unit.task_record.history_search import Bounds, BrokenPromiseError, Rules, Search

WITHIN_HALF_THE_CLOCK_ERROR = (-1, 1)
"""Half ticks: one agent half a second behind the table's clock, the other half a second before it; e is one second."""

NEEDS_A_LOSS = Bounds(faults=0, lost_replies=0, claims=2, losses=1)


def test_every_history_keeps_the_promises() -> None:
    assert Search(skews=WITHIN_HALF_THE_CLOCK_ERROR).run() >= 100_000


def test_every_history_with_a_lost_and_a_double_message_keeps_the_promises() -> None:
    bounds = Bounds(faults=1, claims=3, cancels=0, losses=1, republishes=1)
    assert Search(skews=WITHIN_HALF_THE_CLOCK_ERROR, bounds=bounds).run() >= 10_000


@pytest.mark.soak
@pytest.mark.parametrize("skews", [(0, 0), (-1, 1), (1, -1)])
def test_every_longer_history_keeps_the_promises(skews: tuple[int, int]) -> None:
    assert Search(skews=skews, bounds=Bounds(faults=3, lost_replies=2, claims=5)).run() >= 500_000


@pytest.mark.soak
def test_every_longer_history_with_a_lost_and_double_messages_keeps_the_promises() -> None:
    bounds = Bounds(claims=3, losses=1, republishes=2)
    assert Search(skews=WITHIN_HALF_THE_CLOCK_ERROR, bounds=bounds).run() >= 300_000


def test_two_agents_each_off_by_the_whole_clock_error_overlap() -> None:
    # So an agent is ready only within half of it: see docs/adr/0004-clocks.md.
    with pytest.raises(BrokenPromiseError, match="two inferences at once"):
        Search(skews=(-2, 2)).run()


@pytest.mark.parametrize("rule", [rule.name for rule in fields(Rules)])
def test_without_a_rule_a_promise_is_broken(rule: str) -> None:
    with pytest.raises(BrokenPromiseError):
        Search(
            rules=Rules(**{rule: False}),
            skews=WITHIN_HALF_THE_CLOCK_ERROR,
            bounds=NEEDS_A_LOSS if rule == "a_lost_message_is_published_again" else Bounds(),
        ).run()
