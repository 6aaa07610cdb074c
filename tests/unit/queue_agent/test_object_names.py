"""Unicode ids and prefixes, in messages that were not sent through the API."""

import json
import re
from types import SimpleNamespace
from typing import Any, Final, cast

from hypothesis import assume, example, given
from hypothesis import strategies as st

from queue_agent.delivery import _folder
from queue_agent.message_receiver import ClaimedTask
from task_record import table, transitions
from task_record.callback import callback_of
from task_record.message import TaskMessage, decode_message, encode_message
from task_record.object_keys import RESERVED_PREFIXES, claim_tag, output_key
from task_record.protocol_times import ProtocolTimes
from task_record.submission import first_attributes, task_of_message
from task_record.table import Item
from task_record.transitions import TaskRef
from tests.unit.queue_agent.conftest import EPOCH_MS

KEY_MAX_BYTES: Final = 1024
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html"""
SAFE: Final = re.compile(r"[A-Za-z0-9._~%-]+(/[A-Za-z0-9._~%-]+)*")
CLAIM: Final = "0123abcd-4567-89ef-fedc-ba9876543210"
TIMES: Final = ProtocolTimes()

ids = st.text(min_size=1, max_size=400)
prefixes = st.none() | st.text(max_size=600) | st.from_regex(r"\A[a-z.]{1,8}(/[a-z.]{1,8}){0,80}/?\Z")


def received(task_id: str, prefix: str | None = None, context: object = None) -> tuple[TaskMessage, TaskRef]:
    """A received message, and its task."""
    sent = TaskMessage(id=task_id, runtime="sd", tasktype=None, prefix=prefix, context=context, content={})
    message = decode_message(encode_message(sent))
    return message, task_of_message(message, message_id="m1", sent_at_ms=EPOCH_MS)


def key_of(task_id: str, prefix: str | None = None) -> str:
    """Key of the last output of many."""
    message, task = received(task_id, prefix)
    held = ClaimedTask(
        message=message,
        tasktype="text-to-image",
        lease=cast("Any", SimpleNamespace(task=task)),
        polled_at=0,
        received_at=0,
        queued_ms=0,
    )
    return output_key(_folder(held), task.id, claim_tag(CLAIM), 9_999, "safetensors")


def record_of(message: TaskMessage, task: TaskRef) -> Item:
    """The record of the message's completed task."""
    creates = first_attributes(task, message, runtime="sd", sent_at_ms=EPOCH_MS, max_age_ms=1_000)
    claimed = transitions.claim(task, claim_id=CLAIM, now_ms=EPOCH_MS, times=TIMES, creates=creates).apply(None)
    finish = transitions.finish(
        task, claim_id=CLAIM, now_ms=EPOCH_MS, times=TIMES, result='{"image_url": []}', timings="{}", error=None
    )
    finished = finish.apply(claimed)
    assert finished is not None
    return finished


@given(ids, prefixes)
@example(".", None)
@example("..", "..")
@example("a/../b", "/")
@example("\U0001f600" * 400, "\U0001f600" * 400)
@example("x" * 128, "y" * 512)
def test_any_id_and_prefix_make_a_safe_key(task_id: str, prefix: str | None) -> None:
    key = key_of(task_id, prefix)
    assert SAFE.fullmatch(key)
    assert not {".", ".."} & set(key.split("/"))
    assert len(key.encode()) <= KEY_MAX_BYTES


@given(st.text(min_size=1, max_size=600))
@example("uploads")
@example("/parked/x")
def test_no_prefix_is_a_reserved_prefix(prefix: str) -> None:
    assert key_of("t1", prefix).partition("/")[0] not in RESERVED_PREFIXES


@given(ids, prefixes, st.none() | st.text() | st.dictionaries(st.text(), st.floats(allow_nan=False)))
def test_any_id_prefix_and_context_come_back_as_they_were(task_id: str, prefix: str | None, context: object) -> None:
    record = record_of(*received(task_id, prefix, context))
    callback = json.loads(callback_of(record, "bucket").body)
    assert (callback["id"], callback["id_task"], callback["context"]) == (task_id, task_id, context)
    assert (record[table.ID], record.get(table.PREFIX)) == (task_id, prefix or None)


@given(st.text(min_size=200, max_size=400), st.text(max_size=3), st.text(max_size=3))
def test_long_ids_that_differ_only_at_the_end_make_different_keys(start: str, end: str, other_end: str) -> None:
    assume(end != other_end)
    assert key_of(start + end) != key_of(start + other_end)


@given(ids, ids)
@example("a b", "a%20b")
@example(".", "%2E")
@example("a/b", "a%2Fb")
def test_different_ids_make_different_keys(task_id: str, other: str) -> None:
    assume(task_id != other)
    assert key_of(task_id) != key_of(other)
