"""Every code that an answer other than 200 may have."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorCode:
    """A code.

    Attributes:
        code: the word.
        status: HTTP status.
        meaning: what happened and what to do.
    """

    code: str
    status: int
    meaning: str


_AGAIN: Final = "Nothing was accepted that you were not told of: send the request again, after `Retry-After` seconds."

ERROR_CODES: Final = (
    ErrorCode(
        code="invalid_json", status=400, meaning="The body is no JSON object, or one that is not read alike by all."
    ),
    ErrorCode(code="invalid_request", status=400, meaning="`field` is wrong; `message` says what is allowed."),
    ErrorCode(
        code="checkpoint_required",
        status=400,
        meaning="The runtime has no checkpoint of its own: name one in `override_settings.sd_model_checkpoint`.",
    ),
    ErrorCode(
        code="ambiguous_checkpoint",
        status=400,
        meaning="The name fits the checkpoints of two runtimes, which `message` names: send the path of the one.",
    ),
    ErrorCode(code="unauthorized", status=401, meaning="`x-api-key` is missing or wrong."),
    ErrorCode(
        code="access_denied",
        status=403,
        meaning="The deployment does not answer to your network, or you send too much.",
    ),
    ErrorCode(code="unknown_route", status=404, meaning="There is no such method and path."),
    ErrorCode(code="unknown_runtime", status=404, meaning="There is no such runtime; `message` offers the nearest."),
    ErrorCode(code="unknown_checkpoint", status=404, meaning="No runtime serves it; `message` offers the nearest."),
    ErrorCode(code="unknown_task", status=404, meaning="Your API key has no such task."),
    ErrorCode(
        code="idempotency_key_reused",
        status=409,
        meaning="The `Idempotency-Key` came with another body within 24 hours.",
    ),
    ErrorCode(
        code="runtime_retired",
        status=409,
        meaning="The runtime finishes the tasks that it has and takes no further ones: name another.",
    ),
    ErrorCode(code="task_ended", status=409, meaning="The task has completed or failed; it cannot be cancelled."),
    ErrorCode(
        code="too_large",
        status=413,
        meaning="4 MiB are always taken; upload a larger content by way of `POST /v1alpha2/uploads`.",
    ),
    ErrorCode(code="unsupported_media_type", status=415, meaning="`Content-Type` must be `application/json`."),
    ErrorCode(code="throttled", status=429, meaning="Too many requests of this API key; wait `Retry-After` seconds."),
    ErrorCode(code="quota_exceeded", status=429, meaning="The quota of this API key is used up for its period."),
    ErrorCode(
        code="backlog_full",
        status=429,
        meaning="As many tasks wait for the runtime as may; `Retry-After` is how long they are expected to take.",
    ),
    ErrorCode(code="internal", status=500, meaning=f"Our fault. {_AGAIN}"),
    ErrorCode(code="internal", status=502, meaning=f"Our fault. {_AGAIN}"),
    ErrorCode(code="unavailable", status=503, meaning=f"A service behind the API did not answer. {_AGAIN}"),
    ErrorCode(code="timeout", status=504, meaning=f"No answer in time. {_AGAIN}"),
)
