"""The idle cost of a deployment: what it costs per month in us-east-1 without tasks.

It includes everything that runs without tasks: permanently, such as warm replicas (`scaling.minReplicaCount`), or by
schedule (`scaling.schedules`). It does not include usage: requests, data transfer, storage of models and images, GPU
nodes that are launched for a queue, and Capacity Reservations, which are billed separately.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from sd_on_eks.cdk_app.warm_hours import HOURS_PER_MONTH, warm_hours
from sd_on_eks.config.cluster import GpuNodeGroup
from sd_on_eks.config.config import Config
from sd_on_eks.config.runtime import ModelsRuntime

if TYPE_CHECKING:
    from rich.table import Table

PRICES_AS_OF: Final = date(2026, 2, 9)
"""Date of the AWS list prices below, without taxes and discounts."""

INTERFACE_ENDPOINT_SERVICES: Final = 11
"""Services with an interface endpoint in a network without internet access."""

# https://aws.amazon.com/eks/pricing/ (a version in standard support)
_CONTROL_PLANE_USD_PER_HOUR: Final = 0.10

# https://aws.amazon.com/vpc/pricing/
_NAT_GATEWAY_USD_PER_HOUR: Final = 0.045
_PUBLIC_IPV4_USD_PER_HOUR: Final = 0.005

# https://aws.amazon.com/privatelink/pricing/
_INTERFACE_ENDPOINT_USD_PER_HOUR: Final = 0.01
"""In each zone."""

# https://aws.amazon.com/ebs/pricing/ (gp3)
_GP3_USD_PER_GIB_MONTH: Final = 0.08
_GP3_USD_PER_IOPS_MONTH: Final = 0.005
_GP3_USD_PER_MIB_S_MONTH: Final = 0.04
_GP3_INCLUDED_IOPS: Final = 3000
_GP3_INCLUDED_MIB_S: Final = 125

# https://aws.amazon.com/kms/pricing/
_KMS_KEY_USD_PER_MONTH: Final = 1.0

# https://aws.amazon.com/cloudwatch/pricing/
_ALARM_METRIC_USD_PER_MONTH: Final = 0.10
"""For each metric of an alarm. The first ten of an account are free, but other stacks may use them."""

# https://aws.amazon.com/waf/pricing/
_WEB_ACL_USD_PER_MONTH: Final = 5.0 + 1.0
"""With its one rule."""

# https://aws.amazon.com/cloudwatch/pricing/ multiplied by estimated volumes: an idle cluster logs little.
_CONTROL_PLANE_LOGS_USD_PER_MONTH: Final = 2.0
_FLOW_LOGS_USD_PER_MONTH: Final = 1.0
_CONTAINER_INSIGHTS_USD_PER_NODE_MONTH: Final = 10.0

# https://aws.amazon.com/ec2/spot/pricing/
_SPOT_SHARE: Final = 0.4
"""Estimated fraction of the On-Demand price: Spot prices change continuously and differ between zones."""

# https://aws.amazon.com/ec2/pricing/on-demand/ (Linux)
_USD_PER_HOUR: Final[Mapping[str, float]] = MappingProxyType(
    {
        "t4g.medium": 0.0336,
        "t4g.large": 0.0672,
        "t4g.xlarge": 0.1344,
        "t4g.2xlarge": 0.2688,
        "t3.medium": 0.0416,
        "t3.large": 0.0832,
        "t3.xlarge": 0.1664,
        "m7g.large": 0.0816,
        "m7g.xlarge": 0.1632,
        "c7g.large": 0.0725,
        "m5.large": 0.096,
        "m5.xlarge": 0.192,
        "m6i.large": 0.096,
        "m7i.large": 0.1008,
        "g4dn.xlarge": 0.526,
        "g4dn.2xlarge": 0.752,
        "g4dn.4xlarge": 1.204,
        "g5.xlarge": 1.006,
        "g5.2xlarge": 1.212,
        "g5.4xlarge": 1.624,
        "g5.8xlarge": 2.448,
        "g5.12xlarge": 5.672,
        "g6.xlarge": 0.8048,
        "g6.2xlarge": 0.9776,
        "g6.4xlarge": 1.3232,
        "g6.8xlarge": 2.0144,
        "g6e.xlarge": 1.861,
        "g6e.2xlarge": 2.24208,
        "g6e.4xlarge": 3.00424,
        "gr6.4xlarge": 1.5392,
        "g7e.2xlarge": 3.36312,
        "p3.2xlarge": 3.06,
        "p5.4xlarge": 6.88,
    }
)

_GPUS: Final[Mapping[str, int]] = MappingProxyType({"g5.12xlarge": 4})
"""Number of GPUs of the types with more than one."""

_ALARMS: Final = 11
"""Number of alarms in `sd_on_eks.alarms`; tests/synth/test_alarms.py checks it."""

_OS_VOLUME_GIB: Final = 4
_SYSTEM_DATA_VOLUME_GIB: Final = 30
_DEFAULT_ZONES: Final = 2


@dataclass(frozen=True, slots=True)
class CostLine:
    """One line of the bill.

    Attributes:
        what: the description.
        count: number of units, or hours per month.
        unit_usd_per_month: price of one unit, None if it is unknown.
        is_gpu: whether it is for GPU nodes that run without tasks.
    """

    what: str
    count: float
    unit_usd_per_month: float | None
    is_gpu: bool = False

    @property
    def total_usd_per_month(self) -> float | None:
        """Price of all units, None if it is unknown."""
        return None if self.unit_usd_per_month is None else self.count * self.unit_usd_per_month


@dataclass(frozen=True, slots=True, kw_only=True)
class _Nodes:
    """Nodes of one kind, with their disks.

    Attributes:
        whose: the node group or the runtime.
        instance_type: the instance type, or an instance family without known types.
        is_spot: whether they are Spot Instances.
        count: number of always-on nodes.
        disk_usd_per_month: price of the disks of one node.
        scheduled_hours: node hours per month of the nodes that run by schedule.
        has_gpu: whether they have GPUs.
    """

    whose: str
    instance_type: str
    is_spot: bool
    count: int
    disk_usd_per_month: float
    scheduled_hours: float = 0
    has_gpu: bool = True

    @property
    def average(self) -> float:
        """Average number of nodes."""
        return self.count + self.scheduled_hours / HOURS_PER_MONTH

    def lines(self) -> Iterator[CostLine]:
        """The nodes and their disks."""
        capacity = f"{self.instance_type}, {'spot' if self.is_spot else 'on-demand'}"
        usd_per_hour = _usd_per_hour(self.instance_type, is_spot=self.is_spot)
        usd_per_month = None if usd_per_hour is None else usd_per_hour * HOURS_PER_MONTH
        yield CostLine(f"{self.whose}: {capacity}", self.count, usd_per_month, self.has_gpu)
        yield CostLine(f"{self.whose}: disks", self.count, self.disk_usd_per_month, self.has_gpu)
        scheduled = f"{self.whose} by schedule, hours"
        yield CostLine(f"{scheduled}: {capacity}", self.scheduled_hours, usd_per_hour, self.has_gpu)
        disk_usd_per_hour = self.disk_usd_per_month / HOURS_PER_MONTH
        yield CostLine(f"{scheduled}: disks", self.scheduled_hours, disk_usd_per_hour, self.has_gpu)


def idle_cost(config: Config) -> tuple[CostLine, ...]:
    """The idle cost of a deployment, without lines whose count is 0."""
    components = config.cluster_components
    system = _Nodes(
        whose="System nodes",
        instance_type=components.instance_type,
        is_spot=False,
        count=components.desired_count,
        disk_usd_per_month=_disk_usd_per_month(_SYSTEM_DATA_VOLUME_GIB),
        has_gpu=False,
    )
    every = [system, *map(_of_group, config.gpu_node_groups), *_kept_by_karpenter(config)]
    lines = [
        CostLine("EKS control plane", 1, _CONTROL_PLANE_USD_PER_HOUR * HOURS_PER_MONTH),
        *(line for nodes in every for line in nodes.lines()),
        *_network(config),
        *_monitoring(config, nodes=sum(nodes.average for nodes in every)),
    ]
    return tuple(line for line in lines if line.count)


def total_usd_per_month(lines: Iterable[CostLine]) -> float:
    """Sum of the lines with a known price."""
    return sum(line.total_usd_per_month or 0 for line in lines)


def as_table(lines: Iterable[CostLine]) -> "Table":
    """The lines as a table for a terminal."""
    from rich.table import Column, Table  # noqa: PLC0415 (40 ms of each synthesis, and only a terminal needs it)

    table = Table(Column("Item", overflow="fold"), title="Idle cost, US dollars a month")
    for heading in ("Count", "Each", "Total"):
        table.add_column(heading, justify="right")
    for line in lines:
        count = f"{line.count:,.1f}".removesuffix(".0")
        table.add_row(line.what, count, _shown(line.unit_usd_per_month), _shown(line.total_usd_per_month))
    return table


def as_sentence(lines: Sequence[CostLine]) -> str:
    """The total in one line, and the items that are not included because their price is unknown."""
    unknown = [line.what for line in lines if line.unit_usd_per_month is None]
    gpu_usd = total_usd_per_month(line for line in lines if line.is_gpu)
    total = f"{'at least' if unknown else 'about'} {total_usd_per_month(lines):,.0f} US dollars a month while idle"
    gpu = f", {gpu_usd:,.0f} of them for GPU nodes that run without a task" if gpu_usd else ""
    not_counted = f"; not included, because their prices are unknown: {'; '.join(unknown)}" if unknown else ""
    return f"{total}{gpu} (us-east-1, list prices of {PRICES_AS_OF}){not_counted}"


def _shown(usd: float | None) -> str:
    return "price unknown" if usd is None else f"{usd:,.2f}"


def _of_group(group: GpuNodeGroup) -> _Nodes:
    return _Nodes(
        whose=f"GPU node group {group.name}",
        instance_type=group.instance_types[0],
        is_spot=group.capacity_type == "spot",
        count=group.size,
        disk_usd_per_month=_disk_usd_per_month(group.disk_size_gib),
    )


def _kept_by_karpenter(config: Config) -> Iterator[_Nodes]:
    """Nodes for replicas that run without tasks and do not fit on the nodes of the GPU node groups."""
    runtimes = config.models_runtime
    scalings = [runtime.extra_values.runtime.scaling for runtime in runtimes]
    always = _launched(config, [scaling.min_replica_count for scaling in scalings])
    scheduled_hours = dict.fromkeys(always, 0.0)
    for replicas, hours in warm_hours(scalings).items():
        for name, count in _launched(config, replicas).items():
            scheduled_hours[name] += hours * (count - always[name])
    for runtime in runtimes:
        karpenter = runtime.extra_values.karpenter
        yield _Nodes(
            whose=f"GPU nodes of {runtime.name}",
            instance_type=_preferred_type(runtime),
            is_spot="spot" in karpenter.provisioner.capacity_types,
            count=always[runtime.name],
            disk_usd_per_month=_disk_usd_per_month(
                karpenter.node_template.disk_size_gib,
                iops=karpenter.node_template.disk_iops,
                throughput_mib_s=karpenter.node_template.disk_throughput_mib_s,
            ),
            scheduled_hours=scheduled_hours[runtime.name],
        )


def _launched(config: Config, replicas: Sequence[int]) -> dict[str, int]:
    """Nodes that Karpenter launches for the given replicas of each runtime, by runtime name.

    The scheduler places arbitrary replicas on the nodes of a GPU node group. This is a lower bound: it places the most
    expensive always-on replicas first, then the most expensive scheduled ones.
    """
    wanted = {runtime.name: count for runtime, count in zip(config.models_runtime, replicas, strict=True)}
    most_expensive_first = sorted(config.models_runtime, key=_usd_per_replica_hour, reverse=True)
    places = sum(group.size * _gpus(group.instance_types[0]) for group in config.gpu_node_groups)
    with_place: Counter[str] = Counter()
    for is_scheduled in (False, True):
        for runtime in most_expensive_first:
            always = runtime.extra_values.runtime.scaling.min_replica_count
            placed = min(wanted[runtime.name] - always if is_scheduled else always, places)
            with_place[runtime.name] += placed
            places -= placed
    return {
        runtime.name: math.ceil((wanted[runtime.name] - with_place[runtime.name]) / _gpus(_preferred_type(runtime)))
        for runtime in config.models_runtime
    }


def _usd_per_replica_hour(runtime: ModelsRuntime) -> float:
    """Cost of a replica's share of a node. An unknown price counts as 0, so that the replica remains in the list."""
    instance_type = _preferred_type(runtime)
    is_spot = "spot" in runtime.extra_values.karpenter.provisioner.capacity_types
    return (_usd_per_hour(instance_type, is_spot=is_spot) or 0) / _gpus(instance_type)


