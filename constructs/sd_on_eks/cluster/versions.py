"""Versions that depend on the cluster's version: those of the add-ons and of kubectl.

https://docs.aws.amazon.com/eks/latest/userguide/kubernetes-versions.html
"""

from dataclasses import dataclass
from typing import Final

from sd_on_eks.config.cluster import KubernetesVersion

# Add-ons with builds for all supported versions. Taken from running clusters with these versions in autumn 2026; where
# known, the default version of `aws eks describe-addon-versions`.
VPC_CNI_VERSION: Final = "v1.22.4-eksbuild.3"
POD_IDENTITY_AGENT_VERSION: Final = "v1.3.10-eksbuild.3"
METRICS_SERVER_VERSION: Final = "v0.9.0-eksbuild.6"
MOUNTPOINT_S3_CSI_VERSION: Final = "v2.7.0-eksbuild.1"
CLOUDWATCH_OBSERVABILITY_VERSION: Final = "v6.7.0-eksbuild.1"
NODE_MONITORING_AGENT_VERSION: Final = "v1.7.2-eksbuild.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionedAddons:
    """Versions of the add-ons that have a separate build for each Kubernetes version."""

    kube_proxy: str
    core_dns: str


ADDONS: Final[dict[KubernetesVersion, VersionedAddons]] = {
    "1.34": VersionedAddons(kube_proxy="v1.34.6-eksbuild.29", core_dns="v1.12.4-eksbuild.29"),
    "1.35": VersionedAddons(kube_proxy="v1.35.3-eksbuild.29", core_dns="v1.13.2-eksbuild.31"),
}
"""The kubectl layer is that of 1.35, which can differ by one minor version:
https://kubernetes.io/releases/version-skew-policy/#kubectl"""
