"""The configuration loader: it reports all errors at once, each with its line."""

import ast
import inspect
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic_core import ErrorDetails

from sd_on_eks.config import document, loader
from sd_on_eks.config.config import Config
from sd_on_eks.config.errors import ConfigError, Problem
from sd_on_eks.config.loader import load_config, parse_config
from sd_on_eks.config.rules import gateway, names, network, nodes, pod_metadata, runtimes, tags, task_times
from sd_on_eks.config.rules.violation import Violation
from sd_on_eks.config.runtime import ModelsRuntime
from sd_on_eks.config.schema import SCHEMA_FILE
from sd_on_eks.config.values import PATTERN_WORDS

ROOT = Path(__file__).parents[3]
RULES: tuple[ModuleType, ...] = (names, tags, gateway, network, nodes, runtimes, pod_metadata, task_times)


class Row(NamedTuple):
    """A configuration that is rejected for one reason."""

    yaml: str
    line: int
    key: str
    says: str


ROWS = [Row(**row) for row in yaml.safe_load(Path(__file__).with_name("broken_configs.yaml").read_text("utf-8"))]


def problems_of(text: str) -> list[Problem]:
    with pytest.raises(ConfigError) as error:
        parse_config(text, "config.yaml")
    return error.value.problems


@pytest.mark.parametrize("row", ROWS, ids=[row.key or "file" for row in ROWS])
def test_fails_when_the_configuration_is_broken(row: Row) -> None:
    (problem,) = problems_of(row.yaml)
    assert (problem.line, problem.key) == (row.line, row.key)
    assert row.says in problem.message


class Reading(NamedTuple):
    """What reading every row has shown.

    Attributes:
        messages: of all problems.
        broken: module and line of each rule that was broken.
        kinds: of wrong values.
    """

    messages: list[str]
    broken: set[tuple[str, int]]
    kinds: set[str]


@pytest.fixture(scope="module")
def reading() -> Reading:
    found = Reading([], set(), set())
    message_of = loader._message

    def broken(path: document.Path, message: str) -> Violation:
        caller = sys._getframe(1)
        found.broken.add((caller.f_globals["__name__"], caller.f_lineno))
        return Violation(path, message)

    def message(details: ErrorDetails, path: document.Path, read: document.Document) -> str:
        found.kinds.add(details["type"])
        return message_of(details, path, read)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loader, "_message", message)
        for module in RULES:
            patch.setattr(module, "Violation", broken)
        for row in ROWS:
            found.messages.extend(problem.message for problem in problems_of(row.yaml))
    return found


def test_every_rule_has_a_row_that_violates_it(reading: Reading) -> None:
    rules = {(module.__name__, line) for module in RULES for line in lines_that_call("Violation", module)}
    assert rules
    assert rules - reading.broken == set()


def lines_that_call(name: str, module: ModuleType) -> set[int]:
    calls = (node for node in ast.walk(ast.parse(inspect.getsource(module))) if isinstance(node, ast.Call))
    return {call.lineno for call in calls if isinstance(call.func, ast.Name) and call.func.id == name}


def test_every_pattern_has_a_row_that_does_not_match(reading: Reading) -> None:
    assert [words for words in PATTERN_WORDS.values() if not any(words in one for one in reading.messages)] == []


def test_every_error_type_has_a_row(reading: Reading) -> None:
    assert reading.kinds == {*loader._WANTED, "extra_forbidden", "missing", "value_error"}


def test_all_errors_are_reported_in_line_order() -> None:
    with pytest.raises(ConfigError) as error:
        parse_config("stackName: 5\nAPIGW:\n  stagename: x\n  throttle: {rateLimit: -3}\n", "config.yaml")
    assert str(error.value).splitlines() == [
        'config.yaml:1: stackName: must be a string, got 5 without quotes: write "5"',
        "config.yaml:3: APIGW.stagename: is unknown; did you mean stageName?",
        "config.yaml:4: APIGW.throttle.rateLimit: must be 1 or more, got -3",
    ]


def test_default_configuration_has_both_runtime_types_and_no_gpu_while_idle() -> None:
    config = load_config(environment={})
    assert config.stack_name == "SdOnEKSStack"
    assert (config.apigw.stage_name, config.apigw.throttle.rate_limit, config.apigw.throttle.burst_limit) == (
        "prod",
        30,
        50,
    )
    assert [runtime.type for runtime in config.models_runtime] == ["sdwebui", "comfyui"]
    assert all(runtime.extra_values.runtime.scaling.min_replica_count == 0 for runtime in config.models_runtime)
    assert all(group.size == 0 for group in config.gpu_node_groups)


