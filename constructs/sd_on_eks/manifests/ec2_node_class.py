"""EC2NodeClass (Karpenter)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from sd_on_eks.config.karpenter import Karpenter, NodeTemplate
from sd_on_eks.manifests.labels import labels
from sd_on_eks.manifests.manifest import Manifest

DISCOVERY_TAG: Final = "karpenter.sh/discovery"
"""Tag of the subnets in which Karpenter can launch nodes; its value is the cluster name."""

BOTTLEROCKET_ALIAS: Final = "bottlerocket@v1.66.0"
"""Pinned: `@latest` would replace all nodes at each release. Karpenter selects the NVIDIA variant for GPU types.

https://github.com/bottlerocket-os/bottlerocket/releases
"""

# Pulls and unpacks a multi-gigabyte image in parallel; does not need a SOCI index.
# https://bottlerocket.dev/en/os/latest/api/settings/container-runtime-plugins/
_PARALLEL_PULL: Final = """\
[settings.container-runtime]
snapshotter = "soci"

[settings.container-runtime-plugins.soci-snapshotter]
pull-mode = "parallel-pull-unpack"

[settings.container-runtime-plugins.soci-snapshotter.parallel-pull-unpack]
max-concurrent-downloads-per-image = 20
concurrent-download-chunk-size = "16mb"
max-concurrent-unpacks-per-image = 12
discard-unpacked-layers = true
"""


_DEFAULT_INITIALIZATION_RATE_MIB_S: Final = 300
"""The maximum: reads of blocks that are still in S3 are slow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeIdentity:
    """The stack's settings for nodes.

    Attributes:
        cluster_name: the cluster that they join.
        instance_profile: name of the instance profile.
        security_group_ids: the security groups.
        subnet_ids: the subnets; if empty, those that are tagged with the cluster's name.
        tags: tags of instances and volumes.
    """

    cluster_name: str
    instance_profile: str
    security_group_ids: tuple[str, ...]
    subnet_ids: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)


def ec2_node_class(*, runtime_name: str, identity: NodeIdentity, config: Karpenter) -> Manifest:
    """The EC2NodeClass of a runtime's nodes."""
    template = config.node_template
    subnets: list[Manifest] = [{"id": subnet_id} for subnet_id in identity.subnet_ids]
    spec: Manifest = {
        "amiSelectorTerms": [{"alias": BOTTLEROCKET_ALIAS}],
        "instanceProfile": identity.instance_profile,
        "subnetSelectorTerms": subnets or [{"tags": {DISCOVERY_TAG: identity.cluster_name}}],
        "securityGroupSelectorTerms": [{"id": group_id} for group_id in identity.security_group_ids],
        "metadataOptions": {"httpTokens": "required", "httpPutResponseHopLimit": 1},
        "blockDeviceMappings": [
            {"deviceName": "/dev/xvda", "ebs": _encrypted_gp3(4)},
            {"deviceName": "/dev/xvdb", "ebs": _data_volume(template)},
        ],
    }
    if template.uses_nvme_and_soci:
        # Images, containers and emptyDir volumes are on the NVMe instance store, if the instance has one.
        spec |= {"instanceStorePolicy": "RAID0", "userData": _PARALLEL_PULL}
    reservations = config.provisioner.capacity_reservation_ids
    if reservations:
        spec["capacityReservationSelectorTerms"] = [{"id": reservation_id} for reservation_id in reservations]
    if identity.tags:
        spec["tags"] = dict(identity.tags)
    return {
        "apiVersion": "karpenter.k8s.aws/v1",
        "kind": "EC2NodeClass",
        "metadata": {"name": runtime_name, "labels": labels(runtime_name)},
        "spec": spec,
    }


def _data_volume(config: NodeTemplate) -> Manifest:
    volume = _encrypted_gp3(config.disk_size_gib) | {
        "throughput": config.disk_throughput_mib_s,
        "iops": config.disk_iops,
    }
    if config.snapshot_id is None:
        return volume
    rate = config.volume_initialization_rate_mib_s or _DEFAULT_INITIALIZATION_RATE_MIB_S
    return volume | {"snapshotID": config.snapshot_id, "volumeInitializationRate": rate}


def _encrypted_gp3(size_gib: int) -> Manifest:
    return {"volumeType": "gp3", "volumeSize": f"{size_gib}Gi", "encrypted": True, "deleteOnTermination": True}
