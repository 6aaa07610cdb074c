"""The hours per month in which runtimes keep minimum numbers of replicas, permanently or by schedule.

At each time, the minimum is the maximum of `minReplicaCount` and the active schedules, as in KEDA. A month is a twelfth
of a year. Daylight saving time is ignored: it shifts periods but does not change their length.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sd_on_eks.config.cron import CronTimes, cron_times
from sd_on_eks.config.scaling import Scaling, Schedule

HOURS_PER_MONTH: Final = 730.0
"""A twelfth of a year, as in the AWS Pricing Calculator."""

_BEGIN: Final = datetime(2025, 1, 1)  # noqa: DTZ001 (local time in the time zone of each schedule)
_MINUTES_PER_DAY: Final = 24 * 60
_DAYS: Final = 365
_YEAR: Final = _DAYS * _MINUTES_PER_DAY


def warm_hours(scalings: Sequence[Scaling]) -> Mapping[tuple[int, ...], float]:
    """Hours per month for each combination of minimum replicas.

    Args:
        scalings: the scaling configuration of each runtime.

    Returns:
        Replicas of each runtime, in the order of `scalings` -> hours per month. The sum is `HOURS_PER_MONTH`.
    """
    changes = sorted(_changes(scalings))
    active: list[Counter[int]] = [Counter() for _ in scalings]
    minutes: Counter[tuple[int, ...]] = Counter()
    before = 0
    for minute, runtime, replicas, change in [*changes, (_YEAR, 0, 0, 0)]:
        if minute > before:
            minutes[tuple(map(_replicas, scalings, active))] += minute - before
            before = minute
        if change:
            active[runtime][replicas] += change
    return {replicas: HOURS_PER_MONTH * count / _YEAR for replicas, count in minutes.items()}


def _replicas(scaling: Scaling, active: Counter[int]) -> int:
    return max(scaling.min_replica_count, *(replicas for replicas, count in active.items() if count), 0)


def _changes(scalings: Sequence[Scaling]) -> Iterator[tuple[int, int, int, int]]:
    """Minute of the year, index of the runtime, replicas; 1 at the start of a schedule, -1 at its end."""
    for runtime, scaling in enumerate(scalings):
        for schedule in scaling.schedules:
            for begin, end in _active(schedule):
                yield begin, runtime, schedule.replicas, 1
                yield end, runtime, schedule.replicas, -1


def _active(schedule: Schedule) -> Iterator[tuple[int, int]]:
    """The periods in which a schedule is active: first and last minute of the year.

    KEDA keeps the replicas while the next end is before the next start or at the same time: until each end, since the
    last start or end before it. https://github.com/kedacore/keda/blob/v2.20.2/pkg/scalers/cron_scaler.go
    """
    ends = set(_minutes(cron_times(schedule.end)))
    events = sorted(ends | set(_minutes(cron_times(schedule.start))))
    if not ends:  # such as the 29th of February
        return
    offset = ZoneInfo(schedule.timezone).utcoffset(_BEGIN) or timedelta()
    ahead = int(offset.total_seconds()) // 60
    for before, event in zip([events[-1] - _YEAR, *events], events, strict=False):
        if event in ends:
            begin = (before - ahead) % _YEAR
            end = begin + event - before
            yield begin, min(end, _YEAR)
            if end > _YEAR:
                yield 0, end - _YEAR


def _minutes(times: CronTimes) -> Iterator[int]:
    """Minutes of the year that an expression matches."""
    in_day = [60 * hour + minute for hour in times.hours for minute in times.minutes]
    for day in range(_DAYS):
        date = _BEGIN + timedelta(days=day)
        if (date.month, date.day, date.isoweekday() % 7) in times.days:
            yield from (day * _MINUTES_PER_DAY + minute for minute in in_day)
