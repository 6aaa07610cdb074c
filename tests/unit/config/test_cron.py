"""Cron expressions: accepted, rejected and parsed as by robfig/cron v3.0.1, whose results are in the lists below."""

import calendar
import datetime as dt
import re
from typing import Final, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sd_on_eks.config.cron import cron_times

ACCEPTED: Final = (
    *("* * * * *", "? ? ? ? ?", "0 8 * * 1-5", "0 8 * * MON-FRI", "0 8 * * mon-Fri", "0,30 8 * * *", "1/5 * * * *"),
    *("0 8-8 * * *", "59 23 31 12 6", "0 0 1 1 0", "*/15 6-20 * * *", "30 18 1,15 JAN,jun-AUG SUN,3", "00 08 * * *"),
    *("*/90 * * * *", "*/1 */1 */1 */1 */1", "?/5 * * * *", "5-10/3,20/7 * * * *", "0 0 29 2 *", "0 0 30 2 */2"),
    *("0 0 30 2 1", "0 0 30 1,2 *", "0 0 * feb 3", "*,5 0 30,1 2 *", "0 8 * * sat,sun"),
)

REJECTED: Final = {
    # Days of the week: 0 to 6.
    "0 8 * * 7": "a day of week of 0 to 6 or sun to sat (Sunday is 0), got 7",
    "0 8 * * 0-7": "a day of week of 0 to 6 or sun to sat (Sunday is 0), got 7",
    "0 8 * * 5-7": "a day of week of 0 to 6 or sun to sat (Sunday is 0), got 7",
    "0 8 * * 1,7": "a day of week of 0 to 6 or sun to sat (Sunday is 0), got 7",
    "0 8 * * 7/2": "a day of week of 0 to 6 or sun to sat (Sunday is 0), got 7",
    "0 8 * * MONDAY": "a day of week of 0 to 6 or sun to sat (Sunday is 0), got MONDAY",
    "0 8 * * jan": "a day of week of 0 to 6 or sun to sat (Sunday is 0), got jan",
    "0 8 * * 5L": "a day of week of 0 to 6 or sun to sat (Sunday is 0), got 5L",
    "0 8 * * 5#2": "a day of week of 0 to 6 or sun to sat (Sunday is 0), got 5#2",
    # Ranges must be ascending.
    "0 8 * * FRI-MON": "days of week in ascending order, got FRI-MON",
    "0 8 * * SAT-SUN": "days of week in ascending order, got SAT-SUN",
    "0 22-6 * * *": "hours in ascending order, got 22-6",
    "0 22-6/2 * * *": "hours in ascending order, got 22-6",
    "0 0 * dec-feb *": "months in ascending order, got dec-feb",
    # The other fields' bounds.
    "60 8 * * *": "a minute of 0 to 59, got 60",
    "0-60 8 * * *": "a minute of 0 to 59, got 60",
    "mon 8 * * *": "a minute of 0 to 59, got mon",
    "0 24 * * *": "an hour of 0 to 23, got 24",
    "0 0-24 * * *": "an hour of 0 to 23, got 24",
    "0 8 0 * *": "a day of month of 1 to 31, got 0",
    "0 8 32 * *": "a day of month of 1 to 31, got 32",
    "0 8 L * *": "a day of month of 1 to 31, got L",
    "0 8 15W * *": "a day of month of 1 to 31, got 15W",
    "0 8 1 0 *": "a month of 1 to 12 or jan to dec, got 0",
    "0 8 1 13 *": "a month of 1 to 12 or jan to dec, got 13",
    "0 8 1 january *": "a month of 1 to 12 or jan to dec, got january",
    # Steps.
    "*/0 * * * *": "a step of 1 or more, got 0",
    "1-5/0 * * * *": "a step of 1 or more, got 0",
    "*/x * * * *": "a step of 1 or more, got x",
    "*/ * * * *": "a step of 1 or more, got nothing",
    "*/-5 * * * *": "a step of 1 or more, got -5",
    "*/99999999999999999999 * * * *": "a step of 1 or more, got 99999999999999999999",
    # Format.
    "1-2-3 * * * *": "a minute of 0 to 59, got 2-3",
    "*/2/3 * * * *": "a step of 1 or more, got 2/3",
    "- * * * *": "a minute of 0 to 59, got nothing",
    "-5 * * * *": "a minute of 0 to 59, got nothing",
    "5- * * * *": "a minute of 0 to 59, got nothing",
    "/5 * * * *": "a minute of 0 to 59, got nothing",
    "** * * * *": "a minute of 0 to 59, got **",
    "*5 * * * *": "a minute of 0 to 59, got *5",
    "1.5 * * * *": "a minute of 0 to 59, got 1.5",
    "99999999999999999999 * * * *": "a minute of 0 to 59, got 99999999999999999999",
    "\u0661 * * * *": "a minute of 0 to 59, got \u0661",
}

ACCEPTED_ONLY_BY_THE_LIBRARY: Final = {
    # It parses them as something other than what they express, or as nothing.
    "*-5 * * * *": "a minute of 0 to 59, got *",
    "?-5/2 * * * *": "a minute of 0 to 59, got ?",
    "1,,2 * * * *": "a minute of 0 to 59, got nothing",
    ", * * * *": "a minute of 0 to 59, got nothing",
    "+5 * * * *": "a minute of 0 to 59, got +5",
    # It accepts them but finds no time that matches.
    "0 0 30 2 *": "a day that exists in one of its months, got none",
    "0 0 31 2,4,6,9,11 *": "a day that exists in one of its months, got none",
    "0 0 31 apr ?": "a day that exists in one of its months, got none",
    "0 0 30-31 2 */1": "a day that exists in one of its months, got none",
}


