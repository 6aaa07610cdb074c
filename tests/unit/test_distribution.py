"""How the tests are distributed to processes."""

import pytest


@pytest.mark.xdist_group("distribution")
def test_tests_of_a_group_are_kept_together(request: pytest.FixtureRequest) -> None:
    if not getattr(request.config.option, "loadgroup", False):
        pytest.skip("these tests are not distributed by groups")
    # pytest-xdist reads the group of a test from here; with pytest 9.2.0 nothing is there.
    assert request.node.nodeid.endswith("@distribution")
