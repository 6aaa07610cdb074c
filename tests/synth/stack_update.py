"""A simulation of what CloudFormation and kubectl do in a cluster in a stack update, and of what its pods still need.

The order is that of CloudFormation: first creations and updates, each after its dependencies; then the cleanup, which
deletes removed and replaced resources, each before its dependencies. The new template defines whether a replaced
resource is deleted; the old template defines it for a removed one. Manifests are applied, pruned and deleted as by the
CDK's function. A pod drains until something has waited for it, because the duration of its last task is unknown.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import cel
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER  # type: ignore[import-untyped]  # the distribution has no types

from template_objects import MANIFEST, Key, objects_of
from tests.synth.synthesis import Resources, filled, plausible
from tests.synth.template_references import references

_ASSOCIATION: Final = "AWS::EKS::PodIdentityAssociation"
_ROLE: Final = "AWS::IAM::Role"
_QUEUE: Final = "AWS::SQS::Queue"
_NEEDED: Final = (_ASSOCIATION, _ROLE, _QUEUE)

_PRUNED_KINDS: Final = frozenset(
    {
        *("ConfigMap", "CronJob", "DaemonSet", "Deployment", "Endpoints", "Ingress", "Job", "Namespace"),
        *("PersistentVolume", "PersistentVolumeClaim", "Pod", "ReplicaSet", "ReplicationController", "Secret"),
        *("Service", "StatefulSet"),
    }
)
"""The kinds that `kubectl apply --prune` deletes by default.