@pytest.mark.parametrize("expression", ACCEPTED)
def test_expression_is_accepted(expression: str) -> None:
    times = cron_times(expression)
    assert times.minutes
    assert times.hours
    assert times.days


@pytest.mark.parametrize(("expression", "says"), (REJECTED | ACCEPTED_ONLY_BY_THE_LIBRARY).items())
def test_fails_when_an_expression_is_rejected(expression: str, says: str) -> None:
    with pytest.raises(ValueError, match=f"^must have {re.escape(says)}[;,]") as error:
        cron_times(expression)
    assert str(error.value).endswith(f', in "{expression}"')


@pytest.mark.parametrize(
    ("expression", "instead"),
    [("0 22-6 * * *", "22-23,0-6"), ("0 0 * * FRI-MON", "5-6,0-1"), ("0 0 * 12-2 *", "12-12,1-2")],
)
def test_descending_range_is_rejected_with_an_ascending_replacement(expression: str, instead: str) -> None:
    with pytest.raises(ValueError, match=f"; write {instead}, in "):
        cron_times(expression)


class Field(NamedTuple):
    """A field of an expression: its text and its values."""

    text: str
    values: frozenset[int]
    is_any: bool


def fields(least: int, most: int, names: str = "") -> st.SearchStrategy[Field]:
    """Lists of asterisks, values and ranges, with or without steps."""
    known = names.split()

    def spelled(value: int) -> st.SearchStrategy[str]:
        forms = [str(value), f"{value:02}"]
        if known:
            forms += [known[value - least], known[value - least].upper()]
        return st.sampled_from(forms)

    @st.composite
    def item(draw: st.DrawFn) -> Field:
        kind = draw(st.sampled_from("*?vvrr"))
        step = draw(st.none() | st.integers(1, 70))
        end = "" if step is None else f"/{step}"
        low, high = sorted(draw(st.tuples(st.integers(least, most), st.integers(least, most))))
        if kind in "*?":
            return Field(kind + end, frozenset(range(least, most + 1, step or 1)), is_any=step in (None, 1))
        if kind == "v":
            values = {low} if step is None else set(range(low, most + 1, step))
            return Field(draw(spelled(low)) + end, frozenset(values), is_any=False)
        text = f"{draw(spelled(low))}-{draw(spelled(high))}{end}"
        return Field(text, frozenset(range(low, high + 1, step or 1)), is_any=False)

    return st.lists(item(), min_size=1, max_size=3).map(
        lambda items: Field(
            ",".join(one.text for one in items),
            frozenset().union(*(one.values for one in items)),
            any(one.is_any for one in items),
        )
    )


FIELDS: Final = (
    fields(0, 59),
    fields(0, 23),
    fields(1, 31),
    fields(1, 12, "jan feb mar apr may jun jul aug sep oct nov dec"),
    fields(0, 6, "sun mon tue wed thu fri sat"),
)


@settings(max_examples=50)
@given(st.tuples(*FIELDS), st.dates(dt.date(2024, 1, 1), dt.date(2051, 12, 31)))
def test_expression_matches_the_times_that_it_expresses(drawn: tuple[Field, ...], date: dt.date) -> None:
    minute, hour, day, month, weekday = drawn
    expression = " ".join(field.text for field in drawn)
    try:
        times = cron_times(expression)
    except ValueError:
        # The only remaining reason: a day that does not exist in any year.
        longest = max(calendar.monthrange(2024, one)[1] for one in month.values)
        assert weekday.is_any
        assert min(day.values) > longest
        return
    assert (times.minutes, times.hours) == (minute.values, hour.values)
    of_month, of_week = date.day in day.values, date.isoweekday() % 7 in weekday.values
    matches = of_month and of_week if day.is_any or weekday.is_any else of_month or of_week
    assert ((date.month, date.day, date.isoweekday() % 7) in times.days) == (matches and date.month in month.values)


@settings(max_examples=20)
@given(st.tuples(*FIELDS), st.integers(0, 4), st.integers(0, 99))
def test_fails_when_one_value_is_out_of_bounds(drawn: tuple[Field, ...], place: int, excess: int) -> None:
    texts = [field.text for field in drawn]
    texts[place] += f",{(60, 24, 32, 13, 7)[place] + excess}"
    with pytest.raises(ValueError, match="^must have an? "):
        cron_times(" ".join(texts))


@pytest.mark.parametrize(
    ("one", "other", "includes"),
    [
        ("0 8 * * 1-5", "0 8 * * MON-FRI", True),
        ("00 08 ? * 1,2,3,4,5", "0 8 * * 1-5", True),
        ("0 8,18 * * *", "0 8 * * 1-5", True),
        ("0 8 * * 1-5", "0 8,18 * * 1-5", False),
        ("0 8 * * 1-5", "0 8 * * *", False),
        ("0 12,18 * * *", "0 8,12 * * *", False),
        ("0 8 * * *", "30 8 * * *", False),
        ("0 0 1-31 * *", "0 0 29 2 *", True),
    ],
)
def test_includes_is_true_only_if_every_time_of_the_other_matches(one: str, other: str, *, includes: bool) -> None:
    assert cron_times(one).includes(cron_times(other)) is includes
