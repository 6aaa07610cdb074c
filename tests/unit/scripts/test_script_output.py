"""Scripts show paths as they are, in a real terminal of 40 columns and in a real pipe: nothing wraps or reads them."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.deployed_stack import Cloud
from tests.fakes.screen import Screen

ROOT = Path(__file__).parents[3]
LOCAL_STACK = ROOT / "scripts" / "local_stack"
"""It has a console of its own."""
SCRIPTS = sorted(script for script in (ROOT / "scripts").rglob("*.py") if LOCAL_STACK not in script.parents)
RUN_BOTH = """
import sys, diff, test_api
test_api.main(["--output", f"{sys.argv[1]}/images"])
diff.main(["--assembly", sys.argv[1]])
"""


@pytest.mark.parametrize("is_terminal", [True, False], ids=["terminal", "pipe"])
def test_path_with_brackets_and_spaces_is_shown_whole(*, is_terminal: bool, cloud: Cloud, tmp_path: Path) -> None:
    folder = tmp_path / "[x] my images [/x]" / "of a folder whose name is long"
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TERM": "xterm", **cloud.environment}
    environment["PYTHONPATH"] = f"{ROOT / 'scripts'}:{ROOT / 'constructs'}"
    with Screen(is_terminal=is_terminal) as screen:
        command = [sys.executable, "-c", RUN_BOTH, str(folder)]
        subprocess.run(  # noqa: S603 (our own scripts)
            command, env=environment, stdin=subprocess.DEVNULL, stdout=screen.stream, stderr=screen.stream, check=True
        )
    *_, image, error = screen.text.splitlines()
    assert image == f"{folder}/images/a.png  512 x 512"
    assert (
        error
        == f"diff: {folder}/manifest.json: must be readable, got No such file or directory; run `make synth` first"
    )
    assert is_terminal or re.search(r"[\x00-\x08\x0b-\x1f]", screen.text) is None


def imports(script: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(script.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            yield node.module or ""
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)


def test_every_script_shows_what_it_does_by_way_of_the_terminal() -> None:
    ways = {"rich", "rich.console", "rich.progress", "rich.prompt", "rich.status", "rich.live"}
    others = [script.name for script in SCRIPTS if script.stem != "terminal" and ways & set(imports(script))]
    assert others == []