def _preferred_type(runtime: ModelsRuntime) -> str:
    """The first instance type; for a family, its cheapest known type, or else the family itself."""
    preferred = runtime.extra_values.karpenter.provisioner.choices[0]
    if "." in preferred:
        return preferred
    return min((name for name in _USD_PER_HOUR if name.startswith(f"{preferred}.")), key=_price, default=preferred)


def _price(instance_type: str) -> float:
    return _USD_PER_HOUR[instance_type]


def _gpus(instance_type: str) -> int:
    return _GPUS.get(instance_type, 1)


def _usd_per_hour(instance_type: str, *, is_spot: bool) -> float | None:
    usd = _USD_PER_HOUR.get(instance_type)
    return None if usd is None else usd * (_SPOT_SHARE if is_spot else 1)


def _disk_usd_per_month(
    data_gib: int, *, iops: int = _GP3_INCLUDED_IOPS, throughput_mib_s: int = _GP3_INCLUDED_MIB_S
) -> float:
    """Price of both volumes of a node: the Bottlerocket system volume and the data volume."""
    return (
        (_OS_VOLUME_GIB + data_gib) * _GP3_USD_PER_GIB_MONTH
        + (iops - _GP3_INCLUDED_IOPS) * _GP3_USD_PER_IOPS_MONTH
        + (throughput_mib_s - _GP3_INCLUDED_MIB_S) * _GP3_USD_PER_MIB_S_MONTH
    )


