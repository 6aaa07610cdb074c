"""The AWS clients of the API, with their limits; each is made when a path first needs it."""

from functools import cache
from typing import TYPE_CHECKING, Final

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

CONNECT_S: Final = 1
READ_S: Final = 3
ATTEMPTS: Final = 2
"""boto3 would wait for 60 s, longer than API Gateway waits for the function.

A request makes at most three calls one after the other (read or park a body, count the backlog, store the task). Each
may take its attempts and a second between them, 9 s: 27 s, while the function has 28.
"""

_LIMITS = Config(
    connect_timeout=CONNECT_S, read_timeout=READ_S, retries={"total_max_attempts": ATTEMPTS, "mode": "standard"}
)
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
