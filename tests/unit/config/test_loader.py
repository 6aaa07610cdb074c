"""The configuration: what is wrong is told all at once, with its line and in words."""

import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sd_on_eks.config.errors import ConfigError
from sd_on_eks.config.loader import load_config, parse_config
from sd_on_eks.config.schema import SCHEMA_FILE, schema_text

ROOT = Path(__file__).parents[3]

RUNTIME = "modelsRuntime:\n- name: a\n  type: sdwebui\n"

BROKEN = [
    # what stands in the file, line, key, message
    ("", 0, "", "is empty; it must be a mapping of keys"),
    ("# only a comment\n", 0, "", "is empty; it must be a mapping of keys"),
    ("- a\n- b\n", 1, "", "must be a mapping of keys, got a list"),
    ("hello\n", 1, "", "must be a mapping of keys, got a str"),
    ("stackName: [\n", 2, "", "is no YAML: "),
    ("stackName: a\n  b: c\n", 2, "", "is no YAML: mapping values are not allowed here"),
    ("stackName: !!python/object:os.system x\n", 1, "", "is no YAML: could not determine a constructor"),
    ("stackName: a\nstackName: b\n", 2, "stackName", "stands twice, first in line 1; keep one"),
    ("APIGW:\n  stageName: a\n  stageName: b\n", 3, "APIGW.stageName", "stands twice, first in line 2; keep one"),
    ("? [a]\n: 1\n", 1, "", "a key must be a text"),
    ("stackNane: x\n", 1, "stackNane", "is unknown; did you mean stackName?"),
    ("zzz: x\n", 1, "zzz", "is unknown; allowed: APIGW, availabilityZones"),
    ("apigw: {}\n", 1, "apigw", "is unknown; did you mean APIGW?"),
    ("stackName: 5\n", 1, "stackName", "must be a text (put it in quotes), got 5"),
    ("stackName:\n", 1, "stackName", "must be a text (put it in quotes), got nothing"),
    ("stackName: 2026-01-01x y\n", 1, "stackName", "must be letters, digits and dashes, begin with a letter"),
    (f"stackName: {'a' * 101}\n", 1, "stackName", "must be letters, digits and dashes, begin with a letter"),
    ("modelBucketArn: my-bucket\n", 1, "modelBucketArn", "must be the ARN of an S3 bucket"),
    ("removalPolicy: delete\n", 1, "removalPolicy", 'must be retain or destroy, got "delete"'),
    ("notifyRunning: yes please\n", 1, "notifyRunning", 'must be true or false, got "yes please"'),
    ("notifyRunning: 1\n", 1, "notifyRunning", "must be true or false, got 1"),
    ("availabilityZones: us-east-1a\n", 1, "availabilityZones", 'must be a list, got "us-east-1a"'),
    ("availabilityZones: [us-east-1a]\n", 1, "availabilityZones", "must be at least two zones"),
    ("availabilityZones: [us-east-1a, a]\n", 1, "availabilityZones[1]", "must be an availability zone"),
    ("availabilityZones: [us-east-1a, us-east-1a]\n", 1, "availabilityZones", "each name must stand once"),
    ("APIGW: 3\n", 1, "APIGW", "must be a mapping of keys, got 3"),
    ("APIGW:\n  throttle:\n    rateLimit: -3\n", 3, "APIGW.throttle.rateLimit", "must be 1 or more, got -3"),
    ("APIGW:\n  throttle:\n    rateLimit: .inf\n", 3, "APIGW.throttle.rateLimit", "must be a finite number, got inf"),
    ("APIGW:\n  throttle:\n    rateLimit: .nan\n", 3, "APIGW.throttle.rateLimit", "must be a finite number, got nan"),
    ('APIGW:\n  throttle:\n    rateLimit: "30"\n', 3, "APIGW.throttle.rateLimit", 'must be a number, got "30"'),
    ("APIGW:\n  throttle:\n    rateLimit: 20000\n", 3, "APIGW.throttle.rateLimit", "must be 10000 or less, got 20000"),
    ("APIGW:\n  throttle:\n    burstLimit: 1.5\n", 3, "APIGW.throttle.burstLimit", "must be a whole number, got 1.5"),
    ("APIGW:\n  throttle:\n    burstLimit: true\n", 3, "APIGW.throttle.burstLimit", "must be a whole number, got true"),
    ("APIGW:\n  throttle: []\n", 2, "APIGW.throttle", "must be a mapping of keys, got an empty list"),
    ("APIGW:\n  throttle:\n    burst: 5\n", 3, "APIGW.throttle.burst", "is unknown; did you mean burstLimit?"),
    ("APIGW:\n  stageName: a-b\n", 2, "APIGW.stageName", 'must be letters, digits and underscores, got "a-b"'),
    ('APIGW:\n  stageName: ""\n', 2, "APIGW.stageName", "must be letters, digits and underscores"),
    ("APIGW:\n  tenantIsolation: maybe\n", 2, "APIGW.tenantIsolation", "must be true or false"),
    ("clusterComponents:\n  desiredCount: 0\n", 2, "clusterComponents.desiredCount", "must be 1 or more, got 0"),
    ("clusterComponents:\n  desiredCount: 11\n", 2, "clusterComponents.desiredCount", "must be 10 or less, got 11"),
    ("clusterComponents:\n  instanceType: big\n", 2, "clusterComponents.instanceType", "must be an EC2 instance type"),
    ("gpuNodeGroups: {}\n", 1, "gpuNodeGroups", "must be a list, got a mapping"),
    ("gpuNodeGroups:\n- size: 1\n", 2, "gpuNodeGroups[0].name", "is missing"),
    ("gpuNodeGroups:\n- {name: a, size: -1}\n", 2, "gpuNodeGroups[0].size", "must be 0 or more, got -1"),
    ("gpuNodeGroups:\n- {name: a, instanceTypes: []}\n", 2, "gpuNodeGroups[0].instanceTypes", "must not be empty"),
    ("gpuNodeGroups:\n- {name: a, diskSizeGib: 10}\n", 2, "gpuNodeGroups[0].diskSizeGib", "must be 50 or more"),
    ("gpuNodeGroups:\n- name: a\n- name: a\n", 1, "gpuNodeGroups", "each name must stand once, got a again"),
    ("modelsRuntime:\n- name: a\n", 2, "modelsRuntime[0].type", "is missing"),
    ("modelsRuntime:\n- type: comfyui\n", 2, "modelsRuntime[0].name", "is missing"),
    ("modelsRuntime:\n- 3\n", 2, "modelsRuntime[0]", "must be a mapping of keys, got 3"),
    ("modelsRuntime:\n- {name: A, type: comfyui}\n", 2, "modelsRuntime[0].name", "must be lower-case letters"),
    ("modelsRuntime:\n- {name: a_b, type: comfyui}\n", 2, "modelsRuntime[0].name", "must be lower-case letters"),
    (f"modelsRuntime:\n- {{name: {'a' * 41}, type: comfyui}}\n", 2, "modelsRuntime[0].name", "at most 40 characters"),
    ("modelsRuntime:\n- {name: shared, type: comfyui}\n", 2, "modelsRuntime[0].name", 'must not be "shared"'),
    ("modelsRuntime:\n- {name: a, type: sdnext}\n", 2, "modelsRuntime[0].type", "must be sdwebui or comfyui"),
    ("modelsRuntime:\n- {name: a, type: 3}\n", 2, "modelsRuntime[0].type", "must be sdwebui or comfyui, got 3"),
    (
        "modelsRuntime:\n- {name: a, type: comfyui, namespace: B}\n",
        2,
        "modelsRuntime[0].namespace",
        "must be lower-case",
    ),
    (
        "modelsRuntime:\n- {name: a, type: sdwebui}\n- {name: a, type: comfyui}\n",
        1,
        "modelsRuntime",
        "each name must stand once, got a again",
    ),
    (
        "modelsRuntime:\n- {name: a, type: sdwebui, modelFilename: m}\n- {name: b, type: sdwebui, modelFilename: m}\n",
        1,
        "modelsRuntime",
        "v1alpha1 routes by checkpoint, so one runtime must serve each, got m again",
    ),
    (
        RUNTIME + "  chartRepository: x\n",
        4,
        "modelsRuntime[0].chartRepository",
        "means nothing here",
    ),
    (
        RUNTIME + "  chartVersion: 1\n",
        4,
        "modelsRuntime[0].chartVersion",
        "means nothing here",
    ),
    ("dynamicModelRuntime: {}\n", 1, "dynamicModelRuntime", "write dynamicModel: true"),
    (
        RUNTIME + "  extraValues:\n    runtime:\n      replicas: 2\n",
        6,
        "modelsRuntime[0].extraValues.runtime.replicas",
        "write scaling.minReplicaCount and scaling.maxReplicaCount",
    ),
    (
        RUNTIME + "  extraValues:\n    runtime:\n      scaling: {minReplicaCount: 9}\n",
        6,
        "modelsRuntime[0].extraValues.runtime.scaling",
        "maxReplicaCount must be at least minReplicaCount, got 5 and 9",
    ),
    (
        RUNTIME + "  extraValues:\n    runtime:\n      labels: {team: 7}\n",
        6,
        "modelsRuntime[0].extraValues.runtime.labels.team",
        "must be a text (put it in quotes), got 7",
    ),
    (
        RUNTIME + "  extraValues:\n    karpenter:\n      provisioner: {capacityTypes: [cheap]}\n",
        6,
        "modelsRuntime[0].extraValues.karpenter.provisioner.capacityTypes[0]",
        "must be spot or on-demand",
    ),
    (
        RUNTIME + "  extraValues:\n    karpenter:\n      nodeTemplate: {diskSizeGib: 1}\n",
        6,
        "modelsRuntime[0].extraValues.karpenter.nodeTemplate.diskSizeGib",
        "must be 50 or more, got 1",
    ),
]


