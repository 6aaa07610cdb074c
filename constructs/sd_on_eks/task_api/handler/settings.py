"""Settings of the task API, from the environment."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from .runtimes import Runtime, Runtimes


class SettingsError(Exception):
    """The environment is incomplete or wrong: which variables, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Settings of the task API.

    Attributes:
        table_name: the task table.
        output_bucket: where results and large request bodies are.
        runtimes: the runtimes of this deployment.
        max_task_age_s: age at which an unfinished task expires.
        tenant_isolation: whether an API key sees its own tasks only.
    """

    table_name: str
    output_bucket: str
    runtimes: Runtimes
    max_task_age_s: int
    tenant_isolation: bool

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the settings.

        Raises:
            SettingsError: variables are missing or cannot be read.
        """
        names = ("TASK_TABLE_NAME", "OUTPUT_BUCKET_NAME", "RUNTIMES", "MAX_TASK_AGE_S", "TENANT_ISOLATION")
        missing = [name for name in names if not environment.get(name)]
        if missing:
            raise SettingsError(f"environment variables are missing: {', '.join(missing)}")
        try:
            return cls(
                table_name=environment["TASK_TABLE_NAME"],
                output_bucket=environment["OUTPUT_BUCKET_NAME"],
                runtimes=Runtimes([Runtime(**runtime) for runtime in json.loads(environment["RUNTIMES"])]),
                max_task_age_s=int(environment["MAX_TASK_AGE_S"]),
                tenant_isolation=environment["TENANT_ISOLATION"] == "true",
            )
        except (ValueError, TypeError) as error:
            raise SettingsError(f"RUNTIMES or MAX_TASK_AGE_S cannot be read: {error}") from error
