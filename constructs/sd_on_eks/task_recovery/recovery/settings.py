"""Settings of the two handlers, from the environment."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from task_record.environment import SettingsError, required
from task_record.protocol_times import ProtocolTimes


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterSettings:
    """Settings of the dead-letter handler.

    Attributes:
        table_name: name of the task table.
        output_bucket: receives quarantined messages.
        runtimes: names of the runtimes, by the names of their dead-letter queues.
        times: times of the task protocol.
    """

    table_name: str
    output_bucket: str
    runtimes: Mapping[str, str]
    times: ProtocolTimes

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "DeadLetterSettings":
        """Read the settings.

        Raises:
            SettingsError: variables are missing or invalid.
        """
        found = required(environment, "TASK_TABLE_NAME", "OUTPUT_BUCKET_NAME", "RUNTIME_QUEUES", *_TIMES)
        return cls(
            table_name=found["TASK_TABLE_NAME"],
            output_bucket=found["OUTPUT_BUCKET_NAME"],
            runtimes={queue: runtime for runtime, queue in _queues(found).items()},
            times=_times(found),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcilerSettings:
    """Settings of the reconciler.

    Attributes:
        table_name: name of the task table.
        topic_arn: the input topic.
        queues: names of the queues, by the names of their runtimes, for all runtimes of the deployment.
        times: times of the task protocol.
    """

    table_name: str
    topic_arn: str
    queues: Mapping[str, str]
    times: ProtocolTimes

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "ReconcilerSettings":
        """Read the settings.

        Raises:
            SettingsError: variables are missing or invalid.
        """
        found = required(environment, "TASK_TABLE_NAME", "TOPIC_ARN", "RUNTIME_QUEUES", *_TIMES)
        return cls(
            table_name=found["TASK_TABLE_NAME"],
            topic_arn=found["TOPIC_ARN"],
            queues=_queues(found),
            times=_times(found),
        )


_TIMES = tuple(ProtocolTimes().environment())


def _queues(environment: Mapping[str, str]) -> dict[str, str]:
    try:
        queues = json.loads(environment["RUNTIME_QUEUES"])
    except ValueError as error:
        raise SettingsError(f"RUNTIME_QUEUES: must be a JSON object, got invalid JSON: {error}") from error
    if not isinstance(queues, dict):
        raise SettingsError(f"RUNTIME_QUEUES: must be a JSON object, got {type(queues).__name__}")
    return {str(runtime): str(queue) for runtime, queue in queues.items()}


def _times(environment: Mapping[str, str]) -> ProtocolTimes:
    try:
        return ProtocolTimes.from_environment(environment)
    except ValueError as error:
        raise SettingsError(str(error)) from error
