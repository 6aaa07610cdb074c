"""`extraValues.karpenter`: the nodes that Karpenter provisions for a runtime."""

from typing import Final, Literal

from pydantic import Field

from sd_on_eks.config.base import ConfigModel
from sd_on_eks.config.values import (
    BudgetDuration,
    CapacityReservationId,
    CronOrMacro,
    Duration,
    InstanceType,
    NodeCount,
    SnapshotId,
)

DEFAULT_INSTANCE_TYPES: Final = ("g5.2xlarge", "g6.2xlarge")

DisruptionReason = Literal["Empty", "Drifted", "Underutilized"]


class DisruptionBudget(ConfigModel):
    """How many nodes Karpenter can disrupt at a time: https://karpenter.sh/docs/concepts/disruption/#disruption-budgets."""

    nodes: NodeCount
    """Number or percentage of nodes. 0 blocks disruption for the listed reasons."""

    reasons: tuple[DisruptionReason, ...] = ()
    """Reasons to which this budget applies. By default, all. Budgets do not apply to expiration and Spot
    interruptions."""

    schedule: CronOrMacro | None = None
    """When the budget becomes active, in UTC. By default, it is always active."""

    duration: BudgetDuration | None = None
    """How long the budget stays active. Required with `schedule`."""


class Provisioner(ConfigModel):
    """`extraValues.karpenter.provisioner`: which nodes Karpenter launches, and when it removes them."""

    instance_types: tuple[InstanceType, ...] = Field(default=(), max_length=20)
    """Instance types with NVIDIA GPUs. The first is preferred; while it has insufficient capacity, Karpenter launches
    the others, the cheapest first. By default, g5.2xlarge, then g6.2xlarge: with two families, insufficient capacity in
    one of them does not stop the queue."""

    instance_families: tuple[str, ...] = Field(default=(), max_length=10)
    """Instance families instead of types, such as g6e: Karpenter selects the cheapest size with one GPU that fits the
    pod. The first is preferred, as in `instanceTypes`. By default, none, and `instanceTypes` applies."""

    capacity_types: tuple[Literal["spot", "on-demand"], ...] = Field(default=("spot", "on-demand"), min_length=1)
    """Capacity types. Both by default: Karpenter launches Spot nodes while Spot capacity is available. Spot costs less
    than half of On-Demand; when AWS interrupts a node, its task is returned to the queue."""

    capacity_reservation_ids: tuple[CapacityReservationId, ...] = Field(default=(), max_length=30)
    """On-Demand Capacity Reservations, which Karpenter uses before other capacity. By default, none."""

    gpu_limit: int | None = Field(default=None, ge=1, le=1000)
    """Maximum number of GPUs, separately for the preferred and for the other instance types. By default,
    `maxReplicaCount`: one GPU per replica."""

    expire_after: Duration = "720h"
    """Age at which a node is replaced. One month by default, so that nodes receive operating system updates."""

    consolidate_after: Duration = "60s"
    """How long a node is kept after its last pod has ended. One minute by default: `cooldownPeriod` already kept the
    pods."""

    budgets: tuple[DisruptionBudget, ...] = Field(
        default=(
            DisruptionBudget(nodes="100%", reasons=("Empty",)),
            DisruptionBudget(nodes="1", reasons=("Drifted",)),
        ),
        max_length=50,
    )
    """By default, all empty nodes at once, because idle nodes cost money, and one drifted node at a time, that is, a
    node that no longer matches its configuration."""

    @property
    def choices(self) -> tuple[str, ...]:
        """Instance types, or instance families if they are set, in order of preference."""
        return self.instance_families or self.instance_types or DEFAULT_INSTANCE_TYPES


class NodeTemplate(ConfigModel):
    """`extraValues.karpenter.nodeTemplate`: the disk and the image pull mode of the nodes."""

    disk_size_gib: int = Field(default=200, ge=50, le=16_384)
    """Size of the data volume. 200 by default: an inference server image takes 10 to 20 GiB, and twice that when it is
    unpacked."""

    disk_throughput_mib_s: int = Field(default=125, ge=125, le=1000)
    """Throughput of the data volume. By default, the gp3 baseline, which is free of charge: images are unpacked on the
    NVMe instance store."""

    disk_iops: int = Field(default=3000, ge=3000, le=16_000)
    """IOPS of the data volume, at least four per MiB/s of throughput. By default, the gp3 baseline, which is free of
    charge."""

    nvme_and_soci: bool | None = None
    """Pull images in parallel (SOCI) and unpack them on the NVMe instance store. On by default, unless `snapshotId` is
    set: the instance store would hide the data volume with the images."""

    snapshot_id: SnapshotId | None = None
    """EBS snapshot of a data volume that already contains the images. By default, none: each new image version needs a
    new snapshot."""

    volume_initialization_rate_mib_s: int | None = Field(default=None, ge=100, le=300)
    """EBS volume initialization rate of the snapshot. By default, 300 if `snapshotId` is set: without a rate, the first
    reads are slow. AWS charges per GiB."""

    @property
    def uses_nvme_and_soci(self) -> bool:
        """Whether images are pulled in parallel to the NVMe instance store."""
        return self.snapshot_id is None if self.nvme_and_soci is None else self.nvme_and_soci


class Karpenter(ConfigModel):
    """`extraValues.karpenter`."""

    provisioner: Provisioner = Provisioner()
    """Nodes to launch."""

    node_template: NodeTemplate = NodeTemplate()
    """Their disks."""
