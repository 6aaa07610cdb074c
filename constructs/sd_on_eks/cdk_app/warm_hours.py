"""How many hours a month runtimes keep which replicas, whatever their queues say: always, and by schedule.

The replicas of a moment are the most that `minReplicaCount` and the schedules ask for, as KEDA takes them. A month is a
twelfth of a year; the zones' daylight saving time is left out, which moves hours and changes no length.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sd_on_eks.config.cron import CronTimes, cron_times
from sd_on_eks.config.scaling import Scaling, Schedule

HOURS_PER_MONTH: Final = 730.0
"""A twelfth of a year, as in AWS's own calculator."""

_BEGIN: Final = datetime(2025, 1, 1)  # noqa: DTZ001 (wall-clock time of each schedule's own zone)
_MINUTES_PER_DAY: Final = 24 * 60
_DAYS: Final = 365
_YEAR: Final = _DAYS * _MINUTES_PER_DAY


def warm_hours(scalings: Sequence[Scaling]) -> Mapping[tuple[int, ...], float]:
    """Hours a month with the same replicas.

    Args:
        scalings: those of the runtimes.

    Returns:
        Replicas of each runtime, in the order of `scalings` -> hours a month. Together `HOURS_PER_MONTH`.
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
    """Minute of the year, place of the runtime, replicas; 1 where a schedule begins to ask for them, -1 at its end."""
    for runtime, scaling in enumerate(scalings):
        for schedule in scaling.schedules:
            for begin, end in _active(schedule):
                yield begin, runtime, schedule.replicas, 1
                yield end, runtime, schedule.replicas, -1


def _active(schedule: Schedule) -> Iterator[tuple[int, int]]:
    """When a schedule holds its replicas: from and until which minute of the year.

    KEDA holds them while the next end comes before the next start, or with it: until each end, since what came last
    before it. https://github.com/kedacore/keda/blob/v2.20.2/pkg/scalers/cron_scaler.go
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
    """Minutes of the year at which an expression comes."""
    in_day = [60 * hour + minute for hour in times.hours for minute in times.minutes]
    for day in range(_DAYS):
        date = _BEGIN + timedelta(days=day)
        if (date.month, date.day, date.isoweekday() % 7) in times.days:
            yield from (day * _MINUTES_PER_DAY + minute for minute in in_day)
