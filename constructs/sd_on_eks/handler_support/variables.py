"""Environment variables.

A handler reads them when it is imported: a function that lacks one fails at its cold start, before it takes a record,
and Lambda logs the error's one line.
"""

from collections.abc import Mapping


class SettingsError(Exception):
    """The environment is incomplete or wrong: which variables, and why."""


def required(environment: Mapping[str, str], *names: str) -> dict[str, str]:
    """Pick variables, all of which must be there and not empty.

    Raises:
        SettingsError: some are missing; the message names every one.
    """
    missing = [name for name in names if not environment.get(name)]
    if missing:
        raise SettingsError(f"environment variables are missing: {', '.join(missing)}")
    return {name: environment[name] for name in names}
