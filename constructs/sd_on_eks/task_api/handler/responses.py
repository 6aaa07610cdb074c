"""Answers, as API Gateway takes them."""

import json
from collections.abc import Collection
from http import HTTPStatus
from typing import Any

from .api_event import ApiEvent
from .errors import ApiError

Response = dict[str, Any]
"""Of the Lambda proxy integration; anything else would make API Gateway answer 502."""


class Responses:
    """Makes answers.

    Args:
        allowed_origins: web pages that may read them; `*` is every page.
    """

    def __init__(self, allowed_origins: Collection[str]) -> None:
        self._allowed_origins = allowed_origins

    def success(self, event: ApiEvent, body: dict[str, Any]) -> Response:
        """200."""
        return self._response(event, HTTPStatus.OK, body, {})

    def refusal(self, event: ApiEvent, error: ApiError) -> Response:
        """What is wrong, in the contract's words."""
        retry = {} if error.retry_after_s is None else {"Retry-After": str(error.retry_after_s)}
        return self._response(event, error.status, error.body(event.request_id), retry)

    def _response(self, event: ApiEvent, status: HTTPStatus, body: dict[str, Any], headers: dict[str, str]) -> Response:
        return {
            "statusCode": int(status),
            "headers": {
                "Content-Type": "application/json",
                # States change, links expire, and both are one caller's own.
                "Cache-Control": "no-store",
                **headers,
                **self._cross_origin(event.origin),
            },
            "body": json.dumps(body),
            "isBase64Encoded": False,
        }

    def _cross_origin(self, origin: str | None) -> dict[str, str]:
        """https://fetch.spec.whatwg.org/#http-responses."""
        if not self._allowed_origins:
            return {}
        # Whoever keeps an answer must not show it to another page.
        headers = {"Vary": "Origin"}
        if "*" in self._allowed_origins:
            origin = "*"
        if origin is not None and origin in self._allowed_origins:
            # A page may read no other header than this, and those that every answer has.
            headers |= {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": "Retry-After"}
        return headers
