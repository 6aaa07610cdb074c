"""Settings of the agent: the limits of inputs."""

import pytest

from queue_agent.settings import Settings
from task_record.environment import SettingsError

ENVIRONMENT = {
    "AWS_REGION": "us-east-1",
    "SQS_QUEUE_URL": "https://sqs/queue",
    "TASK_TABLE_NAME": "tasks",
    "S3_BUCKET": "bucket",
    "RUNTIME_TYPE": "comfyui",
    "RUNTIME_NAME": "comfy",
    "API_BASE_URL": "http://127.0.0.1:8080",
    "DYNAMIC_MODEL": "true",
}


@pytest.mark.parametrize(
    ("runtime_type", "variable", "mib"),
    [
        ("comfyui", None, (100, 300)),
        ("comfyui", "", (100, 300)),
        ("ComfyUI", "7", (7, 21)),
        ("sdwebui", None, (20, 60)),
        ("sdwebui", "500", (20, 60)),
    ],
)
def test_limits_of_inputs_depend_on_the_runtime(runtime_type: str, variable: str | None, mib: tuple[int, int]) -> None:
    given = {} if variable is None else {"MAX_INPUT_MB": variable}
    sizes = Settings.from_environment({**ENVIRONMENT, "RUNTIME_TYPE": runtime_type, **given}).input_limits.sizes
    assert (sizes.max_bytes, sizes.max_total_bytes) == (mib[0] * 2**20, mib[1] * 2**20)


@pytest.mark.parametrize("variable", ["0", "2001", "-5", "1.5", "many", "\u0661"])
def test_fails_when_the_maximum_input_size_is_not_valid(variable: str) -> None:
    with pytest.raises(SettingsError, match="MAX_INPUT_MB must be a whole number from 1 to 2000, got"):
        Settings.from_environment({**ENVIRONMENT, "MAX_INPUT_MB": variable})
