"""Keys of the existing solution's configuration: the loader's messages and the table of keys."""

from pathlib import Path

import pytest
import yaml

from sd_on_eks.config.document import read_document
from sd_on_eks.config.errors import ConfigError, Problem
from sd_on_eks.config.existing_solution.defaults import other_defaults
from sd_on_eks.config.existing_solution.keys import OLD_KEYS, parts_of, real_path, sentence_of
from sd_on_eks.config.loader import known_keys, parse_config

EVERY_KEY = (Path(__file__).parents[2] / "fixtures" / "existing_solution" / "every_key.yaml").read_text("utf-8")
KEYS_IN_FILE = {
    "".join("[]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")
    for path in read_document(EVERY_KEY, "every_key.yaml").lines
}
IS_OLD = "is a key of the existing solution; "


def problems_of(text: str) -> list[Problem]:
    with pytest.raises(ConfigError) as error:
        parse_config(text, "config.yaml")
    return error.value.problems


def is_known_here(path: str) -> bool:
    *parents, name = parts_of(path)
    return name in known_keys(tuple(0 if part == "[]" else part for part in parents))


def message_of(section: str, key: str, value: str = "x") -> str:
    """The message about one key of a runtime's `extraValues`."""
    inner = f"{{{key}: {value}}}"
    for name in reversed(section.split(".")) if section else ():
        inner = f"{{{name}: {inner}}}"
    (problem,) = problems_of(f"modelsRuntime: [{{name: a, type: comfyui, extraValues: {inner}}}]")
    return problem.message


def test_the_file_of_every_key_has_all_keys() -> None:
    assert [key.path for key in OLD_KEYS if key.path not in KEYS_IN_FILE] == []


def test_every_unsupported_key_is_reported_in_the_same_run() -> None:
    said = {problem.key: problem.message for problem in problems_of(EVERY_KEY)}
    for key in OLD_KEYS:
        path = key.path.replace("[]", "[0]")
        if is_known_here(key.path):
            assert IS_OLD not in said.get(path, "")
        else:
            while path not in said:
                # A key below another unsupported key.
                path = path.rpartition(".")[0]
            assert said[path].startswith(IS_OLD)


@pytest.mark.parametrize(
    ("section", "key", "says"),
    [
        ("", "global", "remove it: it had no effect before: the stack sets it"),
        ("karpenter.provisioner", "instanceType", "instead write instanceTypes (the first is preferred)"),
        ("karpenter.provisioner", "capacityType", "instead write capacityTypes, a list of spot and on-demand"),
        ("karpenter.provisioner", "resourceLimits", "instead write gpuLimit"),
        ("karpenter.provisioner", "disruption", "instead write consolidateAfter and expireAfter"),
        (
            "karpenter.nodeTemplate",
            "dataVolume",
            "instead write diskSizeGib, diskThroughputMibS, diskIops and snapshotId",
        ),
        (
            "karpenter.nodeTemplate",
            "tags",
            (
                "instead write tags at the top level (they apply to all resources and nodes, not to the nodes of one "
                "runtime)"
            ),
        ),
        ("karpenter.nodeTemplate", "amiFamily", "remove it: nodes run Bottlerocket"),
        (
            "runtime.inferenceApi.image",
            "tag",
            (
                "instead write image.reference, an image with its digest, or nothing (by default, cdk deploy builds "
                "this product's image)"
            ),
        ),
        ("runtime.inferenceApi", "extraEnv", "instead write env, a mapping of strings"),
        ("runtime.queueAgent.image", "tag", "remove it: this product's agent is a different program"),
        ("runtime.inferenceApi.resources.limits", "nvidia.com/gpu", "remove it: a pod has one GPU"),
        ("runtime.persistence", "s3", "instead write modelBucketArn"),
        ("", "sdWebuiInferenceApi", "instead write runtime, with the same keys (a key of earlier releases)"),
    ],
)
def test_an_old_key_is_reported_with_its_replacement(section: str, key: str, says: str) -> None:
    assert message_of(section, key) == IS_OLD + says


