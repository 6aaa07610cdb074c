"""The architecture page against the template of config.yaml: every box, every arrow, every figure."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from sd_on_eks.autoscaling.karpenter import construct as karpenter
from sd_on_eks.autoscaling.keda import VERSION as KEDA_VERSION
from sd_on_eks.cdk_app.idle_cost import idle_cost, total_usd_per_month
from sd_on_eks.config.cluster import DEFAULT_KUBERNETES_VERSION
from sd_on_eks.config.config import Config
from sd_on_eks.config.runtime import LONGEST_DRAIN_S
from sd_on_eks.manifests.ec2_node_class import BOTTLEROCKET_ALIAS

pytestmark = pytest.mark.xdist_group("documentation")

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
PROSE, DIAGRAM = re.sub(r"```mermaid\n.*?```", "", PAGE, flags=re.DOTALL), PAGE.split("```mermaid\n")[1].split("```")[0]

Resources = Mapping[str, dict[str, Any]]

TYPES_LEFT_OUT = {
    "AWS::CloudWatch::Alarm": "of tasks that wait, which only a cluster works off; docs/adr/0012-alarms.md",
    "AWS::EC2::EIP": "the NAT gateway's address",
    "AWS::EC2::InternetGateway": "what the NAT gateway speaks through",
    "AWS::EC2::Route": "part of a subnet",
    "AWS::EC2::RouteTable": "part of a subnet",
    "AWS::EC2::SecurityGroup": "the library's, of the control plane; nodes have the cluster's own, which EKS makes",
    "AWS::EC2::SubnetRouteTableAssociation": "part of a subnet",
    "AWS::EC2::VPCGatewayAttachment": "what the NAT gateway speaks through",
    "AWS::IAM::Policy": "part of a role",
    "AWS::Lambda::LayerVersion": "kubectl, Helm and the AWS CLI of the function that runs them",
    "AWS::SQS::QueuePolicy": "part of a queue",
    "AWS::SSM::Parameter": "the library's own, to wait for the right to run kubectl",
    "Custom::AWSCDK-EKS-KubernetesResource": "its objects are in the picture",
    "Custom::VpcRestrictDefaultSG": "empties the VPC's default security group, which nothing uses",
}
KINDS_LEFT_OUT = {
    "Role": "the right that the admission policy narrows",
    "RoleBinding": "as above",
    "ValidatingAdmissionPolicyBinding": "puts the policy into force",
}


IDENTITIES = {
    "queue agent": "Runtimes",
    "`aws-mountpoint-s3-csi-driver`": "ClusterAddonsModelReader",
    "`vpc-cni`": "NodeAddonsVpcCniRole",
    "Karpenter": "KarpenterControllerRole",
    "KEDA": "KedaOperatorRole",
}
"""Who has a role by Pod Identity, and how the role's logical id begins."""


class Box(NamedTuple):
    """A node of the diagram: where logical ids begin, and the type or the kind."""

    prefix: str
    kind: str

    @property
    def is_kubernetes(self) -> bool:
        return "::" not in self.kind


class Arrow(NamedTuple):
    """An edge of the diagram, as it is drawn."""

    tail: str
    line: str
    head: str


BOXES = {
    # What follows an underscore only tells two boxes apart.
    found["id"]: Box(found["id"].partition("_")[0], found["text"].rpartition("<br/>")[2])
    for found in re.finditer(r'^ *(?P<id>\w+)\["(?P<text>[^"]+)"\]$', DIAGRAM, re.MULTILINE)
}
ARROWS = [Arrow(*found.groups()) for found in re.finditer(r"^ *(\w+) (==>|-->|-\.->) (\w+)$", DIAGRAM, re.MULTILINE)]
ORDERS = [arrow for arrow in ARROWS if arrow.line == "==>"]
REFERENCES = [arrow for arrow in ARROWS if arrow.line == "-->"]

