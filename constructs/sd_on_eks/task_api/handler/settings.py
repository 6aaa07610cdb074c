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
        table_name: the task table.
        output_bucket: where results and large request bodies are.
        runtimes: the runtimes of this deployment.
        input_buckets: names of further buckets that inputs may be linked from.
        times: age at which an unfinished task expires, and how long a record is kept.
        tenants: whose the tasks of a key are.
        allowed_origins: web pages that may read the answers; none of them where there are none.
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
            environment: the function's.
            runtimes: the runtimes of this deployment.

        Raises:
            SettingsError: variables are missing, all of which it names, or cannot be read.
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
            raise SettingsError(f"environment variables cannot be read: {error}") from error


def read_runtimes(folder: Path) -> Runtimes:
    """Read the table of runtimes, which the stack puts beside the handler: an environment has room for 4 KiB.

    Args:
        folder: the handler's.

    Raises:
        SettingsError: it is not there, or cannot be read.
    """
    try:
        table = json.loads((folder / RUNTIMES_FILE).read_text(encoding="utf-8"))
        return Runtimes([Runtime(**runtime) for runtime in table])
    except (OSError, ValueError, TypeError) as error:
        raise SettingsError(f"{RUNTIMES_FILE} cannot be read: {error}") from error


def _names(text: str) -> frozenset[str]:
    return frozenset(filter(None, text.split(",")))
