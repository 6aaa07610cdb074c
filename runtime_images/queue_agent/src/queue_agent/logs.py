"""Structured logs: one JSON object a line. Prompts, bodies, keys and links never stand in them."""

import json
import logging
from typing import Any, Final

_LOGGER: Final = logging.getLogger("queue_agent")


def log(event: str, **fields: Any) -> None:  # noqa: ANN401 (any JSON value)
    """Log an event.

    Args:
        event: what happened, one word of snake_case.
        fields: what it happened to, such as `task_id`.
    """
    _LOGGER.info(json.dumps({"event": event, **fields}, default=str))


def configure_logs() -> None:
    """Send logs to standard output, a line each."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter('{"time":"%(asctime)s","level":"%(levelname)s","log":%(message)s}'))
    _LOGGER.addHandler(handler)
    _LOGGER.setLevel(logging.INFO)
