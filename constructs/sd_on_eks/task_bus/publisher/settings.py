"""Settings of the two handlers, from the environment."""

from collections.abc import Mapping
from dataclasses import dataclass

from task_record.environment import required


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Settings of a handler.

    Attributes:
        topic_arn: where it publishes.
        failure_bucket: where records go that can never be sent.
        output_bucket: name of the output bucket, which callbacks mention.
        notify_running: whether a claim is told as well as an end.
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