# The page in one line, without what its links point to, the files that it names, and the numbers of its list.
TEXT = " ".join(re.sub(r"\]\([^)]*\)|`[\w./-]+/[\w.-]+`|^\d\. ", "", PROSE, flags=re.MULTILINE).split())
(IDLE_COST,) = re.findall(r"About [\d,]+ US dollars a month", TEXT)

# Where an object of one kind names an object of another.
NAMES: dict[tuple[str, str], Callable[[dict[str, Any]], object]] = {
    ("Deployment", "ServiceAccount"): lambda one: one["spec"]["template"]["spec"]["serviceAccountName"],
    ("Deployment", "PersistentVolumeClaim"): lambda one: next(
        volume["persistentVolumeClaim"]["claimName"]
        for volume in one["spec"]["template"]["spec"]["volumes"]
        if "persistentVolumeClaim" in volume
    ),
    ("PersistentVolumeClaim", "PersistentVolume"): lambda one: one["spec"]["volumeName"],
    ("ScaledObject", "Deployment"): lambda one: one["spec"]["scaleTargetRef"]["name"],
    ("ScaledObject", "TriggerAuthentication"): lambda one: one["spec"]["triggers"][0]["authenticationRef"]["name"],
    ("NodePool", "EC2NodeClass"): lambda one: one["spec"]["template"]["spec"]["nodeClassRef"]["name"],
}


@pytest.fixture(scope="module")
def manifests(resources: Resources, fill: Callable[[object], str]) -> dict[str, list[dict[str, Any]]]:
    """The Kubernetes objects of each manifest resource, in the order in which they are applied."""
    return {
        logical_id: json.loads(fill(resource["Properties"]["Manifest"]))
        for logical_id, resource in resources.items()
        if resource["Type"] == "Custom::AWSCDK-EKS-KubernetesResource"
    }