EXISTING_VPC = """
network:
  existingVpc:
    vpcId: vpc-01234567
    cidr: 172.16.0.0/12
    privateSubnets:
    - {subnetId: subnet-01234567, availabilityZone: us-east-1a, routeTableId: rtb-01234567}
    - {subnetId: subnet-12345678, availabilityZone: us-east-1b, routeTableId: rtb-01234567}
    securityGroupIds: [sg-01234567]
    gatewayEndpoints: true
    interfaceEndpoints: true
"""

VALID: dict[str, tuple[str, Callable[[Config], object], object]] = {
    "tags": ('tags: {team: "", cost center: "42"}', lambda config: config.tags, {"team": "", "cost center": "42"}),
    "network without internet access": (
        """
        network: {cidr: 10.1.0.0/18, natGateways: none, flowLogs: false}
        registries:
          charts: oci://registry.example.com:5000/charts
          images: registry.example.com/mirror
        """,
        lambda config: (config.network.has_internet_access, config.registries.images),
        (False, "registry.example.com/mirror"),
    ),
    "network.existingVpc": (
        EXISTING_VPC,
        lambda config: (config.network.has_internet_access, config.network.existing_vpc is not None),
        (True, True),
    ),
    "network.existingVpc without internet access": (
        EXISTING_VPC
        + """    hasInternetAccess: false
registries: {charts: "oci://registry.example.com", images: registry.example.com}
""",
        lambda config: config.network.has_internet_access,
        False,
    ),
    "APIGW": (
        """
        APIGW:
          methodThrottle: {rateLimit: 100, burstLimit: 200}
          plans:
          - {name: studio, throttle: {rateLimit: 5, burstLimit: 5}, quota: {limit: 1000, period: week}}
          - {name: research-2}
          cors: {allowOrigins: [https://app.example.com, "http://localhost:3000"]}
          sourceIpCidrs: [203.0.113.0/24, "2001:db8::/32"]
          webAcl: {requestsPer5Minutes: 9000}
          canary: {minutes: 30}
        """,
        lambda config: [(plan.name, plan.throttle.burst_limit) for plan in config.apigw.plans],
        [("studio", 5), ("research-2", 50)],
    ),
    "APIGW.privateEndpoint": (
        "APIGW: {privateEndpoint: {vpcEndpointIds: [vpce-01234567]}, sourceIpCidrs: [10.0.0.0/8]}",
        lambda config: config.apigw.private_endpoint is not None,
        True,
    ),
    "thirty runtimes": (
        "modelsRuntime:\n"
        + "".join(
            f"- {{name: sd-{n}, type: sdwebui, modelFilename: {n}/{'m' * 240}.safetensors}}\n" for n in range(30)
        ),
        lambda config: len(config.models_runtime),
        30,
    ),
    "cluster": (
        """
        cluster:
          version: "1.34"
          endpointAccess: publicAndPrivate
          publicAccessCidrs: [203.0.113.0/24, 198.51.100.7/32]
          adminRoleArns: ["arn:aws:iam::123456789012:role/teams/admin"]
          ownSecretsKey: true
          observability: true
          nodeMonitoring: true
          nodeRepair: true
        """,
        lambda config: (config.cluster.version, config.cluster.node_repair),
        ("1.34", True),
    ),
    "clusterComponents": (
        "clusterComponents: {instanceType: m7i.large, desiredCount: 3}",
        lambda config: config.cluster_components.desired_count,
        3,
    ),
    "gpuNodeGroups": (
        """
        gpuNodeGroups:
        - name: warm
          instanceTypes: [g6.xlarge, g5.xlarge]
          capacityType: spot
          size: 2
          mayBeIdle: true
          diskSizeGib: 100
        """,
        lambda config: (config.gpu_node_groups[0].size, config.gpu_node_groups[0].instance_types),
        (2, ("g6.xlarge", "g5.xlarge")),
    ),
    "taskProtocol": (
        "taskProtocol: {clockError: 1, beat: 2, lease: 20, visibility: 21, maxTaskAgeHours: 24, queueRetentionDays: 2}",
        lambda config: (config.task_protocol.times.lease_s, config.task_protocol.times.queue_retention_s),
        (20, 172_800),
    ),
    "tasks of several hours": (
        "modelsRuntime: [{name: a, type: comfyui, longestTask: 7200, interruptible: true}]",
        lambda config: (config.models_runtime[0].drain_s, config.models_runtime[0].grace_period_s),
        (480, 540),
    ),
    "one checkpoint for a fixed and a dynamic runtime": (
        """
        modelsRuntime:
        - {name: a, type: sdwebui, modelFilename: sdxl/base.safetensors}
        - {name: b, type: sdwebui, modelFilename: sdxl/base.safetensors, dynamicModel: true}
        """,
        lambda config: len(config.models_runtime),
        2,
    ),
    "a runtime that replaces a retired one": (
        """
        modelsRuntime:
        - {name: a, type: sdwebui, modelFilename: sdxl/base.safetensors, retired: true}
        - {name: b, type: sdwebui, modelFilename: sdxl/base.safetensors}
        """,
        lambda config: [runtime.retired for runtime in config.models_runtime],
        [True, False],
    ),
}


