"""What scripts/leftovers.py lists of a stack that exists: what its template has no longer, and what pods still use."""

import json
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

import leftovers
from unused_objects import KINDS

STACK = "Sd"
ENDPOINT = "https://0123456789ABCDEF.gr7.us-east-1.eks.amazonaws.com"
ARN = "arn:aws:eks:us-east-1:111122223333:podidentityassociation/Sd/a-"


def thing(kind: str, name: str, *, namespace: str = "", runtime: str = "", **more: Any) -> dict[str, Any]:
    labels = {"app.kubernetes.io/instance": runtime} if runtime else {}
    metadata = {"name": name, "labels": labels} | ({"namespace": namespace} if namespace else {})
    return {"kind": kind, "metadata": metadata, **more}


def pod(runtime: str, *, namespace: str, account: str, claim: str) -> dict[str, Any]:
    volumes = [{"name": "models", "persistentVolumeClaim": {"claimName": claim}}, {"name": "scratch", "emptyDir": {}}]
    spec = {"serviceAccountName": account, "volumes": volumes}
    return thing("Pod", f"{runtime}-0", namespace=namespace, runtime=runtime, spec=spec)


def binding(role: str, *, namespace: str, account: str) -> dict[str, Any]:
    subject = {"kind": "ServiceAccount", "name": account, "namespace": namespace}
    return thing("RoleBinding", role, namespace=namespace, roleRef={"name": role}, subjects=[subject])


WANTED = [
    thing("NetworkPolicy", "runtime-pods", namespace="studio"),
    thing("ServiceAccount", "sd-queue-agent", namespace="studio", runtime="sd"),
    thing("PersistentVolumeClaim", "sd-models-2", namespace="studio", runtime="sd"),
    thing("PersistentVolume", "sd-models-2", runtime="sd", spec={"claimRef": {"namespace": "studio"}}),
]
UNUSED = [
    thing("Namespace", "alone"),
    thing("ServiceAccount", "goes-queue-agent", namespace="alone", runtime="goes"),
    binding("goes-queue-agent", namespace="alone", account="goes-queue-agent"),
    thing("NetworkPolicy", "runtime-pods", namespace="alone"),
    # Of the release before: its last pods have ended, those of the same runtime have other accounts.
    thing("ServiceAccount", "sd", namespace="studio", runtime="sd"),
    thing("Role", "sd-deletion-cost", namespace="studio", runtime="sd"),
    binding("sd-deletion-cost", namespace="studio", account="sd"),
    thing("NetworkPolicy", "sd", namespace="studio", runtime="sd"),
    thing("PersistentVolumeClaim", "sd-models-1", namespace="studio", runtime="sd"),
    thing("PersistentVolume", "sd-models-1", runtime="sd", spec={"claimRef": {"namespace": "studio"}}),
]
PODS = [
    pod("goes", namespace="alone", account="goes-queue-agent", claim="fsx"),
    pod("sd", namespace="studio", account="sd-queue-agent", claim="sd-models-1"),
    pod("sd", namespace="studio", account="sd-queue-agent", claim="sd-models-2"),
]
EXPECTED = [
    ("Namespace", "alone", 1, "kubectl delete namespace alone"),
    ("ServiceAccount", "alone/goes-queue-agent", 1, "kubectl delete serviceaccount goes-queue-agent --namespace alone"),
    ("RoleBinding", "alone/goes-queue-agent", 1, "kubectl delete rolebinding goes-queue-agent --namespace alone"),
    ("NetworkPolicy", "alone/runtime-pods", 1, "kubectl delete networkpolicy runtime-pods --namespace alone"),
    ("ServiceAccount", "studio/sd", 0, "kubectl delete serviceaccount sd --namespace studio"),
    ("Role", "studio/sd-deletion-cost", 0, "kubectl delete role sd-deletion-cost --namespace studio"),
    ("RoleBinding", "studio/sd-deletion-cost", 0, "kubectl delete rolebinding sd-deletion-cost --namespace studio"),
    ("NetworkPolicy", "studio/sd", 0, "kubectl delete networkpolicy sd --namespace studio"),
    (
        "PersistentVolumeClaim",
        "studio/sd-models-1",
        1,
        "kubectl delete persistentvolumeclaim sd-models-1 --namespace studio",
    ),
    ("PersistentVolume", "sd-models-1", 1, "kubectl delete persistentvolume sd-models-1"),
]
MANIFEST = json.dumps(WANTED).split('"runtime-pods"')
TEMPLATE = {
    "Resources": {
        "AgentAccess": {
            "Type": "Custom::AWSCDK-EKS-KubernetesResource",
            "Properties": {"Manifest": {"Fn::Join": ["", [MANIFEST[0] + '"runtime-pods"', MANIFEST[1]]]}},
        },
        "Queue": {"Type": "AWS::SQS::Queue"},
    }
}


