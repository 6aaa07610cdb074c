"""scripts/check_words.py: which words it finds, and what it says about them."""

from pathlib import Path

import pytest

import check_words


def places(tmp_path: Path, text: str) -> list[tuple[int, str]]:
    path = tmp_path / "page.md"
    path.write_text(text, encoding="utf-8")
    words, _ = check_words.read_list()
    return [(found.line_number, found.text) for found in check_words.unwanted_words(path, words)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The agent tells it.", (1, "tells")),
        ("def _tell_refusal() -> None: ...", (1, "tell")),
        ("class PictureFile: ...", (1, "picture")),
        ("x\n# a runtime that is\n# gone\n", (2, "is gone")),
        ("claimed by W2.", (1, "w2")),
    ],
)
def test_a_word_is_found_in_prose_in_names_and_over_line_breaks(
    tmp_path: Path, text: str, found: tuple[int, str]
) -> None:
    assert places(tmp_path, text) == [found]


@pytest.mark.parametrize(
    "text",
    ["intelligent", "a text encoder", "there is no such file", "s3://b/parked/x", "aaw2ff", "the heartbeat", "BEAT_S"],
)
def test_a_word_of_the_field_passes(tmp_path: Path, text: str) -> None:
    assert places(tmp_path, text) == []


def test_a_finding_has_its_place_the_words_to_write_and_the_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "page.md"
    path.write_text("Nodes are\nbought.\n", encoding="utf-8")
    assert check_words.main([str(path)]) == 1
    assert capsys.readouterr().out.splitlines() == [
        (
            f"{path}:2: must not say 'bought'; write provision or launch; provisioned nodes "
            "(Karpenter's word for what it does)"
        ),
        "places: 1; docs/glossary.md has the words that this project uses",
    ]


def test_every_entry_says_what_to_write_and_why() -> None:
    words, _ = check_words.read_list()
    assert words
    assert [word.pattern.pattern for word in words if not (word.instead and word.reason)] == []
