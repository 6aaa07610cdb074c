"""The message on the input topic and in the queues.

    {"task": {"metadata": {"id", "runtime", "tasktype", "prefix"?, "context"?, "inputs"?, "expires_at"?,
                           "checkpoint"?, "submission", "owner", "schema_version"},
              "content": {...}}}

It is the v1alpha2 body with `checkpoint`, `submission`, `owner` and `schema_version` in its metadata; a v1alpha1 body
is translated at submit. A body too large for a message stands in S3, and in place of `content` come `content_ref` (its
s3:// URL), `content_etag` (read with If-Match) and `content_pointer` (RFC 6901, where in that object the content
stands). Where the inputs are too large as well, `inputs_pointer` says where in that object they stand. Readers take it
raw or inside an SNS envelope, with or without the outer `task`.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from task_record import table
from task_record.nesting import is_deeper_than

SCHEMA_VERSION: Final = 1
"""Version of the message and of the record; an agent refuses what is newer than itself."""

MESSAGE_MAX_BYTES: Final = 200 * 1024
"""Largest message, in bytes of UTF-8; SNS takes 262,144 with the attributes.

https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html
"""

RUNTIME_ATTRIBUTE: Final = "runtime"
"""Message attribute that the subscriptions' filter policies match."""


_MAX_DEPTH: Final = 200
"""Deepest nesting of a message: twice what the task API takes, and less than any further reader's own limit."""

_METADATA: Final = re.compile(r'"metadata"\s*:\s*')


