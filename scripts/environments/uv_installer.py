"""How uv is brought, which installs everything else: from the machine, by its pip, or by a pip that is fetched."""

import importlib.util
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Final

from environments.command import Tools
from environments.errors import SetUpError

_PIP_WHEEL: Final = Path(__file__).with_name("pip_wheel.py")
_NO_PIP: Final = (
    "this Python has neither pip nor ensurepip (Debian and Ubuntu: `apt install python3-venv` brings it), "
    "and pip could not be fetched instead: "
)


async def bring_uv(tools: Tools, folder: Path, requirements: Path) -> Path:
    """Find uv on this machine, or install it.

    Args:
        tools: runs pip.
        folder: the virtual environment that uv is installed into where the machine has none that is new enough.
        requirements: folder of bootstrap.txt, which pins uv, and pip.txt.

    Returns:
        The program.

    Raises:
        SetUpError: it cannot be installed.
    """
    lock = requirements / "bootstrap.txt"
    found = shutil.which("uv", path=tools.environment["PATH"])
    if found is not None and await _is_new_enough(tools, found, _numbers(lock.read_text(encoding="utf-8"))):
        return Path(found)
    python = folder / "bin" / "python"
    what = f"installing uv into {folder.name}"
    install = ["install", "--require-hashes", "--requirement", str(lock)]

    async def run(*pip: str | Path) -> None:
        await tools.run(what, [*pip, *install])

    if importlib.util.find_spec("pip") is not None:
        await run(sys.executable, "-m", "pip", "--python", python)
    elif importlib.util.find_spec("ensurepip") is not None:
        await tools.run(what, [python, "-m", "ensurepip"])
        await run(python, "-m", "pip")
    else:
        with tempfile.TemporaryDirectory(prefix="sd-on-eks-pip-") as temporary:
            try:
                await tools.run("fetching pip", [sys.executable, _PIP_WHEEL, requirements / "pip.txt", temporary])
            except SetUpError as error:
                raise SetUpError(f"{_NO_PIP}{error}", error.output) from error
            await run(python, Path(temporary) / "pip")
    return folder / "bin" / "uv"


async def _is_new_enough(tools: Tools, uv: str, pinned: list[int]) -> bool:
    try:
        version = _numbers(await tools.run("looking for uv", [uv, "--version"]))
    except SetUpError:  # it is a shim of something that is not there, or does not run here
        return False
    return version >= pinned


def _numbers(text: str) -> list[int]:
    found = re.search(r"^uv(?:==| )(\d+)\.(\d+)\.(\d+)", text)
    return [int(number) for number in found.groups()] if found is not None else []
