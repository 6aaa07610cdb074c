"""The environments of a clone, and the files that decide what is in them."""

from pathlib import Path
from typing import Final

from environments.environment import Environment, this_python

NPM_FILES: Final = ["package.json", "package-lock.json"]
_RECIPES: Final = Path(__file__).with_name("recipes.py")


class Clone:
    """The environments of a clone.

    Args:
        folder: the clone.
        with_generators: whether the generators of API clients are wanted as well.

    Attributes:
        folder: the clone.
        client_generators: folder of the npm packages that `generators` has.
        app: the app, its tests and linters, uv and Node.js.
        emulator: AWS on this machine, whose pinned packages contradict the app's.
        node: the CDK's command line.
        generators: generators of API clients, in Python and Node.js, for one test.
    """

    def __init__(self, folder: Path, *, with_generators: bool = False) -> None:
        requirements = folder / "requirements"
        python = this_python()
        self.folder: Path = folder
        self.client_generators: Path = folder / "tests" / "integration" / "generated_clients"
        self.app = Environment(
            folder=folder / ".venv",
            inputs=[requirements / "dev.txt", folder / "pyproject.toml", _RECIPES],
            python=python,
        )
        self.emulator = Environment(
            folder=folder / ".venv-emulator", inputs=[requirements / "emulator.txt", _RECIPES], python=python
        )
        self.node = Environment(
            folder=folder / "node_modules", inputs=[*(folder / name for name in NPM_FILES), _RECIPES]
        )
        packages = [self.client_generators / name for name in NPM_FILES]
        self.generators = Environment(
            folder=folder / ".venv-generators",
            inputs=[requirements / "generators.txt", *packages, _RECIPES],
            python=python,
        )
        self._wanted = [self.app, self.emulator, self.node]
        if with_generators:
            self._wanted.append(self.generators)

    @property
    def is_set_up(self) -> bool:
        """Whether every environment that is wanted is made."""
        return all(environment.is_made for environment in self._wanted)

    def must_make(self, environment: Environment) -> bool:
        """Whether an environment is wanted, and not made."""
        return environment in self._wanted and not environment.is_made
