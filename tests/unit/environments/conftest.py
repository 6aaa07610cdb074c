"""A clone that is not set up."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.set_up_clone import FakeClone


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[FakeClone]:
    """A clone that is not set up, with stand-ins for the tools."""
    clone = FakeClone(tmp_path / "clone", tmp_path / "tools")
    yield clone
    clone.release()
