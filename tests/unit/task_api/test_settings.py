"""Settings: read from the environment once, when the function starts."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sd_on_eks.lambda_function.staging import staged
from sd_on_eks.task_api.handler.runtimes import RUNTIMES_FILE, Runtimes
from sd_on_eks.task_api.handler.settings import Settings, read_runtimes
from task_record.environment import SettingsError

ROOT = Path(__file__).resolve().parents[3]
HANDLER = ROOT / "constructs" / "sd_on_eks" / "task_api" / "handler"
NONE = Runtimes([])
TABLE = [
    {
        "name": "sd",
        "type": "sdwebui",
        "model_filename": "größe.safetensors",
        "backlog_limit": 9,
        "typical_task_s": 12.5,
        "max_replicas": 3,
    }
]
COMPLETE = {
    "TASK_TABLE_NAME": "tasks",
    "OUTPUT_BUCKET_NAME": "output",
    "MAX_TASK_AGE_S": "3600",
    "RECORD_TTL_S": "2592000",
    "TENANT_ISOLATION": "true",
    "TENANTS": '{"key1": "team"}',
}


def test_settings_are_read_from_the_environment() -> None:
    settings = Settings.from_environment(COMPLETE | {"CORS_ALLOW_ORIGINS": "https://a.example,https://b.example"}, NONE)
    assert (settings.table_name, settings.output_bucket, settings.max_task_age_s) == ("tasks", "output", 3600)
    assert settings.times.record_ttl_s == 2592000
    assert settings.allowed_origins == {"https://a.example", "https://b.example"}
    assert Settings.from_environment(COMPLETE, NONE).allowed_origins == frozenset()


@pytest.mark.parametrize(
    ("isolation", "owners"),
    [("true", {"key1": "team", "key2": "key2"}), ("false", {"key1": "-", "key2": "-"})],
)
def test_a_task_belongs_to_the_tenant_of_its_key(isolation: str, owners: dict[str, str]) -> None:
    tenants = Settings.from_environment(COMPLETE | {"TENANT_ISOLATION": isolation}, NONE).tenants
    assert {key: tenants.owner(key) for key in owners} == owners


def test_fails_when_the_environment_is_incomplete_and_lists_all_missing_variables() -> None:
    incomplete = {"MAX_TASK_AGE_S": "1", "TENANT_ISOLATION": "true", "TENANTS": ""}
    with pytest.raises(
        SettingsError, match="^environment variables are missing: "
        "TASK_TABLE_NAME, OUTPUT_BUCKET_NAME, RECORD_TTL_S, TENANTS$"
    ):  # fmt: skip
        Settings.from_environment(incomplete, NONE)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TENANTS", "key1"),
        ("TENANTS", "1"),
        ("MAX_TASK_AGE_S", "soon"),
        ("RECORD_TTL_S", "60"),
    ],
)
def test_fails_when_a_variable_is_invalid(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match="^environment variables are invalid: "):
        Settings.from_environment(COMPLETE | {name: value}, NONE)


def test_runtimes_are_read_from_the_table(tmp_path: Path) -> None:
    (tmp_path / RUNTIMES_FILE).write_text(json.dumps(TABLE))
    runtime = read_runtimes(tmp_path).named("sd", "runtime")
    assert (runtime.model_filename, runtime.backlog_limit, runtime.typical_task_s, runtime.max_replicas) == (
        "größe.safetensors",
        9,
        12.5,
        3,
    )


@pytest.mark.parametrize(
    "table", [None, "sd", '[{"type": "sdwebui"}]', '[{"name": "sd", "type": "sdwebui", "colour": "red"}]']
)
def test_fails_when_the_table_of_runtimes_cannot_be_read(tmp_path: Path, table: str | None) -> None:
    if table is not None:
        (tmp_path / RUNTIMES_FILE).write_text(table)
    with pytest.raises(SettingsError, match=r"^runtimes\.json cannot be read: "):
        read_runtimes(tmp_path)


def start(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Import the function, as Lambda does at a cold start."""
    with staged(folders={"handler": HANDLER}, files={f"handler/{RUNTIMES_FILE}": json.dumps(TABLE)}) as asset:
        return subprocess.run(
            [sys.executable, "-c", "from handler.app import lambda_handler"],
            env={
                "PATH": os.defpath,
                "PYTHONPATH": os.pathsep.join([str(asset), str(ROOT / "constructs")]),
                **environment,
            },
            capture_output=True,
            text=True,
            check=False,
        )


def test_fails_at_the_cold_start_when_the_environment_is_incomplete() -> None:
    started = start({name: value for name, value in COMPLETE.items() if name not in {"TENANTS", "TASK_TABLE_NAME"}})
    assert started.returncode != 0
    assert started.stderr.splitlines()[-1] == (
        "task_record.environment.SettingsError: environment variables are missing: TASK_TABLE_NAME, TENANTS"
    )


def test_the_function_starts_without_credentials_or_a_region() -> None:
    # Clients are created when a request first needs them.
    started = start(COMPLETE | {"POWERTOOLS_METRICS_NAMESPACE": "test", "POWERTOOLS_SERVICE_NAME": "test"})
    assert (started.returncode, started.stderr) == (0, "")
