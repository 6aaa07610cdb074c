"""RBAC and the admission policy that let an agent set the deletion cost of its own pod, and nothing else.

An RBAC role cannot restrict a pod to itself, and anyone who can patch a pod can change its image. Therefore each
agent's role allows it to patch pods, and one admission policy for all agents rejects every patch except one of the
annotation `controller.kubernetes.io/pod-deletion-cost` on the agent's own pod:
https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/
"""

from collections.abc import Sequence
from typing import Final

from sd_on_eks.config.rules.names import AGENT_SUFFIX
from sd_on_eks.manifests.labels import PRODUCT_LABELS, labels
from sd_on_eks.manifests.manifest import Manifest
from sd_on_eks.manifests.service_account import agent_account, previous_agent_account

_POLICY: Final = "queue-agent-deletion-cost"
_API_GROUP: Final = "rbac.authorization.k8s.io"

_ANNOTATION: Final = "controller.kubernetes.io/pod-deletion-cost"
_POD_NAME: Final = "authentication.kubernetes.io/pod-name"
"""Extra field of a pod-bound token, which the API server verifies: a list with one name."""

_USER: Final = "system:serviceaccount:"
_IS_AGENT: Final = (
    f"request.userInfo.username.startsWith('{_USER}') && request.userInfo.username.endsWith('{AGENT_SUFFIX}')"
)
_OWN_POD: Final = (
    f"has(request.userInfo.extra) && '{_POD_NAME}' in request.userInfo.extra && "
    f"request.userInfo.extra['{_POD_NAME}'] == [object.metadata.name]"
)
_OTHER_ANNOTATIONS_STAY: Final = (
    f"variables.now.all(key, key == '{_ANNOTATION}' || "
    "(key in variables.before && variables.before[key] == variables.now[key])) && "
    f"variables.before.all(key, key == '{_ANNOTATION}' || key in variables.now)"
)
# Never negative: Karpenter treats a node as empty if the deletion costs of its pods are low enough.
_COST_IS_SMALL: Final = (
    f"!('{_ANNOTATION}' in variables.now) || variables.now['{_ANNOTATION}'].matches('^[0-9]{{1,4}}$')"
)


def deletion_cost_role(*, runtime_name: str, namespace: str) -> Manifest:
    """Permission to patch pods, without other verbs or subresources."""
    return {
        "apiVersion": f"{_API_GROUP}/v1",
        "kind": "Role",
        "metadata": _metadata(runtime_name, namespace),
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["patch"]}],
    }


def deletion_cost_role_binding(*, runtime_name: str, namespace: str) -> Manifest:
    """Grants the role to the agents of one runtime."""
    return {
        "apiVersion": f"{_API_GROUP}/v1",
        "kind": "RoleBinding",
        "metadata": _metadata(runtime_name, namespace),
        "roleRef": {"apiGroup": _API_GROUP, "kind": "Role", "name": agent_account(runtime_name)},
        "subjects": [{"kind": "ServiceAccount", "name": agent_account(runtime_name), "namespace": namespace}],
    }


def deletion_cost_policy(runtimes: Sequence[tuple[str, str]]) -> Manifest:
    """The changes that agents can make to pods.

    The policy recognizes agents by the suffix of their service account's name, independent of the configuration: agents
    of a runtime that was removed or moved to another namespace keep their role while their pods drain. It does not
    apply to updates by others, such as the controllers.

    Args:
        runtimes: namespace and name of each runtime; the policy lists the accounts of the previous release's agents.
    """
    previous = [f"'{_USER}{namespace}:{previous_agent_account(name)}'" for namespace, name in runtimes]
    users = [_IS_AGENT, *([f"request.userInfo.username in [{', '.join(previous)}]"] if previous else [])]
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": _POLICY, "labels": PRODUCT_LABELS},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {
                "resourceRules": [
                    {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["pods"]}
                ]
            },
            "matchConditions": [{"name": "is-queue-agent", "expression": " || ".join(users)}],
            "variables": [
                {"name": name, "expression": f"has({pod}.metadata.annotations) ? {pod}.metadata.annotations : {{}}"}
                for name, pod in (("before", "oldObject"), ("now", "object"))
            ],
            "validations": [
                {"expression": _OWN_POD, "message": "a queue agent must change only its own pod"},
                {"expression": "object.spec == oldObject.spec", "message": "a queue agent must not change the spec"},
                *(
                    {"expression": _unchanged(field), "message": f"a queue agent must not change {field}"}
                    for field in ("labels", "finalizers", "ownerReferences")
                ),
                {
                    "expression": _OTHER_ANNOTATIONS_STAY,
                    "message": f"a queue agent must change only the annotation {_ANNOTATION}",
                },
                {"expression": _COST_IS_SMALL, "message": f"{_ANNOTATION} must be a number from 0 to 9999"},
            ],
        },
    }


def deletion_cost_policy_binding() -> Manifest:
    """Enforces the policy in all namespaces."""
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": _POLICY, "labels": PRODUCT_LABELS},
        "spec": {"policyName": _POLICY, "validationActions": ["Deny"]},
    }


def _metadata(runtime_name: str, namespace: str) -> Manifest:
    return {"name": agent_account(runtime_name), "namespace": namespace, "labels": labels(runtime_name)}


def _unchanged(field: str) -> str:
    before, now = f"oldObject.metadata.{field}", f"object.metadata.{field}"
    return f"has({now}) == has({before}) && (!has({now}) || {now} == {before})"
