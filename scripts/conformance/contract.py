"""What the API answers."""

import json
import secrets
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from conformance.smallest_task import smallest_task
from deployed_api import Api
from sd_on_eks.task_api.handler.payload_store import LINK_SECONDS
from verification.api_client import ApiClient, Reply
from verification.check import BrokenError, Check, SkippedError

_NO_TASK: Final = "v1alpha2/tasks/none"
_MIB: Final = 1024 * 1024


class ContractChecks:
    """Checks that send requests, and no more.

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
            Check("no key and a wrong key are answered 401", self._keys),
            Check("an unknown route is answered 404", self._unknown_routes),
            Check(
                "an unknown route with an Authorization header is answered in the contract's words", self._default_4xx
            ),
            Check("what is not JSON is answered 415", self._media_types),
            Check("4 MiB are taken inline", self._inline),
            Check("over Lambda's 6 MB are answered 413, in the contract's words", self._too_large_for_lambda),
            Check("over the gateway's 10 MB are answered 413", self._too_large_for_gateway),
            Check("web pages are answered as configured", self._cors),
            Check("an upload is taken as it was declared, and not otherwise", self._uploads),
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
        # The gateway reads the header as a signature, which it is not, and answers with DEFAULT_4XX.
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
        # What is asked for does not exist, so that a body that arrives is read and then refused.
        self._post_of_size(4 * _MIB).expect(HTTPStatus.NOT_FOUND, "unknown_runtime")
        return "read to its end"

    def _too_large_for_lambda(self) -> str:
        reply = self._post_of_size(7 * _MIB)
        message = reply.expect(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large")["message"]
        if "/v1alpha2/uploads" not in message:
            raise BrokenError(f"the answer does not name the way for large bodies: {message}")
        return "413 too_large"

    def _too_large_for_gateway(self) -> str:
        reply = self._post_of_size(11 * _MIB)
        if reply.status != HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            raise BrokenError(f"{reply.shown} instead of 413")
        try:
            reply.expect(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large")
        except BrokenError:
            # The one answer that the contract leaves to the gateway.
            return f"in the gateway's own words: {reply.shown}"
        return "413 too_large"

    def _cors(self) -> str:
        origins = [origin for origin in self._api.settings.get("CORS_ALLOW_ORIGINS", "").split(",") if origin]
        ask = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type,x-api-key"}
        if not origins:
            reply = self._client.send("OPTIONS", "v1alpha2", {"Origin": "https://example.com", **ask})
            if reply.allowed_origin is not None:
                raise BrokenError(f"no page is configured, and {reply.allowed_origin} is allowed")
            return "no page may call"
        for origin in origins:
            for reply in (
                self._client.send("OPTIONS", "v1alpha2", {"Origin": origin, **ask}),
                self._client.send_with_key("GET", _NO_TASK, {"Origin": origin}),
            ):
                if reply.allowed_origin != origin:
                    raise BrokenError(f"{origin} is configured, and {reply.allowed_origin} is allowed")
            if self._client.send("GET", _NO_TASK, {"Origin": origin}).allowed_origin not in {origin, "*"}:
                raise BrokenError(f"{origin} may not read that its key is missing")
        reply = self._client.send("OPTIONS", "v1alpha2", {"Origin": "https://example.com", **ask})
        if reply.allowed_origin in {"*", "https://example.com"}:
            raise BrokenError("a page that is not configured is allowed")
        return f"{', '.join(origins)} may call"

    def _uploads(self) -> str:
        content = b'{"prompt": "x"}'
        declared = {"content_type": "application/json", "content_length": len(content)}
        reply = self._client.post("v1alpha2/uploads", declared)
        if reply.status != HTTPStatus.OK:
            raise BrokenError(reply.shown)
        offer = json.loads(reply.body)
        if f"X-Amz-Expires={LINK_SECONDS}" not in offer["url"]:
            raise BrokenError(f"the link does not hold {LINK_SECONDS} s")
        if self._put(offer, content).status != HTTPStatus.OK:
            raise BrokenError("what was declared is refused")
        if self._api.is_emulated:
            raise SkippedError("the emulator takes the upload, and does not hold it to what was declared")
        for wrong, body in (({"Content-Type": "image/png"}, content), ({}, content + b" ")):
            if self._put(offer, body, wrong).status == HTTPStatus.OK:
                raise BrokenError("another size or type than declared is taken")
        return "another size and another type are refused"

    def _put(self, offer: Mapping[str, Any], body: bytes, headers: Mapping[str, str] | None = None) -> Reply:
        sent = {**offer["headers"], "Content-Length": str(len(body)), **(headers or {})}
        reply = self._client.http.request(offer["method"], offer["url"], body=body, headers=sent)
        return Reply(reply.status, reply.headers, reply.data)

    def _post_of_size(self, size: int) -> Reply:
        task = smallest_task("conformance-size", f"none-{secrets.token_hex(4)}", "sdwebui")
        task["task"]["content"]["prompt"] = "x" * size
        task["task"]["content"]["prompt"] = "x" * (2 * size - len(json.dumps(task)))
        return self._client.post("v1alpha2", task)
