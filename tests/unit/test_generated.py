"""What is generated from the code is up to date."""

from pathlib import Path

import pytest

from generate import GENERATED


@pytest.mark.parametrize("file", GENERATED, ids=lambda file: file.name)
def test_what_is_generated_is_up_to_date(file: Path) -> None:
    assert file.read_text(encoding="utf-8") == GENERATED[file](), "run `make generate`"
