"""Cron expressions as robfig/cron v3 parses them, the library of both KEDA and Karpenter.

Their webhooks and CRDs accept expressions that this library rejects. KEDA's operator then stops scaling the runtime,
and Karpenter does not remove any node of the pool, not even an empty one. An expression that never matches counts as
always active: KEDA keeps the replicas, Karpenter the budget.

This parser is stricter than the library, which reads `*-5` as `*`, `1,,2` as `1,2`, and `,` as never.

https://github.com/robfig/cron/blob/v3.0.1/parser.go
"""

import calendar
import re
from dataclasses import dataclass
from functools import cache
from typing import Final

Day = tuple[int, int, int]
"""Month from 1, day of the month from 1, day of the week from 0 (Sunday). Only days that exist in a leap year."""

_LEAP_YEAR: Final = 2024
_NUMBER: Final = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class CronTimes:
    """The times that an expression matches: each of the minutes in each of the hours on each of the days."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[Day]

    def includes(self, other: "CronTimes") -> bool:
        """Whether it matches every time that the other matches."""
        return self.minutes >= other.minutes and self.hours >= other.hours and self.days >= other.days


@dataclass(frozen=True, slots=True)
class _Values:
    """The values of a field; `is_any` if it has an asterisk without a step above 1."""

    numbers: frozenset[int]
    is_any: bool


@dataclass(frozen=True, slots=True)
class _Field:
    """A field's name in messages (singular, plural), and its bounds."""

    one: str
    many: str
    least: int
    most: int
    names: tuple[str, ...] = ()
    note: str = ""

    def read(self, text: str) -> _Values:
        found = [self._item(item) for item in text.split(",")]
        return _Values(frozenset().union(*(one.numbers for one in found)), any(one.is_any for one in found))

    def _item(self, text: str) -> _Values:
        span, slash, step_text = text.partition("/")
        step = _step(step_text) if slash else 1
        if span in {"*", "?"}:
            return _Values(frozenset(range(self.least, self.most + 1, step)), is_any=step == 1)
        low_text, dash, high_text = span.partition("-")
        low = self._number(low_text)
        high = self._number(high_text) if dash else self.most if slash else low
        if low > high:
            instead = f"{low}-{self.most},{self.least}-{high}"
            raise ValueError(f"{self.many} in ascending order, got {span}; write {instead}")
        return _Values(frozenset(range(low, high + 1, step)), is_any=False)

    def _number(self, text: str) -> int:
        if text.lower() in self.names:
            return self.names.index(text.lower()) + self.least
        if _NUMBER.fullmatch(text) and self.least <= int(text) <= self.most:
            return int(text)
        names = f" or {self.names[0]} to {self.names[-1]}" if self.names else ""
        raise ValueError(f"{self.one} of {self.least} to {self.most}{names}{self.note}, got {text or 'nothing'}")


_FIELDS: Final = (
    _Field("a minute", "minutes", 0, 59),
    _Field("an hour", "hours", 0, 23),
    _Field("a day of month", "days of month", 1, 31),
    _Field(
        *("a month", "months", 1, 12),
        names=("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"),
    ),
    _Field(
        *("a day of week", "days of week", 0, 6),
        names=("sun", "mon", "tue", "wed", "thu", "fri", "sat"),
        note=" (Sunday is 0)",
    ),
)


@cache
def cron_times(expression: str) -> CronTimes:
    """Read an expression.

    Args:
        expression: minute, hour, day of month, month and day of week, separated by single spaces.

    Raises:
        ValueError: the library rejects it, or it never matches; the message starts with `must`.
    """
    try:
        minutes, hours, days, months, weekdays = (
            field.read(text) for field, text in zip(_FIELDS, expression.split(" "), strict=True)
        )
        return CronTimes(minutes.numbers, hours.numbers, _dates(days, months, weekdays))
    except ValueError as error:
        raise ValueError(f'must have {error}, in "{expression[:80]}"') from error


def _dates(days: _Values, months: _Values, weekdays: _Values) -> frozenset[Day]:
    found = frozenset(
        (month, day, weekday)
        for month in months.numbers
        for day in range(1, calendar.monthrange(_LEAP_YEAR, month)[1] + 1)
        for weekday in range(7)
        if _matches(day in days.numbers, weekday in weekdays.numbers, is_either=not (days.is_any or weekdays.is_any))
    )
    if not found:
        raise ValueError("a day that exists in one of its months, got none")
    return found


def _matches(is_day: bool, is_weekday: bool, *, is_either: bool) -> bool:  # noqa: FBT001 (two of a kind)
    """If neither field is an asterisk, one of them is enough, as in crontab(5)."""
    return is_day or is_weekday if is_either else is_day and is_weekday


def _step(text: str) -> int:
    if _NUMBER.fullmatch(text) and int(text) > 0:
        return int(text)
    raise ValueError(f"a step of 1 or more, got {text or 'nothing'}")
