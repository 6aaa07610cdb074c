"""Hypothesis strategies for configurations: all keys of `config.yaml` in any valid combination.

Rules that span several keys hold by construction. Configurations that are too large (500 resources, a function's
environment) are drawn again; `test_generated_configs.py` checks that this is rare, and that every key is drawn.
"""

import ipaddress
import json
import math
from collections.abc import Sequence
from functools import cache
from typing import Final

import yaml
from hypothesis import strategies as st

from sd_on_eks.config import values
from sd_on_eks.config.cluster import ClusterComponents, ClusterConfig, GpuNodeGroup
from sd_on_eks.config.config import Config
from sd_on_eks.config.gateway import ApiGateway, Plan
from sd_on_eks.config.loader import parse_config
from sd_on_eks.config.network import ExistingSubnet, ExistingVpc, Network, Registries
from sd_on_eks.config.rules.nodes import disk_needed_gib
from sd_on_eks.config.runtime import ModelsRuntime
from sd_on_eks.config.task_protocol import TaskProtocol
from task_record.protocol_times import HOUR_S
from tests.synth.drawn_models import Data, few, numbers, some_keys, texts, values_of
from tests.synth.generated_runtimes import Partition, bucket_arns, gpu_types, parsed, runtimes

_REGIONS: Final[dict[Partition, list[str]]] = {
    "aws": ["us-east-1", "eu-central-1"],
    "aws-cn": ["cn-north-1", "cn-northwest-1"],
    "aws-us-gov": ["us-gov-west-1"],
}
_MORE: Final = 0.001
"""Prevents a sum of fractions from being smaller than its parts."""


def load(data: Data) -> Config:
    """The configuration of a `config.yaml` with this content.

    Raises:
        ConfigError: it is invalid.
    """
    return parse_config(as_yaml(data), "generated.yaml")


def as_yaml(data: Data) -> str:
    """The file, to reproduce a failure with `CDK_CONFIG_PATH`."""
    return yaml.safe_dump(data or {"stackName": "Empty"}, sort_keys=False)


@st.composite
def config_data(draw: st.DrawFn) -> Data:
    """Contents of `config.yaml`; nearly all are valid."""
    partition: Partition = draw(st.sampled_from(["aws", "aws", "aws-cn", "aws-us-gov"]))
    region = draw(st.sampled_from(_REGIONS[partition]))
    zones = [f"{region}{letter}" for letter in "abc"]
    runtime_data = draw(runtimes(partition))
    models = [parsed(one) for one in runtime_data]
    network = draw(_networks(partition, zones))
    is_own = "existingVpc" not in network
    needs_registries = partition == "aws-cn" or not _reaches_the_internet(network)
    return draw(
        some_keys(
            Config,
            keep=("models_runtime", "network", *(("registries",) if needs_registries else ())),
            leave_out=() if is_own else ("availability_zones",),
            model_bucket_arn=bucket_arns(partition),
            input_bucket_arns=st.lists(bucket_arns(partition), max_size=3, unique=True),
            availability_zones=st.sampled_from([zones[:2], zones]),
            apigw=_gateways(),
            network=st.just(network),
            registries=some_keys(Registries, keep=Registries.model_fields if needs_registries else ()),
            cluster=_clusters(partition),
            cluster_components=_system_nodes(),
            gpu_node_groups=_node_groups(models),
            task_protocol=_task_protocols(models),
            models_runtime=st.just(runtime_data),
        )
    )


def _reaches_the_internet(network: Data) -> bool:
    return Network.model_validate_json(json.dumps(network)).has_internet_access


def _networks(partition: Partition, zones: Sequence[str]) -> st.SearchStrategy[Data]:
    # In China, the stack creates no interface endpoints, which a network without a NAT gateway needs.
    gateways = st.sampled_from(["one", "onePerZone"]) if partition == "aws-cn" else values_of(Network, "nat_gateways")
    own = some_keys(Network, leave_out=("existing_vpc",), cidr=_networks_of(16, 18), nat_gateways=gateways)
    existing = _existing_vpcs(partition, zones)
    return own | some_keys(Network, keep=("existing_vpc",), leave_out=("cidr", "nat_gateways"), existing_vpc=existing)


@st.composite
def _existing_vpcs(draw: st.DrawFn, partition: Partition, zones: Sequence[str]) -> Data:
    gateway_endpoints = draw(st.booleans())
    ids = draw(st.lists(texts(values.SubnetId), min_size=2, max_size=4, unique=True))
    subnets = st.tuples(
        *(
            some_keys(
                ExistingSubnet,
                keep=("route_table_id",) if gateway_endpoints else (),
                subnet_id=st.just(subnet_id),
                availability_zone=st.just(zones[number % len(zones)]),
            )
            for number, subnet_id in enumerate(ids)
        )
    ).map(list)
    return draw(
        some_keys(
            ExistingVpc,
            cidr=_networks_of(8, 28),
            private_subnets=subnets,
            gateway_endpoints=st.just(gateway_endpoints),
            interface_endpoints=st.just(value=False) if partition == "aws-cn" else st.booleans(),
        )
    )


