"""The AWS clients of the API, with timeouts; each is created when a request first needs it."""

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
"""The default read timeout of boto3 is 60 s, longer than the integration timeout of API Gateway.

A request makes at most three consecutive calls (read or offload a body, count the queued tasks, store the task). Each
takes at most 9 s, for two attempts and a second between them: 27 s in total. The timeout of the function is 28 s.
"""

_LIMITS = Config(
    connect_timeout=CONNECT_S, read_timeout=READ_S, retries={"total_max_attempts": ATTEMPTS, "mode": "standard"}
)
# Without virtual addressing, presigned URLs have the global endpoint. It redirects requests for a new bucket to the
# bucket's region, where the signature is invalid:
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
_S3_LIMITS = _LIMITS.merge(Config(signature_version="s3v4", s3={"addressing_style": "virtual"}))


@cache
def dynamodb_client() -> "DynamoDBClient":
    """The client for DynamoDB."""
    return boto3.client("dynamodb", config=_LIMITS)


@cache
def s3_client() -> "S3Client":
    """The client for S3."""
    return boto3.client("s3", config=_S3_LIMITS)
