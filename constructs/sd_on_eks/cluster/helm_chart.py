"""Third-party Helm charts at pinned versions, from their projects' registries or from a mirror."""

from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_eks_v2 as eks
from constructs import Construct

_TIMEOUT: Final = Duration.minutes(10)
"""Below the 15 minutes of the function that runs Helm."""


def chart(
    scope: Construct,
    construct_id: str,
    *,
    cluster: eks.ICluster,
    repository: str,
    mirror: str | None,
    name: str,
    namespace: str,
    creates_namespace: bool,
    version: str,
    values: dict[str, object],
) -> eks.HelmChart:
    """Install a chart and wait until its resources are ready.

    Args:
        scope: the construct.
        construct_id: its id.
        cluster: the cluster.
        repository: the repository of the chart's project.
        mirror: an OCI registry with a copy of the chart under the same name; replaces `repository`.
        name: name of the chart and of the release.
        namespace: namespace of the release.
        creates_namespace: whether the chart's release creates the namespace.
        version: the pinned version.
        values: values of the chart.
    """
    return eks.HelmChart(
        scope,
        construct_id,
        cluster=cluster,
        # The URL of a chart in an OCI registry ends with the chart's name.
        repository=repository if mirror is None else f"{mirror}/{name}",
        chart=name,
        release=name,
        namespace=namespace,
        create_namespace=creates_namespace,
        version=version,
        values=values,
        wait=True,
        timeout=_TIMEOUT,
    )
