"""Structured logs: one JSON object per line. Prompts, request bodies, keys and links are never logged."""

import json
import logging
from typing import Any, Final

_LOGGER: Final = logging.getLogger("queue_agent")


def log(event: str, **fields: Any) -> None:  # noqa: ANN401 (any JSON value)
    """Log an event.

    Args:
        event: name of the event, in snake_case.
        fields: attributes of the event, such as `task_id`.
    """
    _LOGGER.info(json.dumps({"event": event, **fields}, default=str))


def configure_logs() -> None:
    """Write logs to standard error, one line per event."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter('{"time":"%(asctime)s","level":"%(levelname)s","log":%(message)s}'))
    _LOGGER.addHandler(handler)
    _LOGGER.setLevel(logging.INFO)
