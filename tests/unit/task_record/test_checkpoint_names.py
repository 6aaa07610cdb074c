"""The resolution of checkpoint names."""

import pytest

from task_record.checkpoint_names import SUFFIXES, files_named, means, normalized, stem

FOLDER = "/models/Stable-diffusion"


def among(*paths: str) -> dict[str, str]:
    return {path: f"{FOLDER}/{path}" for path in paths}


@pytest.mark.parametrize("suffix", [*SUFFIXES, ".SAFETENSORS", ".Ckpt"])
def test_a_name_needs_no_suffix(suffix: str) -> None:
    assert stem(f"sdxl/base.v1{suffix}") == "sdxl/base.v1"
    assert files_named("base.v1", among(f"sdxl/base.v1{suffix}")) == [f"sdxl/base.v1{suffix}"]


@pytest.mark.parametrize("digits", ["31e35c80", "31e35c80fc", "31E35C80FC", "a" * 64])
def test_a_titles_hash_is_no_part_of_the_name(digits: str) -> None:
    assert normalized(f"a\\b.ckpt [{digits}]") == "a/b.ckpt"
    assert files_named(f"b.ckpt [{digits}]", among("a/b.ckpt")) == ["a/b.ckpt"]


@pytest.mark.parametrize(
    "name", ["Foo [v1]", "Foo [v1].safetensors", "Foo [abc]", "Foo [12345678].safetensors", "a[12345678]"]
)
def test_brackets_of_the_name_itself_stay(name: str) -> None:
    assert normalized(name) == name


@pytest.mark.parametrize("name", ["Foo [v2].safetensors", "Foo [v2]", "Foo [v2].safetensors [31e35c80fc]"])
def test_names_that_differ_in_brackets_alone_are_two(name: str) -> None:
    assert files_named(name, among("Foo [v1].safetensors", "Foo [v2].safetensors")) == ["Foo [v2].safetensors"]


def test_brackets_that_look_like_a_hash_are_first_taken_for_the_name() -> None:
    files = among("Foo.safetensors", "Foo [deadbeef].safetensors")
    assert files_named("Foo [deadbeef]", files) == ["Foo [deadbeef].safetensors"]
    assert files_named("Foo [0123abcd]", files) == ["Foo.safetensors"]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("a/x.ckpt", ["a/x.ckpt"]),
        ("a\\x.ckpt", ["a/x.ckpt"]),
        ("./a/x", ["a/x.ckpt"]),
        ("Stable-diffusion/a/x.ckpt", ["a/x.ckpt"]),
        (f"{FOLDER}/b/x.ckpt", ["b/x.ckpt"]),
        ("x.ckpt", ["a/x.ckpt", "b/x.ckpt"]),
        ("x", ["a/x.ckpt", "b/x.ckpt"]),
        ("y", ["y.ckpt"]),
        ("y.ckpt", ["y.ckpt"]),
        ("c/y.ckpt", ["c/y.ckpt"]),
        ("z", ["z.safetensors", "z.ckpt"]),
        ("z.ckpt", ["z.ckpt"]),
        ("X.ckpt", []),
        ("d/x.ckpt", []),
        ("/mnt/elsewhere/a/x.ckpt", []),
        (".ckpt", []),
        ("kpt", []),
    ],
)
def test_a_name_means_what_ends_in_it(name: str, found: list[str]) -> None:
    files = among("a/x.ckpt", "b/x.ckpt", "y.ckpt", "c/y.ckpt", "z.safetensors", "z.ckpt")
    assert files_named(name, files) == found


def test_a_path_does_not_mean_a_file_of_another_folder() -> None:
    assert means("base", "sdxl/base.safetensors")
    assert not means("sdxl/base", "base.safetensors")
    assert not means("base.ckpt", "base.safetensors")
