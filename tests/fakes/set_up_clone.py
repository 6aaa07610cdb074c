"""A tiny clone with the real set-up program, the real Python, and stand-ins for the tools that install packages."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from tests.fakes.interrupts import take_interrupts

ROOT: Final = Path(__file__).parents[2]
PYTHON: Final = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"
"""The Python of the machine; the tests run in a virtual environment."""

_UV: Final = """#!/bin/sh
# Installs itself and npm, as the app's lock file does. `while-syncing` in the tools' folder is what else happens.
case "$*" in
  --version) echo "uv 99.0.0"; exit ;;
  *" sync "*) event=sync ;;
  *) event=install ;;
esac
for word; do case "$word" in */bin/python) bin=${word%/python} ;; esac; done
echo "$event $(basename "$(dirname "$bin")") $UV_CACHE_DIR" >> {tools}/journal
if test $event = sync && test -e {tools}/while-syncing; then . {tools}/while-syncing; fi
cp {tools}/uv "$bin/uv"
if test -e {tools}/npm; then cp {tools}/npm "$bin/npm"; fi
"""
_NPM: Final = """#!/bin/sh
echo "npm $1" >> {tools}/journal
if test -e {tools}/while-npm-installs; then . {tools}/while-npm-installs; fi
mkdir -p node_modules
"""


class FakeClone:
    """A clone with its own lock files.

    Args:
        folder: directory of the clone.
        tools: directory of the stand-ins, which is first on PATH.
    """

    def __init__(self, folder: Path, tools: Path) -> None:
        self.folder = folder
        self.tools = tools
        self.environment = os.environ | {"PATH": f"{tools}:/usr/bin:/bin", "HOME": str(tools / "home")}
        self.environment.pop("UV_CACHE_DIR", None)
        (folder / "requirements").mkdir(parents=True)
        tools.mkdir()
        for name in ("dev.txt", "emulator.txt"):
            (folder / "requirements" / name).write_text("one==1\n")
        (folder / "requirements" / "bootstrap.txt").write_text("uv==0.13.9 \\\n    --hash=sha256:0\n")
        for name in ("pyproject.toml", "package.json", "package-lock.json"):
            (folder / name).write_text("{}\n")
        shutil.copy(ROOT / "Makefile", folder)
        (folder / "scripts").mkdir()
        shutil.copy(ROOT / "scripts" / "set_up.py", folder / "scripts")
        shutil.copytree(ROOT / "scripts" / "environments", folder / "scripts" / "environments")
        self.stand_in("uv", _UV)
        self.stand_in("npm", _NPM)

    def stand_in(self, name: str, script: str) -> None:
        """Write the stand-in of a tool, or a hook in one."""
        file = self.tools / name
        file.write_text(script.replace("{tools}", str(self.tools)))
        file.chmod(0o755)

    @property
    def events(self) -> list[str]:
        """Events of the tools, in order."""
        journal = self.tools / "journal"
        return [line.strip() for line in journal.read_text().splitlines()] if journal.exists() else []

    @property
    def made(self) -> list[str]:
        """Environments that are marked as complete."""
        return sorted(stamp.parent.name for stamp in self.folder.glob("*/.ready"))

    def start(self, *arguments: str, python: Path = PYTHON, **environment: str) -> subprocess.Popen[str]:
        """Start set-up."""
        return subprocess.Popen(  # noqa: S603 (our own program)
            [python, self.folder / "scripts" / "set_up.py", *arguments],
            env=self.environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=take_interrupts,  # noqa: PLW1509 (one call)
        )

    def run(self, *arguments: str, python: Path = PYTHON, **environment: str) -> tuple[int, str]:
        """Run set-up to its end.

        Returns:
            Exit status, and what it printed.
        """
        process = self.start(*arguments, python=python, **environment)
        output, _ = process.communicate(timeout=60)
        return process.returncode, output

    def hold(self) -> None:
        """Block the installation of packages until `release`."""
        (self.tools / "held").touch()
        # In a child process of the installer, as npm and pip have them.
        self.stand_in(
            "while-syncing",
            '(while test -e {tools}/held; do sleep 0.02; done) & echo "held $!" >> {tools}/journal; wait',
        )

    def release(self) -> None:
        """Let the installation continue."""
        (self.tools / "while-syncing").unlink(missing_ok=True)
        (self.tools / "held").unlink(missing_ok=True)

    def wait_until_held(self, process: subprocess.Popen[str], count: int = 2) -> list[int]:
        """Wait until packages are being installed.

        Returns:
            Process ids of the installers.
        """
        deadline = time.monotonic() + 30
        while len(held := [event for event in self.events if event.startswith("held ")]) < count:
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return [int(event.split()[1]) for event in held]
