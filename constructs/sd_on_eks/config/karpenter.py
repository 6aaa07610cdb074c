"""`extraValues.karpenter`: the nodes that Karpenter buys for a runtime."""

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
    """How many nodes Karpenter may take away at a time: https://karpenter.sh/docs/concepts/disruption/#disruption-budgets."""

    nodes: NodeCount
    """A number or a percentage. 0 holds back what the reasons name."""

    reasons: tuple[DisruptionReason, ...] = ()
    """For which reasons this holds. By default all. Expiry and spot interruptions know no budget."""

    schedule: CronOrMacro | None = None
    """When it begins to hold, in UTC. By default always."""

    duration: BudgetDuration | None = None
    """How long it holds from then on; goes with `schedule`."""


class Provisioner(ConfigModel):
    """`extraValues.karpenter.provisioner`: which nodes Karpenter buys."""

    instance_types: tuple[InstanceType, ...] = Field(default=(), max_length=20)
    """Types with NVIDIA GPUs. The first is preferred; while it is sold out the others are bought, the cheapest first.
    By default g5.2xlarge, then g6.2xlarge: two families, so that one that is sold out does not stop the queue."""

    instance_families: tuple[str, ...] = Field(default=(), max_length=10)
    """Families instead of types, such as g6e: Karpenter picks the cheapest size with one GPU that holds the pod. The
    first is preferred, as above. By default `instanceTypes` rules."""

    capacity_types: tuple[Literal["spot", "on-demand"], ...] = Field(default=("spot", "on-demand"), min_length=1)
    """With both, spot is bought while there is any. Spot costs less than half; a task on a node that AWS takes back is
    given back to the queue."""

    capacity_reservation_ids: tuple[CapacityReservationId, ...] = Field(default=(), max_length=30)
    """Capacity reservations, which are used before anything else is bought. By default none."""

    gpu_limit: int | None = Field(default=None, ge=1, le=1000)
    """Most GPUs at once, preferred and other nodes each. By default one for each of maxReplicaCount."""

    expire_after: Duration = "720h"
    """Age at which a node is replaced. A month by default: nodes take up fixes of the operating system that way."""

    consolidate_after: Duration = "60s"
    """How long a node stays after its last pod. A minute by default: the pods' own cooldown has passed by then."""

    budgets: tuple[DisruptionBudget, ...] = Field(
        default=(
            DisruptionBudget(nodes="100%", reasons=("Empty",)),
            DisruptionBudget(nodes="1", reasons=("Drifted",)),
        ),
        max_length=50,
    )
    """How many nodes may go at a time. By default all empty ones, which cost money for nothing, and one of those that
    no longer are as configured."""

    @property
    def choices(self) -> tuple[str, ...]:
        """Instance types, or families where those rule, in order of preference."""
        return self.instance_families or self.instance_types or DEFAULT_INSTANCE_TYPES


class NodeTemplate(ConfigModel):
    """`extraValues.karpenter.nodeTemplate`: what those nodes are like."""

    disk_size_gib: int = Field(default=200, ge=50, le=16_384)
    """Images of inference servers take 10 to 20 GiB each, unpacked twice that."""

    disk_throughput_mib_s: int = Field(default=125, ge=125, le=1000)
    """Throughput of the disk. What gp3 has for nothing by default: images are unpacked on the instance's NVMe."""

    disk_iops: int = Field(default=3000, ge=3000, le=16_000)
    """Operations a second of the disk. What gp3 has for nothing by default. At least four for each MiB/s."""

    nvme_and_soci: bool | None = None
    """Unpack images on the instance's own NVMe, pulled in parallel (SOCI). On by default, unless `snapshotId` is set,
    which it excludes: the one hides what the other brings."""

    snapshot_id: SnapshotId | None = None
    """An EBS snapshot of a data volume that holds the images already. By default none: it has to be made again for
    each version of an image."""

    volume_initialization_rate_mib_s: int | None = Field(default=None, ge=100, le=300)
    """How fast the snapshot's blocks are brought from S3. By default 300 where there is a snapshot: without a rate the
    first reads are slow. AWS bills it by the GiB."""

    @property
    def uses_nvme_and_soci(self) -> bool:
        """Whether images are pulled in parallel to the instance's NVMe."""
        return self.snapshot_id is None if self.nvme_and_soci is None else self.nvme_and_soci


class Karpenter(ConfigModel):
    """`extraValues.karpenter`."""

    provisioner: Provisioner = Provisioner()
    """Which nodes."""

    node_template: NodeTemplate = NodeTemplate()
    """What they are like."""
