"""A topic to publish to."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

# https://docs.aws.amazon.com/sns/latest/api/API_Publish.html#API_Publish_Errors: what is wrong with the message itself.
_WRONG_MESSAGE: Final = frozenset({"InvalidParameter", "InvalidParameterValue", "ParameterValueInvalid"})


class MessageRefusedError(Exception):
    """SNS will never take this message, however often it is tried: why."""


class Topic:
    """An SNS topic.

    Args:
        client: SNS.
        arn: the topic.
    """

    def __init__(self, client: "SNSClient", arn: str) -> None:
        self._client = client
        self._arn = arn

    def publish(self, body: str, attributes: Mapping[str, str]) -> None:
        """Publish a message.

        Raises:
            MessageRefusedError: SNS will never take this message.
            ClientError: SNS did not take it this time.
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
            if error.response["Error"]["Code"] in _WRONG_MESSAGE:
                raise MessageRefusedError(f"SNS refuses the message: {error.response['Error']['Code']}") from error
            raise