def _network(config: Config) -> Iterator[CostLine]:
    existing = config.network.existing_vpc
    if existing is None:
        zones = len(config.availability_zones) or _DEFAULT_ZONES
        gateways = {"one": 1, "onePerZone": zones, "none": 0}[config.network.nat_gateways]
        has_endpoints = config.network.nat_gateways == "none"
    else:
        zones = len({subnet.availability_zone for subnet in existing.private_subnets})
        gateways = 0
        has_endpoints = existing.interface_endpoints
    nat_usd_per_hour = _NAT_GATEWAY_USD_PER_HOUR + _PUBLIC_IPV4_USD_PER_HOUR
    yield CostLine("NAT gateways with their public IPv4 addresses", gateways, nat_usd_per_hour * HOURS_PER_MONTH)
    yield CostLine(
        f"Interface endpoints of {INTERFACE_ENDPOINT_SERVICES} services, in each zone",
        INTERFACE_ENDPOINT_SERVICES * zones if has_endpoints else 0,
        _INTERFACE_ENDPOINT_USD_PER_HOUR * HOURS_PER_MONTH,
    )


def _monitoring(config: Config, *, nodes: float) -> Iterator[CostLine]:
    """Logs, alarms, encryption and the web ACL."""
    # The stack creates no flow logs in an existing VPC.
    has_flow_logs = config.network.flow_logs and config.network.existing_vpc is None
    insights = nodes if config.cluster.observability else 0.0
    yield CostLine("Control plane logs (estimate)", 1, _CONTROL_PLANE_LOGS_USD_PER_MONTH)
    yield CostLine("Flow logs (estimate)", int(has_flow_logs), _FLOW_LOGS_USD_PER_MONTH)
    yield CostLine("Alarms, per metric", alarm_metrics(config), _ALARM_METRIC_USD_PER_MONTH)
    yield CostLine("Container Insights, per node (estimate)", insights, _CONTAINER_INSIGHTS_USD_PER_NODE_MONTH)
    yield CostLine("KMS key for Kubernetes Secrets", int(config.cluster.own_secrets_key), _KMS_KEY_USD_PER_MONTH)
    yield CostLine("Web ACL with its rule", int(config.apigw.web_acl is not None), _WEB_ACL_USD_PER_MONTH)


def alarm_metrics(config: Config) -> int:
    """Number of metrics of all alarms: one for each alarm of the stack, and one for each queue."""
    return _ALARMS + len(config.models_runtime) + int(config.apigw.canary is not None)
