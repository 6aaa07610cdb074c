"""The message: encoding and decoding, with and without an envelope."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from task_record.message import (
    MalformedMessageError,
    PayloadRef,
    TaskMessage,
    decode_message,
    encode_message,
)

MESSAGE = TaskMessage(
    id="a-task",
    runtime="sd",
    tasktype="text-to-image",
    owner="key1",
    submission="01J00000000000000000000000",
    prefix="a/b",
    context={"n": 1},
    inputs={"cat.png": "https://example.com/cat.png"},
    expires_at_ms=5,
    checkpoint="sdxl/base.safetensors",
    content={"prompt": "ein Kätzchen"},
)
OFFLOADED = TaskMessage(
    id="a-task",
    runtime="sd",
    tasktype="text-to-image",
    payload=PayloadRef(url="s3://bucket/payloads/key1/abc", etag='"e"', pointer="/task/content"),
)
OFFLOADED_INPUTS = replace(
    OFFLOADED, payload=PayloadRef(url="s3://bucket/p", etag="e", pointer="/task/content", inputs_pointer="/task/inputs")
)


@pytest.mark.parametrize(
    "message", [MESSAGE, OFFLOADED, OFFLOADED_INPUTS], ids=["inline", "offloaded", "inputs offloaded"]
)
def test_decoded_message_equals_the_encoded_one(message: TaskMessage) -> None:
    assert decode_message(encode_message(message)) == message


def test_inputs_are_read_where_the_content_is() -> None:
    assert OFFLOADED.payload is not None
    assert OFFLOADED.payload.inputs is None
    assert OFFLOADED_INPUTS.payload is not None
    assert OFFLOADED_INPUTS.payload.inputs == PayloadRef(url="s3://bucket/p", etag="e", pointer="/task/inputs")


def test_message_is_read_without_the_outer_task() -> None:
    assert decode_message(json.dumps(json.loads(encode_message(MESSAGE))["task"])) == MESSAGE


def test_message_in_an_sns_envelope_brings_the_envelopes_id_and_time() -> None:
    envelope = {
        "Type": "Notification",
        "MessageId": "m-1",
        "Timestamp": "2026-11-24T10:00:00.250Z",
        "Message": encode_message(MESSAGE),
    }
    message = decode_message(json.dumps(envelope))
    assert (message.sns_message_id, message.sns_timestamp_ms, message.content) == (
        "m-1",
        1_795_514_400_250,
        MESSAGE.content,
    )


def test_message_without_optional_parts_is_read() -> None:
    message = decode_message('{"metadata": {"id": 7}, "content": {}}')
    assert (message.id, message.owner, message.submission, message.prefix, message.inputs) == ("7", "-", None, None, {})


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("not json", "must be valid JSON"),
        ("[" * 100_000, "must be valid JSON"),
        ("[]", "the message must be an object, got list"),
        ('{"task": 1}', "task must be an object, got int"),
        ("{}", "metadata must be an object, got NoneType"),
        ('{"metadata": {}, "content": {}}', "metadata.id must be a non-empty string, got NoneType"),
        ('{"metadata": {"id": true}, "content": {}}', "metadata.id must be a non-empty string, got bool"),
        ('{"metadata": {"id": "a", "runtime": 1}, "content": {}}', "runtime must be a string, got int"),
        ('{"metadata": {"id": "a", "expires_at": "x"}, "content": {}}', "metadata.expires_at must be an integer"),
        ('{"metadata": {"id": "a"}}', "content must be an object, got NoneType"),
        ('{"metadata": {"id": "a"}, "content_ref": "s3://b/k"}', "content_etag must be a string, got NoneType"),
        ('{"Type": "Notification", "Message": "x"}', "must be valid JSON"),
    ],
)
def test_fails_when_the_message_is_not_valid(body: str, says: str) -> None:
    with pytest.raises(MalformedMessageError, match=says):
        decode_message(body)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_any_json_is_decoded_or_rejected_with_our_message(value: object) -> None:
    try:
        decode_message(json.dumps({"metadata": {"id": "a", "context": value, "prefix": value}, "content": {}}))
    except MalformedMessageError as error:
        assert "prefix" in str(error)  # noqa: PT017 (both outcomes are correct; this one must have a message)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("[" * 50_000, "must be valid JSON"),
        ("[" * 500 + "]" * 500, "must be nested at most 200 levels deep"),
        ('{"prompt": "\\ud800"}', "must not contain a lone surrogate"),
        ("7", "content must be an object"),
        ("nothing", "must be valid JSON"),
    ],
)
@pytest.mark.parametrize("is_wrapped", [False, True])
def test_metadata_of_a_message_that_cannot_be_read_still_names_its_task(
    content: str, says: str, is_wrapped: bool
) -> None:
    text = f'{{"task": {{"metadata": {{"id": 7, "owner": "o", "submission": "S"}}, "content": {content}'
    text += "" if content.startswith("[" * 50_000) else "}}"
    if is_wrapped:
        text = json.dumps(
            {"Type": "Notification", "MessageId": "m-1", "Timestamp": "2026-11-24T10:00:00Z", "Message": text}
        )
    with pytest.raises(MalformedMessageError, match=says) as error:
        decode_message(text)
    known = error.value.known
    assert known is not None
    assert (known.id, known.owner, known.submission) == ("7", "o", "S")
    assert known.sns_message_id == ("m-1" if is_wrapped else None)


@pytest.mark.parametrize(
    "body",
    [
        "not json",
        '{"metadata": {"id": ""}}',
        '{"metadata": {"id": "\\ud800"}, "content": {}}',
        '{"metadata": {"id": "a", "submission": 5}, "content": {}}',
        '{"metadata": ' + "[" * 50_000,
    ],
)
def test_a_message_without_a_usable_name_names_no_task(body: str) -> None:
    with pytest.raises(MalformedMessageError) as error:
        decode_message(body)
    assert error.value.known is None