@cache
def _networks_of(least_prefix: int, most_prefix: int) -> st.SearchStrategy[str]:
    """IPv4 networks with prefixes of these lengths."""
    return st.builds(
        lambda address, prefix: str(ipaddress.IPv4Network((address, prefix), strict=False)),
        st.integers(0x0A00_0000, 0x0AFF_FFFF),
        st.integers(least_prefix, most_prefix),
    )


@cache
def _clusters(partition: Partition) -> st.SearchStrategy[Data]:
    names = st.sampled_from(["role/Admin", "role/path/Admin", "user/admin"])
    instead: Data = {
        "admin_role_arns": few(names.map(lambda name: f"arn:{partition}:iam::111122223333:{name}"), unique=True),
        "public_access_cidrs": few(_networks_of(8, 32)),
    }
    private: Data = {"endpoint_access": st.just("private")}
    public: Data = {"endpoint_access": st.just("publicAndPrivate")}
    watched: Data = {"node_monitoring": st.just(value=True)}
    return (
        some_keys(ClusterConfig, leave_out=("node_repair",), **instead, **public)
        | some_keys(ClusterConfig, leave_out=("public_access_cidrs", "node_repair"), **instead, **private)
        | some_keys(ClusterConfig, keep=("node_monitoring",), **instead, **public, **watched)
    )


@cache
def _system_nodes() -> st.SearchStrategy[Data]:
    types = ["t4g.large", "m7g.xlarge", "c6gn.large", "t3.large", "m5.large", "m7i-flex.large"]
    return some_keys(ClusterComponents, instance_type=st.sampled_from(types))


@st.composite
def _node_groups(draw: st.DrawFn, models: Sequence[ModelsRuntime]) -> list[Data]:
    disk_gib = max((disk_needed_gib(one) for one in models), default=0)
    may_run = sum(one.extra_values.runtime.scaling.min_replica_count for one in models)
    instead: Data = {
        "instance_types": few(gpu_types(), least=1),
        "disk_size_gib": numbers(GpuNodeGroup, "disk_size_gib", least=disk_gib),
    }
    groups: list[Data] = []
    for name in draw(few(values_of(GpuNodeGroup, "name"), unique=True)):
        size = numbers(GpuNodeGroup, "size", most=may_run)
        busy = some_keys(
            GpuNodeGroup,
            keep=("disk_size_gib",),
            name=st.just(name),
            size=size,
            may_be_idle=st.just(value=False),
            **instead,
        )
        lent = some_keys(
            GpuNodeGroup,
            keep=("disk_size_gib", "may_be_idle"),
            name=st.just(name),
            may_be_idle=st.just(value=True),
            **instead,
        )
        group = draw(busy | lent)
        may_run -= 0 if group.get("mayBeIdle") else group.get("size", 0)
        groups.append(group)
    return groups


@cache
def _gateways() -> st.SearchStrategy[Data]:
    plans = st.lists(some_keys(Plan), max_size=3, unique_by=lambda one: str(one["name"]))
    instead: Data = {"plans": plans, "source_ip_cidrs": few(_networks_of(8, 32) | st.just("2001:db8::/32"))}
    # Callers of a private endpoint share IP addresses, so the web ACL requires a public endpoint.
    return some_keys(ApiGateway, leave_out=("private_endpoint",), **instead) | some_keys(
        ApiGateway, leave_out=("web_acl",), **instead
    )


@st.composite
def _task_protocols(draw: st.DrawFn, models: Sequence[ModelsRuntime]) -> Data:
    longest_s = max((one.longest_task for one in models), default=0)

    def number(field: str, *, least: float = -math.inf, most: float = math.inf) -> float:
        return float(draw(numbers(TaskProtocol, field, least=least, most=most)))

    chosen = {"beat": number("beat", most=4), "clock_error": number("clock_error")}
    chosen["table_call_timeout"] = number("table_call_timeout", most=5 - chosen["beat"])
    chosen["interrupt"] = number("interrupt")
    shortest_s = chosen["interrupt"] + 2 * chosen["beat"] + chosen["table_call_timeout"]
    chosen["lease"] = number("lease", least=shortest_s + _MORE, most=3000)
    chosen["visibility"] = number("visibility", least=chosen["lease"] + chosen["clock_error"] + _MORE)
    chosen["max_task_age_hours"] = number("max_task_age_hours", least=longest_s / HOUR_S + _MORE)
    days = chosen["max_task_age_hours"] / 24
    chosen["queue_retention_days"] = number("queue_retention_days", least=days + _MORE, most=13)
    chosen["dead_letter_retention_days"] = number(
        "dead_letter_retention_days", least=chosen["queue_retention_days"] + _MORE
    )
    instead: Data = {field: st.just(value) for field, value in chosen.items()}
    part = draw(some_keys(TaskProtocol, **instead))
    if _is_safe(part, longest_s=longest_s):
        return part
    return part | {str(TaskProtocol.model_fields[field].alias): value for field, value in chosen.items()}


def _is_safe(data: Data, *, longest_s: float) -> bool:
    """Whether the times are valid together with the defaults of the omitted ones."""
    try:
        return TaskProtocol.model_validate(data).times.max_task_age_s >= longest_s
    except ValueError:
        return False
