"""The page of the task protocol against the code: writes, states, constants, relations."""

import inspect
import re
from dataclasses import fields
from pathlib import Path
from pkgutil import resolve_name

import pytest

from sd_on_eks.config.task_protocol import TaskProtocol
from task_record import transitions
from task_record.protocol_times import DAY_S, HOUR_S, ProtocolTimes
from task_record.status import TERMINAL, Status
from task_record.transition import Transition
from tests.unit.task_record.history_rules import Rules

PAGE = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")
TIMES = ProtocolTimes()
UNITS = {"": 1, "s": 1, "h": HOUR_S, "d": DAY_S, "KiB": 1024}
KEYS_IN_OTHER_UNITS = {"max_task_age_s": HOUR_S, "queue_retention_s": DAY_S}
KEYS_IN_OTHER_UNITS |= {"dead_letter_retention_s": DAY_S, "record_ttl_s": DAY_S}


def rows_of(heading: str) -> list[list[str]]:
    """The rows of the table whose first heading this is."""
    table = PAGE.split(f"\n| {heading} |")[1].split("\n\n")[0]
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in table.splitlines()[2:]]


def value_of(text: str) -> float:
    number, _, unit = text.partition(" ")
    return float(number) * UNITS[unit]


def test_states_are_those_of_the_record() -> None:
    rows = rows_of("State")
    assert [state for state, *_ in rows] == [f"`{status}`" for status in Status]
    assert {state.strip("`") for state, _, leaves in rows if "terminal" in leaves} == TERMINAL


def test_writes_are_the_functions_that_build_them() -> None:
    built = {
        name
        for name, one in inspect.getmembers(transitions, inspect.isfunction)
        if not name.startswith("_") and one.__annotations__.get("return") is Transition
    }
    assert {write.replace(" ", "_") for write, *_ in rows_of("Write")} == {"submit", *built}


def test_every_constant_has_its_value_and_its_key() -> None:
    config = TaskProtocol()
    listed = {field.strip("`"): (key.strip("`"), value) for field, key, value, _ in rows_of("Field of `ProtocolTimes`")}
    keys = {one.alias: name for name, one in TaskProtocol.model_fields.items()}
    assert [*listed] == [one.name for one in fields(ProtocolTimes)]
    assert {key for key, _ in listed.values()} == keys.keys()
    for field, (key, value) in listed.items():
        assert value_of(value) == getattr(TIMES, field), field
        assert getattr(config, str(keys[key])) * KEYS_IN_OTHER_UNITS.get(field, 1) == getattr(TIMES, field), field


def test_every_further_limit_has_its_value() -> None:
    rows = rows_of("Limit")
    assert len(rows) >= 10
    for _, text, place in rows:
        *module, name = place.strip("`").split(".")
        limit = resolve_name(f"{'.'.join(module)}.{name}")
        assert value_of(text) == (limit / 1000 if name.endswith("_MS") else limit), place


def test_the_deadline_and_half_the_clock_error_are_those_of_the_times() -> None:
    assert f"`deadline_s = lease_s - interrupt_s` = {TIMES.deadline_s:g} s" in PAGE
    assert f"half of it, {TIMES.clock_error_s / 2:g} s, of the table" in " ".join(PAGE.split())


@pytest.mark.parametrize("relation", [row[0].strip("`") for row in rows_of("Relation")])
def test_a_relation_is_kept_by_the_times_and_breaking_it_is_refused(relation: str) -> None:
    larger, sign, smaller = relation_of(relation)
    names = {one.name: getattr(TIMES, one.name) for one in fields(ProtocolTimes)}
    assert evaluate(larger, names) >= evaluate(smaller, names)
    # The field that appears only on the smaller side, made too large.
    name = next(name for name in re.findall(r"[a-z_]+_s", smaller) if name not in larger)
    excess = evaluate(larger, names) - evaluate(smaller, names) + (0 if sign == ">" else 0.5)
    with pytest.raises(ValueError, match="must be (?:at least|at most|more than)"):
        ProtocolTimes(**{name: names[name] + excess})


def relation_of(text: str) -> tuple[str, str, str]:
    one, sign, other = text.partition(" >= ") if ">=" in text else text.partition(" < ")
    return (one, ">=", other) if ">=" in sign else (other, ">", one)


def evaluate(side: str, names: dict[str, float]) -> float:
    """Value of a sum of products such as `2 * beat_s + lease_s`."""
    total = 0.0
    for sign, term in re.findall(r"(^|[+-]) ?([^+-]+)", side):
        factor = 1.0
        for part in term.split("*"):
            factor *= names[part.strip()] if part.strip() in names else float(part)
        total += -factor if sign == "-" else factor
    return total


def test_the_number_of_searched_rules_is_that_of_the_search() -> None:
    assert f"any one of the {len(fields(Rules))} rules" in " ".join(PAGE.split())


def test_every_relation_of_the_times_is_on_the_page() -> None:
    source = inspect.getsource(ProtocolTimes.__post_init__)
    # Of the ages, each is compared with the next one; the last relation is with a constant.
    pairs = re.findall(r'^ +\("', source, re.MULTILINE)
    assert len(rows_of("Relation")) == len(pairs) - 1 + source.count("> _CANCELLATION_S")
