"""The architecture page against the template of config.yaml and the code: every box, arrow, write and figure."""

import inspect
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
from task_record import transitions
from task_record.protocol_times import DAY_S, HOUR_S
from task_record.submission import Submission
from task_record.transition import Transition

pytestmark = pytest.mark.xdist_group("documentation")

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
PROSE = re.sub(r"```mermaid\n.*?```", "", PAGE, flags=re.DOTALL)
SERVERLESS, LIFE_OF_A_TASK, PLATFORM = re.findall(r"```mermaid\n(.*?)```", PAGE, flags=re.DOTALL)
DIAGRAMS = {"serverless half": SERVERLESS, "EKS platform": PLATFORM}

Resources = Mapping[str, dict[str, Any]]

TYPES_LEFT_OUT = {
    "AWS::ApiGateway::Account": "lets API Gateway write logs, once an account",
    "AWS::ApiGateway::Deployment": "part of the API",
    "AWS::ApiGateway::Resource": "part of a route",
    "AWS::ApiGateway::Stage": "part of the API",
    "AWS::ApiGateway::UsagePlanKey": "joins a key and its plan",
    "AWS::EC2::EIP": "the NAT gateway's address",
    "AWS::EC2::InternetGateway": "what the NAT gateway speaks through",
    "AWS::EC2::Route": "part of a subnet",
    "AWS::EC2::RouteTable": "part of a subnet",
    "AWS::EC2::SecurityGroup": "the library's, of the control plane; nodes have the cluster's own, which EKS makes",
    "AWS::EC2::SubnetRouteTableAssociation": "part of a subnet",
    "AWS::EC2::VPCGatewayAttachment": "what the NAT gateway speaks through",
    "AWS::IAM::Policy": "part of a role",
    "AWS::Lambda::Permission": "part of a route or of a schedule",
    "AWS::Lambda::LayerVersion": "kubectl, Helm and the AWS CLI of the function that runs them",
    "AWS::S3::BucketPolicy": "part of a bucket",
    "AWS::SNS::TopicPolicy": "part of a topic",
    "AWS::SQS::QueuePolicy": "part of a queue",
    "AWS::SSM::Parameter": "the library's own, to wait for the right to run kubectl",
    "Custom::AWSCDK-EKS-KubernetesResource": "its objects are in the diagram",
    "Custom::VpcRestrictDefaultSG": "empties the VPC's default security group, which nothing uses",
}
TYPES_DRAWN_ONE_BY_ONE = {
    "AWS::DynamoDB::Table",
    "AWS::Events::Rule",
    "AWS::Lambda::EventSourceMapping",
    "AWS::Lambda::Function",
    "AWS::S3::Bucket",
    "AWS::SNS::Topic",
    "AWS::SQS::Queue",
}
"""What carries tasks: each such resource of the serverless half is in a box."""

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


def boxes_of(diagram: str) -> dict[str, Box]:
    """The boxes of a diagram by their ids, of which what follows an underscore only distinguishes two boxes."""
    return {
        found["id"]: Box(found["id"].partition("_")[0], found["text"].rpartition("<br/>")[2])
        for found in re.finditer(r'^ *(?P<id>\w+)\["(?P<text>[^"]+)"\]$', diagram, re.MULTILINE)
    }


def arrows_of(diagram: str) -> list[Arrow]:
    """The arrows of a diagram."""
    return [Arrow(*found.groups()) for found in re.finditer(r"^ *(\w+) (==>|-->|-\.->) (\w+)$", diagram, re.MULTILINE)]


BOXES = boxes_of(SERVERLESS) | boxes_of(PLATFORM)
ARROWS = [*arrows_of(SERVERLESS), *arrows_of(PLATFORM)]
ORDERS = [arrow for arrow in ARROWS if arrow.line == "==>"]
REFERENCES = [arrow for arrow in ARROWS if arrow.line == "-->"]

# The page in one line, without what its links point to, the files that it names, and the numbers of its list.
TEXT = " ".join(re.sub(r"\]\([^)]*\)|`[\w./-]+/[\w.-]+`|^\d\. ", "", PROSE, flags=re.MULTILINE).split())
(IDLE_COST,) = re.findall(r"About [\d,]+ US dollars a month", TEXT)

OFFLOADED = {
    "payloads/": "request bodies too large for a message",
    "uploads/": "what callers uploaded",
    "parked/": "quarantined messages: no agent can decode them",
}
"""What the output bucket holds besides results."""

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
    """What the serverless half leaves out."""
    serverless = synthesize(default_config, serverless_only=True)["Resources"]
    return {logical_id: one for logical_id, one in resources.items() if logical_id not in serverless}


@pytest.mark.parametrize("diagram", DIAGRAMS.values(), ids=DIAGRAMS.keys())
def test_every_line_of_a_diagram_is_understood(diagram: str) -> None:
    boxes, arrows = boxes_of(diagram), arrows_of(diagram)
    lines = [line.strip() for line in diagram.splitlines() if line.strip()]
    structure = [line for line in lines if re.fullmatch(r'flowchart TB|subgraph \w+\["[^"]+"\]|end', line)]
    assert len(lines) == len(structure) + len(boxes) + len(arrows)
    assert {*(arrow.tail for arrow in arrows), *(arrow.head for arrow in arrows)} <= boxes.keys()
    assert len(arrows) == len(set(arrows))


def test_a_box_in_both_diagrams_is_the_same() -> None:
    serverless, platform = boxes_of(SERVERLESS), boxes_of(PLATFORM)
    both = serverless.keys() & platform.keys()
    assert both == {"Runtimes_queue", "StorageModelBucket"}
    assert [serverless[name] for name in both] == [platform[name] for name in both]


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


