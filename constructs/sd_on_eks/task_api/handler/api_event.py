"""A request from API Gateway."""

from collections.abc import Mapping
from typing import Any

from task_record import table

from .body import header
from .errors import invalid


class ApiEvent:
    """An event of API Gateway's Lambda proxy integration.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html

    Args:
        event: the event.

    Attributes:
        raw: the event.
    """

    def __init__(self, event: Mapping[str, Any]) -> None:
        self.raw = event
        self._context: Mapping[str, Any] = event.get("requestContext") or {}

    @property
    def route(self) -> str:
        """Method and path of the API's definition, such as `GET /v1alpha2/tasks/{id}`."""
        return f"{self.raw.get('httpMethod')} {self.raw.get('resource')}"

    @property
    def task_id(self) -> str:
        """The id in the path, decoded but not validated."""
        return str((self.raw.get("pathParameters") or {}).get("id", ""))

    @property
    def request_id(self) -> str:
        """Id of the request, which is also in the access log."""
        return str(self._context.get("requestId", ""))

    @property
    def api_key_id(self) -> str:
        """Id of the caller's API key; not the key itself."""
        return (self._context.get("identity") or {}).get("apiKeyId") or table.NO_OWNER

    @property
    def origin(self) -> str | None:
        """The origin of the web page that sent the request; `None` if it was not sent by a browser."""
        return header(self.raw, "origin")

    @property
    def idempotency_key(self) -> str | None:
        """The header `Idempotency-Key`, not validated."""
        return header(self.raw, "idempotency-key")

    def query(self, *known: str) -> dict[str, str]:
        """The query parameters.

        A misspelled parameter is rejected: without its `submission`, a request would cancel another task.

        Args:
            known: names of the parameters that are allowed.

        Raises:
            ApiError: there is another parameter.
        """
        found: dict[str, str] = dict(self.raw.get("queryStringParameters") or {})
        for name in found:
            if name not in known:
                raise invalid(name[:100], f"must be a parameter of this operation; allowed: {', '.join(known)}")
        return found