class Cloud:
    """AWS with one stack that exists, and a kubectl that answers what a cluster would."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        settings: dict[str, Any] = {
            "region_name": "us-east-1",
            "aws_access_key_id": "x",
            "aws_secret_access_key": "x",
        }
        services = ("cloudformation", "ec2", "logs", "s3", "dynamodb", "eks")
        self.clients = {one: boto3.client(one, **settings) for one in services}  # type: ignore[call-overload]  # dynamic
        self.stubs = {one: Stubber(self.clients[one]) for one in ("cloudformation", "eks")}
        for stub in self.stubs.values():
            stub.activate()

    def client(self, service: str, **_settings: object) -> Any:
        return self.clients[service]

    def exists(self, status: str) -> None:
        stack = {"StackName": STACK, "StackStatus": status, "CreationTime": datetime(2027, 1, 1, tzinfo=UTC)}
        self.stubs["cloudformation"].add_response("list_stacks", {"StackSummaries": [stack]}, {})

    def has(self, associations: dict[str, str]) -> None:
        """Associations by the ends of their ids, and their accounts; `own` is the stack's."""
        own = {
            "LogicalResourceId": "Association",
            "PhysicalResourceId": f"{ARN}own",
            "ResourceType": "AWS::EKS::PodIdentityAssociation",
            "ResourceStatus": "CREATE_COMPLETE",
            "LastUpdatedTimestamp": datetime(2027, 1, 1, tzinfo=UTC),
        }
        listed = [
            {
                "associationId": f"a-{end}",
                "associationArn": f"{ARN}{end}",
                "namespace": account.partition("/")[0],
                "serviceAccount": account.partition("/")[2],
            }
            for end, account in associations.items()
        ]
        name = {"StackName": STACK}
        cloudformation, eks = self.stubs["cloudformation"], self.stubs["eks"]
        cloudformation.add_response("get_template", {"TemplateBody": json.dumps(TEMPLATE)}, name)
        eks.add_response("describe_cluster", {"cluster": {"endpoint": ENDPOINT}}, {"name": STACK})
        eks.add_response("list_pod_identity_associations", {"associations": listed}, {"clusterName": STACK})
        cloudformation.add_response("list_stack_resources", {"StackResourceSummaries": [own]}, name)

    def kubectl(self, *, server: str = ENDPOINT, failure: str = "") -> None:
        """A program that knows the commands that are to be sent."""
        for name, items in (("objects", [*WANTED, *UNUSED]), ("pods", PODS)):
            (self.folder / name).write_text(json.dumps({"items": items}))
        kinds = ",".join(KINDS).lower()
        of_all = "--all-namespaces --selector app.kubernetes.io"
        lines = [
            "#!/bin/sh",
            'case "$*" in',
            f'  "config view --minify --output jsonpath={{.clusters[0].cluster.server}}") printf %s {server} ;;',
            f'  "get {kinds} {of_all}/managed-by=sd-on-eks --output json") /bin/cat {self.folder}/objects ;;',
            f'  "get pod {of_all}/part-of=sd-on-eks --output json") /bin/cat {self.folder}/pods ;;',
            '  *) echo "not expected: $*" >&2; exit 9 ;;',
            "esac",
        ]
        if failure:
            lines = ["#!/bin/sh", f"echo '{failure}' >&2", "exit 1"]
        program = self.folder / "kubectl"
        program.write_text("\n".join(lines))
        program.chmod(program.stat().st_mode | stat.S_IXUSR)


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cloud:
    cloud = Cloud(tmp_path)
    monkeypatch.setattr(boto3, "client", cloud.client)
    monkeypatch.setenv("PATH", str(tmp_path))
    return cloud


def run(capsys: pytest.CaptureFixture[str]) -> tuple[int, list[dict[str, Any]], str]:
    status = leftovers.main([STACK, "--json"])
    out, err = capsys.readouterr()
    return status, json.loads(out) if out else [], err


def test_what_the_template_has_no_longer_is_listed_with_its_pods_and_its_deletion(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud.exists("UPDATE_COMPLETE")
    cloud.has(
        {
            "own": "studio/sd-queue-agent",
            "kept": "studio/sd",
            "users": "team/batch",
            "used": "alone/goes-queue-agent",
            "deleted": "gone/x-queue-agent",
        }
    )
    cloud.kubectl()
    status, found, said = run(capsys)
    assert status == 3
    *objects, kept, used, deleted = [(one["kind"], one["id"], one["detail"]) for one in found]
    others = "; everything else that is in it goes as well"
    assert objects[0][2] == f"used by 1 pod(s), which must end first{others}: kubectl delete namespace alone"
    assert [(kind, path, detail.replace(others, "")) for kind, path, detail in objects] == [
        (kind, path, f"used by {pods} pod(s), which must end first: {command}" if pods else f"unused: {command}")
        for kind, path, pods, command in EXPECTED
    ]
    command = "aws eks delete-pod-identity-association --cluster-name Sd --association-id"
    assert kept == ("association", "a-kept", f"of studio/sd, unused: {command} a-kept")
    ends_first = "used by 1 pod(s), which must end first"
    assert used == ("association", "a-used", f"of alone/goes-queue-agent, {ends_first}: {command} a-used")
    # Its account is in the cluster no more.
    assert deleted == ("association", "a-deleted", f"of gone/x-queue-agent, unused: {command} a-deleted")
    assert f"{len(found)} left of {STACK}" in said


@pytest.mark.parametrize("status", ["UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"])
def test_fails_while_the_stack_is_changing(cloud: Cloud, capsys: pytest.CaptureFixture[str], status: str) -> None:
    cloud.exists(status)
    message = f"leftovers: the stack {STACK} must not be changing, got {status}: wait until it is done\n"
    assert run(capsys) == (1, [], message)


@pytest.mark.parametrize(
    ("kubectl", "message"),
    [
        (None, "kubectl must be on the PATH: it reads the objects of the cluster"),
        (
            {"server": "https://x.invalid"},
            (
                f"kubectl must speak to the stack's cluster, {ENDPOINT}, got https://x.invalid: "
                f"run aws eks update-kubeconfig --name {STACK}"
            ),
        ),
        ({"failure": "error: no configuration"}, "kubectl config failed: error: no configuration"),
    ],
)
def test_fails_when_the_cluster_cannot_be_read(
    cloud: Cloud, capsys: pytest.CaptureFixture[str], kubectl: dict[str, str] | None, message: str
) -> None:
    cloud.exists("CREATE_COMPLETE")
    cloud.has({})
    if kubectl is not None:
        cloud.kubectl(**kubectl)
    assert run(capsys) == (1, [], f"leftovers: {message}\n")
