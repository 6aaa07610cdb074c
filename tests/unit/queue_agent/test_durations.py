"""The estimate of the remaining time of an inference, from similar ones."""

import random
from collections.abc import Mapping
from itertools import pairwise

import pytest

from queue_agent.course import Course
from queue_agent.durations import Durations, expected_left_s

QUICK_NODES_FIRST = {0.1: 0.1, 0.6: 0.4, 0.8: 2.4}


def course(seconds: float | None = None, reached: Mapping[float, float] | None = None) -> Course:
    """A completed or a running course, with its shares over time."""
    one = Course()
    for share, at_s in (reached or {}).items():
        assert one.reach(share, at_s)
    if seconds is not None:
        one.end(seconds)
    return one


def test_what_is_left_is_what_similar_ones_took_from_there() -> None:
    similar = [course(4.4, QUICK_NODES_FIRST)]
    for share, at_s in (0.0, 0.0), (0.6, 0.4), (0.7, 1.4), (0.8, 2.4), (0.9, 3.4):
        under_way = course(reached={share: 9.0} if share else None)  # the elapsed time does not matter
        assert expected_left_s(similar, under_way) == pytest.approx(4.4 - at_s)


def test_ninety_percent_of_the_similar_ones_took_no_longer() -> None:
    similar = [course(2 + tenths / 10) for tenths in range(10)]
    assert expected_left_s(similar, course()) == pytest.approx(2.8)


def test_of_a_kind_that_was_never_seen_nothing_is_known() -> None:
    assert expected_left_s(Durations().similar("x"), course(reached={0.5: 1.0})) is None


def test_long_ones_that_differ_are_compared_in_proportion() -> None:
    similar = [course(seconds, {0.6: seconds / 11}) for seconds in (4.4, 22.0)]
    assert expected_left_s(similar, course()) is None  # it is unknown yet which of them it is similar to
    assert expected_left_s(similar, course(reached={0.6: 1.0})) == pytest.approx(10.0)


def test_long_ones_that_differ_in_proportion_as_well_say_nothing() -> None:
    similar = [course(4.0, {0.5: 1.0}), course(40.0, {0.5: 1.0})]
    assert expected_left_s(similar, course(reached={0.5: 1.0})) is None


def test_short_ones_may_differ() -> None:
    assert expected_left_s([course(0.1), course(1.9)], course()) == pytest.approx(1.9)


def test_only_the_last_ones_count() -> None:
    durations = Durations()
    for seconds in [9.0] * 5 + [1.0] * 20:
        durations.add("x", course(seconds))
    assert {one.seconds for one in durations.similar("x")} == {1.0}


def test_the_kind_that_was_not_seen_for_longest_is_forgotten() -> None:
    durations = Durations()
    for number in range(200):
        durations.add(str(number), course(1.0))
    durations.add("0", course(1.0))
    durations.add("new", course(1.0))
    assert [bool(durations.similar(kind)) for kind in ("0", "1", "2", "new")] == [True, False, True, True]


def test_a_smaller_share_is_not_further() -> None:
    one = course(reached={0.5: 1.0})
    assert not one.reach(0.4, 2.0)
    assert not one.reach(0.5, 2.0)
    assert (one.share, one.seconds) == (0.5, 1.0)


def test_a_server_that_says_all_is_done_may_still_compute() -> None:
    assert expected_left_s([course(30.0, {0.5: 5.0, 1.0: 10.0})], course(reached={1.0: 9.0})) == pytest.approx(20.0)


def test_thousands_of_steps_stay_small_and_keep_their_times() -> None:
    chance = random.Random(7)
    # Random shares and times, with a long pause.
    shares = sorted(chance.random() for _ in range(5_000))
    times = sorted(chance.choice((1, 50)) * chance.random() for _ in range(5_000))
    full = dict(zip(shares, times, strict=True))
    thinned = course(60.0, full)
    assert len(thinned._shares) < 140
    assert all(thinned.seconds_to(share) == pytest.approx(at_s, abs=60 / 64) for share, at_s in full.items())
    assert all(early <= late for early, late in pairwise(map(thinned.seconds_to, shares)))
