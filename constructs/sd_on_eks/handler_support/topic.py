"""An SNS topic to publish to."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

# The errors that are caused by the message itself:
# https://docs.aws.amazon.com/sns/latest/api/API_Publish.html#API_Publish_Errors
_INVALID_MESSAGE: Final = frozenset({"InvalidParameter", "InvalidParameterValue", "ParameterValueInvalid"})


class MessageRejectedError(Exception):
    """SNS rejects this message; a retry cannot succeed."""


class Topic:
    """An SNS topic.

    Args:
        client: SNS client.
        arn: ARN of the topic.
    """

    def __init__(self, client: "SNSClient", arn: str) -> None:
        self._client = client
        self._arn = arn

    def publish(self, body: str, attributes: Mapping[str, str]) -> None:
        """Publish a message.

        Raises:
            MessageRejectedError: SNS rejects this message; do not retry.
            ClientError: SNS returned another error; a retry may succeed.
            BotoCoreError: SNS could not be reached.
        """
        try:
            self._client.publish(
                TopicArn=self._arn,
                Message=body,
                MessageAttributes={
                    name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
                },
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in _INVALID_MESSAGE:
                raise MessageRejectedError(f"SNS rejects the message: {error.response['Error']['Code']}") from error
            raise