def test_diagrams_have_every_type_that_matters(resources: Resources) -> None:
    drawn = {box.kind for box in BOXES.values() if not box.is_kubernetes}
    assert {one["Type"] for one in resources.values()} - drawn == TYPES_LEFT_OUT.keys()


def test_serverless_diagram_has_every_resource_that_carries_tasks(
    resources: Resources, eks_platform: Resources, ids_of: Callable[[str], set[str]]
) -> None:
    carrying = {
        logical_id
        for logical_id, one in resources.items()
        if one["Type"] in TYPES_DRAWN_ONE_BY_ONE and logical_id not in eks_platform
    }
    assert carrying
    assert carrying - {logical_id for name in boxes_of(SERVERLESS) for logical_id in ids_of(name)} == set()


def test_life_of_a_task_has_every_write_of_the_protocol() -> None:
    writes = {
        "submit": Submission.transact_write_items,
        **{
            name: one
            for name, one in inspect.getmembers(transitions, inspect.isfunction)
            if not name.startswith("_") and one.__annotations__.get("return") is Transition
        },
    }
    drawn = re.findall(r"^ *\w+->>Table: ([a-z ]+):", LIFE_OF_A_TASK, re.MULTILINE)
    assert LIFE_OF_A_TASK.count(">>Table:") == len(drawn)
    assert {name.replace(" ", "_") for name in drawn} == writes.keys()


def test_life_of_a_task_names_its_participants_once() -> None:
    declared = re.findall(r"^ *(?:participant|actor) (\w+)", LIFE_OF_A_TASK, re.MULTILINE)
    used = {name for ends in re.findall(r"^ *(\w+)-?-[>)]+(\w+):", LIFE_OF_A_TASK, re.MULTILINE) for name in ends}
    assert sorted(declared) == sorted(used)


def test_diagram_has_every_kind_that_matters(objects: list[dict[str, Any]]) -> None:
    drawn = {box.kind for box in BOXES.values() if box.is_kubernetes}
    assert {one["kind"] for one in objects} - drawn == KINDS_LEFT_OUT.keys()


@pytest.mark.parametrize("addons", ["NodeAddons", "ClusterAddons"])
def test_add_ons_are_named_in_the_diagram(resources: Resources, ids_of: Callable[[str], set[str]], addons: str) -> None:
    (text,) = re.findall(rf'{addons}\["([^"]+)<br/>', PLATFORM)
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


@pytest.fixture(scope="module")
def serverless_facts(resources: Resources, default_config: Config) -> list[str]:
    """The figures of the serverless half."""

    def of(kind: str, beginning: str = "") -> list[dict[str, Any]]:
        return [
            one["Properties"]
            for logical_id, one in resources.items()
            if one["Type"] == kind and logical_id.startswith(beginning)
        ]

    def expiry_days(beginning: str) -> dict[str, int]:
        (bucket,) = of("AWS::S3::Bucket", beginning)
        rules = bucket["LifecycleConfiguration"]["Rules"]
        return {rule.get("Prefix", ""): rule["ExpirationInDays"] for rule in rules if "ExpirationInDays" in rule}

    throttle = default_config.apigw.throttle
    times = default_config.task_protocol.times
    (max_age_s,) = {one["MaximumRecordAgeInSeconds"] for one in of("AWS::Lambda::EventSourceMapping", "TaskBus")}
    (rate,) = re.findall(r"rate\((.+)\)", of("AWS::Events::Rule", "TaskRecovery")[0]["ScheduleExpression"])
    (longest_wait_s,) = {one["Threshold"] for one in of("AWS::CloudWatch::Alarm", "AlarmsTasksWait")}
    assert longest_wait_s == HOUR_S
    return [
        f"{throttle.rate_limit:g} requests per second and bursts of {throttle.burst_limit} by default",
        f"keeps a message for {times.queue_retention_s / DAY_S:g} days",
        f"after {times.max_receive_count} receives",
        f"keeps it for {times.dead_letter_retention_s / DAY_S:g} days from the first send",
        f"tried again for {max_age_s // HOUR_S} hours",
        f"runs every {rate}:",
        *(f"| {what} | {expiry_days('StorageOutputBucket')[prefix]} days |" for prefix, what in OFFLOADED.items()),
        f"could not be published | {expiry_days('StorageFailureBucket')['']} days |",
        f"accessed the others | {expiry_days('StorageAccessLogBucket')['']} days |",
        f"{len(of('AWS::CloudWatch::Alarm'))} alarms",
    ]


@pytest.fixture(scope="module")
def facts(
    eks_platform: Resources,
    objects: list[dict[str, Any]],
    default_config: Config,
    serverless_facts: list[str],
) -> list[str]:
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
        *serverless_facts,
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
        f"are removed {provisioner.consolidate_after.removesuffix('s')} s after their last pod",
        f"replaced after {provisioner.expire_after}, {'one' if outdated == '1' else outdated} at a time",
        f"end {pools[0]['template']['spec']['terminationGracePeriod'].removesuffix('s')} s after",
        f"`{BOTTLEROCKET_ALIAS}`",
        f"{len(of('AWS::Events::Rule'))} rules",
        f"every {scaling.polling_interval} s while no replica runs",
        f"{scaling.cooldown_period} s after the last task",
        f"within {LONGEST_DRAIN_S} s",
        f"has {delivery_s} s to deliver",
        f"ends within {stop_s} s",
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
