"""The message on the input topic and in the queues.

    {"task": {"metadata": {"id", "runtime", "tasktype", "prefix"?, "context"?, "inputs"?, "expires_at"?,
                           "checkpoint"?, "submission", "owner", "schema_version"},
              "content": {...}}}

It is the v1alpha2 body with `checkpoint`, `submission`, `owner` and `schema_version` in its metadata. The task API
converts a v1alpha1 body at submit. A body that is too large for a message is offloaded to S3. Then `content` is
replaced by `content_ref` (the s3:// URL), `content_etag` (for If-Match) and `content_pointer` (RFC 6901, the path of
the content in the object). If the inputs are too large too, `inputs_pointer` is their path in the object. Consumers
accept the message raw or inside an SNS envelope, with or without the outer `task`.
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
"""Version of the message and the record. An agent rejects a version that is newer than its own."""

MESSAGE_MAX_BYTES: Final = 200 * 1024
"""Maximum size of a message, in bytes of UTF-8. The limit of SNS is 262,144 with the attributes.

https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html
"""

RUNTIME_ATTRIBUTE: Final = "runtime"
"""Message attribute that the filter policies of the subscriptions match."""


_MAX_DEPTH: Final = 200
"""Maximum nesting of a message: twice the limit of the task API, and below the limit of every other reader."""

_METADATA: Final = re.compile(r'"metadata"\s*:\s*')


class MalformedMessageError(ValueError):
    """A message that no agent can process.

    Attributes:
        known: the identity of its task, so that the task can be failed; `None` if it cannot be determined.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.known: TaskMessage | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PayloadRef:
    """Location of the offloaded content of a large task.

    Attributes:
        url: `s3://bucket/key`.
        etag: the ETag that the object must have.
        pointer: RFC 6901 pointer to the content in the object; `""` for the whole object.
        inputs_pointer: RFC 6901 pointer to the named inputs; `None` if they are in the message.
    """

    url: str
    etag: str
    pointer: str
    inputs_pointer: str | None = None

    @property
    def inputs(self) -> "PayloadRef | None":
        """Location of the named inputs; `None` if they are in the message."""
        return None if self.inputs_pointer is None else replace(self, pointer=self.inputs_pointer, inputs_pointer=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskMessage:
    """A task, as an agent receives it.

    Attributes:
        id: the task id that the caller chose.
        runtime: name of the requested runtime, if the message has it.
        tasktype: type of the task, if the message has it.
        owner: owner of the task; `table.NO_OWNER` if the message has none.
        submission: ULID of the submit; `None` for a message that was not sent through the API.
        schema_version: version of the message.
        prefix: key prefix of the results, if the message has it.
        context: any JSON value from the caller, returned in the callback.
        inputs: named inputs, for comfyui.
        expires_at_ms: when the task expires, in epoch milliseconds.
        checkpoint: name of the checkpoint, as resolved at submit; `None` for a task that uses none, and if the message
            has none.
        content: the request body for the runtime; `None` if it is offloaded to `payload`.
        payload: location of the offloaded content.
        sns_message_id: MessageId of the SNS envelope, if there was one.
        sns_timestamp_ms: Timestamp of the SNS envelope, if there was one.
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
    """Encode a message as JSON, without absent optional fields."""
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
    """Decode the body of an SQS message.

    Raises:
        MalformedMessageError: the body is not a JSON object, or its metadata, id or content is not valid. `known` has
            the identity of the task, if it can be determined.
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
    """The identity of the task of a message that cannot be decoded, from its metadata only."""
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
        # Other metadata is not validated: an error in it must not prevent the failure callback.
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
        raise MalformedMessageError(f"the message must be valid JSON: {error}") from error
    _check(value, text)
    return value


def _check(value: Any, text: str) -> None:  # noqa: ANN401 (any JSON value)
    """Reject a value that can be decoded but not encoded again."""
    if is_deeper_than(value, _MAX_DEPTH):
        raise MalformedMessageError(f"the message must be nested at most {_MAX_DEPTH} levels deep")
    if "\\u" in text:
        try:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError as error:
            raise MalformedMessageError("the message must not contain a lone surrogate") from error


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
