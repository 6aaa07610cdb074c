"""What every test needs before anything is imported: Node.js of the virtual environment, the handlers' names."""

import asyncio
import os
from collections.abc import Iterator

import pytest

from sd_on_eks.jsii_node import use_bundled_node

use_bundled_node()
# Powertools reads these when a handler is imported; the deployed functions have them.
os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "test")
os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "test")


@pytest.fixture(scope="session", autouse=True)
def idle_loop() -> Iterator[None]:
    """A loop for the main thread: the plugin for virtual time asks for one at every test, and would leave it open."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    asyncio.set_event_loop(None)
    loop.close()
