"""CONTRIBUTING.md against the repository: the places that it names, the layers that it shows."""

import re
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


class Place(NamedTuple):
    """A row of "Where to change what"."""

    question: str
    files: list[str]
    symbol: str


def rows_of(heading: str) -> list[list[str]]:
    """The rows of the table below a heading."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = re.findall(r"^\|.*\|$", section, re.MULTILINE)
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


PLACES = [
    Place(question, re.findall(r"`([^`]+)`", files), symbol.strip("`"))
    for question, files, symbol in rows_of("Where to change what")
]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.question)
def test_what_is_to_be_changed_is_in_the_file_that_is_named(place: Place) -> None:
    assert place.files
    for file in place.files:
        assert re.search(rf"\b{place.symbol}\b", (ROOT / file).read_text(encoding="utf-8")), file


def test_questions_that_a_newcomer_asked_are_answered() -> None:
    questions = [place.question for place in PLACES]
    assert questions[:6] == [
        "the throttle's default",
        "the lease time",
        "what a cancelled task's callback holds",
        "which folder a LoRA is read from",
        "the alarm on dead letters",
        "the error for an unknown runtime",
    ]
    assert len(questions) >= 16


def test_ten_files_to_read_first_are_files() -> None:
    files = [file.strip("`") for _, file, _ in rows_of("Ten files to read first")]
    assert len(set(files)) == 10
    assert [file for file in files if not (ROOT / file).is_file()] == []


@pytest.mark.parametrize("package", ["sd_on_eks", "queue_agent"])
def test_layers_are_those_of_the_contracts(package: str) -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    (layers,) = [one["layers"] for one in contracts if one.get("containers") == [package]]
    (shown,) = re.findall(rf"^{package}: +(.+(?:\n +.+)*)", PAGE, re.MULTILINE)
    assert [line.strip() for line in shown.splitlines()] == layers


def test_outermost_layers_are_those_of_the_contract() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    (layers,) = [one["layers"] for one in contracts if one["type"] == "layers" and "containers" not in one]
    assert " > ".join(layers) in PAGE


def test_the_four_recipes_are_numbered_lists() -> None:
    recipes = PAGE.split("\n## Recipes\n")[1].split("\n### ")[1:]
    titles = [recipe.splitlines()[0] for recipe in recipes]
    assert titles == ["A new config key", "A new API field", "A new task type", "A new runtime type"]
    for recipe in recipes:
        numbers = [int(number) for number in re.findall(r"^(\d+)\. ", recipe, re.MULTILINE)]
        assert numbers == [*range(1, len(numbers) + 1)]
        assert len(numbers) >= 3
