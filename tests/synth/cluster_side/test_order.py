"""What is made before what; a destroy goes the other way round."""

from collections.abc import Callable

import pytest

PAIRS = [
    # (later, earlier), by logical id without its hash
    ("ClusterEks", "ClusterControlPlaneLogGroup"),
    ("NodeAddonsVpcCni", "ClusterEks"),
    ("NodeAddonsKubeProxy", "ClusterEks"),
    ("NodeAddonsPodIdentityAgent", "ClusterEks"),
    ("NodeGroupsSystem", "NodeAddonsVpcCni"),
    ("NodeGroupsSystem", "NodeAddonsKubeProxy"),
    ("NodeGroupsSystem", "NodeAddonsPodIdentityAgent"),
    ("NodeGroupsGpuwarmNodes", "NodeAddonsVpcCni"),
    ("ClusterAddonsCoreDns", "NodeGroupsSystem"),
    ("ClusterAddonsMetricsServer", "NodeGroupsSystem"),
    ("ClusterAddonsMountpointS3Csi", "NodeGroupsSystem"),
    ("KarpenterAssociation", "ClusterEks"),
    ("KarpenterNodeAccess", "ClusterEks"),
    ("KarpenterCrds", "ClusterAddonsCoreDns"),
    ("KarpenterCrds", "NodeGroupsSystem"),
    ("KarpenterChart", "KarpenterCrds"),
    ("KarpenterChart", "KarpenterAssociation"),
    ("KarpenterChart", "KarpenterNodeLifecyclePolicy"),
    ("KarpenterChart", "KarpenterNodeAccess"),
    ("KarpenterChart", "KarpenterNodeProfile"),
    ("KarpenterChart", "KarpenterInterruptionQueuePolicy"),
    ("KarpenterChart", "KarpenterInterruptionSpotInterruption"),
    ("KarpenterChart", "ClusterEksClusterAdminRoleAccess"),
    ("KedaChart", "ClusterAddonsCoreDns"),
    ("KedaChart", "NodeGroupsSystem"),
    ("KedaChart", "KedaAssociation"),
    ("Namespacesstudio", "ClusterEksClusterAdminRoleAccess"),
    ("RuntimessdWorkloadManifest", "KedaChart"),
    ("RuntimessdWorkloadManifest", "KedaAssociation"),
    ("RuntimessdWorkloadManifest", "KarpenterChart"),
    ("RuntimessdWorkloadManifest", "ClusterAddonsMountpointS3Csi"),
    ("RuntimessdWorkloadManifest", "Namespacesstudio"),
    ("RuntimessdWorkloadManifest", "RuntimessdWorkloadAssociation"),
    ("RuntimescomfyWorkloadManifest", "KarpenterChart"),
    # The function that runs kubectl and Helm still has its way out of the VPC when it deletes.
    ("KedaChart", "NetworkVpcPrivateSubnet1DefaultRoute"),
    ("KedaChart", "NetworkVpcPublicSubnet1NATGateway"),
]


@pytest.mark.parametrize(("later", "earlier"), PAIRS)
def test_resource_is_made_after_what_it_needs(
    comes_after: Callable[[str, str], bool], later: str, earlier: str
) -> None:
    assert comes_after(later, earlier)


def test_order_of_two_runtimes_is_free(comes_after: Callable[[str, str], bool]) -> None:
    assert not comes_after("RuntimessdWorkloadManifest", "RuntimescomfyWorkloadManifest")
    assert not comes_after("RuntimescomfyWorkloadManifest", "RuntimessdWorkloadManifest")
