"""Messages that no agent can process: each is quarantined or fails its task, and the next one is processed."""

import json
from typing import Any, Final

import pytest

from queue_agent.queue import Message
from task_record import table
from task_record.status import Status
from tests.unit.queue_agent.conftest import EPOCH_MS, submission_of, virtual_time

pytestmark = [pytest.mark.asyncio, virtual_time]

START: Final = ["interrupt", "receive poison"]
DEEP: Final = "[" * 50_000
NAMED: Final = {"id": "t1", "owner": "o", "submission": submission_of(1), "runtime": "sd"}
CONTENT: Final = {"prompt": "x"}


def task(content: object = CONTENT, **changes: object) -> str:
    """A message, with changes to its metadata."""
    return json.dumps({"task": {"metadata": NAMED | changes, "content": content}})


def raw(content: str) -> str:
    """A message, with a content that is not valid JSON."""
    return f'{{"task": {{"metadata": {json.dumps(NAMED)}, "content": {content}}}}}'


def envelope(**changes: object) -> str:
    known = {"Type": "Notification", "MessageId": "n1", "Timestamp": "2027-01-15T08:00:00Z", "Message": task()}
    return json.dumps(known | changes)


NAMELESS: Final = {
    "no JSON": "no JSON at all",
    "nothing": "",
    "no object": "[]",
    "an endless number": "1" * 5_000,
    "nested 50,000 deep": DEEP,
    "nested 50,000 deep before its name": f'{{"metadata": {DEEP}',
    "an envelope without a message": envelope(Message=None),
    "an envelope of an envelope": envelope(Message=envelope()),
    "an envelope of no JSON": envelope(Message="no JSON at all"),
    "a task that is a list": json.dumps({"task": [NAMED]}),
    "metadata that is null": json.dumps({"task": {"metadata": None, "content": CONTENT}}),
    "metadata that is a string": json.dumps({"task": {"metadata": "t1", "content": CONTENT}}),
    "no metadata": json.dumps({"task": {"content": CONTENT}}),
    "an id that is null": task(id=None),
    "an id that is empty": task(id=""),
    "an id that is a list": task(id=["t1"]),
    "an id that is a fraction": task(id=1.5),
    "an id with a lone surrogate": task(id="\ud800"),
    "a submission that is a number": task(submission=7),
    "an owner that is a list": task(owner=["o"]),
    "250 KB of no JSON": "x" * 250_000,
}

FAILED: Final = {
    "content that is null": task(None),
    "content that is a list": task([CONTENT]),
    "no content": json.dumps({"task": {"metadata": NAMED}}),
    "content nested 50,000 deep": raw(DEEP),
    "content nested 201 deep": raw('{"a": ' + "[" * 201 + "]" * 201 + "}"),
    "content with an endless number": raw('{"seed": ' + "1" * 5_000 + "}"),
    "content with a lone surrogate": task({"prompt": "\udfff"}),
    "metadata with a lone surrogate": task(context="\ud800"),
    "content that breaks off": raw('{"prompt": "x')[:-2],
    "a runtime that is a number": task(runtime=7),
    "another runtime": task(runtime="other"),
    "a tasktype that is a list": task(tasktype=["text-to-image"]),
    "an unknown tasktype": task(tasktype="nonesuch"),
    "a prefix that is a number": task(prefix=7),
    "inputs that are a list": task(inputs=["a.png"]),
    "a schema_version from the future": task(schema_version=10**30),
    "a schema_version that is a string": task(schema_version="1"),
    "an expires_at that is a fraction": task(expires_at=1.5),
    "a content_ref that is a number": json.dumps({"task": {"metadata": NAMED, "content_ref": 7}}),
    "a content_ref without its ETag": json.dumps({"task": {"metadata": NAMED, "content_ref": "s3://bucket/k"}}),
    "an envelope of such a task": envelope(Message=task(None)),
    "an envelope whose message is an object": envelope(Message={"metadata": NAMED, "content": CONTENT}),
    "an envelope whose id is a number": envelope(MessageId=7),
}

HARMLESS: Final = {
    "fields that are null": task(prefix=None, context=None, inputs=None, expires_at=None, tasktype=None),
    "unknown fields": task(nonesuch={"a": [1]}),
    "250 KB of content": task({"prompt": "x" * 250_000}),
    "an id that is a number": task(id="t1", schema_version=1),
    "an envelope": envelope(),
    "an envelope of no time": envelope(Timestamp=None),
    "an envelope of a time before time": envelope(Timestamp="0001-01-01T00:00:00"),
}
"""Unusual, but valid tasks."""


def poison(body: str) -> Message:
    return Message(id="poison", body=body, handle="poison", sent_at_ms=EPOCH_MS)


def table_of(bodies: dict[str, str]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("body", bodies.values(), ids=bodies.keys())


@table_of(NAMELESS)
async def test_a_message_that_names_no_task_is_quarantined_unchanged(world: Any, work: Any, body: str) -> None:
    world.messages = [poison(body)]
    await work(seconds=60)
    assert world.names() == [*START, "put parked/queue/poison", "delete poison", "exit"]
    assert world.objects["parked/queue/poison"] == body.encode()
    assert world.record[table.STATUS] == Status.QUEUED


@table_of(FAILED)
async def test_a_message_that_names_its_task_fails_it(world: Any, work: Any, body: str) -> None:
    world.messages = [poison(body)]
    await work(seconds=60)
    assert world.names() == [*START, "give_up: failed", "delete poison", "exit"]
    assert json.loads(str(world.record[table.ERROR]))["code"] == "bad_message"
    assert len(world.endings[submission_of(1)]) == 1


@table_of(HARMLESS)
async def test_a_message_that_is_only_odd_is_worked_on(world: Any, work: Any, body: str) -> None:
    world.messages = [poison(body)]
    await work(seconds=60)
    assert world.record[table.STATUS] == Status.COMPLETED


@pytest.mark.parametrize("submission", [None, ""])
async def test_a_message_with_an_empty_submission_is_one_without(world: Any, work: Any, submission: str | None) -> None:
    world.record = None
    world.messages = [poison(task(submission=submission))]
    await work(seconds=60)
    assert world.record[table.STATUS] == Status.COMPLETED


async def test_poison_does_not_keep_the_next_task_from_its_gpu(world: Any, work: Any) -> None:
    poisons = [
        Message(id=f"p{number}", body=body, handle=f"p{number}", sent_at_ms=EPOCH_MS)
        for number, body in enumerate(NAMELESS.values())
    ]
    world.messages = [*poisons, *world.messages]
    await work(seconds=60)
    assert world.record[table.STATUS] == Status.COMPLETED
    assert len(world.objects) == len(poisons) + 2