class MalformedMessageError(ValueError):
    """A message that no agent can work on: what is wrong with it.

    Attributes:
        known: what names its task, so that the task can be ended; `None` where even that cannot be told.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.known: TaskMessage | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PayloadRef:
    """Where the content of a large task stands.

    Attributes:
        url: `s3://bucket/key`.
        etag: ETag that the object must still have.
        pointer: RFC 6901 pointer to the content inside the object, `""` for the whole.
        inputs_pointer: as above, to the named inputs; `None` where those are in the message.
    """

    url: str
    etag: str
    pointer: str
    inputs_pointer: str | None = None

    @property
    def inputs(self) -> "PayloadRef | None":
        """Where the named inputs are; `None` where they are in the message."""
        return None if self.inputs_pointer is None else replace(self, pointer=self.inputs_pointer, inputs_pointer=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskMessage:
    """A task, as an agent receives it.

    Attributes:
        id: the caller's id.
        runtime: name of the runtime that it asks for, where it says so.
        tasktype: kind of the task, where it says so.
        owner: whose it is; `table.NO_OWNER` where the message does not say.
        submission: ULID of the submit; `None` for a message that did not come through the API.
        schema_version: version of the message.
        prefix: where results go, where it says so.
        context: any JSON value of the caller's, handed back in the callback.
        inputs: named inputs, for comfyui.
        expires_at_ms: when nobody waits for it any more, epoch milliseconds.
        checkpoint: name of the checkpoint that it runs, as decided at submit; `None` for a task that uses none, and in
            messages that do not say.
        content: the request body for the runtime; `None` where `payload` says where it is.
        payload: where the content is.
        sns_message_id: MessageId of the SNS envelope, where there was one.
        sns_timestamp_ms: Timestamp of the SNS envelope, where there was one.
    """

    id: str
    runtime: str | None
    tasktype: str | None
    owner: str = table.NO_OWNER
    submission: str | None = None
    schema_version: int = SCHEMA_VERSION
    prefix: str | None = None
    context: Any = None
    inputs: Mapping[str, Any] = field(default_factory=dict)
    expires_at_ms: int | None = None
    checkpoint: str | None = None
    content: Mapping[str, Any] | None = None
    payload: PayloadRef | None = None
    sns_message_id: str | None = None
    sns_timestamp_ms: int | None = None


def encode_message(message: TaskMessage) -> str:
    """JSON text of a message; optional parts that are not there are left out."""
    metadata: dict[str, Any] = {
        "id": message.id,
        "runtime": message.runtime,
        "tasktype": message.tasktype,
        "prefix": message.prefix,
        "context": message.context,
        "inputs": message.inputs or None,
        "expires_at": message.expires_at_ms,
        "checkpoint": message.checkpoint,
        "submission": message.submission,
        "owner": message.owner,
        "schema_version": message.schema_version,
    }
    task: dict[str, Any] = {"metadata": {key: value for key, value in metadata.items() if value is not None}}
    if message.payload is not None:
        task["content_ref"] = message.payload.url
        task["content_etag"] = message.payload.etag
        task["content_pointer"] = message.payload.pointer
        if message.payload.inputs_pointer is not None:
            task["inputs_pointer"] = message.payload.inputs_pointer
    else:
        task["content"] = message.content
    return json.dumps({"task": task}, ensure_ascii=False, separators=(",", ":"))


def decode_message(body: str | bytes) -> TaskMessage:
    """Read the body of an SQS message.

    Raises:
        MalformedMessageError: it is no JSON object, or has no usable metadata, id or content. What names its task is in
            the error, where that can be told.
    """
    text = body if isinstance(body, str) else body.decode("utf-8", "replace")
    sns_message_id: str | None = None
    sns_timestamp_ms: int | None = None
    try:
        outer = _object(_load(text), "the message")
        if outer.get("Type") == "Notification" and isinstance(outer.get("Message"), str):
            text = outer["Message"]
            sns_message_id = _optional_text(outer, "MessageId")
            sns_timestamp_ms = _timestamp_ms(outer.get("Timestamp"))
            outer = _object(_load(text), "the SNS envelope's Message")
        message = _message(outer)
    except MalformedMessageError as error:
        error.known = _known(text, sns_message_id, sns_timestamp_ms)
        raise
    return replace(message, sns_message_id=sns_message_id, sns_timestamp_ms=sns_timestamp_ms)


def _message(outer: dict[str, Any]) -> TaskMessage:
    task = _object(outer["task"], "task") if "task" in outer else outer
    metadata = _object(task.get("metadata"), "metadata")
    payload, content = None, None
    if "content_ref" in task:
        payload = PayloadRef(
            url=_text(task, "content_ref"),
            etag=_text(task, "content_etag"),
            pointer=str(task.get("content_pointer", "")),
            inputs_pointer=_optional_text(task, "inputs_pointer"),
        )
    else:
        content = _object(task.get("content"), "content")
    inputs = metadata.get("inputs")
    return TaskMessage(
        id=_task_id(metadata),
        runtime=_optional_text(metadata, "runtime"),
        tasktype=_optional_text(metadata, "tasktype"),
        owner=_optional_text(metadata, "owner") or table.NO_OWNER,
        submission=_optional_text(metadata, "submission"),
        schema_version=_optional_integer(metadata, "schema_version") or SCHEMA_VERSION,
        prefix=_optional_text(metadata, "prefix") or None,
        context=metadata.get("context"),
        inputs=_object(inputs, "metadata.inputs") if inputs is not None else {},
        expires_at_ms=_optional_integer(metadata, "expires_at"),
        checkpoint=_optional_text(metadata, "checkpoint") or None,
        content=content,
        payload=payload,
    )


def _known(text: str, sns_message_id: str | None, sns_timestamp_ms: int | None) -> TaskMessage | None:
    """What names the task of a message that cannot be read: its metadata alone, wherever that stands."""
    found = _METADATA.search(text)
    if found is None:
        return None
    try:
        value, _ = json.JSONDecoder().raw_decode(text, found.end())
        metadata = _object(value, "metadata")
        known = TaskMessage(
            id=_task_id(metadata),
            runtime=None,
            tasktype=None,
            owner=_optional_text(metadata, "owner") or table.NO_OWNER,
            submission=_optional_text(metadata, "submission"),
            sns_message_id=sns_message_id,
            sns_timestamp_ms=sns_timestamp_ms,
        )
        # What else the metadata holds is not read: what is wrong with it keeps nobody from being told.
        _check([known.id, known.owner, known.submission], text)
    except (ValueError, RecursionError):
        return None
    return known


def _task_id(metadata: Mapping[str, Any]) -> str:
    task_id = metadata.get("id")
    if isinstance(task_id, int) and not isinstance(task_id, bool):
        return str(task_id)
    if not isinstance(task_id, str) or not task_id:
        raise MalformedMessageError(f"metadata.id must be a non-empty string, got {type(task_id).__name__}")
    return task_id


def _load(text: str) -> Any:  # noqa: ANN401 (any JSON value)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MalformedMessageError(f"the message is no JSON: {error}") from error
    _check(value, text)
    return value


def _check(value: Any, text: str) -> None:  # noqa: ANN401 (any JSON value)
    """Refuse what can be read but never be passed on."""
    if is_deeper_than(value, _MAX_DEPTH):
        raise MalformedMessageError(f"the message is nested more than {_MAX_DEPTH} deep")
    if "\\u" in text:
        try:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError as error:
            raise MalformedMessageError("the message holds a lone surrogate") from error


def _object(value: Any, where: str) -> dict[str, Any]:  # noqa: ANN401 (any JSON value)
    if not isinstance(value, dict):
        raise MalformedMessageError(f"{where} must be an object, got {type(value).__name__}")
    return value


def _text(task: Mapping[str, Any], name: str) -> str:
    value = task.get(name)
    if not isinstance(value, str):
        raise MalformedMessageError(f"{name} must be a string, got {type(value).__name__}")
    return value


def _optional_text(metadata: Mapping[str, Any], name: str) -> str | None:
    return None if metadata.get(name) is None else _text(metadata, name)


def _optional_integer(metadata: Mapping[str, Any], name: str) -> int | None:
    value = metadata.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise MalformedMessageError(f"metadata.{name} must be an integer, got {type(value).__name__}")
    return value


def _timestamp_ms(text: Any) -> int | None:  # noqa: ANN401 (any JSON value)
    if not isinstance(text, str):
        return None
    try:
        return round(datetime.fromisoformat(text).timestamp() * 1000)
    except ValueError:
        return None
