"""The emulator, with what it leaves out of an event. Run by the emulator's own Python, which has nothing of ours.

API Gateway tells a function which API key a request came with, and ministack 1.5.33 does not: every caller would be
nobody, and one tenant would see the tasks of the others.
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html
"""

import functools
from collections.abc import Callable
from typing import Any

from ministack.app import main  # type: ignore[import-not-found]  # it lives in an environment of its own
from ministack.services import apigateway_v1  # type: ignore[import-not-found]  # as above

BuildEvent = Callable[..., dict[str, Any]]


def _with_api_key(build_event: BuildEvent) -> BuildEvent:
    @functools.wraps(build_event)
    def build(*arguments: Any, **options: Any) -> dict[str, Any]:  # noqa: ANN401 (the emulator's own)
        event = build_event(*arguments, **options)
        key = apigateway_v1._resolve_api_key(apigateway_v1._api_key_from_request(event["headers"]))  # noqa: SLF001 (pinned)
        if key is not None:
            event["requestContext"]["identity"].update(apiKey=key["value"], apiKeyId=key["id"])
        return event

    return build


if __name__ == "__main__":
    apigateway_v1._build_lambda_event_v1 = _with_api_key(apigateway_v1._build_lambda_event_v1)  # noqa: SLF001 (pinned)
    main()
