"""The sample for China, evaluated like in CloudFormation: nothing belongs to another partition."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from sd_on_eks.config.loader import load_config

pytestmark = pytest.mark.xdist_group("examples")

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "china.yaml"
SHARED = Path(__file__).parents[3] / "shared"

CHINA = {
    "AWS::Partition": "aws-cn",
    "AWS::Region": "cn-northwest-1",
    "AWS::URLSuffix": "amazonaws.com.cn",
    "AWS::AccountId": "111122223333",
}
ELSEWHERE = CHINA | {"AWS::Partition": "aws", "AWS::Region": "us-east-1", "AWS::URLSuffix": "amazonaws.com"}

# Names of services that are the same in every partition, each with what it is there for. Principals:
# https://docs.amazonaws.cn/en_us/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-services
# and "Service principals are now globally `<SERVICE>.amazonaws.com`" in aws-cdk-lib/region-info.
SAME_EVERYWHERE = {
    "apigateway.amazonaws.com": "invokes the task API and writes its logs",
    "cloudwatch.amazonaws.com": "publishes to the alarms' topic",
    "eks.amazonaws.com": "acts as the control plane; also the prefix of an annotation of pods",
    "events.amazonaws.com": "sends interruptions to Karpenter's queue",
    "lambda.amazonaws.com": "runs functions",
    "logging.s3.amazonaws.com": "writes the buckets' access logs",
    "pods.eks.amazonaws.com": "gives pods their roles",
    "sns.amazonaws.com": "sends tasks to the queues",
    "vpc-flow-logs.amazonaws.com": "writes the flow logs",
}
BESIDE_CHINA_S = {"ec2.amazonaws.com": "a condition of Karpenter's that names EC2 by its names in both partitions"}
PUBLIC_REGISTRIES = ("public.ecr.aws", "ghcr.io", "kedacore.github.io", "docker.io", "quay.io", "registry.k8s.io")


_NO_VALUE = "<AWS::NoValue>"


class Evaluated:
    """A template as CloudFormation would see it in one region, with `<LogicalId>` for what only it knows.

    Attributes:
        resources: those whose condition holds, by logical id.
        outputs: by name.
    """

    def __init__(self, template: dict[str, Any], parameters: dict[str, str]) -> None:
        self._parameters = parameters
        self._conditions: dict[str, Any] = template.get("Conditions", {})
        self.resources: dict[str, dict[str, Any]] = {
            logical_id: self._value(resource)
            for logical_id, resource in template["Resources"].items()
            if self._holds(resource.get("Condition"))
        }
        self.outputs: dict[str, str] = {name: self._value(one["Value"]) for name, one in template["Outputs"].items()}

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        return {name: one["Properties"] for name, one in self.resources.items() if one["Type"] == kind}

    def texts(self) -> Iterator[str]:
        for value in (self.resources, self.outputs):
            yield from _texts(value)

    def _holds(self, condition: str | None) -> bool:
        if condition is None:
            return True
        left, right = (self._value(one) for one in self._conditions[condition]["Fn::Equals"])
        return bool(left == right)

    def _value(self, value: Any) -> Any:
        match value:
            case dict() if len(value) == 1 and next(iter(value)).startswith(("Ref", "Fn::")):
                return self._intrinsic(value)
            case dict():
                return {key: one for key, part in value.items() if (one := self._value(part)) != _NO_VALUE}
            case list():
                return [one for one in map(self._value, value) if one != _NO_VALUE]
        return value

    def _intrinsic(self, value: dict[str, Any]) -> Any:
        match value:
            case {"Ref": name}:
                return self._parameters.get(name, f"<{name}>")
            case {"Fn::GetAtt": [name, attribute]}:
                return f"<{name}.{attribute}>"
            case {"Fn::Join": [separator, [*parts]]}:
                return separator.join(str(self._value(part)) for part in parts)
            case {"Fn::Sub": str(text)}:
                return re.sub(r"\$\{([^}]+)\}", lambda found: str(self._value({"Ref": found[1]})), text)
            case {"Fn::If": [condition, yes, no]}:
                return self._value(yes if self._holds(condition) else no)
            case {"Fn::Select": [_, _]} | {"Fn::GetAZs": _} | {"Fn::Split": [_, _]}:
                return f"<{json.dumps(value)}>"
        raise AssertionError(f"no value for {value}")


def _texts(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for key, part in value.items():
                yield from _texts(key)
                yield from _texts(part)
        case list():
            for part in value:
                yield from _texts(part)


@pytest.fixture(scope="module")
def template(synthesize: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    return synthesize(load_config(EXAMPLE))


@pytest.fixture(scope="module")
def china(template: dict[str, Any]) -> Evaluated:
    return Evaluated(template, CHINA)


@pytest.fixture(scope="module")
def objects(china: Evaluated) -> list[dict[str, Any]]:
    manifests = china.of_type("Custom::AWSCDK-EKS-KubernetesResource").values()
    return [one for manifest in manifests for one in json.loads(manifest["Manifest"])]


def test_no_arn_is_of_another_partition(china: Evaluated) -> None:
    texts = list(china.texts())
    assert sum("arn:aws-cn:" in text for text in texts) > 20
    assert [text for text in texts if re.search(r"\barn:aws:", text)] == []


def test_no_host_is_of_another_partition(china: Evaluated) -> None:
    names = {name for text in china.texts() for name in re.findall(r"[\w.*-]*\bamazonaws\.com\b(?!\.cn)", text)}
    assert names == {*SAME_EVERYWHERE, *BESIDE_CHINA_S}


def test_the_permission_to_pass_the_node_role_has_both_service_principals_of_ec2(china: Evaluated) -> None:
    (statement,) = [
        statement
        for policy in china.of_type("AWS::IAM::ManagedPolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Action"] == "iam:PassRole"
    ]
    services = statement["Condition"]["StringEquals"]["iam:PassedToService"]
    assert services == ["ec2.amazonaws.com", "ec2.amazonaws.com.cn"]


def test_both_roles_of_nodes_are_ec2_s_of_the_partition(china: Evaluated) -> None:
    services = [
        role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["Service"]
        for role in china.of_type("AWS::IAM::Role").values()
        if role.get("Description") == "EKS nodes"
    ]
    assert services == ["ec2.amazonaws.com.cn"] * 2


def test_gateway_endpoints_have_the_names_that_china_has_and_there_are_no_others(china: Evaluated) -> None:
    endpoints = china.of_type("AWS::EC2::VPCEndpoint").values()
    assert {one["VpcEndpointType"] for one in endpoints} == {"Gateway"}
    assert sorted(one["ServiceName"] for one in endpoints) == [
        "com.amazonaws.cn-northwest-1.dynamodb",
        "com.amazonaws.cn-northwest-1.s3",
    ]


def test_nothing_comes_from_a_public_registry(china: Evaluated) -> None:
    assert [text for text in china.texts() if any(host in text for host in PUBLIC_REGISTRIES)] == []


def test_charts_come_from_the_registry_in_the_region(china: Evaluated) -> None:
    repositories = [chart["Repository"] for chart in china.of_type("Custom::AWSCDK-EKS-HelmChart").values()]
    host = "oci://111122223333.dkr.ecr.cn-northwest-1.amazonaws.com.cn/charts"
    assert sorted(repositories) == [f"{host}/{name}" for name in ("karpenter", "karpenter-crd", "keda")]


def test_every_container_runs_an_image_of_the_registry_in_the_region(objects: list[dict[str, Any]]) -> None:
    specs = [one["spec"]["template"]["spec"] for one in objects if one["kind"] == "Deployment"]
    images = [container["image"] for spec in specs for container in (*spec["initContainers"], *spec["containers"])]
    assert len(images) == 4
    for image in images:
        assert re.fullmatch(r"\d+\.dkr\.ecr\.cn-northwest-1\.amazonaws\.com\.cn/sd/[\w-]+@sha256:[0-9a-f]{64}", image)


@pytest.mark.parametrize(
    ("chart", "setting"),
    [("karpenter-1.14.1", "controller.image.repository"), ("keda-2.20.2", "global.image.registry")],
)
def test_every_public_image_of_a_chart_is_replaced_by_its_setting(chart: str, setting: str, china: Evaluated) -> None:
    values_file = SHARED / "charts" / f"{chart}-values.yaml"
    if not values_file.is_file():
        pytest.skip(f"{values_file} is absent: nothing to compare with")
    defaults = yaml.safe_load(values_file.read_text(encoding="utf-8"))
    public = {path for path, text in _paths(defaults) if any(host in text for host in PUBLIC_REGISTRIES)}
    own = {f"image.{part}.registry" for part in ("keda", "metricsApiServer", "webhooks")}
    # KEDA's global setting goes before those of its parts.
    assert public == (own if setting.startswith("global.") else {setting})
    (properties,) = [
        one
        for one in china.of_type("Custom::AWSCDK-EKS-HelmChart").values()
        if chart == f"{one['Release']}-{one['Version']}"
    ]
    replaced = dict(_paths(json.loads(properties["Values"])))
    assert replaced[setting].startswith("111122223333.dkr.ecr.cn-northwest-1.amazonaws.com.cn/mirror")


def _paths(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _paths(part, f"{path}.{key}" if path else key)
    elif isinstance(value, str):
        yield path, value


def test_the_function_that_runs_helm_has_the_public_registry_s_policy_where_there_is_one(
    template: dict[str, Any],
) -> None:
    def has_policy(evaluated: Evaluated) -> bool:
        roles = evaluated.of_type("AWS::IAM::Role")
        (role,) = [one for name, one in roles.items() if name.startswith("ClusterEksKubectlProviderHandler")]
        return any("AmazonElasticContainerRegistryPublicReadOnly" in arn for arn in role["ManagedPolicyArns"])

    assert has_policy(Evaluated(template, ELSEWHERE))
    assert not has_policy(Evaluated(template, CHINA))


def test_the_api_s_address_is_china_s(china: Evaluated) -> None:
    address = china.outputs["FrontApiEndpoint"]
    assert re.fullmatch(r"https://<\w+>\.execute-api\.cn-northwest-1\.amazonaws\.com\.cn/.*", address)


def test_pods_and_drivers_have_the_region(objects: list[dict[str, Any]]) -> None:
    scaling = [one["spec"]["triggers"][0]["metadata"] for one in objects if one["kind"] == "ScaledObject"]
    mounts = [one["spec"]["mountOptions"] for one in objects if one["kind"] == "PersistentVolume"]
    assert {metadata["awsRegion"] for metadata in scaling} == {"cn-northwest-1"}
    assert all("region cn-northwest-1" in options for options in mounts)
    assert len(scaling) == len(mounts) == 2