def of_runtime(section: str, body: str) -> str:
    """A configuration with one section of `extraValues`, in YAML's flow style."""
    inner = body
    for key in reversed(section.split(".")):
        inner = f"{{{key}: {inner}}}"
    return f"modelsRuntime: [{{name: a, type: comfyui, extraValues: {inner}}}]"


VALID_OF_RUNTIME: dict[str, tuple[str, Callable[[ModelsRuntime], object], object]] = {
    "karpenter.provisioner": (
        """
        {instanceFamilies: [g6e, p6-b200], capacityTypes: [on-demand], capacityReservationIds: [cr-01234567],
        gpuLimit: 3, expireAfter: 168h, consolidateAfter: 1m30s, budgets: [{nodes: 10%},
        {nodes: '0', reasons: [Underutilized], schedule: '@daily', duration: 8h}]}
        """,
        lambda runtime: (
            runtime.extra_values.karpenter.provisioner.choices,
            len(runtime.extra_values.karpenter.provisioner.budgets),
        ),
        (("g6e", "p6-b200"), 2),
    ),
    "karpenter.nodeTemplate": (
        """
        {diskSizeGib: 55, diskThroughputMibS: 1000, diskIops: 4000, snapshotId: snap-01234567,
        volumeInitializationRateMibS: 100}
        """,
        lambda runtime: runtime.extra_values.karpenter.node_template.uses_nvme_and_soci,
        False,
    ),
    "runtime": (
        """
        {labels: {example.com/team: red}, annotations: {example.com/note: 'any string, with spaces'},
        tolerations: [{key: team, value: red, effect: NoSchedule}, {key: gpu, operator: Exists}]}
        """,
        lambda runtime: [one.operator for one in runtime.extra_values.runtime.tolerations],
        ["Equal", "Exists"],
    ),
    "runtime, keys of the maximum length": (
        f"{{labels: {{{'a.b-c.' * 42}d/{'e' * 63}: x}}, annotations: {{{'a' * 253}/{'e' * 63}: '{'x' * 160_000}'}}}}",
        lambda runtime: [len(key) for key in runtime.extra_values.runtime.labels],
        [253 + 1 + 63],
    ),
    "runtime.scaling": (
        """
        {minReplicaCount: 1, maxReplicaCount: 8, typicalTask: 30, pollingInterval: 5, cooldownPeriod: 0,
        behavior: {scaleUp: {pods: 2}, scaleDown: {pods: 2, periodSeconds: 30}},
        schedules: [{timezone: Europe/Berlin, start: 0 8 * * 1-5, end: 0 18 * * 1-5, replicas: 8}]}
        """,
        lambda runtime: (
            runtime.extra_values.runtime.scaling.tasks_per_replica,
            runtime.extra_values.runtime.scaling.behavior.scale_up.pods,
        ),
        (3, 2),
    ),
    "runtime.inferenceApi": (
        """
        {image: {build: cloud}, imageSizeGib: 20, args: [--medvram], env: {SCALE: '2'}, scratchSizeGib: 30,
        resources: {requests: {cpu: '4', memory: 16Gi}, limits: {cpu: 4000m, memory: 16384Mi}}, sharedMemoryGib: 4}
        """,
        lambda runtime: runtime.extra_values.runtime.inference_api.image.build,
        "cloud",
    ),
    "runtime.queueAgent": (
        f"{{image: {{reference: 'registry.example.com:5000/agent@sha256:{'0' * 64}'}}, env: {{LOG_LEVEL: DEBUG}}}}",
        lambda runtime: runtime.extra_values.runtime.queue_agent.env,
        {"LOG_LEVEL": "DEBUG"},
    ),
    "runtime.persistence": (
        "{modelBucketArn: 'arn:aws:s3:::my-models', prefix: checkpoints/sd15/, cacheSizeGib: 50, throughputGbps: 25}",
        lambda runtime: runtime.extra_values.runtime.persistence.cache_size_gib,
        50,
    ),
    "runtime.persistence.existingClaim": (
        "models",
        lambda runtime: runtime.extra_values.runtime.persistence.existing_claim,
        "models",
    ),
}


