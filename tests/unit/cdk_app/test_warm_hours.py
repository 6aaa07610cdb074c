"""Warm hours: the replicas that schedules keep per month, as in KEDA."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sd_on_eks.cdk_app.warm_hours import HOURS_PER_MONTH, warm_hours
from sd_on_eks.config.scaling import Scaling, Schedule


def schedule(start: str, end: str, replicas: int = 1, timezone: str = "UTC") -> Schedule:
    return Schedule(timezone=timezone, start=start, end=end, replicas=replicas)


def scaling(*schedules: Schedule, always: int = 0) -> Scaling:
    return Scaling().model_copy(update={"min_replica_count": always, "schedules": schedules})


def hours_of(*schedules: Schedule, always: int = 0) -> dict[int, float]:
    """Replicas -> hours per month, for one runtime."""
    hours = warm_hours([scaling(*schedules, always=always)])
    return {replicas: count for (replicas,), count in hours.items()}


@pytest.mark.parametrize(
    ("start", "end", "hours_a_year"),
    [
        pytest.param("0 8 * * 1-5", "0 19 * * 1-5", 261 * 11, id="working days"),
        pytest.param("30 8 * * *", "15 9 * * *", 365 * 0.75, id="minutes"),
        pytest.param("0 22 * * *", "0 6 * * *", 365 * 8, id="over midnight and new year"),
        # The year's last day is one more than 52 weeks.
        pytest.param("0 8 * * 1", "0 20 * * 5", 52 * (4 * 24 + 12) + 24, id="Monday to Friday"),
        pytest.param("0 0 1 7 *", "0 0 1 8 *", 31 * 24, id="a month"),
        # KEDA keeps the replicas until the next end, unless a start is before it.
        pytest.param("0 8 * * 1", "0 19 * * *", 365 * 24 - 52 * 13, id="more ends than starts"),
        pytest.param("0,30 8 * * *", "0 9 * * *", 365 * 0.5, id="more starts than ends"),
        pytest.param("0 8 * * *", "0 0 29 2 *", 0, id="no end in most years"),
    ],
)
def test_schedule_is_active_until_each_end(start: str, end: str, hours_a_year: float) -> None:
    assert hours_of(schedule(start, end)).get(1, 0) == pytest.approx(hours_a_year / 12)


def test_schedules_of_one_runtime_overlap_by_the_largest() -> None:
    hours = hours_of(schedule("0 8 * * *", "0 12 * * *", 2), schedule("0 10 * * *", "0 14 * * *", 3))
    day = HOURS_PER_MONTH / 24
    assert hours == {0: pytest.approx(18 * day), 2: pytest.approx(2 * day), 3: pytest.approx(4 * day)}


def test_schedules_of_two_time_zones_overlap_where_they_do() -> None:
    berlin, new_york = (
        schedule("0 8 * * *", "0 19 * * *", timezone=zone) for zone in ("Europe/Berlin", "America/New_York")
    )
    assert hours_of(berlin, new_york)[1] == pytest.approx(17 * HOURS_PER_MONTH / 24)


def test_always_on_replicas_are_the_minimum() -> None:
    hours = hours_of(schedule("0 8 * * *", "0 20 * * *", 2), schedule("0 9 * * *", "0 10 * * *", 5), always=3)
    assert hours == {3: pytest.approx(23 * HOURS_PER_MONTH / 24), 5: pytest.approx(HOURS_PER_MONTH / 24)}


def test_runtimes_are_distinguished() -> None:
    early, late = schedule("0 8 * * *", "0 12 * * *"), schedule("0 10 * * *", "0 14 * * *")
    day = HOURS_PER_MONTH / 24
    assert warm_hours([scaling(early), scaling(late)]) == {
        (0, 0): pytest.approx(18 * day),
        (1, 0): pytest.approx(2 * day),
        (1, 1): pytest.approx(2 * day),
        (0, 1): pytest.approx(2 * day),
    }


@given(hours=st.lists(st.tuples(st.integers(0, 23), st.integers(0, 23)), max_size=3))
@settings(max_examples=25)
def test_hours_are_those_of_a_month(hours: list[tuple[int, int]]) -> None:
    schedules = [schedule(f"0 {start} * * 1-5", f"0 {end} * * *") for start, end in hours]
    assert sum(hours_of(*schedules).values()) == pytest.approx(HOURS_PER_MONTH)
