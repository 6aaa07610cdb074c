"""Values at the limits of the configuration: the API server also accepts those that the configuration accepts."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from sd_on_eks.config.config import Config
from sd_on_eks.config.errors import ConfigError
from sd_on_eks.config.loader import parse_config
from sd_on_eks.manifests.deployment import PodImages, deployment
from sd_on_eks.manifests.ec2_node_class import NodeIdentity, ec2_node_class
from sd_on_eks.manifests.node_pool import node_pools
from sd_on_eks.manifests.scaled_object import scaled_object
from tests.fakes.api_server import ApiServer
from tests.synth.eks_platform.test_crd_rules import _broken, _schemas_in
from tests.unit.manifests.test_reserved_variables import agent_targets

Place = Callable[[Any], dict[str, Any]]

_LABEL_KEYS: Final = (
    *("x", "X.y_z-1", "example.com/x", "a.b.c-d/x", "1/2", f"{'a' * 253}/{'x' * 63}", f"{'a' * 64}.b/x"),
    *("a..b/x", "a-.b/x", "a.-b/x", ".a/x", "a./x", "A.b/x", "a_b/x", "/x", "a/", "", "a/b/c", "-x", "x-", "a b"),
    *(f"{'a' * 254}/x", f"a/{'x' * 64}", "x" * 64, f"{'a.' * 127}/x"),
)
_ANNOTATION_KEYS: Final = (
    *_LABEL_KEYS,
    *("container.apparmor.security.beta.kubernetes.io/runtime", "container.apparmor.security.beta.kubernetes.io/other"),
    *("container.seccomp.security.alpha.kubernetes.io/runtime", "seccomp.security.alpha.kubernetes.io/pod"),
    *("scheduler.alpha.kubernetes.io/tolerations", "kubernetes.io/config.mirror", "kubernetes.io/limit-ranger"),
)
_LONG_TEXTS: Final = ("x" * 160_000, "x" * 262_144, "<" * 44_000, "\u2028" * 44_000, "\n" * 131_072)
_TAG_KEYS: Final = (
    *("team", "kubernetes.io/created-for", "karpenter", "karpenter.sh", "eks", "a" * 128, "a:b/c=d+e-f@g h"),
    *("karpenter.sh/nodepool", "karpenter.sh/nodeclaim", "karpenter.k8s.aws/ec2nodeclass", "eks:eks-cluster-name"),
    *("kubernetes.io/cluster", "kubernetes.io/cluster/x", "kubernetes.io/clusters", "", "aws:x", "a" * 129),
)


def of_pod(section: dict[str, Any]) -> dict[str, Any]:
    return {"modelsRuntime": [{"name": "sd", "type": "comfyui", "extraValues": {"runtime": section}}]}


def of_nodes(section: dict[str, Any]) -> dict[str, Any]:
    return {
        "modelsRuntime": [{"name": "sd", "type": "comfyui", "extraValues": {"karpenter": {"provisioner": section}}}]
    }


PLACES: dict[str, tuple[Place, tuple[Any, ...]]] = {
    "a label's key": (lambda key: of_pod({"labels": {key: "y"}}), _LABEL_KEYS),
    "a label's value": (
        lambda value: of_pod({"labels": {"x": value}}),
        ("", "y", "a b", "-a", "a-", "x" * 63, "x" * 64),
    ),
    "an annotation's key": (lambda key: of_pod({"annotations": {key: "y"}}), _ANNOTATION_KEYS),
    "an annotation": (lambda text: of_pod({"annotations": {"x": text}}), _LONG_TEXTS),
    "a variable": (lambda text: of_pod({"inferenceApi": {"env": {"X": text}}}), _LONG_TEXTS[:2]),
    "a variable of the agent": (lambda text: of_pod({"queueAgent": {"env": {"X": text}}}), _LONG_TEXTS[:2]),
    "a variable's name": (
        lambda name: of_pod({"queueAgent": {"env": {name: "x"}}}),
        ("A", "a", "_", "1A", "A-B", "", "A" * 128, "A" * 129, "S3_BUCKET", "POD_NAME", "METRICS_LOG_GROUP"),
    ),
    "a toleration": (
        lambda toleration: of_pod({"tolerations": [toleration]}),
        (
            *({"key": key} for key in _LABEL_KEYS),
            *({"key": "x", "value": value} for value in ("", "a b", "x" * 64)),
            *({"key": "x", "operator": "Exists"}, {"key": "x", "operator": "Exists", "value": "y"}),
            *({"key": "x", "effect": "NoExecute"}, {"key": "x", "effect": "Never"}, {"operator": "Exists"}),
        ),
    ),
    "a budget": (
        lambda budget: of_nodes({"budgets": [{"nodes": "1"} | budget]}),
        (
            *({"reasons": reasons} for reasons in ([], ["Empty"], ["Empty", "Drifted"], ["Empty", "Empty"], ["Any"])),
            *({"reasons": ["Drifted", "Underutilized", "Drifted"]}, {"reasons": "Empty"}),
            *({"nodes": nodes} for nodes in ("0", "100%", "101%", "-1", "1.5", "9999", "")),
            *({"schedule": when, "duration": "8h"} for when in ("@daily", "@midnight", "@annually", "@every 8h", "")),
            *({"schedule": "@daily", "duration": span} for span in ("8h", "30m", "1h30m", "90s", "1.5h", "8h8h", "")),
            *({"schedule": "@daily"}, {"duration": "8h"}),
        ),
    ),
    "a duration": (
        lambda span: of_nodes({"expireAfter": span, "consolidateAfter": span}),
        ("720h", "90s", "1h1m1s", "1m1s", "999999h999999m999999s", "1s1h", "1h1h", "30d", "1.5h", "0s", "-1h", ""),
    ),
    "an instance type": (
        lambda one: of_nodes({"instanceTypes": [one]}),
        ("g5.2xlarge", "g5.2xlarge-", "g5.-", "g5.", f"g5.{'a' * 31}", f"g5.{'a' * 64}", "g5.2x.large", "g5.2XLARGE"),
    ),
    "a tag's key": (lambda key: of_pod({}) | {"tags": {key: "x"}}, _TAG_KEYS),
    "a runtime's name": (
        lambda name: {"modelsRuntime": [{"name": name, "type": "comfyui"}]},
        ("a", "a" * 40, "a" * 41, "a" * 55, "a-", "-a", "1a", "A", "a.b", "a_b", ""),
    ),
    "a namespace": (
        lambda name: {"modelsRuntime": [{"name": "sd", "namespace": name, "type": "comfyui"}]},
        ("a", "a" * 63, "a" * 64, "a-", "A", "a.b", ""),
    ),
}


def objects_of(config: Config) -> Iterator[dict[str, Any]]:
    """Objects that contain values of the configuration, each with every value of a key."""
    for runtime in config.models_runtime:
        namespace, settings = runtime.namespace, runtime.extra_values
        targets = agent_targets(config)
        images = PodImages(agent="x", runtime="x")
        scaling, nodes = settings.runtime.scaling, settings.karpenter
        identity = NodeIdentity(
            cluster_name="x", instance_profile="x", security_group_ids=("sg-0",), tags=dict(config.tags)
        )
        found: list[Any] = [
            deployment(runtime=runtime, images=images, targets=targets, claim_name="x"),
            scaled_object(runtime_name=runtime.name, namespace=namespace, scaling=scaling, queue_url="x", region="x"),
            ec2_node_class(runtime_name=runtime.name, identity=identity, config=nodes),
            *node_pools(runtime_name=runtime.name, config=nodes.provisioner, max_replicas=scaling.max_replica_count),
        ]
        yield from json.loads(json.dumps(found))
        yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}


@pytest.fixture(scope="module")
def server(shared_data: Path) -> Callable[[dict[str, Any]], list[str]]:
    definitions = shared_data / "crds"
    server, rules = ApiServer(definitions=definitions), _schemas_in(definitions)
    return lambda one: [*server.refusals(one), *_broken(one, rules)]


@pytest.mark.parametrize("place", PLACES)
def test_value_that_the_configuration_accepts_is_accepted_by_the_server(
    server: Callable[[dict[str, Any]], list[str]], place: str
) -> None:
    build, values = PLACES[place]
    taken = []
    for value in values:
        try:
            config = parse_config(json.dumps(build(value)), "config.yaml")
        except ConfigError:
            continue
        taken.append(value)
        for one in objects_of(config):
            assert server(one) == [], f"{place} {str(value)[:80]!r} in a {one['kind']}"
    assert 0 < len(taken) < len(values), "values at the edge lie on both sides of it"