@pytest.mark.parametrize(("text", "value", "expected"), VALID.values(), ids=VALID)
def test_a_valid_configuration_is_loaded(text: str, value: Callable[[Config], object], expected: object) -> None:
    assert value(parse_config(text, "config.yaml")) == expected


@pytest.mark.parametrize("section", VALID_OF_RUNTIME)
def test_a_valid_section_of_a_runtime_is_loaded(section: str) -> None:
    body, value, expected = VALID_OF_RUNTIME[section]
    (runtime,) = parse_config(of_runtime(section.partition(",")[0], body), "config.yaml").models_runtime
    assert value(runtime) == expected


def test_a_whole_number_is_accepted_as_a_rate() -> None:
    assert parse_config("APIGW: {throttle: {rateLimit: 5}}", "x").apigw.throttle.rate_limit == 5


def test_runtime_types_of_the_existing_solution_are_accepted() -> None:
    text = "modelsRuntime: [{name: a, type: SDWebUI, dynamicModel: true}, {name: b, type: ComfyUI}]"
    assert [runtime.type for runtime in parse_config(text, "x").models_runtime] == ["sdwebui", "comfyui"]


def test_environment_variable_selects_another_file(tmp_path: Path) -> None:
    file = tmp_path / "other.yaml"
    file.write_text("stackName: Other\n")
    assert load_config(environment={"CDK_CONFIG_PATH": str(file)}).stack_name == "Other"


def test_fails_when_the_file_is_missing(tmp_path: Path) -> None:
    file = tmp_path / "none.yaml"
    with pytest.raises(
        ConfigError, match=re.escape(f"{file}: does not exist; set CDK_CONFIG_PATH to use another file")
    ):
        load_config(environment={"CDK_CONFIG_PATH": str(file)})


def test_fails_when_the_file_is_a_directory(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load_config(tmp_path)


def test_fails_when_the_file_is_not_utf_8(tmp_path: Path) -> None:
    file = tmp_path / "latin.yaml"
    file.write_bytes("stackName: ä\n".encode("latin-1"))
    with pytest.raises(ConfigError, match="must be UTF-8, got an invalid byte at 11"):
        load_config(file)


@pytest.mark.parametrize(
    "section",
    [
        "annotations: {note: %s}",
        "inferenceApi: {env: {NOTE: %s}}",
        "queueAgent: {env: {NOTE: %s}}",
        "annotations: {note: %s}, inferenceApi: {env: {NOTE: %s}}, queueAgent: {env: {NOTE: %s}}",
    ],
)
def test_fails_when_a_pod_exceeds_the_annotation_limit_of_kubectl(section: str) -> None:
    texts = section.count("%s")
    body = section.replace("%s", "'" + "<" * (160 * 1024 // 6 // texts) + "'")
    (problem,) = problems_of(of_runtime("runtime", "{" + body + "}"))
    assert problem.key == "modelsRuntime[0].extraValues.runtime"
    rule = "must have at most 163840 bytes of annotations, env, command and args in total"
    assert re.match(f"{rule}, got 163[89]", problem.message)


def test_fails_when_aliases_make_a_file_enormous() -> None:
    bomb = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9))
    with pytest.raises(ConfigError, match="is not valid YAML: it has more than 100000 values"):
        parse_config(bomb, "x")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.sampled_from(["APIGW", "name"]), inner),
    max_leaves=10,
)


DOCUMENTS = st.dictionaries(
    st.sampled_from(
        [
            *("stackName", "APIGW", "clusterComponents", "gpuNodeGroups", "modelsRuntime", "availabilityZones"),
            *("network", "registries", "cluster", "taskProtocol", "tags"),
        ]
    )
    | st.text(),
    VALUES,
)


@pytest.mark.parametrize("examples", [30, pytest.param(1_000, marks=pytest.mark.soak)])
def test_any_yaml_is_loaded_or_rejected_with_a_message(examples: int) -> None:
    @settings(max_examples=examples, suppress_health_check=list(HealthCheck))
    @given(DOCUMENTS)
    def each(value: dict[str, object]) -> None:
        try:
            parse_config(yaml.safe_dump(value), "config.yaml")
        except ConfigError as error:
            assert all(problem.message for problem in error.problems)  # noqa: PT017 (both outcomes are right)

    each()


@given(st.text())
def test_any_string_is_loaded_or_rejected_with_a_message(text: str) -> None:
    try:
        parse_config(text, "config.yaml")
    except ConfigError as error:
        assert error.problems  # noqa: PT017 (both outcomes are right)


def test_configuration_references_the_schema_for_editors() -> None:
    assert (ROOT / "config.yaml").read_text().startswith(f"# yaml-language-server: $schema={SCHEMA_FILE.name}\n")
