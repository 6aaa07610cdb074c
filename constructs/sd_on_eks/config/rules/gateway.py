"""The HTTP API: options that exclude each other, and the size limit of the Lambda function's environment."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from sd_on_eks.config.rules.violation import Violation

if TYPE_CHECKING:
    from sd_on_eks.config.config import Config

MOST_ENVIRONMENT_BYTES: Final = 4096
"""https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""

_KEY_ID_BYTES: Final = 10

_OTHER_BYTES: Final = 500
"""Variable names, protocol times, and the suffixes that CloudFormation adds to the names of the table and the
bucket."""


def violations(config: "Config") -> Iterator[Violation]:
    """Violations in `APIGW`."""
    api = config.apigw
    if api.private_endpoint is not None and api.web_acl is not None:
        message = "must not be set with privateEndpoint, whose callers share the IP addresses of their network"
        yield Violation(("APIGW", "webAcl"), message)
    if (size := environment_bytes(config)) > MOST_ENVIRONMENT_BYTES:
        yield Violation(
            (),
            f"the environment variables of the task API's function must have at most {MOST_ENVIRONMENT_BYTES} bytes, "
            f"the Lambda limit, got about {size}: use fewer APIGW.plans, fewer APIGW.cors.allowOrigins or fewer "
            "inputBucketArns",
        )


def environment_bytes(config: "Config") -> int:
    """Upper bound of the size of the task API function's environment variables, names and values."""
    tenants = sum(_KEY_ID_BYTES + len(plan.name) + len('"":"",') for plan in config.apigw.plans)
    origins = sum(len(origin) + 1 for origin in config.apigw.cors.allow_origins)
    input_buckets = len("INPUT_BUCKETS") + sum(len(name) + 1 for name in config.input_bucket_names)
    # The names of the table, the bucket and the metrics contain the stack name.
    return _OTHER_BYTES + 3 * len(config.stack_name) + tenants + origins + input_buckets