@pytest.mark.parametrize(("text", "line", "key", "says"), BROKEN)
def test_fails_when_the_configuration_is_broken(text: str, line: int, key: str, says: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse_config(text, "config.yaml")
    (problem,) = error.value.problems
    assert (problem.line, problem.key) == (line, key)
    assert says in problem.message


def test_every_problem_is_told_in_the_order_of_the_lines() -> None:
    with pytest.raises(ConfigError) as error:
        parse_config("stackName: 5\nAPIGW:\n  stagename: x\n  throttle: {rateLimit: -3}\n", "config.yaml")
    assert str(error.value).splitlines() == [
        "config.yaml:1: stackName: must be a text (put it in quotes), got 5",
        "config.yaml:3: APIGW.stagename: is unknown; did you mean stageName?",
        "config.yaml:4: APIGW.throttle.rateLimit: must be 1 or more, got -3",
    ]


def test_default_configuration_has_both_kinds_of_runtime_and_no_gpu_while_idle() -> None:
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


def test_a_whole_number_is_taken_for_a_rate() -> None:
    assert parse_config("APIGW: {throttle: {rateLimit: 5}}", "x").apigw.throttle.rate_limit == 5


def test_types_of_existing_files_are_taken() -> None:
    text = "modelsRuntime: [{name: a, type: SDWebUI}, {name: b, type: ComfyUI}]"
    assert [runtime.type for runtime in parse_config(text, "x").models_runtime] == ["sdwebui", "comfyui"]


def test_environment_names_another_file(tmp_path: Path) -> None:
    file = tmp_path / "other.yaml"
    file.write_text("stackName: Other\n")
    assert load_config(environment={"CDK_CONFIG_PATH": str(file)}).stack_name == "Other"


def test_fails_when_the_file_is_missing(tmp_path: Path) -> None:
    file = tmp_path / "none.yaml"
    with pytest.raises(ConfigError, match=re.escape(f"{file}: there is no such file; CDK_CONFIG_PATH names another")):
        load_config(environment={"CDK_CONFIG_PATH": str(file)})


def test_fails_when_the_file_is_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load_config(tmp_path)


def test_fails_when_the_file_is_not_utf_8(tmp_path: Path) -> None:
    file = tmp_path / "latin.yaml"
    file.write_bytes("stackName: ä\n".encode("latin-1"))
    with pytest.raises(ConfigError, match="must be UTF-8, byte 11 is not"):
        load_config(file)


def test_fails_when_aliases_make_a_file_enormous() -> None:
    bomb = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9))
    with pytest.raises(ConfigError, match="larger than any configuration"):
        parse_config(bomb, "x")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.sampled_from(["APIGW", "name"]), inner),
    max_leaves=10,
)


@given(
    st.dictionaries(
        st.sampled_from(
            ["stackName", "APIGW", "clusterComponents", "gpuNodeGroups", "modelsRuntime", "availabilityZones"]
        )
        | st.text(),
        VALUES,
    )
)
def test_any_yaml_is_loaded_or_refused_in_our_words(value: dict[str, object]) -> None:
    try:
        parse_config(yaml.safe_dump(value), "config.yaml")
    except ConfigError as error:
        assert all(problem.message for problem in error.problems)  # noqa: PT017 (both outcomes are right)


@given(st.text())
def test_any_text_is_loaded_or_refused_in_our_words(text: str) -> None:
    try:
        parse_config(text, "config.yaml")
    except ConfigError as error:
        assert error.problems  # noqa: PT017 (both outcomes are right)


def test_schema_for_editors_is_up_to_date() -> None:
    assert SCHEMA_FILE.read_text() == schema_text(), "run `.venv/bin/python -m sd_on_eks.config.schema`"


def test_configuration_names_the_schema_for_editors() -> None:
    assert (ROOT / "config.yaml").read_text().startswith(f"# yaml-language-server: $schema={SCHEMA_FILE.name}\n")
