"""A request without an API key is rejected."""

from http import HTTPStatus

from verification.check import BrokenError
from verification.tasks import Tasks


def api_key_is_needed(tasks: Tasks) -> str:
    """Submit without a key."""
    reply = tasks.client.send("POST", "v1alpha2", {"Content-Type": "application/json"}, b"{}")
    if reply.status != HTTPStatus.UNAUTHORIZED:
        raise BrokenError(f"must return 401, got {reply.status}")
    return "rejected with 401"
