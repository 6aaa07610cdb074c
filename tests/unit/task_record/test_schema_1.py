"""Schema version 1: current code reads its messages and records, and its readers accept current ones.

`tests/fixtures/schema-1` is frozen: a deployment has such messages and records during an update. Code of version 1
wrote the examples. Its readers depend on the schemas. Unknown keys are allowed in all of them.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from task_record import table, transitions
from task_record.attribute_values import from_attribute_values
from task_record.callback import callback_of
from task_record.identifiers import ID_PATTERN, new_submission
from task_record.message import PayloadRef, TaskMessage, decode_message, encode_message
from task_record.protocol_times import ProtocolTimes
from task_record.runtime_types import TASK_TYPES
from task_record.submission import Idempotency, Submission
from task_record.table import Item
from task_record.transitions import TaskRef

FOLDER = Path(__file__).parents[2] / "fixtures" / "schema-1"
TIMES = ProtocolTimes()
NOW = 1_800_000_010_000
EXTRA = {"key_of_a_later_version": {"nested": [1]}}


def example(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text())


def readable(schema: str, value: Any) -> bool:
    Draft202012Validator(example(f"{schema}.schema")).validate(value)
    return True


@pytest.mark.parametrize(
    ("schema", "name"),
    [
        ("message", "message"),
        ("message", "message-parked"),
        ("record", "record-queued"),
        ("record", "record-running"),
        ("record", "record-completed"),
        ("body", "body"),
        ("callback", "callback"),
    ],
)
def test_examples_are_what_the_schemas_say(schema: str, name: str) -> None:
    assert readable(schema, example(name))


@pytest.mark.parametrize("extra", [{}, EXTRA], ids=["as it was", "with an unknown key"])
@pytest.mark.parametrize("wrap", [True, False], ids=["in an envelope", "raw"])
def test_message_of_version_1_is_read(extra: dict[str, Any], wrap: bool) -> None:
    message = example("message")
    for part in (message, message["task"], message["task"]["metadata"]):
        part.update(extra)
    body = json.dumps(message)
    if wrap:
        envelope = {"Type": "Notification", "MessageId": "m", "Timestamp": "2027-01-15T08:00:00.000Z", "Message": body}
        body = json.dumps({**envelope, **extra})
    found = decode_message(body)
    assert (found.id, found.runtime, found.tasktype, found.owner) == ("a-task", "sd", "text-to-image", "key1")
    assert (found.submission, found.schema_version) == ("01MCC5RM00000000000000000A", 1)
    assert (found.prefix, found.context, found.expires_at_ms) == ("a/b", {"user": 1.5}, 1_800_003_600_000)
    assert found.content == {"prompt": "a cat", "width": 64, "height": 48, "seed": 7}


def test_offloaded_message_of_version_1_is_read() -> None:
    found = decode_message(json.dumps(example("message-parked")))
    assert found.content is None
    assert found.payload == PayloadRef(
        url="s3://output/payloads/key1/" + "ab" * 32, etag='"d41d8cd98f00b204e9800998ecf8427e"', pointer="/task/content"
    )


def test_stored_message_of_version_1_is_the_message() -> None:
    assert json.loads(example("body")[table.MESSAGE]) == example("message")


def test_record_of_version_1_is_claimed_finished_and_reported_identically() -> None:
    queued: Item = {**example("record-queued"), "attribute_of_a_later_version": "x"}
    task = TaskRef.of_record(queued)
    claim_id = str(example("record-running")[table.CLAIM])
    running = transitions.claim(task, claim_id=claim_id, now_ms=1_800_000_001_000, times=TIMES).apply(queued)
    assert running == {**example("record-running"), "attribute_of_a_later_version": "x"}
    completed = transitions.finish(
        task,
        claim_id=claim_id,
        now_ms=1_800_000_005_000,
        times=TIMES,
        result=example("record-completed")[table.RESULT],
        timings=example("record-completed")[table.TIMINGS],
    ).apply(running)
    assert completed == {**example("record-completed"), "attribute_of_a_later_version": "x"}
    callback = callback_of(completed, "output")
    assert json.loads(callback.body) == example("callback")
    assert callback.attributes == {"runtime": "sd", "status": "completed"}


NAMES = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=20)
JSON_VALUES = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), st.lists, max_leaves=3)
PAYLOADS = st.builds(PayloadRef, url=st.just("s3://output/payloads/k/x"), etag=st.text(), pointer=st.text())
CONTENTS = st.dictionaries(st.text(max_size=5), JSON_VALUES, max_size=2)


@st.composite
def submissions(draw: st.DrawFn) -> Submission:
    """Submissions of the current API."""
    task = TaskRef(
        owner=draw(st.just("-") | NAMES),
        id=draw(st.from_regex(ID_PATTERN, fullmatch=True).filter(lambda text: not text.endswith("\n"))),
        submission=new_submission(NOW),
    )
    offloaded = draw(st.booleans())
    message = TaskMessage(
        id=task.id,
        runtime=draw(NAMES),
        tasktype=draw(st.sampled_from(sorted(TASK_TYPES))),
        owner=task.owner,
        submission=task.submission,
        prefix=draw(st.none() | NAMES),
        context=draw(JSON_VALUES),
        inputs=draw(st.dictionaries(NAMES, JSON_VALUES, max_size=2)),
        expires_at_ms=draw(st.none() | st.integers(NOW, NOW + 1000)),
        content=None if offloaded else draw(CONTENTS),
        payload=draw(PAYLOADS) if offloaded else None,
    )
    return Submission(
        task=task,
        message=message,
        message_text=encode_message(message),
        api_key_id="key",
        submitted_at_ms=NOW,
        expires_at_ms=NOW + 1000,
        idempotency=draw(st.none() | st.just(Idempotency(header="h", body_hash="x", answer="{}"))),
    )


def afterwards(queued: Item) -> Iterator[Item]:
    """The record in all states of the current writes."""
    task = TaskRef.of_record(queued)
    claim = transitions.claim(task, claim_id="c", now_ms=NOW, times=TIMES)
    writes = [
        transitions.renew(task, claim_id="c", now_ms=NOW, times=TIMES, progress=0.000_1),
        transitions.release(task, claim_id="c", keep_attempt=False),
        transitions.finish(task, claim_id="c", now_ms=NOW, times=TIMES, result='{"image_url": []}', timings="{}"),
        transitions.finish(
            task,
            claim_id="c",
            now_ms=NOW,
            times=TIMES,
            result=None,
            timings="{}",
            error=transitions.error_text("timeout", "x"),
        ),
        transitions.cancel(task, now_ms=NOW, times=TIMES),
    ]
    running = claim.apply(queued)
    given_up = transitions.give_up(task, now_ms=NOW, times=TIMES, error=transitions.error_text("expired", "x"))
    noted = transitions.note_published(task, now_ms=NOW).apply(queued)
    for record in (queued, running, given_up.apply(queued), noted, *(write.apply(running) for write in writes)):
        assert record is not None
        yield record


@given(submissions())
def test_what_is_written_today_is_read_by_version_1(submission: Submission) -> None:
    puts = [item["Put"]["Item"] for item in submission.transact_write_items("tasks")["TransactItems"]]
    assert readable("body", from_attribute_values(puts[1]))
    assert readable("message", json.loads(submission.message_text))
    for record in afterwards(submission.record()):
        assert readable("record", record)
        if table.FINISHED_AT in record:
            assert readable("callback", json.loads(callback_of(record, "output").body))
