"""Ids, prefixes and submissions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from task_record.identifiers import first_submission, is_task_id, new_submission, submission_of_message
from task_record.object_keys import is_prefix


@pytest.mark.parametrize("text", ["a", "A0._~-z", "x" * 128])
def test_task_id_is_allowed(text: str) -> None:
    assert is_task_id(text)


@pytest.mark.parametrize("text", ["", "-a", ".a", "a/b", "a b", "a\n", "ä", "x" * 129, "a#b"])
def test_task_id_is_refused(text: str) -> None:
    assert not is_task_id(text)


@pytest.mark.parametrize("text", ["a", "a/b/c", "a/b/", "2026/11/24", "my.uploads"])
def test_prefix_is_allowed(text: str) -> None:
    assert is_prefix(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "/a",
        "a//b",
        "a/../b",
        ".",
        "a/..",
        "a b",
        "uploads",
        "uploads/a",
        "payloads/x",
        "parked",
        "a" * 513,
        "a\n",
    ],
)
def test_prefix_is_refused(text: str) -> None:
    assert not is_prefix(text)


@given(st.integers(0, 2**48 - 2))
def test_a_later_submission_is_greater(now_ms: int) -> None:
    assert new_submission(now_ms) < new_submission(now_ms + 1)


def test_submissions_of_one_millisecond_differ() -> None:
    assert len({new_submission(1) for _ in range(1000)}) == 1000


def test_submission_is_a_ulid() -> None:
    # The example of the ULID specification: the time 1469918176385 is written 01ARYZ6S41.
    submission = new_submission(1469918176385)
    assert submission.startswith("01ARYZ6S41")
    assert len(submission) == 26


def test_submission_of_a_message_is_the_same_for_every_delivery() -> None:
    assert submission_of_message("m-1", 5) == submission_of_message("m-1", 5)
    assert submission_of_message("m-1", 5) != submission_of_message("m-2", 5)


@given(st.integers(1, 2**48 - 2))
def test_first_submission_parts_the_earlier_from_the_later(now_ms: int) -> None:
    assert new_submission(now_ms - 1) < first_submission(now_ms) <= new_submission(now_ms)
