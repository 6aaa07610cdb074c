"""Where uv comes from: the machine, its pip, ensurepip, or a pip that is fetched."""

import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest

from environments.command import Tools
from environments.errors import SetUpError
from environments.uv_installer import bring_uv


class RecordingTools:
    """Runs nothing; `failing` are the commands that fail.

    Attributes:
        commands: what was run.
    """

    def __init__(self, path: str = "", version: str = "uv 0.13.9 (x86_64)", failing: str = "\0") -> None:
        self.environment = {"PATH": path}
        self.commands: list[str] = []
        self._version = version
        self._failing = failing

    async def run(self, what: str, command: Sequence[str | Path]) -> str:
        line = " ".join(map(str, command))
        self.commands.append(line)
        if self._failing in line:
            raise SetUpError(f"{what} failed", "its last line")
        return self._version if line.endswith("--version") else ""


@pytest.fixture
def requirements(tmp_path: Path) -> Path:
    (tmp_path / "bootstrap.txt").write_text("uv==0.13.9 \\\n    --hash=sha256:0\n")
    return tmp_path


@pytest.fixture
def uv_of_the_machine(tmp_path: Path) -> Path:
    program = tmp_path / "bin" / "uv"
    program.parent.mkdir()
    program.touch(mode=0o755)
    return program


def without(monkeypatch: pytest.MonkeyPatch, *modules: str) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in modules else find(name))


async def bring(tools: RecordingTools, requirements: Path) -> Path:
    return await bring_uv(cast("Tools", tools), Path("/clone/.venv"), requirements)


@pytest.mark.parametrize("version", ["uv 0.13.9", "uv 0.14.0 (9e7f1d2 2027-01-01)", "uv 1.0.0"])
async def test_uv_of_the_machine_is_used_where_it_is_new_enough(
    requirements: Path, uv_of_the_machine: Path, version: str
) -> None:
    tools = RecordingTools(str(uv_of_the_machine.parent), version)
    assert await bring(tools, requirements) == uv_of_the_machine
    assert tools.commands == [f"{uv_of_the_machine} --version"]


@pytest.mark.parametrize(
    ("version", "failing"), [("uv 0.13.8", "\0"), ("uv 0.9.30", "\0"), ("what?", "\0"), ("", "--version")]
)
async def test_uv_of_the_machine_is_not_used_where_it_is_old_or_does_not_run(
    requirements: Path, uv_of_the_machine: Path, version: str, failing: str
) -> None:
    tools = RecordingTools(str(uv_of_the_machine.parent), version, failing)
    assert await bring(tools, requirements) == Path("/clone/.venv/bin/uv")
    assert "pip" in tools.commands[-1]


async def test_pip_of_the_machine_installs_it(requirements: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: object())
    tools = RecordingTools()
    await bring(tools, requirements)
    (command,) = tools.commands
    assert " -m pip --python /clone/.venv/bin/python install " in command
    assert f"--require-hashes --requirement {requirements}/bootstrap.txt" in command


async def test_ensurepip_brings_pip_where_the_machine_has_none(
    requirements: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "pip")
    tools = RecordingTools()
    await bring(tools, requirements)
    assert tools.commands[0] == "/clone/.venv/bin/python -m ensurepip"
    assert tools.commands[1].startswith("/clone/.venv/bin/python -m pip install ")


async def test_pip_is_fetched_where_the_python_has_neither(requirements: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "pip", "ensurepip")
    tools = RecordingTools()
    await bring(tools, requirements)
    fetch, install = tools.commands
    assert f"pip_wheel.py {requirements}/pip.txt " in fetch
    folder = fetch.split()[-1]
    assert install.startswith(f"/clone/.venv/bin/python {folder}/pip install ")
    assert not os.path.exists(folder)  # noqa: ASYNC240, PTH110 (nothing else waits)


async def test_remedy_is_named_where_pip_can_neither_be_found_nor_fetched(
    requirements: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "pip", "ensurepip")
    with pytest.raises(
        SetUpError, match="neither pip nor ensurepip .*`apt install python3-venv` .*: fetching pip failed"
    ) as caught:
        await bring(RecordingTools(failing="pip_wheel"), requirements)
    assert caught.value.output == "its last line"
