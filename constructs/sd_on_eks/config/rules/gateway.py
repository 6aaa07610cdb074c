"""The HTTP API: options that exclude each other, and what its function's environment has room for."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from sd_on_eks.config.rules.violation import Violation

if TYPE_CHECKING:
    from sd_on_eks.config.config import Config

MOST_ENVIRONMENT_BYTES: Final = 4096
"""https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""

_KEY_ID_BYTES: Final = 10

_OTHER_BYTES: Final = 500
"""The variables' names, times, and what CloudFormation adds to the stack's name to name the table and the bucket."""


def violations(config: "Config") -> Iterator[Violation]:
    """What is wrong with the API."""
    api = config.apigw
    if api.private_endpoint is not None and api.web_acl is not None:
        message = "must not be set with privateEndpoint, whose callers share the addresses of their network"
        yield Violation(("APIGW", "webAcl"), message)
    if (size := environment_bytes(config)) > MOST_ENVIRONMENT_BYTES:
        yield Violation(
            (),
            f"makes an environment of the task API's function of about {size} bytes, and Lambda takes "
            f"{MOST_ENVIRONMENT_BYTES}: use fewer APIGW.plans, fewer APIGW.cors.allowOrigins or fewer inputBucketArns",
        )


def environment_bytes(config: "Config") -> int:
    """Upper bound of the environment of the task API's function, names and values."""
    tenants = sum(_KEY_ID_BYTES + len(plan.name) + len('"":"",') for plan in config.apigw.plans)
    origins = sum(len(origin) + 1 for origin in config.apigw.cors.allow_origins)
    input_buckets = len("INPUT_BUCKETS") + sum(len(name) + 1 for name in config.input_bucket_names)
    # The table, the bucket and the metrics have the stack's name in theirs.
    return _OTHER_BYTES + 3 * len(config.stack_name) + tenants + origins + input_buckets
