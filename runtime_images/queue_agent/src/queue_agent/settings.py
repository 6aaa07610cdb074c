"""Settings of the agent, from environment variables."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from queue_agent.inputs.limits import InputLimits
from task_record.environment import SettingsError, required
from task_record.inputs.sizes import MAX_INPUT_MIB
from task_record.pod_variables import AgentVariable
from task_record.protocol_times import ProtocolTimes
from task_record.runtime_types import RUNTIME_TYPES, RuntimeType

_REQUIRED: Final = (
    "AWS_REGION",
    AgentVariable.SQS_QUEUE_URL,
    AgentVariable.TASK_TABLE_NAME,
    AgentVariable.S3_BUCKET,
    AgentVariable.RUNTIME_TYPE,
    AgentVariable.RUNTIME_NAME,
    AgentVariable.API_BASE_URL,
)
_SPOT_NOTICE_S: Final = 90.0
"""Of the 120 s of a Spot Instance interruption notice. The rest is for delivery."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of the agent.

    Attributes:
        region: AWS region.
        queue_url: the runtime's queue.
        table_name: the task table.
        bucket: the output bucket.
        runtime_type: type of the inference server.
        runtime_name: name of the runtime.
        api_base_url: base URL of the server.
        model_filename: default checkpoint of an sdwebui runtime, for tasks that name none.
        dynamic_model: whether an sdwebui runtime switches to the checkpoint that a task names.
        endpoint_url: replaces the endpoints of AWS, for tests and the local stack.
        times: times of the task protocol.
        longest_task_s: a longer inference is interrupted and fails.
        drain_s: maximum time of an inference after SIGTERM; a longer one is released.
        stall_s: an inference without progress for this time is interrupted and fails.
        storage_retry_s: how long results are kept in memory and retried if S3 does not accept them.
        poll_s: wait time of a long poll.
        spot_allowed: whether SIGTERM may be an interruption notice of a Spot Instance.
        spot_notice_s: an inference that ends within this time is completed despite an interruption notice.
        input_limits: limits of inputs: size, time and buckets.
        ready_marker: file that exists while the agent is ready, for the readiness probe. None outside a pod.
        runtime_stops_on_signal: whether the server is known to handle the stop signal.
        runtime_hung_marker: file whose presence fails the liveness probe of the runtime. None outside a pod.
        finished_files: list of files that the janitor can delete. None outside a pod.
        metrics_log_group: log group of the metrics. None disables them.
        metrics_namespace: namespace of the metrics.
    """

    region: str
    queue_url: str
    table_name: str
    bucket: str
    runtime_type: RuntimeType
    runtime_name: str
    api_base_url: str
    model_filename: str | None = None
    dynamic_model: bool = False
    endpoint_url: str | None = None
    times: ProtocolTimes = field(default_factory=ProtocolTimes)
    longest_task_s: float = 480
    drain_s: float = 480
    stall_s: float = 120
    storage_retry_s: float = 40
    poll_s: int = 20
    spot_allowed: bool = False
    spot_notice_s: float = _SPOT_NOTICE_S
    input_limits: InputLimits = field(default_factory=InputLimits)
    ready_marker: Path | None = None
    runtime_stops_on_signal: bool = True
    runtime_hung_marker: Path | None = None
    finished_files: Path | None = None
    metrics_log_group: str | None = None
    metrics_namespace: str = "SdOnEks"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the settings.

        Raises:
            SettingsError: variables are missing or not valid.
        """
        found = required(environment, *_REQUIRED)
        runtime_type = found[AgentVariable.RUNTIME_TYPE].lower()
        if runtime_type not in RUNTIME_TYPES:
            raise SettingsError(f"RUNTIME_TYPE must be {' or '.join(RUNTIME_TYPES)}, got {runtime_type!r}")
        model_filename = environment.get(AgentVariable.MODEL_FILENAME) or None
        dynamic_model = environment.get(AgentVariable.DYNAMIC_MODEL, "false").lower() == "true"
        if RUNTIME_TYPES[runtime_type].has_checkpoint and model_filename is None and not dynamic_model:
            raise SettingsError(f"MODEL_FILENAME must be set for {runtime_type}, or DYNAMIC_MODEL be true")
        return cls(
            region=found["AWS_REGION"],
            queue_url=found[AgentVariable.SQS_QUEUE_URL],
            table_name=found[AgentVariable.TASK_TABLE_NAME],
            bucket=found[AgentVariable.S3_BUCKET],
            runtime_type=RUNTIME_TYPES[runtime_type],
            runtime_name=found[AgentVariable.RUNTIME_NAME],
            api_base_url=found[AgentVariable.API_BASE_URL].rstrip("/"),
            model_filename=model_filename,
            dynamic_model=dynamic_model,
            endpoint_url=environment.get("AWS_ENDPOINT_URL") or None,
            times=_times(environment),
            longest_task_s=_seconds(environment, AgentVariable.LONGEST_TASK_S, cls.longest_task_s),
            drain_s=_seconds(environment, AgentVariable.DRAIN_S, cls.drain_s),
            stall_s=_seconds(environment, "STALL_S", cls.stall_s),
            storage_retry_s=_seconds(environment, "STORAGE_RETRY_S", cls.storage_retry_s),
            spot_allowed=environment.get(AgentVariable.SPOT_ALLOWED, "false").lower() == "true",
            input_limits=_input_limits(environment, RUNTIME_TYPES[runtime_type]),
            ready_marker=_path(environment, AgentVariable.READY_MARKER),
            runtime_stops_on_signal=environment.get(AgentVariable.RUNTIME_STOPS_ON_SIGNAL, "true").lower() != "false",
            runtime_hung_marker=_path(environment, AgentVariable.RUNTIME_HUNG_MARKER),
            finished_files=_path(environment, AgentVariable.FINISHED_FILES),
            metrics_log_group=environment.get(AgentVariable.METRICS_LOG_GROUP) or None,
            metrics_namespace=environment.get(AgentVariable.METRICS_NAMESPACE) or cls.metrics_namespace,
        )


def _times(environment: Mapping[str, str]) -> ProtocolTimes:
    try:
        return ProtocolTimes.from_environment(environment)
    except ValueError as error:
        raise SettingsError(f"the times of the task protocol must fit together: {error}") from error


def _input_limits(environment: Mapping[str, str], runtime_type: RuntimeType) -> InputLimits:
    buckets = environment.get(AgentVariable.INPUT_BUCKETS, "").split(",")
    text = environment.get(AgentVariable.MAX_INPUT_MB) or None
    if text is not None and not (text.isascii() and text.isdigit() and 1 <= int(text) <= MAX_INPUT_MIB):
        raise SettingsError(f"MAX_INPUT_MB must be a whole number from 1 to {MAX_INPUT_MIB}, got {text!r}")
    return InputLimits(
        input_buckets=frozenset(bucket for bucket in buckets if bucket),
        sizes=runtime_type.input_sizes(None if text is None else int(text)),
    )


def _path(environment: Mapping[str, str], name: str) -> Path | None:
    text = environment.get(name)
    return Path(text) if text else None


def _seconds(environment: Mapping[str, str], name: str, default: float) -> float:
    text = environment.get(name)
    if not text:
        return default
    try:
        return float(text)
    except ValueError as error:
        raise SettingsError(f"{name} must be a number, got {text!r}") from error