@pytest.fixture(scope="module")
def objects(manifests: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    return [one for manifest in manifests.values() for one in manifest]


@pytest.fixture(scope="module")
def ids_of(resources: Resources, manifests: dict[str, list[dict[str, Any]]]) -> Callable[[str], set[str]]:
    """Find the logical ids of a box: of a Kubernetes kind those of the manifests that have it."""

    def find(name: str) -> set[str]:
        box = BOXES[name]
        if box.is_kubernetes:
            return {
                logical_id
                for logical_id, manifest in manifests.items()
                if any(one["kind"] == box.kind for one in manifest)
            }
        return {
            logical_id
            for logical_id, resource in resources.items()
            if resource["Type"] == box.kind and logical_id.startswith(box.prefix)
        }

    return find


@pytest.fixture(scope="module")
def eks_platform(
    resources: Resources, synthesize: Callable[..., dict[str, Any]], default_config: Config
) -> dict[str, dict[str, Any]]:
    """What the serverless slice leaves out."""
    serverless = synthesize(default_config, serverless_only=True)["Resources"]
    return {logical_id: one for logical_id, one in resources.items() if logical_id not in serverless}


def test_every_line_of_the_diagram_is_understood() -> None:
    lines = [line.strip() for line in DIAGRAM.splitlines() if line.strip()]
    structure = [line for line in lines if re.fullmatch(r'flowchart TB|subgraph \w+\["[^"]+"\]|end', line)]
    assert len(lines) == len(structure) + len(BOXES) + len(ARROWS)
    assert {*(arrow.tail for arrow in ARROWS), *(arrow.head for arrow in ARROWS)} <= BOXES.keys()
    assert len(ARROWS) == len(set(ARROWS))


@pytest.mark.parametrize("name", BOXES)
def test_box_stands_for_something_of_the_template(ids_of: Callable[[str], set[str]], name: str) -> None:
    assert ids_of(name)


@pytest.mark.parametrize("arrow", ORDERS, ids=lambda arrow: f"{arrow.tail}-{arrow.head}")
def test_thick_arrow_is_the_order_of_the_template(
    ids_of: Callable[[str], set[str]],
    made_before: Callable[[str], set[str]],
    manifests: dict[str, list[dict[str, Any]]],
    arrow: Arrow,
) -> None:
    tail, head = BOXES[arrow.tail], BOXES[arrow.head]
    for later in ids_of(arrow.head):
        if tail.is_kubernetes and later in ids_of(arrow.tail):
            kinds = [one["kind"] for one in manifests[later]]
            assert kinds.index(head.kind) > kinds.index(tail.kind)
        elif head.is_kubernetes and later.startswith("Runtimes") and tail.prefix == "Runtimes":
            assert made_before(later) & ids_of(arrow.tail)  # each runtime its own
        else:
            assert ids_of(arrow.tail) <= made_before(later)


@pytest.mark.parametrize("arrow", REFERENCES, ids=lambda arrow: f"{arrow.tail}-{arrow.head}")
def test_thin_arrow_is_a_reference_of_the_template(
    resources: Resources,
    objects: list[dict[str, Any]],
    ids_of: Callable[[str], set[str]],
    referenced: Callable[[object], set[str]],
    arrow: Arrow,
) -> None:
    tail, head = BOXES[arrow.tail], BOXES[arrow.head]
    tails = [one for one in objects if one["kind"] == tail.kind]
    if tail.is_kubernetes and head.is_kubernetes:
        heads = {one["metadata"]["name"] for one in objects if one["kind"] == head.kind}
        assert tails
        assert {NAMES[tail.kind, head.kind](one) for one in tails} <= heads
    elif tail.is_kubernetes:
        for one in tails:
            assert set(re.findall(r"\$\{(\w+)\}", json.dumps(one))) & ids_of(arrow.head)
    else:
        for logical_id in ids_of(arrow.tail):
            assert referenced(resources[logical_id]["Properties"]) & ids_of(arrow.head)


def test_diagram_has_every_type_that_matters(eks_platform: Resources) -> None:
    drawn = {box.kind for box in BOXES.values() if not box.is_kubernetes}
    assert {one["Type"] for one in eks_platform.values()} - drawn == TYPES_LEFT_OUT.keys()


def test_diagram_has_every_kind_that_matters(objects: list[dict[str, Any]]) -> None:
    drawn = {box.kind for box in BOXES.values() if box.is_kubernetes}
    assert {one["kind"] for one in objects} - drawn == KINDS_LEFT_OUT.keys()


@pytest.mark.parametrize("addons", ["NodeAddons", "ClusterAddons"])
def test_add_ons_are_named_in_the_diagram(resources: Resources, ids_of: Callable[[str], set[str]], addons: str) -> None:
    (text,) = re.findall(rf'{addons}\["([^"]+)<br/>', DIAGRAM)
    names = {resources[logical_id]["Properties"]["AddonName"] for logical_id in ids_of(addons)}
    assert set(text.split(", ")) == names


def test_page_lists_every_identity_of_pods(resources: Resources) -> None:
    roles = {
        logical_id
        for logical_id, one in resources.items()
        if one["Type"] == "AWS::IAM::Role" and "pods.eks.amazonaws.com" in json.dumps(one["Properties"])
    }
    listed = re.findall(r"^\| ([^|]+) \| Pod Identity \|", PAGE, re.MULTILINE)
    assert listed == [*IDENTITIES]
    assert roles
    for beginning in IDENTITIES.values():
        found = {role for role in roles if role.startswith(beginning)}
        assert found
        roles -= found
    assert roles == set()


def test_files_that_the_page_names_exist() -> None:
    files = {*re.findall(r"`([\w./-]+/[\w-]+\.\w+)`", PROSE), *linked(PROSE)}
    assert len(files) > 10
    assert [file for file in files if not ((ROOT / file).exists() or (ROOT / "docs" / file).exists())] == []


def linked(text: str) -> list[str]:
    return [target for target in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in target]


@pytest.fixture(scope="module")
def facts(eks_platform: Resources, objects: list[dict[str, Any]], default_config: Config) -> list[str]:
    """Every figure of the page in its words, from the code."""

    def of(kind: str) -> list[dict[str, Any]]:
        return [one["Properties"] for one in eks_platform.values() if one["Type"] == kind]

    def usd(beginning: str) -> str:
        return f"{total_usd_per_month(line for line in lines if line.what.startswith(beginning)):,.0f}"

    lines = idle_cost(default_config)
    components = default_config.cluster_components
    runtime = default_config.models_runtime[0]
    provisioner, scaling = runtime.extra_values.karpenter.provisioner, runtime.extra_values.runtime.scaling
    pools = [one["spec"] for one in objects if one["kind"] == "NodePool"]
    delivery_s = runtime.grace_period_s - runtime.drain_s
    pods = [one["spec"]["template"]["spec"] for one in objects if one["kind"] == "Deployment"]
    (stop_s,) = {pod["initContainers"][0]["livenessProbe"]["terminationGracePeriodSeconds"] for pod in pods}
    (retention,) = {group["RetentionInDays"] for group in of("AWS::Logs::LogGroup")}
    (outdated,) = [budget.nodes for budget in provisioner.budgets if budget.reasons == ("Drifted",)]
    (limits,) = {
        template["LaunchTemplateData"]["MetadataOptions"]["HttpPutResponseHopLimit"]
        for template in of("AWS::EC2::LaunchTemplate")
    }
    (timeout_s,) = {
        one["Properties"]["Timeout"]
        for logical_id, one in eks_platform.items()
        if logical_id.startswith("ClusterEksKubectlProvider") and one["Type"] == "AWS::Lambda::Function"
    }
    return [
        f"in {len(of('AWS::EC2::Subnet')) // 2} zones",
        f"Flow logs are kept for {retention} days",
        f"Kubernetes {DEFAULT_KUBERNETES_VERSION}, with the API and audit logs kept for {retention} days",
        f"{components.desired_count} of {components.instance_type}",
        f"{sum(group.size for group in default_config.gpu_node_groups)} nodes by default",
        f"(hop limit {limits})",
        f"Karpenter {karpenter.VERSION}",
        f"KEDA {KEDA_VERSION}",
        f"{len(pools) // len(default_config.models_runtime)} NodePools for each runtime",
        f"first, of weight {pools[0]['weight']}",
        f"other, of weight {pools[1]['weight']}",
        f"go {provisioner.consolidate_after.removesuffix('s')} s after their last pod",
        f"replaced after {provisioner.expire_after}, {'one' if outdated == '1' else outdated} at a time",
        f"gone {pools[0]['template']['spec']['terminationGracePeriod'].removesuffix('s')} s after",
        f"`{BOTTLEROCKET_ALIAS}`",
        f"{len(of('AWS::Events::Rule'))} rules",
        f"every {scaling.polling_interval} s while no replica runs",
        f"{scaling.cooldown_period} s after the last task",
        f"within {LONGEST_DRAIN_S} s",
        f"has {delivery_s} s to deliver",
        f"is gone within {stop_s} s",
        f"{timeout_s // 60} minutes",
        IDLE_COST,
        f"control plane {usd('EKS control plane')},",
        f"system nodes with their disks {usd('System nodes')},",
        f"NAT gateway {usd('NAT gateways')};",
    ]


def test_idle_cost_is_what_is_computed(default_config: Config) -> None:
    (stated,) = re.findall(r"[\d,]+", IDLE_COST)
    assert float(stated) == pytest.approx(total_usd_per_month(idle_cost(default_config)), abs=5)


def test_every_figure_is_the_code_s(facts: list[str]) -> None:
    assert [fact for fact in facts if fact not in TEXT] == []


def test_the_page_has_no_figure_that_is_not_checked(facts: list[str]) -> None:
    text = TEXT
    for fact in sorted(facts, key=len, reverse=True):
        text = text.replace(fact, "")
    numbers = r"(?<![\w.-])\d[\w.]*|\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)\b"
    assert [*_around(text, numbers)] == []


def _around(text: str, pattern: str) -> Iterator[str]:
    for found in re.finditer(pattern, text):
        yield text[max(0, found.start() - 30) : found.end() + 30]
