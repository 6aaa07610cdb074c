"""AWS clients with timeouts and a limited number of attempts."""

from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient

# The default read timeout of boto3 is 60 s, as long as the timeout of most functions.
_LIMITS = Config(connect_timeout=1, read_timeout=3, retries={"total_max_attempts": 2, "mode": "standard"})


def dynamodb_client() -> "DynamoDBClient":
    """Create a client for DynamoDB."""
    return boto3.client("dynamodb", config=_LIMITS)


def s3_client() -> "S3Client":
    """Create a client for S3."""
    return boto3.client("s3", config=_LIMITS)


def sns_client() -> "SNSClient":
    """Create a client for SNS."""
    return boto3.client("sns", config=_LIMITS)


def sqs_client() -> "SQSClient":
    """Create a client for SQS."""
    return boto3.client("sqs", config=_LIMITS)