@pytest.mark.parametrize(
    ("section", "key", "says"),
    [
        ("karpenter.provisioner", "instanceTyp", "is unknown; did you mean instanceTypes?"),
        (
            "karpenter.provisioner",
            "resourceLimit",
            "is unknown; did you mean `resourceLimits`, a key of the existing solution? Instead write gpuLimit",
        ),
        (
            "runtime",
            "serviceAccount",
            (
                "is unknown; did you mean `serviceAccountName`, a key of the existing solution? Remove it: it had no "
                "effect before: the stack sets it"
            ),
        ),
        ("runtime", "replicaz", "is unknown; did you mean `replicas`, a key of the existing solution? Instead write "),
        ("runtime", "typo", "is unknown; allowed: annotations, "),
        ("runtime.scaling", "enable", "is unknown; did you mean `enabled`, a key of the existing solution? Instead "),
    ],
)
def test_a_misspelled_old_key_is_reported_with_its_replacement(section: str, key: str, says: str) -> None:
    assert message_of(section, key).startswith(says)


def test_errors_that_old_keys_would_hide_are_reported_in_the_same_run() -> None:
    text = "modelsRuntime: [{name: a, type: comfyui, modelFilename: m, chartVersion: 1}, {name: a, type: sdwebui}]"
    assert [(problem.key, problem.message.partition(",")[0].partition(";")[0]) for problem in problems_of(text)] == [
        ("modelsRuntime[0].chartVersion", "is a key of the existing solution"),
        ("modelsRuntime[0].modelFilename", "must not be set for comfyui"),
        ("modelsRuntime[1]", "must have modelFilename"),
        ("modelsRuntime[1].name", "must be unique"),
    ]


def test_a_file_with_several_old_keys_is_reported_with_the_converter() -> None:
    first, *_ = problems_of("modelsRuntime: [{name: a, type: comfyui, chartRepository: x, chartVersion: y}]")
    assert first.text("config.yaml") == (
        "config.yaml: has keys of the existing solution; `python scripts/convert_config.py` converts it "
        "(docs/migration.md)"
    )


@pytest.mark.parametrize(
    ("value", "source"),
    [("1.10", "1.10"), ("1.30", "1.30"), ("0755", "0755"), ("1:30", "1:30"), ("yes", "yes"), ("0x1F", "0x1F")],
)
def test_an_unquoted_string_is_reported_with_its_original_text_in_quotes(value: str, source: str) -> None:
    message = message_of("runtime.inferenceApi.env", "VERSION", value)
    assert message == f'must be a string, got {source} without quotes: write "{source}"'


def test_a_number_for_a_choice_without_numbers_is_reported_without_quotes() -> None:
    (problem,) = problems_of("removalPolicy: 5")
    assert problem.message == "must be retain or destroy, got 5"


def test_every_key_has_a_replacement_or_a_reason() -> None:
    for key in OLD_KEYS:
        if key.here:
            assert is_known_here(key.here), key.path
            assert key.convert is not None, key.path
        else:
            assert key.why, key.path


def test_defaults_of_the_table_are_valid_yaml() -> None:
    assert [yaml.safe_load(key.default) for key in OLD_KEYS if key.default]


def test_different_defaults_are_the_known_ones() -> None:
    found = {one.key.path.rpartition("extraValues.")[2]: (one.key.default, one.here) for one in other_defaults()}
    assert found == {
        "clusterComponents.instanceType": ("m7g.large", "t4g.large"),
        "karpenter.provisioner.instanceType": ("[g5.xlarge, g5.2xlarge]", "[g5.2xlarge, g6.2xlarge]"),
        "karpenter.provisioner.resourceLimits.nvidia.com/gpu": ("100", "maxReplicaCount"),
        "karpenter.provisioner.disruption.consolidateAfter": ("30s", "60s"),
        "karpenter.provisioner.disruption.expireAfter": ("Never", "720h"),
        "runtime.scaling.queueLength": ("10", "5"),
        "runtime.scaling.cooldownPeriod": ("60", "300"),
        "runtime.scaling.maxReplicaCount": ("20", "5"),
        "runtime.scaling.pollingInterval": ("1", "15"),
        "runtime.inferenceApi.resources.requests.cpu": ("2500m", "2"),
        "runtime.inferenceApi.resources.requests.memory": ("6Gi", "10Gi"),
    }


def test_an_alias_has_the_message_of_its_key() -> None:
    alias = ("modelsRuntime", 3, "extraValues", "sdWebuiInferenceApi", "scaling", "enabled")
    assert real_path(alias) == ("modelsRuntime", 3, "extraValues", "runtime", "scaling", "enabled")
    assert sentence_of(alias) == sentence_of(real_path(alias))
