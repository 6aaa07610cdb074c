"""Settings of the task API, from the environment and the table of runtimes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from task_record.environment import SettingsError, required
from task_record.protocol_times import ProtocolTimes

from .runtimes import RUNTIMES_FILE, Runtime, Runtimes
from .tenants import Tenants

_REQUIRED = (
    "TASK_TABLE_NAME",
    "OUTPUT_BUCKET_NAME",
    "MAX_TASK_AGE_S",
    "RECORD_TTL_S",
    "TENANT_ISOLATION",
    "TENANTS",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Settings of the task API.

    Attributes:
        table_name: name of the task table.
        output_bucket: name of the bucket for results and large request bodies.
        input_buckets: names of other buckets that links to inputs may have.
        times: times of the task protocol.
        tenants: owners of tasks by API key.
        allowed_origins: origins of web pages that may read responses.
    """

    table_name: str
    output_bucket: str
    runtimes: Runtimes
    input_buckets: frozenset[str]
    times: ProtocolTimes
    tenants: Tenants
    allowed_origins: frozenset[str]

    @property
    def max_task_age_s(self) -> int:
        """Age at which an unfinished task expires."""
        return round(self.times.max_task_age_s)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], runtimes: Runtimes) -> "Settings":
        """Read the settings.

        Args:
            environment: environment variables of the function.
            runtimes: the runtimes of this deployment.

        Raises:
            SettingsError: variables are missing (the message names all of them) or invalid.
        """
        found = required(environment, *_REQUIRED)
        try:
            return cls(
                table_name=found["TASK_TABLE_NAME"],
                output_bucket=found["OUTPUT_BUCKET_NAME"],
                runtimes=runtimes,
                times=ProtocolTimes.from_environment(environment),
                tenants=Tenants(isolated=found["TENANT_ISOLATION"] == "true", names=dict(json.loads(found["TENANTS"]))),
                input_buckets=_names(environment.get("INPUT_BUCKETS", "")),
                allowed_origins=_names(environment.get("CORS_ALLOW_ORIGINS", "")),
            )
        except (ValueError, TypeError) as error:
            raise SettingsError(f"environment variables are invalid: {error}") from error


def read_runtimes(folder: Path) -> Runtimes:
    """Read the table of runtimes. It is a file of the asset, since Lambda limits environment variables to 4 KiB.

    Args:
        folder: folder of the handler.

    Raises:
        SettingsError: the file does not exist or is invalid.
    """
    try:
        table = json.loads((folder / RUNTIMES_FILE).read_text(encoding="utf-8"))
        return Runtimes([Runtime(**runtime) for runtime in table])
    except (OSError, ValueError, TypeError) as error:
        raise SettingsError(f"{RUNTIMES_FILE} cannot be read: {error}") from error


def _names(text: str) -> frozenset[str]:
    return frozenset(filter(None, text.split(",")))
