"""Responses to API Gateway."""

import json
from collections.abc import Collection
from http import HTTPStatus
from typing import Any

from .api_event import ApiEvent
from .errors import ApiError

Response = dict[str, Any]
"""A response of the Lambda proxy integration; API Gateway returns 502 for anything else."""


class Responses:
    """Creates responses.

    Args:
        allowed_origins: origins of web pages that may read responses; `*` allows all.
    """

    def __init__(self, allowed_origins: Collection[str]) -> None:
        self._allowed_origins = allowed_origins

    def success(self, event: ApiEvent, body: dict[str, Any]) -> Response:
        """200."""
        return self._response(event, HTTPStatus.OK, body, {})

    def failure(self, event: ApiEvent, error: ApiError) -> Response:
        """A response with the error body of the contract."""
        retry = {} if error.retry_after_s is None else {"Retry-After": str(error.retry_after_s)}
        return self._response(event, error.status, error.body(event.request_id), retry)

    def _response(self, event: ApiEvent, status: HTTPStatus, body: dict[str, Any], headers: dict[str, str]) -> Response:
        return {
            "statusCode": int(status),
            "headers": {
                "Content-Type": "application/json",
                # Task status changes, URLs expire, and both belong to one caller.
                "Cache-Control": "no-store",
                **headers,
                **self._cross_origin(event.origin),
            },
            "body": json.dumps(body),
            "isBase64Encoded": False,
        }

    def _cross_origin(self, origin: str | None) -> dict[str, str]:
        """CORS headers: https://fetch.spec.whatwg.org/#http-responses."""
        if not self._allowed_origins:
            return {}
        # A cache must not return a response to a page of another origin.
        headers = {"Vary": "Origin"}
        if "*" in self._allowed_origins:
            origin = "*"
        if origin is not None and origin in self._allowed_origins:
            # By default, a page can read only the safelisted headers.
            headers |= {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": "Retry-After"}
        return headers
