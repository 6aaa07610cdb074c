"""The AWS clients of the API, with their limits; each is made when a path first needs it."""

from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

# boto3 would wait for 60 s, longer than API Gateway waits for the function.
_LIMITS = Config(connect_timeout=1, read_timeout=3, retries={"total_max_attempts": 2, "mode": "standard"})
# Without virtual addressing, presigned links name the global endpoint, which redirects to a new bucket's region and so
# breaks the signature: https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
_S3_LIMITS = _LIMITS.merge(Config(signature_version="s3v4", s3={"addressing_style": "virtual"}))


@cache
def dynamodb_client() -> "DynamoDBClient":
    """The client for DynamoDB."""
    return boto3.client("dynamodb", config=_LIMITS)


@cache
def s3_client() -> "S3Client":
    """The client for S3."""
    return boto3.client("s3", config=_S3_LIMITS)
