"""The network: zones, endpoints, and the registries of images and charts."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sd_on_eks.config.rules.violation import Violation

if TYPE_CHECKING:
    from sd_on_eks.config.config import Config


def violations(config: "Config") -> Iterator[Violation]:
    """Violations in `network`, `availabilityZones`, `registries` and the cluster's endpoints."""
    yield from _zones(config)
    yield from _endpoints(config)
    yield from _registries(config)
    if _in_china(config):
        yield from _chinese_endpoints(config)
        yield from _cloud_builds(config)


def _zones(config: "Config") -> Iterator[Violation]:
    zones = config.availability_zones
    existing = config.network.existing_vpc
    if len(zones) == 1:
        yield Violation(("availabilityZones",), "must have at least two zones, which EKS requires, got 1")
    if len(zones) > 3:  # noqa: PLR2004 (said in the message)
        message = f"must have at most three zones, got {len(zones)}: more zones add cost without benefit"
        yield Violation(("availabilityZones",), message)
    if existing is None:
        return
    if zones:
        message = "must not be set with network.existingVpc, whose subnets define the zones"
        yield Violation(("availabilityZones",), message)
    if len({subnet.availability_zone for subnet in existing.private_subnets}) == 1:
        path = ("network", "existingVpc", "privateSubnets")
        yield Violation(path, "must be in at least two zones, which EKS requires, got 1")
    for key, value, default in (
        ("cidr", config.network.cidr, "10.0.0.0/16"),
        ("natGateways", config.network.nat_gateways, "one"),
    ):
        if value != default:
            yield Violation(("network", key), "must not be set with existingVpc, which the stack does not change")


def _endpoints(config: "Config") -> Iterator[Violation]:
    cluster = config.cluster
    if cluster.endpoint_access == "private" and cluster.public_access_cidrs:
        path = ("cluster", "publicAccessCidrs")
        yield Violation(path, "must not be set with endpointAccess private, which has no public endpoint")
    existing = config.network.existing_vpc
    if existing is not None and existing.gateway_endpoints:
        for index, subnet in enumerate(existing.private_subnets):
            if subnet.route_table_id is None:
                path_of_subnet = ("network", "existingVpc", "privateSubnets", index)
                yield Violation(path_of_subnet, "must have a routeTableId for gatewayEndpoints, got none")


def _chinese_endpoints(config: "Config") -> Iterator[Violation]:
    # The Region is not known at synthesis, and in China only some service names start with cn.com.amazonaws:
    # https://github.com/aws/aws-cdk/pull/25333 has the list, in which EKS Pod Identity is missing.
    reason = "in China, where the service names of interface endpoints differ: create them yourself in an existing VPC"
    if config.network.nat_gateways == "none":
        yield Violation(("network", "natGateways"), f"must not be none {reason}")
    existing = config.network.existing_vpc
    if existing is not None and existing.interface_endpoints:
        yield Violation(("network", "existingVpc", "interfaceEndpoints"), f"must not be true {reason}")


def _registries(config: "Config") -> Iterator[Violation]:
    registries = config.registries
    reason = None
    if not config.network.has_internet_access:
        reason = "without internet access"
    elif _in_china(config):
        reason = "in China, where public.ecr.aws, ghcr.io and kedacore.github.io are not reliable"
    if reason is not None:
        for key, value in (("charts", registries.charts), ("images", registries.images)):
            if value is None:
                message = f"must have {key}, got none: {reason}, {key} come from your own registry"
                yield Violation(("registries",), message)


def _in_china(config: "Config") -> bool:
    existing = config.network.existing_vpc
    zones = [*config.availability_zones]
    if existing is not None:
        zones += [subnet.availability_zone for subnet in existing.private_subnets]
    buckets = [runtime.extra_values.runtime.persistence.model_bucket_arn for runtime in config.models_runtime]
    arns = [config.model_bucket_arn, *buckets, *config.cluster.admin_role_arns]
    return any(zone.startswith("cn-") for zone in zones) or any(
        arn is not None and arn.startswith("arn:aws-cn:") for arn in arns
    )


def _cloud_builds(config: "Config") -> Iterator[Violation]:
    for index, runtime in enumerate(config.models_runtime):
        pod = runtime.extra_values.runtime
        for key, image in (("inferenceApi", pod.inference_api.image), ("queueAgent", pod.queue_agent.image)):
            if image.build == "cloud":
                path = ("modelsRuntime", index, "extraValues", "runtime", key, "image", "build")
                yield Violation(
                    path, "must not be cloud in China, which lacks an IAM policy that the build needs; use local"
                )
