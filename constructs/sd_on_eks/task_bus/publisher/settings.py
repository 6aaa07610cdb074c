"""Settings of the two handlers, from the environment."""

from collections.abc import Mapping
from dataclasses import dataclass

from task_record.environment import required


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Settings of a handler.

    Attributes:
        topic_arn: the topic that it publishes to.
        failure_bucket: receives the records that cannot be published.
        output_bucket: name of the output bucket, which is part of callbacks.
        notify_running: whether to publish a callback when a task starts, too.
    """

    topic_arn: str
    failure_bucket: str
    output_bucket: str
    notify_running: bool

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the settings.

        Raises:
            SettingsError: variables are missing.
        """
        found = required(environment, "TOPIC_ARN", "FAILURE_BUCKET_NAME", "OUTPUT_BUCKET_NAME", "NOTIFY_RUNNING")
        return cls(
            topic_arn=found["TOPIC_ARN"],
            failure_bucket=found["FAILURE_BUCKET_NAME"],
            output_bucket=found["OUTPUT_BUCKET_NAME"],
            notify_running=found["NOTIFY_RUNNING"] == "true",
        )
