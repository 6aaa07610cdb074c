"""What updates of a stack have left in its cluster: objects and associations that its template no longer has.

An update deletes nothing that pods may still use (docs/adr/0029-access-outlives-pods.md), so somebody has to, later.
The cluster is read with kubectl, the template from CloudFormation.
"""

import json
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from sd_on_eks.config.rules.names import AGENT_SUFFIX
from template_objects import Key, manifests, objects_of

KINDS: Final = (
    *("Namespace", "ServiceAccount", "Role", "RoleBinding", "NetworkPolicy", "PersistentVolumeClaim"),
    *("PersistentVolume", "Deployment", "TriggerAuthentication", "ScaledObject", "EC2NodeClass", "NodePool"),
    *("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"),
)
"""Kinds of the stack's objects, in this and the previous release."""

_SELECTOR: Final = "app.kubernetes.io/managed-by=sd-on-eks"
_PODS: Final = "app.kubernetes.io/part-of=sd-on-eks"
_ASSOCIATION: Final = "AWS::EKS::PodIdentityAssociation"


class KubectlError(Exception):
    """The cluster cannot be read: why, in one sentence."""


class Cluster:
    """The cluster that kubectl speaks to.

    Args:
        endpoint: the endpoint of the stack's cluster.
        config_command: the command that configures kubectl for it.

    Raises:
        KubectlError: kubectl is not there, or speaks to another cluster.
    """

    def __init__(self, *, endpoint: str, config_command: str) -> None:
        kubectl = shutil.which("kubectl")
        if kubectl is None:
            raise KubectlError("kubectl must be on the PATH: it reads the objects of the cluster")
        self._kubectl = kubectl
        server = self._run("config", "view", "--minify", "--output", "jsonpath={.clusters[0].cluster.server}")
        if server.strip().lower() != endpoint.lower():
            raise KubectlError(
                f"kubectl must speak to the stack's cluster, {endpoint}, got {server.strip()}: run {config_command}"
            )

    def objects(self) -> list[dict[str, Any]]:
        """Every object that a stack of this product has made."""
        return self._get(",".join(KINDS).lower(), _SELECTOR)

    def pods(self) -> list[dict[str, Any]]:
        """Every pod of a runtime."""
        return self._get("pod", _PODS)

    def _get(self, kinds: str, selector: str) -> list[dict[str, Any]]:
        text = self._run("get", kinds, "--all-namespaces", "--selector", selector, "--output", "json")
        items: list[dict[str, Any]] = json.loads(text)["items"]
        return items

    def _run(self, *arguments: str) -> str:
        done = subprocess.run([self._kubectl, *arguments], capture_output=True, text=True, check=False)  # noqa: S603 (found above)
        if done.returncode:
            raise KubectlError(f"kubectl {arguments[0]} failed: {done.stderr.strip()}")
        return done.stdout


def unused_objects(
    template: Mapping[str, Any], objects: Iterable[Mapping[str, Any]], pods: Iterable[Mapping[str, Any]]
) -> Iterator[tuple[Key, int]]:
    """Objects that the template does not have, each with the number of pods that still use it.

    Args:
        template: the stack's template.
        objects: the product's objects in the cluster.
        pods: the runtimes' pods in it.
    """
    wanted = set(_keys(template))
    running = list(pods)
    every = list(objects)
    accounts = _accounts_by_role(every)
    limited = {key.namespace for key in wanted if key.kind == "NetworkPolicy"}
    for one in every:
        key = Key.of(one)
        if key.kind == "NetworkPolicy" and key.namespace in limited:
            used = 0  # the one of the template holds for all pods of the namespace, those of each release
        elif key.kind in {"Role", "RoleBinding"}:
            used = sum(_account(pod) in accounts.get(_role(one), ()) for pod in running)
        else:
            used = sum(_is_used(one, pod) for pod in running)
        if key not in wanted:
            yield key, used


def unused_associations(
    template: Mapping[str, Any],
    associations: Iterable[Mapping[str, Any]],
    resources: Iterable[Mapping[str, Any]],
    unused: Iterable[Key],
    pods: Iterable[Mapping[str, Any]],
) -> Iterator[tuple[Mapping[str, Any], int]]:
    """Pod Identity associations of agents that the stack does not have, each with the number of pods that use it.

    They are known by their accounts, also where these have been deleted already.

    Args:
        template: the stack's template.
        associations: all of the cluster, as EKS lists them.
        resources: the stack's resources, as CloudFormation lists them.
        unused: objects that are not in the stack's template.
        pods: the runtimes' pods.
    """
    own = {one.get("PhysicalResourceId") for one in resources if one["ResourceType"] == _ASSOCIATION}
    wanted = _accounts(_keys(template))
    # The accounts of the release before have their runtime's name.
    previous = {(namespace, name.removesuffix(AGENT_SUFFIX)) for namespace, name in wanted}
    known = previous | _accounts(unused)
    running = [_account(pod) for pod in pods]
    for one in associations:
        account = (one["namespace"], one["serviceAccount"])
        is_agents = account in known or account[1].endswith(AGENT_SUFFIX)
        if is_agents and account not in wanted and not own & {one["associationArn"], one["associationId"]}:
            yield one, running.count(account)


def _accounts(keys: Iterable[Key]) -> set[tuple[str, str]]:
    return {(key.namespace, key.name) for key in keys if key.kind == "ServiceAccount"}


def _keys(template: Mapping[str, Any]) -> Iterator[Key]:
    for _, resource in manifests(template):
        yield from map(Key.of, objects_of(resource["Properties"]))


def _is_used(one: Mapping[str, Any], pod: Mapping[str, Any]) -> bool:
    key, spec = Key.of(one), pod["spec"]
    claims = {volume["persistentVolumeClaim"]["claimName"] for volume in spec["volumes"] if _has_claim(volume)}
    namespace = pod["metadata"]["namespace"]
    match key.kind:
        case "Namespace":
            return bool(key.name == namespace)
        case "PersistentVolume":
            return bool(one["spec"].get("claimRef", {}).get("namespace") == namespace) and key.name in claims
        case "PersistentVolumeClaim":
            return bool(key.namespace == namespace) and key.name in claims
        case "ServiceAccount":
            return (key.namespace, key.name) == _account(pod)
    # Network policies and what makes pods are of a runtime.
    instance = "app.kubernetes.io/instance"
    labels = one["metadata"].get("labels", {})
    of_runtime = instance not in labels or labels[instance] == pod["metadata"]["labels"].get(instance)
    return key.namespace in {"", namespace} and of_runtime


def _account(pod: Mapping[str, Any]) -> tuple[str, str]:
    """Namespace and name of a pod's service account."""
    return pod["metadata"]["namespace"], pod["spec"]["serviceAccountName"]


def _role(one: Mapping[str, Any]) -> tuple[str, str]:
    """Namespace and name of a role, or of the one that a binding gives."""
    return one["metadata"]["namespace"], one["roleRef"]["name"] if "roleRef" in one else one["metadata"]["name"]


def _accounts_by_role(objects: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], set[tuple[str, str]]]:
    found: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for one in objects:
        if one["kind"] == "RoleBinding":
            subjects = {(subject["namespace"], subject["name"]) for subject in one["subjects"]}
            found.setdefault(_role(one), set()).update(subjects)
    return found


def _has_claim(volume: Mapping[str, Any]) -> bool:
    return "persistentVolumeClaim" in volume
