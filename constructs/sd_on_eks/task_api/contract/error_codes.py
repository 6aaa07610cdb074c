"""The codes of all responses with a status other than 200."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorCode:
    """An error code.

    Attributes:
        code: the code of the error body.
        status: HTTP status.
        meaning: what happened and what to do, in Markdown.
    """

    code: str
    status: int
    meaning: str


_AGAIN: Final = "Send the request again after `Retry-After` seconds."

ERROR_CODES: Final = (
    ErrorCode(
        code="invalid_json",
        status=400,
        meaning="The body is not a valid JSON object, or is ambiguous, such as one with a duplicate key.",
    ),
    ErrorCode(code="invalid_request", status=400, meaning="`field` is invalid; `message` says what is allowed."),
    ErrorCode(
        code="checkpoint_required",
        status=400,
        meaning="The runtime has no default checkpoint: set `override_settings.sd_model_checkpoint`.",
    ),
    ErrorCode(
        code="ambiguous_checkpoint",
        status=400,
        meaning="The name matches the checkpoints of two runtimes. Send the path of one of those in `message`.",
    ),
    ErrorCode(
        code="unauthorized",
        status=401,
        meaning=(
            "The header `x-api-key` is missing, or is not a valid API key. The stack output `GetAPIKeyCommand` is the "
            "command that shows the key."
        ),
    ),
    ErrorCode(
        code="access_denied",
        status=403,
        meaning="The deployment does not accept requests from your network, or your address sends too many of them.",
    ),
    ErrorCode(
        code="unknown_route",
        status=404,
        meaning="The API has no such method and path; `message` suggests the nearest one, or lists all.",
    ),
    ErrorCode(
        code="unknown_runtime",
        status=404,
        meaning="The deployment has no such runtime; `message` suggests the nearest name.",
    ),
    ErrorCode(
        code="unknown_checkpoint",
        status=404,
        meaning="No runtime serves this checkpoint; `message` suggests the nearest name.",
    ),
    ErrorCode(code="unknown_task", status=404, meaning="Your API key has no task with this id."),
    ErrorCode(
        code="idempotency_key_reused",
        status=409,
        meaning="The `Idempotency-Key` was used with another body in the last 24 hours. Use a new key.",
    ),
    ErrorCode(
        code="runtime_retired",
        status=409,
        meaning="The runtime finishes its tasks and accepts no new ones. Use another runtime.",
    ),
    ErrorCode(code="task_ended", status=409, meaning="The task has completed or failed and cannot be cancelled."),
    ErrorCode(
        code="too_large",
        status=413,
        meaning=(
            "The body is too large. Up to 4 MiB are always accepted; upload larger content with "
            "`POST /v1alpha2/uploads`."
        ),
    ),
    ErrorCode(code="unsupported_media_type", status=415, meaning="`Content-Type` must be `application/json`."),
    ErrorCode(
        code="throttled",
        status=429,
        meaning="This API key sends too many requests. Send the request again after `Retry-After` seconds.",
    ),
    ErrorCode(
        code="quota_exceeded",
        status=429,
        meaning="The quota of this API key is used up. Wait until its next period starts.",
    ),
    ErrorCode(
        code="backlog_full",
        status=429,
        meaning=(
            "The queue of the runtime is full. Send the request again after `Retry-After` seconds, the expected "
            "duration of the queued tasks."
        ),
    ),
    ErrorCode(code="internal", status=500, meaning=f"Internal error of the API. {_AGAIN}"),
    ErrorCode(code="internal", status=502, meaning=f"Internal error of the API. {_AGAIN}"),
    ErrorCode(code="unavailable", status=503, meaning=f"A service that the API uses is unavailable. {_AGAIN}"),
    ErrorCode(code="timeout", status=504, meaning=f"The API did not respond in time. {_AGAIN}"),
)
