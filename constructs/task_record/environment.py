"""Required environment variables.

A Lambda handler reads them at import, and the agent reads them at start. A missing variable fails immediately, before
the first task, with one message that names all missing variables.
"""

from collections.abc import Mapping


class SettingsError(Exception):
    """Environment variables are missing or not valid."""


def required(environment: Mapping[str, str], *names: str) -> dict[str, str]:
    """Return the values of required variables.

    Raises:
        SettingsError: variables are missing or empty. The message names all of them.
    """
    missing = [name for name in names if not environment.get(name)]
    if missing:
        raise SettingsError(f"environment variables are missing: {', '.join(missing)}")
    return {name: environment[name] for name in names}
