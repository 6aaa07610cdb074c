"""The admission policy's expressions, evaluated on what agents and others send."""

from typing import Any

import cel
import kubernetes_validate  # type: ignore[import-untyped]  # the distribution has no types
import pytest

from sd_on_eks.manifests.deletion_cost import (
    deletion_cost_policy,
    deletion_cost_policy_binding,
    deletion_cost_role,
    deletion_cost_role_binding,
)
from sd_on_eks.manifests.service_account import service_account

COST = "controller.kubernetes.io/pod-deletion-cost"
POD_NAME = "authentication.kubernetes.io/pod-name"
AGENT = "system:serviceaccount:studio:sd-queue-agent"
RUNTIMES = [("studio", "sd"), ("default", "comfy")]
KUBERNETES = "1.35"

OTHER_POD = "a queue agent must change only its own pod"
SPEC = "a queue agent must not change the spec"
LABELS = "a queue agent must not change labels"
FINALIZERS = "a queue agent must not change finalizers"
OWNERS = "a queue agent must not change ownerReferences"
ANNOTATIONS = f"a queue agent must change only the annotation {COST}"
VALUE = f"{COST} must be a number from 0 to 9999"

OWNER = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "sd-7f9c", "uid": "1", "controller": True}
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {
        "name": "sd-7f9c-x2x4z",
        "namespace": "studio",
        "resourceVersion": "1",
        "generation": 1,
        "managedFields": [{"manager": "kubelet"}],
        "labels": {"team": "art"},
        "annotations": {COST: "0", "note": "hello"},
        "ownerReferences": [OWNER],
    },
    "spec": {
        "containers": [{"name": "queue-agent", "image": "agent:1"}],
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
    },
}
BARE_POD = {"metadata": {"name": "sd-7f9c-x2x4z"}, "spec": {"containers": []}}


def _cost(value: str | None) -> dict[str, Any]:
    return {"metadata": {"annotations": {COST: value}}}


def _merged(value: object, patch: object) -> Any:
    """RFC 7396, but for empty maps, which the API server leaves out of an object's metadata."""
    if not isinstance(patch, dict):
        return patch
    result = dict(value) if isinstance(value, dict) else {}
    for name, part in patch.items():
        merged = None if part is None else _merged(result.get(name), part)
        if merged is None or merged == {}:
            result.pop(name, None)
        else:
            result[name] = merged
    return result


def _sender(
    username: str = AGENT, *, pods: tuple[str, ...] | None = ("sd-7f9c-x2x4z",), extra: bool = True
) -> dict[str, Any]:
    claims = {"authentication.kubernetes.io/node-name": ["node"]} | ({} if pods is None else {POD_NAME: list(pods)})
    return {"userInfo": {"username": username} | ({"extra": claims} if extra else {})}


def _policy_spec(runtimes: list[tuple[str, str]]) -> dict[str, Any]:
    policy: dict[str, Any] = deletion_cost_policy(runtimes)
    spec: dict[str, Any] = policy["spec"]
    return spec


def _judges(request: dict[str, Any], runtimes: list[tuple[str, str]]) -> bool:
    """Whether the policy applies to the request: only if all match conditions are true."""
    conditions = _policy_spec(runtimes)["matchConditions"]
    return all(cel.evaluate(one["expression"], {"request": request}) for one in conditions)


