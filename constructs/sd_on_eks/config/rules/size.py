"""The size of the stack: CloudFormation allows 500 resources."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from sd_on_eks.config.rules.violation import Violation

if TYPE_CHECKING:
    from sd_on_eks.config.config import Config

MOST_RUNTIMES: Final = 30
"""More would leave no resources for namespaces and node groups, and exceed 900 KB of template size."""

MOST_RESOURCES: Final = 500
"""https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""

_BASE: Final = 171
"""Without runtimes, in two zones, with one NAT gateway; every other option adds to it."""
_PER_FURTHER_ZONE: Final = 8
_PER_FURTHER_NAT_GATEWAY: Final = 2
_OBSERVABILITY: Final = 6
_NODE_MONITORING: Final = 1
_OWN_SECRETS_KEY: Final = 1
_FIRST_RUNTIME: Final = 2
"""Permissions of KEDA and the agents."""
RUNTIMES_PER_ALARM: Final = 10
"""One alarm for waiting tasks reads the queues of several runtimes.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-data-queries.html
"""
_PER_RUNTIME: Final = 9
_PER_NODE_GROUP: Final = 2
_CLOUD_BUILDS: Final = 11
_PER_PLAN: Final = 3
"""A key, a usage plan, and the association of the two."""
_CORS: Final = 6
_WEB_ACL: Final = 2
_CANARY: Final = 6


def violations(config: "Config") -> Iterator[Violation]:
    """The violation, if the stack is too large."""
    runtimes = len(config.models_runtime)
    if runtimes > MOST_RUNTIMES:
        message = f"must have at most {MOST_RUNTIMES} entries, got {runtimes}; deploy the others in a second stack"
        yield Violation(("modelsRuntime",), message)
    elif (resources := most_resources(config)) > MOST_RESOURCES:
        yield Violation(
            (),
            f"the stack must have at most {MOST_RESOURCES} resources, the CloudFormation limit, got up to {resources}: "
            "use fewer namespaces, GPU node groups or runtimes",
        )


def most_resources(config: "Config") -> int:
    """Upper bound of the number of resources in the stack."""
    runtimes = len(config.models_runtime)
    namespaces = {runtime.namespace for runtime in config.models_runtime} - {"default"}
    images = [
        image
        for runtime in config.models_runtime
        for image in (
            runtime.extra_values.runtime.inference_api.image,
            runtime.extra_values.runtime.queue_agent.image,
        )
    ]
    further_zones = max(len(config.availability_zones) - 2, 0)
    further_nat_gateways = 1 + further_zones if config.network.nat_gateways == "onePerZone" else 0
    return (
        _BASE
        + _PER_FURTHER_ZONE * further_zones
        + _PER_FURTHER_NAT_GATEWAY * further_nat_gateways
        + (_OBSERVABILITY if config.cluster.observability else 0)
        + (_NODE_MONITORING if config.cluster.node_monitoring else 0)
        + (_OWN_SECRETS_KEY if config.cluster.own_secrets_key else 0)
        + (_FIRST_RUNTIME if runtimes else 0)
        + _PER_RUNTIME * runtimes
        + math.ceil(runtimes / RUNTIMES_PER_ALARM)
        + len(namespaces)
        + _PER_NODE_GROUP * len(config.gpu_node_groups)
        + len(config.cluster.admin_role_arns)
        + (_CLOUD_BUILDS if any(image.build == "cloud" for image in images) else 0)
        + _PER_PLAN * len(config.apigw.plans)
        + (_CORS if config.apigw.cors.allow_origins else 0)
        + (_WEB_ACL if config.apigw.web_acl is not None else 0)
        + (_CANARY if config.apigw.canary is not None else 0)
    )
