"""What scripts show, in a real terminal of 40 columns and in a real pipe."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from rich.table import Table

from terminal import Terminal
from tests.fakes.screen import COLUMNS, Screen

PATH = "/home/ann/[x] my folder [/bold]/:cat:/" + "long-" * 20 + "name.json"
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")

both = pytest.mark.parametrize("is_terminal", [True, False], ids=["terminal", "pipe"])


@contextmanager
def screen_of(*, is_terminal: bool) -> Iterator[tuple[Screen, Terminal]]:
    with Screen(is_terminal=is_terminal) as screen:
        yield screen, Terminal(screen.stream, report_every_s=0.01)


@pytest.fixture(autouse=True)
def terminal_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    # Rich asks these first; the terminal of the tests is another one.
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    monkeypatch.setenv("TERM", "xterm")


@both
def test_line_is_shown_as_it_is(*, is_terminal: bool) -> None:
    with screen_of(is_terminal=is_terminal) as (screen, terminal):
        terminal.line(PATH)
    assert screen.text == f"{PATH}\n"


@both
def test_line_in_the_middle_of_a_wait_is_shown_as_it_is(*, is_terminal: bool) -> None:
    with screen_of(is_terminal=is_terminal) as (screen, terminal), terminal.waiting("sending"):
        terminal.line(PATH)
    assert f"{PATH}\n" in screen.text


@both
def test_control_characters_of_a_name_are_escaped(*, is_terminal: bool) -> None:
    with screen_of(is_terminal=is_terminal) as (screen, terminal):
        terminal.line("a\x1b[2Jb\rc\x9bd")
    assert screen.text == "a\\x1b[2Jb\\x0dc\\x9bd\n"


def test_terminal_shows_a_spinner_with_what_is_waited_for_and_how_long() -> None:
    with screen_of(is_terminal=True) as (screen, terminal), terminal.waiting("reading [the] stack") as wait:
        wait.update("[x] queued")
        deadline = time.monotonic() + 10
        while "[x] queued" not in screen._written.decode() and time.monotonic() < deadline:
            time.sleep(0.01)
    assert re.search(r"⠋ reading \[the\] stack +0:00:00", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.text))
    assert "[x] queued" in screen.text


def test_pipe_gets_plain_lines_with_what_is_waited_for_and_how_long() -> None:
    with screen_of(is_terminal=False) as (screen, terminal), terminal.waiting("reading [the] stack") as wait:
        wait.update(f"reading {PATH}")
        deadline = time.monotonic() + 10
        while screen._written.count(b"\n") < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
    assert CONTROL.search(screen.text) is None
    assert len(screen.text.splitlines()) >= 2
    assert all(re.fullmatch(rf"waiting for \d+ s: reading {re.escape(PATH)}", one) for one in screen.text.splitlines())


@pytest.mark.parametrize("variable", ["FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"])
def test_pipe_gets_no_control_characters_even_where_the_environment_wants_them(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "1")
    with screen_of(is_terminal=False) as (screen, terminal):
        for _ in terminal.each(range(3), "sending"):
            terminal.line("sent", style="bold red")
    assert screen.text == "sent\n" * 3


def test_terminal_that_cannot_move_its_cursor_gets_what_a_pipe_gets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    with screen_of(is_terminal=True) as (screen, terminal):
        for _ in terminal.each(range(3), "sending"):
            terminal.line("sent")
    assert screen.text == "sent\n" * 3


def test_each_says_how_far_it_has_come() -> None:
    with screen_of(is_terminal=True) as (screen, terminal):
        assert [*terminal.each("abc", "sending")] == ["a", "b", "c"]
    assert "sending: 3 of 3" in screen.text


def test_table_is_not_squeezed_in_a_pipe() -> None:
    table = Table("command", "result")
    table.add_row(PATH, "[x]")
    with screen_of(is_terminal=False) as (screen, terminal):
        terminal.table(table)
    assert PATH in screen.text
    assert "[x]" in screen.text


def test_table_is_cut_nowhere_in_a_terminal() -> None:
    table = Table("command", "result")
    table.add_row("x" * 100, "[x]")
    with screen_of(is_terminal=True) as (screen, terminal):
        terminal.table(table)
    assert screen.text.count("x") == 101


def test_spinner_disappears_when_a_wait_is_interrupted() -> None:
    show_cursor = "\x1b[?25h"

    def send(terminal: Terminal) -> None:
        for _ in terminal.each("abc", "sending"):
            raise KeyboardInterrupt

    with screen_of(is_terminal=True) as (screen, terminal):
        with pytest.raises(KeyboardInterrupt):
            send(terminal)
        terminal.line("interrupted")
    assert screen.text.rstrip().endswith("interrupted")
    assert screen.text.index(show_cursor) < screen.text.index("interrupted")
