"""Requests to the API, and what the contract says of an answer."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import urllib3

from verification.check import BrokenError

_REQUEST_S: Final = 35.0
"""Longer than API Gateway's own 29 s."""

_ERROR: Final = frozenset({"code", "message", "request_id"})
_SHOWN: Final = 100


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def shown(self) -> str:
        """Its status and the begin of its body."""
        return f"{self.status} {self.body[:_SHOWN].decode(errors='replace')!r}"

    @property
    def allowed_origin(self) -> str | None:
        """The web page that may read it."""
        return self.headers.get("Access-Control-Allow-Origin")

    @property
    def error(self) -> dict[str, str]:
        """Its error.

        Raises:
            BrokenError: it is not in the contract's words.
        """
        try:
            error = json.loads(self.body)["error"]
        except (ValueError, KeyError, TypeError) as problem:
            raise BrokenError(f"not in the contract's words: {self.shown}") from problem
        if not isinstance(error, dict) or not error.keys() >= _ERROR:
            raise BrokenError(f"not in the contract's words: {self.shown}")
        return error

    def expect(self, status: int, code: str) -> dict[str, str]:
        """Its error, which has to be this one.

        Raises:
            BrokenError: it is another, or not in the contract's words.
        """
        if self.status != status:
            raise BrokenError(f"{self.shown} instead of {status:d}")
        if self.error["code"] != code:
            raise BrokenError(f"{self.status} {self.error['code']} instead of {code}")
        return self.error


class ApiClient:
    """Sends requests.

    Args:
        url: where tasks are submitted, with the slash at its end.
        key: the API key.
        connections: how many requests may be under way at once.
        retries: which failures are tried again; none by default.

    Attributes:
        connections: the same.
        http: for requests to elsewhere, such as a link of the API's.
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

    def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None) -> Reply:
        """Send a request with these headers alone."""
        reply = self.http.request(method, self._url + path, headers=headers, body=body)
        return Reply(reply.status, reply.headers, reply.data)

    def send_with_key(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Reply:
        """Send a request with the key."""
        return self.send(method, path, {"x-api-key": self._key, **(headers or {})}, body)

    def post(self, path: str, body: Mapping[str, Any]) -> Reply:
        """Post JSON with the key."""
        return self.send_with_key("POST", path, {"Content-Type": "application/json"}, json.dumps(body).encode())
