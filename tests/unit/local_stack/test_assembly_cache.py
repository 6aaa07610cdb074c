"""Kept assemblies: one is used again only when nothing has changed that it was made from."""

import os
from pathlib import Path

import pytest

from local_stack.assembly_cache import AssemblyCache

CONFIG = '{"stackName": "X"}'


@pytest.fixture
def cache(tmp_path: Path) -> AssemblyCache:
    """One of a checkout with two sources."""
    (tmp_path / "checkout" / "constructs" / "__pycache__").mkdir(parents=True)
    (tmp_path / "checkout" / "cdk.json").write_text("{}")
    (tmp_path / "checkout" / "constructs" / "a.py").write_text("A = 1")
    return AssemblyCache(tmp_path / "cache", checkout=tmp_path / "checkout")


@pytest.fixture
def assembly(tmp_path: Path) -> Path:
    (tmp_path / "cdk.out").mkdir()
    (tmp_path / "cdk.out" / "subset.json").write_text("made")
    return tmp_path / "cdk.out"


@pytest.mark.parametrize(
    ("file", "content"),
    [("constructs/a.py", "A = 2"), ("constructs/b.py", ""), ("constructs/new/b.json", "{}"), ("cdk.json", "{ }")],
)
def test_key_changes_with_a_source(cache: AssemblyCache, tmp_path: Path, file: str, content: str) -> None:
    before = cache.key(CONFIG)
    (tmp_path / "checkout" / file).parent.mkdir(exist_ok=True)
    (tmp_path / "checkout" / file).write_text(content)
    assert cache.key(CONFIG) != before


def test_key_changes_with_the_configuration(cache: AssemblyCache) -> None:
    assert cache.key(CONFIG) != cache.key('{"stackName": "Y"}')


def test_key_changes_with_the_version_of_a_package(
    cache: AssemblyCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sysconfig.get_path", lambda _: str(tmp_path))
    (tmp_path / "aws_cdk_lib-2.1.dist-info").mkdir()
    before = cache.key(CONFIG)
    (tmp_path / "aws_cdk_lib-2.1.dist-info").rename(tmp_path / "aws_cdk_lib-2.2.dist-info")
    assert cache.key(CONFIG) != before


def test_key_stays_when_a_source_is_written_again_or_compiled(cache: AssemblyCache, tmp_path: Path) -> None:
    before = cache.key(CONFIG)
    (tmp_path / "checkout" / "constructs" / "a.py").write_text("A = 1")
    (tmp_path / "checkout" / "constructs" / "__pycache__" / "a.pyc").write_bytes(b"compiled")
    assert cache.key(CONFIG) == before


def test_a_kept_assembly_is_fetched_as_a_copy(cache: AssemblyCache, assembly: Path, tmp_path: Path) -> None:
    cache.keep("k", assembly)
    for target in (tmp_path / "first", tmp_path / "second"):
        assert cache.fetch("k", target)
        assert (target / "subset.json").read_text() == "made"
        (target / "subset.json").write_text("changed by the run")


def test_nothing_is_fetched_that_was_not_kept(cache: AssemblyCache, tmp_path: Path) -> None:
    assert not cache.fetch("k", tmp_path / "target")
    assert not (tmp_path / "target").exists()


def test_an_assembly_that_two_runs_keep_is_there_once(cache: AssemblyCache, assembly: Path, tmp_path: Path) -> None:
    cache.keep("k", assembly)
    cache.keep("k", assembly)
    assert [kept.name for kept in (tmp_path / "cache").iterdir()] == ["k"]


def test_assemblies_that_were_not_used_for_longest_are_removed(
    cache: AssemblyCache, assembly: Path, tmp_path: Path
) -> None:
    for number in range(8):
        cache.keep(f"k{number}", assembly)
        os.utime(tmp_path / "cache" / f"k{number}", (number, number))
    assert cache.fetch("k0", tmp_path / "target")
    cache.keep("k8", assembly)
    left = {kept.name for kept in (tmp_path / "cache").iterdir()}
    assert left == {"k0", "k2", "k3", "k4", "k5", "k6", "k7", "k8"}


def test_a_checkout_that_cannot_be_written_is_no_obstacle(assembly: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    cache = AssemblyCache(tmp_path / "file" / "cache")
    cache.keep("k", assembly)
    assert not cache.fetch("k", tmp_path / "target")
