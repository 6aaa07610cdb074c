"""What the documents name is there: files of the repository, modules, links to other pages."""

import re
from pathlib import Path

import pytest

from repository_files import repository_files

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
SOURCES = {
    "sd_on_eks": ROOT / "constructs",
    "task_record": ROOT / "constructs",
    "queue_agent": ROOT / "runtime_images/queue_agent/src",
    "stacks": ROOT,
    "local_stack": ROOT / "scripts",
}
FILES = frozenset(repository_files())
FOLDERS = frozenset(str(parent) for file in FILES for parent in Path(file).parents)
TOP_LEVEL = frozenset(Path(file).parts[0] for file in FILES)

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def quoted(page: Path) -> list[str]:
    """What a page has in backticks, outside of its blocks of code."""
    text = re.sub(r"^ *```.*?^ *```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    return re.findall(r"`([^`\n]+)`", text)


def looks_like_a_path(text: str) -> bool:
    """Whether a string is a path in the repository, or only the name of a Python file."""
    if not re.fullmatch(r"[\w.-]+(?:/[\w.-]+)*/?", text):
        return False
    first, *others = text.split("/")
    return first in TOP_LEVEL if others else text.endswith(".py")


@each_page
def test_every_path_in_backticks_exists(page: Path) -> None:
    names = {Path(file).name for file in FILES}
    missing = [
        text
        for text in quoted(page)
        if looks_like_a_path(text)
        and text.rstrip("/") not in FILES | FOLDERS
        and not ("/" not in text and text in names)
    ]
    assert missing == []


@each_page
def test_every_module_in_backticks_exists(page: Path) -> None:
    assert [text for text in quoted(page) if not is_known_module(text)] == []


def is_known_module(text: str) -> bool:
    """False for a dotted name in a package of this project that no module has."""
    first, *others = text.split(".")
    if first not in SOURCES or not others or not re.fullmatch(r"[\w.]+", text):
        return True
    path = SOURCES[first] / first
    for number, part in enumerate(others):
        if (path / part).is_dir():
            path /= part
        elif (path / f"{part}.py").is_file():
            module = (path / f"{part}.py").read_text(encoding="utf-8")
            return all(re.search(rf"\b{name}\b", module) for name in others[number + 1 :])
        else:
            return False
    return True


@each_page
def test_every_link_to_a_page_leads_there(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    assert [one for one in targets if "://" not in one and not (page.parent / one).exists()] == []


def test_paths_and_links_were_found() -> None:
    found = [text for page in PAGES for text in quoted(page) if looks_like_a_path(text)]
    assert len(found) > 100
