"""Third-party Helm charts at pinned versions, from their projects' registries or from one's own."""

from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_eks_v2 as eks
from constructs import Construct

_TIMEOUT: Final = Duration.minutes(10)
"""The function that runs Helm has 15."""


def chart(
    scope: Construct,
    construct_id: str,
    *,
    cluster: eks.ICluster,
    repository: str,
    own_registry: str | None,
    name: str,
    namespace: str,
    creates_namespace: bool,
    version: str,
    values: dict[str, object],
) -> eks.HelmChart:
    """Install a chart and wait until what it brings is ready.

    Args:
        scope: the construct.
        construct_id: its id.
        cluster: the cluster.
        repository: where its project publishes it.
        own_registry: an OCI registry that holds a copy under the chart's name; used instead.
        name: name of the chart and of the release.
        namespace: where it is installed.
        creates_namespace: whether the namespace is the chart's own.
        version: the pinned version.
        values: values of the chart.
    """
    return eks.HelmChart(
        scope,
        construct_id,
        cluster=cluster,
        # The address of a chart in an OCI registry ends in the chart's name.
        repository=repository if own_registry is None else f"{own_registry}/{name}",
        chart=name,
        release=name,
        namespace=namespace,
        create_namespace=creates_namespace,
        version=version,
        values=values,
        wait=True,
        timeout=_TIMEOUT,
    )