def _refusals(request: dict[str, Any], before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Messages of all validations that fail; an expression that cannot be evaluated fails the test."""
    spec = _policy_spec(RUNTIMES)
    known = {"request": request, "oldObject": before, "object": now}
    variables = {one["name"]: cel.evaluate(one["expression"], known) for one in spec["variables"]}
    results = [
        (one["message"], cel.evaluate(one["expression"], known | {"variables": variables}))
        for one in spec["validations"]
    ]
    assert {type(result) for _, result in results} == {bool}
    return [message for message, result in results if not result]


@pytest.mark.parametrize(
    ("before", "patch"),
    [
        pytest.param(POD, _cost("1000"), id="busy"),
        pytest.param(_merged(POD, _cost("1000")), _cost("0"), id="idle"),
        pytest.param(_merged(POD, _cost(None)), _cost("0"), id="first-cost"),
        pytest.param(BARE_POD, _cost("0"), id="first-annotation-of-a-bare-pod"),
        pytest.param(POD, _cost(None), id="removed"),
        pytest.param(_merged(BARE_POD, _cost("0")), _cost(None), id="last-annotation-removed"),
        pytest.param(_merged(POD, _cost("-5")), _cost("9999"), id="out-of-a-negative-cost"),
        pytest.param(POD, {}, id="nothing"),
        pytest.param(BARE_POD, {}, id="nothing-of-a-bare-pod"),
        pytest.param(
            POD,
            {"metadata": {"resourceVersion": "2", "generation": 2, "managedFields": [{"manager": "agent"}]}},
            id="what-the-api-server-keeps",
        ),
    ],
)
def test_agent_can_change_the_cost_of_its_own_pod(before: dict[str, Any], patch: dict[str, Any]) -> None:
    assert _judges(_sender(), RUNTIMES)
    assert _refusals(_sender(), before, _merged(before, patch)) == []


REFUSED = [
    pytest.param(POD, _cost("-1"), VALUE, id="negative"),
    pytest.param(POD, _cost("abc"), VALUE, id="no-number"),
    pytest.param(POD, _cost(""), VALUE, id="empty"),
    pytest.param(POD, _cost("1.5"), VALUE, id="fraction"),
    pytest.param(POD, _cost("+1"), VALUE, id="sign"),
    pytest.param(POD, _cost("1\n"), VALUE, id="line-end"),
    pytest.param(POD, _cost("1\n-5"), VALUE, id="second-line"),
    pytest.param(POD, _cost("10000"), VALUE, id="too-large"),
    pytest.param(BARE_POD, _cost("-1"), VALUE, id="negative-on-a-bare-pod"),
    pytest.param(POD, {"metadata": {"annotations": {"new": "1"}}}, ANNOTATIONS, id="annotation-added"),
    pytest.param(BARE_POD, {"metadata": {"annotations": {"new": "1"}}}, ANNOTATIONS, id="first-annotation"),
    pytest.param(POD, {"metadata": {"annotations": {"note": "bye"}}}, ANNOTATIONS, id="annotation-changed"),
    pytest.param(POD, {"metadata": {"annotations": {"note": None}}}, ANNOTATIONS, id="annotation-removed"),
    pytest.param(POD, {"metadata": {"annotations": None}}, ANNOTATIONS, id="all-annotations-removed"),
    pytest.param(
        POD, {"metadata": {"annotations": {COST: "1000", "note": "bye"}}}, ANNOTATIONS, id="annotation-beside-the-cost"
    ),
    pytest.param(POD, {"metadata": {"labels": {"new": "1"}}}, LABELS, id="label-added"),
    pytest.param(BARE_POD, {"metadata": {"labels": {"new": "1"}}}, LABELS, id="first-label"),
    pytest.param(POD, {"metadata": {"labels": {"team": "music"}}}, LABELS, id="label-changed"),
    pytest.param(POD, {"metadata": {"labels": None}}, LABELS, id="all-labels-removed"),
    pytest.param(POD, {"metadata": {"finalizers": ["a/b"]}}, FINALIZERS, id="finalizer-added"),
    pytest.param(
        _merged(POD, {"metadata": {"finalizers": ["a/b"]}}),
        {"metadata": {"finalizers": None}},
        FINALIZERS,
        id="finalizer-removed",
    ),
    pytest.param(
        _merged(POD, {"metadata": {"finalizers": ["a/b"]}}),
        {"metadata": {"finalizers": ["c/d"]}},
        FINALIZERS,
        id="finalizer-changed",
    ),
    pytest.param(POD, {"metadata": {"ownerReferences": None}}, OWNERS, id="owner-removed"),
    pytest.param(BARE_POD, {"metadata": {"ownerReferences": [OWNER]}}, OWNERS, id="first-owner"),
    pytest.param(POD, {"metadata": {"ownerReferences": [OWNER | {"uid": "2"}]}}, OWNERS, id="owner-changed"),
    pytest.param(POD, {"spec": {"containers": [{"name": "queue-agent", "image": "evil"}]}}, SPEC, id="image"),
    pytest.param(POD, {"spec": {"tolerations": [{"operator": "Exists"}]}}, SPEC, id="toleration"),
    pytest.param(POD, {"spec": {"activeDeadlineSeconds": 1}}, SPEC, id="deadline"),
]


@pytest.mark.parametrize(("before", "patch", "message"), REFUSED)
def test_agent_cannot_change_anything_else(before: dict[str, Any], patch: dict[str, Any], message: str) -> None:
    assert _judges(_sender(), RUNTIMES)
    assert _refusals(_sender(), before, _merged(before, patch)) == [message]


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(_sender(pods=("sd-7f9c-other",)), id="other-pod"),
        pytest.param(_sender(pods=None), id="no-pod"),
        pytest.param(_sender(pods=()), id="empty"),
        pytest.param(_sender(pods=("sd-7f9c-x2x4z", "sd-7f9c-other")), id="two-pods"),
        pytest.param(_sender(extra=False), id="nothing-but-a-name"),
    ],
)
def test_token_of_no_other_pod_and_of_none_is_enough(request_: dict[str, Any]) -> None:
    assert _judges(request_, RUNTIMES)
    assert _refusals(request_, POD, _merged(POD, _cost("1000"))) == [OTHER_POD]


def test_every_validation_is_the_only_one_to_reject_some_request() -> None:
    refused_above = {str(case.values[2]) for case in REFUSED} | {OTHER_POD}
    assert {one["message"] for one in _policy_spec(RUNTIMES)["validations"]} == refused_above


@pytest.mark.parametrize(
    "username",
    [
        "system:node:ip-10-0-0-1.ec2.internal",
        "system:serviceaccount:kube-system:daemon-set-controller",
        "system:serviceaccount:kube-system:sd",
        "system:serviceaccount:default:sd",
        "system:serviceaccount:studio:sd-2",
        "system:serviceaccount:studio:comfy",
        "system:serviceaccount:studio:queue-agent",
        "system:serviceaccount:studio:sd-queue-agent-2",
        "system:serviceaccount:sd-queue-agent:default",
        "studio:sd",
        "someone-queue-agent",
    ],
)
def test_policy_does_not_apply_to_others(username: str) -> None:
    assert not _judges(_sender(username), RUNTIMES)


@pytest.mark.parametrize("runtimes", [RUNTIMES, []])
@pytest.mark.parametrize("namespace", ["studio", "default", "elsewhere"])
@pytest.mark.parametrize("runtime", ["sd", "comfy", "removed"])
def test_policy_applies_to_every_agent_in_any_configuration(
    runtimes: list[tuple[str, str]], namespace: str, runtime: str
) -> None:
    assert _judges(_sender(f"system:serviceaccount:{namespace}:{runtime}-queue-agent"), runtimes)


@pytest.mark.parametrize("username", ["system:serviceaccount:studio:sd", "system:serviceaccount:default:comfy"])
def test_policy_applies_to_agents_of_the_previous_release(username: str) -> None:
    assert _judges(_sender(username), RUNTIMES)


def test_policy_of_no_runtimes_is_valid() -> None:
    kubernetes_validate.validate(deletion_cost_policy([]), KUBERNETES, strict=True)


def test_policy_is_in_force_and_fails_closed() -> None:
    policy: Any = deletion_cost_policy(RUNTIMES)
    binding: Any = deletion_cost_policy_binding()
    for one in (policy, binding):
        kubernetes_validate.validate(one, KUBERNETES, strict=True)
    assert policy["spec"]["failurePolicy"] == "Fail"
    assert binding["spec"] == {"policyName": policy["metadata"]["name"], "validationActions": ["Deny"]}


def test_policy_covers_everything_that_the_role_allows() -> None:
    role: Any = deletion_cost_role(runtime_name="sd", namespace="studio")
    policy: Any = deletion_cost_policy(RUNTIMES)
    assert role["rules"] == [{"apiGroups": [""], "resources": ["pods"], "verbs": ["patch"]}]
    (seen,) = policy["spec"]["matchConstraints"]["resourceRules"]
    assert (seen["apiGroups"], seen["resources"], seen["operations"]) == ([""], ["pods"], ["UPDATE"])
    # No exception: a selector or an excluded rule would let a patch by.
    assert policy["spec"]["matchConstraints"].keys() == {"resourceRules"}


def test_role_goes_to_the_runtime_s_service_account() -> None:
    role: Any = deletion_cost_role(runtime_name="sd", namespace="studio")
    binding: Any = deletion_cost_role_binding(runtime_name="sd", namespace="studio")
    for one in (role, binding):
        kubernetes_validate.validate(one, KUBERNETES, strict=True)
    assert role["metadata"]["namespace"] == binding["metadata"]["namespace"] == "studio"
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    account: Any = service_account(runtime_name="sd", namespace="studio")
    subject = {"kind": "ServiceAccount"} | {key: account["metadata"][key] for key in ("name", "namespace")}
    assert binding["subjects"] == [subject]
    (user,) = (f"system:serviceaccount:{one['namespace']}:{one['name']}" for one in binding["subjects"])
    assert _judges(_sender(user), [])
