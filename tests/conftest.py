"""What every test needs before anything is imported: Node.js of the virtual environment, the handlers' names."""

import asyncio
import gc
import os
from collections.abc import Iterator
from functools import cache

import botocore.session
import pytest
from hypothesis import settings

from sd_on_eks.cdk_app.jsii_node import use_bundled_node

use_bundled_node()
# No test asserts a time: a busy machine must not turn a property red.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")
# Powertools reads these when a handler is imported; the deployed functions have them.
os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "test")
os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "test")
# The services' models are a second of CPU to read, and every session of boto3 reads its own.
botocore.session.create_loader = cache(botocore.session.create_loader)


def pytest_collection_finish() -> None:
    """What thousands of collected tests have made stays to the end: the garbage collector need not walk through it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes get the argument's name and a number: an archive holds the time, and each xdist worker collects its own."""
    return argname if isinstance(val, bytes) else None


@pytest.fixture(scope="session", autouse=True)
def idle_loop() -> Iterator[None]:
    """A loop for the main thread: the plugin for virtual time asks for one at every test, and would leave it open."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    asyncio.set_event_loop(None)
    loop.close()
