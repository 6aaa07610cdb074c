"""Checks of the API's responses."""

import json
import secrets
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from conformance.smallest_task import smallest_task
from deployed_api import Api
from sd_on_eks.task_api.handler.payload_store import LINK_SECONDS
from verification.api_client import ApiClient, Response
from verification.check import BrokenError, Check, SkippedError

_NO_TASK: Final = "v1alpha2/tasks/none"
_MIB: Final = 1024 * 1024


class ContractChecks:
    """Checks that only send requests.

    Args:
        api: the deployment.
        client: sends requests to it.
    """

    def __init__(self, api: Api, client: ApiClient) -> None:
        self._api = api
        self._client = client

    @property
    def checks(self) -> tuple[Check, ...]:
        """The checks, in the order of the checklist."""
        return (
            Check("no key and a wrong key return 401", self._keys),
            Check("an unknown route returns 404", self._unknown_routes),
            Check(
                "an unknown route with an Authorization header returns the error body of the contract",
                self._default_4xx,
            ),
            Check("a body that is not JSON returns 415", self._media_types),
            Check("a body of 4 MiB is accepted", self._inline),
            Check(
                "a body over Lambda's 6 MB returns 413 with the error body of the contract", self._too_large_for_lambda
            ),
            Check("a body over the gateway's 10 MB returns 413", self._too_large_for_gateway),
            Check("CORS is as configured", self._cors),
            Check("an upload is accepted only as declared", self._uploads),
        )

    def _keys(self) -> str:
        for headers in ({}, {"x-api-key": "wrong-" + secrets.token_hex(17)}):
            self._client.send("GET", _NO_TASK, headers).expect(HTTPStatus.UNAUTHORIZED, "unauthorized")
        return "401 unauthorized"

    def _unknown_routes(self) -> str:
        for method, path in (("POST", "v1alpha9"), ("GET", "v1alpha2"), ("DELETE", _NO_TASK)):
            self._client.send_with_key(method, path).expect(HTTPStatus.NOT_FOUND, "unknown_route")
        return "404 unknown_route"

    def _default_4xx(self) -> str:
        # The gateway parses the header as a signature, which it is not, and returns DEFAULT_4XX.
        reply = self._client.send_with_key("GET", "v1alpha9", {"Authorization": 'Bearer "a"'})
        if not HTTPStatus.BAD_REQUEST <= reply.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            raise BrokenError(f"{reply.status} instead of 4xx")
        return f"{reply.status} {reply.error['code']}"

    def _media_types(self) -> str:
        for media_type in ("text/plain", "application/x-www-form-urlencoded"):
            reply = self._client.send_with_key("POST", "v1alpha2", {"Content-Type": media_type}, b"a=b")
            reply.expect(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type")
        return "415 unsupported_media_type"

    def _inline(self) -> str:
        # The runtime does not exist, so a body that arrives is read and then rejected.
        self._post_of_size(4 * _MIB).expect(HTTPStatus.NOT_FOUND, "unknown_runtime")
        return "read completely"

    def _too_large_for_lambda(self) -> str:
        reply = self._post_of_size(7 * _MIB)
        message = reply.expect(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large")["message"]
        if "/v1alpha2/uploads" not in message:
            raise BrokenError(f"the message must name POST /v1alpha2/uploads, got: {message}")
        return "413 too_large"

    def _too_large_for_gateway(self) -> str:
        reply = self._post_of_size(11 * _MIB)
        if reply.status != HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            raise BrokenError(f"{reply.shown} instead of 413")
        try:
            reply.expect(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large")
        except BrokenError:
            # The only response that the contract leaves to the gateway.
            return f"the gateway's own response: {reply.shown}"
        return "413 too_large"

    def _cors(self) -> str:
        origins = [origin for origin in self._api.settings.get("CORS_ALLOW_ORIGINS", "").split(",") if origin]
        ask = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type,x-api-key"}
        if not origins:
            reply = self._client.send("OPTIONS", "v1alpha2", {"Origin": "https://example.com", **ask})
            if reply.allowed_origin is not None:
                raise BrokenError(f"no origin is configured, but {reply.allowed_origin} is allowed")
            return "no origin is allowed"
        for origin in origins:
            for reply in (
                self._client.send("OPTIONS", "v1alpha2", {"Origin": origin, **ask}),
                self._client.send_with_key("GET", _NO_TASK, {"Origin": origin}),
            ):
                if reply.allowed_origin != origin:
                    raise BrokenError(f"{origin} is configured, but {reply.allowed_origin} is allowed")
            if self._client.send("GET", _NO_TASK, {"Origin": origin}).allowed_origin not in {origin, "*"}:
                raise BrokenError(f"{origin} may not read the error for a missing key")
        reply = self._client.send("OPTIONS", "v1alpha2", {"Origin": "https://example.com", **ask})
        if reply.allowed_origin in {"*", "https://example.com"}:
            raise BrokenError("an origin that is not configured is allowed")
        return f"{', '.join(origins)} is allowed"

    def _uploads(self) -> str:
        content = b'{"prompt": "x"}'
        declared = {"content_type": "application/json", "content_length": len(content)}
        reply = self._client.post("v1alpha2/uploads", declared)
        if reply.status != HTTPStatus.OK:
            raise BrokenError(reply.shown)
        offer = json.loads(reply.body)
        if f"X-Amz-Expires={LINK_SECONDS}" not in offer["url"]:
            raise BrokenError(f"the URL must be valid for {LINK_SECONDS} s")
        if self._put(offer, content).status != HTTPStatus.OK:
            raise BrokenError("an upload as declared is rejected")
        if self._api.is_emulated:
            raise SkippedError("the emulator does not enforce the declared size and type")
        for changed_headers, body in (({"Content-Type": "image/png"}, content), ({}, content + b" ")):
            if self._put(offer, body, changed_headers).status == HTTPStatus.OK:
                raise BrokenError("another size or type than declared is accepted")
        return "another size and another type are rejected"

    def _put(self, offer: Mapping[str, Any], body: bytes, headers: Mapping[str, str] | None = None) -> Response:
        sent = {**offer["headers"], "Content-Length": str(len(body)), **(headers or {})}
        reply = self._client.http.request(offer["method"], offer["url"], body=body, headers=sent)
        return Response(reply.status, reply.headers, reply.data)

    def _post_of_size(self, size: int) -> Response:
        task = smallest_task("conformance-size", f"none-{secrets.token_hex(4)}", "sdwebui")
        task["task"]["content"]["prompt"] = "x" * size
        task["task"]["content"]["prompt"] = "x" * (2 * size - len(json.dumps(task)))
        return self._client.post("v1alpha2", task)