https://github.com/kubernetes/kubectl/blob/master/pkg/util/prune/prune.go
"""


class RejectedError(Exception):
    """AWS rejects a resource; the message has the resource and the reason."""


@dataclass(frozen=True, slots=True)
class Pod:
    """The pods of one version of a Deployment.

    Attributes:
        deployment: the Deployment's namespace and name.
        template: their template.
    """

    deployment: tuple[str, str]
    template: dict[str, Any] = field(repr=False)

    @property
    def account(self) -> str:
        """Its service account."""
        return str(self.template["spec"]["serviceAccountName"])

    @property
    def claims(self) -> list[str]:
        """Names of the claims that it mounts."""
        volumes = self.template["spec"]["volumes"]
        return [one["persistentVolumeClaim"]["claimName"] for one in volumes if "persistentVolumeClaim" in one]

    @property
    def queue_url(self) -> str:
        """The queue of its agent."""
        (agent,) = self.template["spec"]["containers"]
        (url,) = [one["value"] for one in agent["env"] if one["name"] == "SQS_QUEUE_URL"]
        return str(url)


class Account:
    """An account with a cluster, in which a stack is deployed repeatedly."""

    def __init__(self) -> None:
        self._template: Resources = {}
        self._physical: dict[str, dict[str, Any]] = {}
        self._replaced: list[dict[str, Any]] = []
        self._objects: dict[Key, dict[str, Any]] = {}
        self._ever: set[Key] = set()
        self._terminating: set[Key] = set()
        self._pods: list[Pod] = []

    def deploy(self, template: Resources) -> list[str]:
        """Update the stack.

        Returns:
            What was removed while pods may still need it, each with the step that removed it.

        Raises:
            RejectedError: AWS rejects a resource; previous steps are not undone.
        """
        found = [f"{step}: {missing}" for step in self._steps(template) for missing in self._missing()]
        self._template = template
        return list(dict.fromkeys(found))

    @property
    def objects(self) -> set[Key]:
        """The existing Kubernetes objects."""
        return set(self._objects)

    @property
    def rolled(self) -> set[tuple[str, str]]:
        """Namespace and name of each Deployment that has pods of more than one version."""
        deployments = [pod.deployment for pod in self._pods]
        return {one for one in deployments if deployments.count(one) > 1}

    def delete_workload(self, namespace: str, name: str) -> None:
        """Delete a Deployment and wait for its pods, as an operator does."""
        self._delete([Key("Deployment", namespace, name)])
        self._pods = [pod for pod in self._pods if pod.deployment != (namespace, name)]

    def delete_kept_associations(self) -> None:
        """Delete retained associations that were replaced, as an operator does."""
        self._replaced.clear()

    def _steps(self, new: Resources) -> Iterator[str]:
        replaced: dict[str, dict[str, Any]] = {}
        yield from self._create_and_update(self._template, new, replaced)
        yield from self._clean_up(self._template, new, replaced)

    def _create_and_update(self, old: Resources, new: Resources, replaced: dict[str, dict[str, Any]]) -> Iterator[str]:
        for name in _in_order(new):
            resource = new[name]
            if name not in old:
                self._create(name, resource)
            elif old[name].get("Properties") == resource.get("Properties"):
                continue
            elif _is_replaced(old[name], resource):
                replaced[name] = self._physical[name]
                self._create(name, resource)
                self._replaced.append(replaced[name])
            else:
                self._physical[name] = resource
                if resource["Type"] == MANIFEST:
                    self._apply(resource["Properties"])
            yield f"update of {name}"

    def _clean_up(self, old: Resources, new: Resources, replaced: dict[str, dict[str, Any]]) -> Iterator[str]:
        for name in reversed(_in_order(old)):
            if name in replaced:
                if new[name].get("UpdateReplacePolicy") != "Retain":
                    self._replaced.remove(replaced[name])
            elif name not in new and old[name].get("DeletionPolicy") != "Retain":
                del self._physical[name]
                if old[name]["Type"] == MANIFEST:
                    objects = objects_of(old[name]["Properties"], plausible)
                    self._delete([Key.of(one) for one in objects])
                    yield f"deletion of {name}"
                    self._await_deletion(objects)
            else:
                continue
            yield f"clean-up of {name}"

    def _create(self, name: str, resource: dict[str, Any]) -> None:
        if resource["Type"] == _ASSOCIATION:
            account = _account(resource)
            if account in {_account(one) for one in self._of_type(_ASSOCIATION)}:
                raise RejectedError(f"{name}: an association of {account} exists")
        self._physical[name] = resource
        if resource["Type"] == MANIFEST:
            self._apply(resource["Properties"] | {"PruneLabel": None})

    def _apply(self, properties: Mapping[str, Any]) -> None:
        objects = objects_of(properties, plausible)
        for one in objects:
            key = Key.of(one)
            before = self._objects.get(key)
            self._objects[key] = one
            self._ever.add(key)
            if one["kind"] == "Deployment":
                template = one["spec"]["template"]
                if before is None or before["spec"]["template"] != template:
                    self._pods.append(Pod((key[1], key[2]), template))
        if label := properties.get("PruneLabel"):
            applied = {Key.of(one) for one in objects}
            namespaces = {"", *(namespace for _, namespace, _ in applied)}
            self._delete(
                key
                for key, one in list(self._objects.items())
                if key not in applied
                and key[0] in _PRUNED_KINDS
                and key[1] in namespaces
                and label in one["metadata"].get("labels", {})
            )

    def _delete(self, keys: Any) -> None:
        for key in keys:
            if key not in self._objects:
                continue
            if key[0] in {"PersistentVolume", "PersistentVolumeClaim"} and self._is_used(key):
                self._terminating.add(key)  # its finalizer remains while a pod uses it
                continue
            del self._objects[key]
            if key[0] == "Namespace":
                for other in [one for one in self._objects if one[1] == key[2]]:
                    del self._objects[other]

    def _await_deletion(self, objects: list[dict[str, Any]]) -> None:
        """The objects that kubectl waits for: those whose finalizers wait for pods."""
        claims = {(one["metadata"]["namespace"], one["metadata"]["name"]) for one in objects if _is_claim(one)}
        self._pods = [
            pod for pod in self._pods if not any((pod.deployment[0], claim) in claims for claim in pod.claims)
        ]
        for key in [key for key in self._terminating if not self._is_used(key)]:
            self._terminating.remove(key)
            del self._objects[key]

    def _is_used(self, key: Key) -> bool:
        return any(claim == key[2] and key[1] in {"", pod.deployment[0]} for pod in self._pods for claim in pod.claims)

    def _of_type(self, kind: str) -> list[dict[str, Any]]:
        return [one for one in (*self._physical.values(), *self._replaced) if one["Type"] == kind]

    def _missing(self) -> Iterator[str]:
        for pod in self._pods:
            for what in self._missing_of(pod):
                yield f"{what} is missing to pods of {'/'.join(pod.deployment)}"
        for key, one in self._objects.items():
            if key[0] == "RoleBinding":
                for subject in one["subjects"]:
                    user = f"system:serviceaccount:{subject['namespace']}:{subject['name']}"
                    if not self._judges(user):
                        yield f"{user} may patch any pod"

    def _missing_of(self, pod: Pod) -> Iterator[str]:
        namespace = pod.deployment[0]
        keys = [Key("Namespace", "", namespace), Key("ServiceAccount", namespace, pod.account)]
        for claim in pod.claims:
            keys += [Key("PersistentVolumeClaim", namespace, claim), Key("PersistentVolume", "", claim)]
        for key in keys:
            # Claims and namespaces may not belong to the stack.
            if key not in self._objects and (key in self._ever or key[0] == "ServiceAccount"):
                yield f"{key[0]} {key[2]}"
            # Such a claim cannot be used by new pods, and applying it again does not restore it.
            elif key in self._terminating and Key("Deployment", *pod.deployment) in self._objects:
                yield f"{key[0]} {key[2]}, which is being deleted,"
        if not any(self._binds(one, pod) for key, one in self._objects.items() if key[0] == "RoleBinding"):
            yield "a RoleBinding"
        if not any(self._limits(one, pod) for key, one in self._objects.items() if key[0] == "NetworkPolicy"):
            yield "a NetworkPolicy"
        roles = [one["Properties"]["RoleArn"] for one in self._of_type(_ASSOCIATION) if _account(one) == _of(pod)]
        policies = [
            json.dumps(self._physical[name]["Properties"].get("Policies", []))
            for name in (role["Fn::GetAtt"][0] for role in roles)
            if name in self._physical
        ]
        if not roles:
            yield "the association"
        elif not any("sqs:ReceiveMessage" in policy for policy in policies):
            yield "the role"
        if pod.queue_url not in {filled({"Ref": name}) for name, one in self._physical.items() if _is_queue(one)}:
            yield "the queue"

    def _binds(self, binding: dict[str, Any], pod: Pod) -> bool:
        namespace = binding["metadata"]["namespace"]
        role = self._objects.get(Key("Role", namespace, binding["roleRef"]["name"]))
        subjects = {(one["namespace"], one["name"]) for one in binding["subjects"]}
        return namespace == pod.deployment[0] and role is not None and (namespace, pod.account) in subjects

    @staticmethod
    def _limits(policy: dict[str, Any], pod: Pod) -> bool:
        labels = policy["spec"]["podSelector"]["matchLabels"].items()
        is_closed = set(policy["spec"]["policyTypes"]) == {"Ingress", "Egress"} and "ingress" not in policy["spec"]
        in_namespace = policy["metadata"]["namespace"] == pod.deployment[0]
        return is_closed and in_namespace and labels <= pod.template["metadata"]["labels"].items()

    def _judges(self, username: str) -> bool:
        request = {"request": {"userInfo": {"username": username}}}
        policies = [one for key, one in self._objects.items() if key[0] == "ValidatingAdmissionPolicy"]
        return any(
            all(cel.evaluate(condition["expression"], request) for condition in policy["spec"]["matchConditions"])
            for policy in policies
        )


def _in_order(resources: Resources) -> list[str]:
    """Logical IDs of the relevant resources, each after its dependencies."""
    needed = {
        name: (set(one.get("DependsOn", [])) | set(references(one.get("Properties", {})))) & resources.keys()
        for name, one in resources.items()
    }
    order: dict[str, None] = {}

    def visit(name: str) -> None:
        if name not in order:
            for earlier in sorted(needed[name]):
                visit(earlier)
            order[name] = None

    # Pods first, if no dependency requires otherwise: their needs must not be before them by chance.
    for name in sorted(resources, key=lambda one: (not one.startswith("Runtimes"), one)):
        visit(name)
    return [name for name in order if resources[name]["Type"] in {MANIFEST, *_NEEDED}]


def _is_replaced(old: dict[str, Any], new: dict[str, Any]) -> bool:
    if new["Type"] == MANIFEST:
        return False  # the CDK's function returns no new physical ID
    schema: dict[str, Any] = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", new["Type"]).schema
    names = [path.removeprefix("/properties/") for path in schema["createOnlyProperties"]]
    return any(old["Properties"].get(name) != new["Properties"].get(name) for name in names)


def _is_claim(one: dict[str, Any]) -> bool:
    return bool(one["kind"] == "PersistentVolumeClaim")


def _is_queue(resource: dict[str, Any]) -> bool:
    return bool(resource["Type"] == _QUEUE)


def _account(association: dict[str, Any]) -> tuple[str, str]:
    return association["Properties"]["Namespace"], association["Properties"]["ServiceAccount"]


def _of(pod: Pod) -> tuple[str, str]:
    return pod.deployment[0], pod.account
