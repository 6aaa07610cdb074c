"""How the tests are distributed to processes."""

import os

import pytest


@pytest.mark.xdist_group("distribution")
def test_tests_of_a_group_are_kept_together(request: pytest.FixtureRequest) -> None:
    if not getattr(request.config.option, "loadgroup", False):
        pytest.skip("these tests are not distributed by groups")
    # pytest-xdist reads the group of a test from here; with pytest 9.2.0 nothing is there.
    assert request.node.nodeid.endswith("@distribution")


@pytest.mark.parametrize("content", [b"of this process: " + os.urandom(4), b"of all"])
def test_bytes_are_no_part_of_a_tests_name(request: pytest.FixtureRequest, content: bytes) -> None:
    # Each worker collects for itself; where names differ from one to the other nothing runs.
    assert request.node.name.split("@")[0].endswith(("[content0]", "[content1]")), content
