"""Requests to the API, and the error body of the contract."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import urllib3

from verification.check import BrokenError

_REQUEST_S: Final = 35.0
"""Longer than the integration timeout of API Gateway, 29 s."""

_ERROR: Final = frozenset({"code", "message", "request_id"})
_SHOWN: Final = 100


@dataclass(frozen=True, slots=True)
class Response:
    """A response."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def shown(self) -> str:
        """Status and beginning of the body."""
        return f"{self.status} {self.body[:_SHOWN].decode(errors='replace')!r}"

    @property
    def allowed_origin(self) -> str | None:
        """The origin of web pages that may read it."""
        return self.headers.get("Access-Control-Allow-Origin")

    @property
    def error(self) -> dict[str, str]:
        """The error of the body.

        Raises:
            BrokenError: the body is not the error body of the contract.
        """
        try:
            error = json.loads(self.body)["error"]
        except (ValueError, KeyError, TypeError) as problem:
            raise BrokenError(f"not the error body of the contract: {self.shown}") from problem
        if not isinstance(error, dict) or not error.keys() >= _ERROR:
            raise BrokenError(f"not the error body of the contract: {self.shown}")
        return error

    def expect(self, status: int, code: str) -> dict[str, str]:
        """The error of the body, which must be the expected one.

        Raises:
            BrokenError: it is another error, or not the error body of the contract.
        """
        if self.status != status:
            raise BrokenError(f"{self.shown} instead of {status:d}")
        if self.error["code"] != code:
            raise BrokenError(f"{self.status} {self.error['code']} instead of {code}")
        return self.error


class ApiClient:
    """Sends requests.

    Args:
        url: URL of the API's stage, with a slash at the end.
        key: the API key.
        connections: maximum number of concurrent requests.
        retries: failures that are retried; none by default.

    Attributes:
        connections: maximum number of concurrent requests.
        http: for requests to other URLs, such as presigned URLs.
    """

    def __init__(
        self, url: str, key: str, *, connections: int = 1, retries: urllib3.Retry | Literal[False] = False
    ) -> None:
        self._url = url
        self._key = key
        self.connections = connections
        self.http = urllib3.PoolManager(
            maxsize=connections, ca_certs=os.environ.get("AWS_CA_BUNDLE"), retries=retries, timeout=_REQUEST_S
        )

    def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None) -> Response:
        """Send a request with only these headers."""
        reply = self.http.request(method, self._url + path, headers=headers, body=body)
        return Response(reply.status, reply.headers, reply.data)

    def send_with_key(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Response:
        """Send a request with the API key."""
        return self.send(method, path, {"x-api-key": self._key, **(headers or {})}, body)

    def post(self, path: str, body: Mapping[str, Any]) -> Response:
        """Send a POST request with JSON and the API key."""
        return self.send_with_key("POST", path, {"Content-Type": "application/json"}, json.dumps(body).encode())
