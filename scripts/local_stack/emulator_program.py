"""The emulator, with what ministack 1.5.33 leaves out. Its own Python runs this, without this project's packages.

API Gateway says to a function which API key a request came with. Without it every caller would be nobody, and one
tenant would see the tasks of the others.
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html

API Gateway and Lambda refuse what is too large, each in its own words, so that it fails here as it does there.
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""

import functools
import json
from collections.abc import Awaitable, Callable
from typing import Any

import ministack.app  # type: ignore[import-not-found]  # it lives in an environment of its own
from ministack.core.responses import error_response_json  # type: ignore[import-not-found]  # as above
from ministack.services import apigateway_v1, lambda_svc  # type: ignore[import-not-found]  # as above

GATEWAY_REQUEST_BYTES = 10_485_760
LAMBDA_REQUEST_BYTES = 6_291_456
LAMBDA_RESPONSE_BYTES = 6_291_556

BuildEvent = Callable[..., dict[str, Any]]
Answer = tuple[int, dict[str, str], bytes]
"""Status, headers, body."""
Answers = Callable[..., Awaitable[Answer]]
Invoked = Callable[..., Awaitable[tuple[dict[str, Any] | None, str | None]]]
"""A function's result, or why there is none."""


class PayloadTooLargeError(Exception):
    """Lambda does not take the event of a request."""


def with_api_key(build_event: BuildEvent) -> BuildEvent:
    """Name the API key of the caller in the event."""

    @functools.wraps(build_event)
    def build(*arguments: Any, **options: Any) -> dict[str, Any]:  # noqa: ANN401 (the emulator's own)
        event = build_event(*arguments, **options)
        key = apigateway_v1._resolve_api_key(apigateway_v1._api_key_from_request(event["headers"]))  # noqa: SLF001 (pinned)
        if key is not None:
            event["requestContext"]["identity"].update(apiKey=key["value"], apiKeyId=key["id"])
        return event

    return build


def with_gateway_limit(execute: Answers) -> Answers:
    """Refuse what is too large for API Gateway: its front door does, before it looks for a key."""

    @functools.wraps(execute)
    async def answer(
        api_id: str, stage: str, method: str, path: str, headers: object, body: bytes, query: object
    ) -> Answer:
        if len(body) > GATEWAY_REQUEST_BYTES:
            words = f"HTTP content length exceeded {GATEWAY_REQUEST_BYTES} bytes."
            return 413, {"Content-Type": "text; charset=utf-8"}, words.encode()
        return await execute(api_id, stage, method, path, headers, body, query)

    return answer


def with_lambda_limit(call: Invoked) -> Invoked:
    """Refuse what is too large for Lambda, of a function that API Gateway calls."""

    @functools.wraps(call)
    async def invoked(
        function: str, event: dict[str, Any], **options: object
    ) -> tuple[dict[str, Any] | None, str | None]:
        if size_bytes(event) > LAMBDA_REQUEST_BYTES:
            raise PayloadTooLargeError
        result, error = await call(function, event, **options)
        if result is not None and size_bytes(result.get("body")) > LAMBDA_RESPONSE_BYTES:
            result = {**result, "error": True, "body": response_too_large()}
        return result, error

    return invoked


def with_gateway_answer(invoke: Answers) -> Answers:
    """Answer what Lambda does not take as API Gateway does."""

    @functools.wraps(invoke)
    async def answer(*arguments: object, **options: object) -> Answer:
        try:
            return await invoke(*arguments, **options)
        except PayloadTooLargeError:
            words = ("REQUEST_TOO_LARGE", "Request Too Long", "BadRequestException")
            refusal: Answer = apigateway_v1._GatewayError(*words)  # noqa: SLF001 (pinned)
            return refusal  # which the emulator makes an answer of, in the deployment's words

    return answer


def with_invoke_limit(invoke: Answers) -> Answers:
    """Refuse what is too large for Lambda, of a function that is invoked and waited for."""

    @functools.wraps(invoke)
    async def answer(name: str, event: object, headers: dict[str, str], *further: object) -> Answer:
        kind = {key.lower(): value for key, value in headers.items()}.get("x-amz-invocation-type", "RequestResponse")
        if kind == "RequestResponse" and (size := size_bytes(event)) > LAMBDA_REQUEST_BYTES:
            words = (
                f"{size} byte payload is too large for the {kind} invocation type (limit {LAMBDA_REQUEST_BYTES} bytes)"
            )
            refusal: Answer = error_response_json("RequestEntityTooLargeException", words, 413)
            return refusal
        status, response_headers, payload = await invoke(name, event, headers, *further)
        if len(payload) > LAMBDA_RESPONSE_BYTES:
            failed = {**response_headers, "X-Amz-Function-Error": "Unhandled"}
            return status, failed, json.dumps(response_too_large()).encode()
        return status, response_headers, payload

    return answer


def size_bytes(payload: object) -> int:
    """Size of a payload as Lambda counts it: JSON, in which a body is a string with escapes."""
    return len(json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode(errors="surrogatepass"))


def response_too_large() -> dict[str, str]:
    """What Lambda says of a response that it does not pass on."""
    return {
        "errorType": "Function.ResponseSizeTooLarge",
        "errorMessage": f"Response payload size exceeded maximum allowed payload size ({LAMBDA_RESPONSE_BYTES} bytes).",
    }


def main() -> None:
    """Serve until a signal."""
    for module, name, wrap in (
        (apigateway_v1, "_build_lambda_event_v1", with_api_key),
        (apigateway_v1, "handle_execute", with_gateway_limit),
        (apigateway_v1, "_call_lambda_raw", with_lambda_limit),
        (apigateway_v1, "_invoke_lambda_proxy_v1", with_gateway_answer),
        (lambda_svc, "_invoke", with_invoke_limit),
    ):
        setattr(module, name, wrap(getattr(module, name)))
    # Root would get port 443 as well, for a service that is not ours.
    ministack.app._port_is_bindable = lambda _host, _port: False  # noqa: SLF001 (pinned)
    ministack.app.main()


if __name__ == "__main__":
    main()
