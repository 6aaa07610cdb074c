"""The Node.js and the package cache of jsii, including a home folder that is not writable."""

import os
import sys
from pathlib import Path

import pytest

from sd_on_eks.cdk_app.jsii_node import use_bundled_node


def chosen(monkeypatch: pytest.MonkeyPatch, **environment: str) -> dict[str, str]:
    """What is set in an environment."""
    monkeypatch.setattr(os, "environ", dict(environment))
    use_bundled_node()
    return dict(os.environ)


def test_node_is_that_of_this_virtual_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    node = Path(chosen(monkeypatch, HOME=str(tmp_path))["JSII_NODE"])
    assert node.is_relative_to(sys.prefix)
    assert os.access(node, os.X_OK)


def test_existing_variables_are_not_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {"HOME": "/dev/null", "JSII_NODE": "/a/node", "JSII_RUNTIME_PACKAGE_CACHE_ROOT": "/a/cache"}
    assert chosen(monkeypatch, **environment) == environment


@pytest.mark.parametrize("home", ["/dev/null", "/dev/null/nobody"])
def test_the_cache_is_in_the_virtual_environment_where_home_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch, home: str
) -> None:
    cache = Path(chosen(monkeypatch, HOME=home)["JSII_RUNTIME_PACKAGE_CACHE_ROOT"])
    assert cache.is_relative_to(sys.prefix)


def test_the_cache_is_in_the_home_folder_where_that_can_be_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert "JSII_RUNTIME_PACKAGE_CACHE_ROOT" not in chosen(monkeypatch, HOME=str(tmp_path))
