"""The decisions: each in the list, and one that was replaced says by which."""

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "adr"
DECISIONS = {file.name: file.read_text(encoding="utf-8") for file in sorted(FOLDER.glob("[0-9]*.md"))}
LIST = (FOLDER / "README.md").read_text(encoding="utf-8")
SUPERSEDED = re.compile(r"^# [^\n]+\n\n\*Superseded by (.+?)\*\n\n", re.DOTALL)


@pytest.mark.parametrize("name", DECISIONS)
def test_a_decision_is_listed_once_with_its_title_and_what_replaced_it(name: str) -> None:
    number, title = re.findall(r"\A# (\d+)\. (.+)\n", DECISIONS[name])[0]
    by = " and ".join(str(int(other[:4])) for other in replacements_of(name))
    entry = f"- [{number}]({name}): {title}" + (f" (superseded by {by})" if by else "")
    assert int(name[:4]) == int(number)
    assert LIST.splitlines().count(entry) == 1


@pytest.mark.parametrize("name", [name for name in DECISIONS if "Superseded" in DECISIONS[name]])
def test_what_replaced_a_decision_names_it_at_its_beginning(name: str) -> None:
    assert replacements_of(name)
    for other in replacements_of(name):
        assert f"]({name})" in DECISIONS[other].split("**Open.**")[0]


def replacements_of(name: str) -> list[str]:
    found = SUPERSEDED.match(DECISIONS[name])
    return re.findall(r"\]\((\d{4}[^)]+)\)", found[1]) if found else []
