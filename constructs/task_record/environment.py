"""Environment variables, complete or rejected.

A Lambda handler reads them when it is imported and the agent before it starts: what lacks one fails at once, before it
takes a task, with one line that names all that are missing.
"""

from collections.abc import Mapping


class SettingsError(Exception):
    """The environment is incomplete or wrong: which variables, what came and what is allowed."""


def required(environment: Mapping[str, str], *names: str) -> dict[str, str]:
    """Pick variables, all of which must be there and not empty.

    Raises:
        SettingsError: some are missing; the message names every one.
    """
    missing = [name for name in names if not environment.get(name)]
    if missing:
        raise SettingsError(f"environment variables are missing: {', '.join(missing)}")
    return {name: environment[name] for name in names}
