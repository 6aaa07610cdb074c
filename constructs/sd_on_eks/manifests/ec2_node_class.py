"""EC2NodeClass (Karpenter)."""

from dataclasses import dataclass
from typing import Final

from sd_on_eks.config.models import NodeTemplate
from sd_on_eks.manifests.labels import labels
from sd_on_eks.manifests.manifest import Manifest

DISCOVERY_TAG: Final = "karpenter.sh/discovery"
"""Tag, with the cluster's name as value, of the subnets in which Karpenter may start nodes."""

BOTTLEROCKET_ALIAS: Final = "bottlerocket@v1.66.0"
"""Pinned: `@latest` would replace every node at each release. Karpenter picks the NVIDIA variant for GPU types itself.

https://github.com/bottlerocket-os/bottlerocket/releases
"""

# Pulls and unpacks a multi-gigabyte image in parallel; needs no index of the image.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeIdentity:
    """What nodes get from the stack.

    Attributes:
        cluster_name: the cluster that they join; subnets are found by it.
        instance_profile: name of the instance profile.
        security_group_id: the security group.
    """

    cluster_name: str
    instance_profile: str
    security_group_id: str


def ec2_node_class(*, runtime_name: str, identity: NodeIdentity, config: NodeTemplate) -> Manifest:
    """What the nodes of a runtime are like."""
    return {
        "apiVersion": "karpenter.k8s.aws/v1",
        "kind": "EC2NodeClass",
        "metadata": {"name": runtime_name, "labels": labels(runtime_name)},
        "spec": {
            "amiSelectorTerms": [{"alias": BOTTLEROCKET_ALIAS}],
            "instanceProfile": identity.instance_profile,
            "subnetSelectorTerms": [{"tags": {DISCOVERY_TAG: identity.cluster_name}}],
            "securityGroupSelectorTerms": [{"id": identity.security_group_id}],
            "metadataOptions": {"httpTokens": "required", "httpPutResponseHopLimit": 1},
            "blockDeviceMappings": [
                {"deviceName": "/dev/xvda", "ebs": _encrypted_gp3(4)},
                {"deviceName": "/dev/xvdb", "ebs": _encrypted_gp3(config.disk_size_gib)},
            ],
            # Images, containers and emptyDirs on the instance's own NVMe where it has one.
            "instanceStorePolicy": "RAID0",
            "userData": _PARALLEL_PULL,
        },
    }


def _encrypted_gp3(size_gib: int) -> Manifest:
    return {"volumeType": "gp3", "volumeSize": f"{size_gib}Gi", "encrypted": True, "deleteOnTermination": True}
