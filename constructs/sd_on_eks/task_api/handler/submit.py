"""Submits a task: stores a validated request, after which the task is guaranteed to end."""

import json
from dataclasses import replace
from http import HTTPStatus
from typing import Any, Final

from task_record import table
from task_record.identifiers import new_submission
from task_record.message import MESSAGE_MAX_BYTES, RUNTIME_ATTRIBUTE, PayloadRef, TaskMessage, encode_message
from task_record.object_keys import task_folder
from task_record.submission import Idempotency, Submission
from task_record.table import Item
from task_record.transitions import TaskRef

from .body import Body
from .errors import ApiError, invalid
from .payload_store import PayloadStore
from .task_request import TaskRequest
from .task_store import TaskStore

_KEY_MAX_LENGTH: Final = 256


class Submitter:
    """Stores tasks.

    Args:
        store: the task table.
        payloads: the output bucket.
    """

    def __init__(self, store: TaskStore, payloads: PayloadStore) -> None:
        self._store = store
        self._payloads = payloads

    def submit(
        self,
        request: TaskRequest,
        body: Body,
        *,
        owner: str,
        api_key_id: str,
        idempotency_key: str | None,
        now_ms: int,
    ) -> dict[str, Any]:
        """Store a task, its message and, with an Idempotency-Key, its response, in one transaction.

        Makes one call, or two if the body is too large for a message.

        Returns:
            The body of the response; that of the earlier request if the same key and body were sent before.

        Raises:
            ApiError: 409 if the key was used with another body; 503 if the task could not be stored.
        """
        task = TaskRef(owner=owner, id=request.id, submission=new_submission(now_ms))
        location = f"s3://{self._payloads.bucket}/{task_folder(request.id, request.prefix)}"
        answer = request.answer(task.submission, location)
        message, text = self._message(request, body, task)
        idempotency = None
        if idempotency_key is not None:
            idempotency = Idempotency(header=idempotency_key, body_hash=body.sha256, answer=json.dumps(answer))
        earlier = self._store.submit(
            Submission(
                task=task,
                message=message,
                message_text=text,
                api_key_id=api_key_id,
                submitted_at_ms=now_ms,
                expires_at_ms=request.expires_at_ms,
                idempotency=idempotency,
            )
        )
        return answer if earlier is None else _replay(earlier, body)

    def earlier_answer(self, body: Body, *, owner: str, idempotency_key: str, now_ms: int) -> dict[str, Any] | None:
        """The response to an earlier submit with the same key and body, with one call.

        Raises:
            ApiError: 409 if the key was used with another body; 503 if the table is unavailable.
        """
        earlier = self._store.earlier_submit(owner, idempotency_key, now_s=now_ms // 1000)
        return None if earlier is None else _replay(earlier, body)

    def _message(self, request: TaskRequest, body: Body, task: TaskRef) -> tuple[TaskMessage, str]:
        """The message and its text, with the content if it is small enough, otherwise with a reference to it."""
        if request.payload is None and len(body.received) <= MESSAGE_MAX_BYTES:
            message = _message(request, task, None)
            text = encode_message(message)
            if _published_bytes(text, request.runtime.name) <= MESSAGE_MAX_BYTES:
                return message, text
        payload = request.payload or self._offload(request, body, task.owner)
        # Inputs that are small enough stay in the message, so that the agent reads one object less.
        for place in dict.fromkeys((None, request.inputs_pointer)):
            message = _message(request, task, replace(payload, inputs_pointer=place))
            text = encode_message(message)
            if _published_bytes(text, request.runtime.name) <= MESSAGE_MAX_BYTES:
                return message, text
        raise invalid(
            "task.metadata",
            f"must fit into a message of {MESSAGE_MAX_BYTES} bytes; upload the inputs and send links to them",
        )

    def _offload(self, request: TaskRequest, body: Body, owner: str) -> PayloadRef:
        if request.content_pointer is not None:
            return self._payloads.offload(body.received, owner, request.content_pointer)
        return self._payloads.offload(json.dumps(request.content, ensure_ascii=False).encode(), owner, "")


def checked_idempotency_key(key: str | None) -> str | None:
    """The header `Idempotency-Key` of a request; `None` if there is none.

    Raises:
        ApiError: it is invalid.
    """
    if key is not None and not (1 <= len(key) <= _KEY_MAX_LENGTH and key.isprintable()):
        raise invalid("Idempotency-Key", f"must have 1 to {_KEY_MAX_LENGTH} printable characters, got {len(key)}")
    return key


def _replay(earlier: Item, body: Body) -> dict[str, Any]:
    if earlier[table.BODY_HASH] != body.sha256:
        raise ApiError(
            HTTPStatus.CONFLICT,
            "idempotency_key_reused",
            "Idempotency-Key: must not be used with different bodies, got another body than before; use a new key for "
            "a new task",
        )
    answer: dict[str, Any] = json.loads(str(earlier[table.ANSWER]))
    return answer


def _message(request: TaskRequest, task: TaskRef, payload: PayloadRef | None) -> TaskMessage:
    return TaskMessage(
        id=request.id,
        runtime=request.runtime.name,
        tasktype=request.tasktype,
        checkpoint=request.checkpoint,
        owner=task.owner,
        submission=task.submission,
        prefix=request.prefix,
        context=request.context,
        inputs=request.inputs if payload is None or payload.inputs_pointer is None else {},
        expires_at_ms=request.expires_at_ms,
        content=request.content if payload is None else None,
        payload=payload,
    )


def _published_bytes(text: str, runtime: str) -> int:
    """Size of a message as SNS counts it: in UTF-8, with name, type and value of its attribute.

    https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
    """
    return len(text.encode()) + len(f"{RUNTIME_ATTRIBUTE}String{runtime}".encode())
