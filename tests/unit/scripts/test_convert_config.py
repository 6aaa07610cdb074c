"""scripts/convert_config.py: what becomes of the existing solution's files, and what the command answers."""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from yamllint import linter  # type: ignore[import-untyped]  # the distribution has no types
from yamllint.config import YamlLintConfig  # type: ignore[import-untyped]  # as above

import convert_config
from config_conversion.commented_yaml import Section, scalar
from config_conversion.conversion import Conversion
from config_conversion.yaml_1_2 import Yaml12Loader
from sd_on_eks.config.errors import ConfigError
from sd_on_eks.config.existing_solution.keys import OLD_KEYS, OldKey, parts_of
from sd_on_eks.config.loader import parse_config

ROOT = Path(__file__).parents[3]
FILES = ROOT / "tests" / "fixtures" / "existing_solution"
EVERY_KEY = (FILES / "every_key.yaml").read_text("utf-8")
VARIANTS: dict[str, dict[str, Any]] = yaml.safe_load((FILES / "variants.yaml").read_text("utf-8"))


def converted(text: str) -> Conversion:
    return Conversion(text, "old.yaml")


def errors_of(text: str) -> list[str]:
    try:
        parse_config(text, "new.yaml")
    except ConfigError as error:
        return [problem.key for problem in error.problems]
    return []


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_becomes_what_it_should(name: str) -> None:
    variant = VARIANTS[name]
    conversion = converted(yaml.safe_dump(variant["old"], sort_keys=False))
    text = conversion.text()
    assert yaml.safe_load(text) == variant["new"]
    assert [lost.key for lost in conversion.not_carried_over] == variant.get("lost", [])
    assert text.count("# Not carried over") == len(variant.get("lost", []))
    assert errors_of(text) == variant.get("errors", [])


@pytest.mark.parametrize("text", [EVERY_KEY, *(yaml.safe_dump(one["old"]) for one in VARIANTS.values())])
def test_what_was_converted_has_no_key_of_the_existing_solution_left(text: str) -> None:
    once = converted(text)
    again = converted(once.text())
    assert again.not_carried_over == []
    assert yaml.safe_load(again.text()) == yaml.safe_load(once.text())


def test_the_file_of_every_key_becomes_a_valid_one() -> None:
    conversion = converted(EVERY_KEY)
    assert errors_of(conversion.text()) == []
    assert conversion.other_defaults == []
    assert len(conversion.not_carried_over) == conversion.text().count("# Not carried over")


def test_the_new_file_is_as_this_repository_s_linter_wants_it() -> None:
    config = YamlLintConfig((ROOT / ".yamllint").read_text("utf-8"))
    assert list(linter.run(converted(EVERY_KEY).text(), config)) == []


OLD_WITH_COMMENTS = """\
# Ours, since 2025.
stackName: sdoneks  # short
modelsRuntime:
# The first runtime.
- name: a  # its name
  type: comfyui
  extraValues:
    karpenter:
      # Cheap ones.
      provisioner:
        instanceType:
        - g6.xlarge # newest
        # larger:
        # - g6.2xlarge
        capacityType:  # both
          spot: true
    runtime:
      # By hand.
      replicas: 2  # for now
      inferenceApi: # the server
        image: # ours
          repository: registry.example.com/comfyui
          tag: 1.10 # pinned
      queueAgent:
        imagePullPolicy: IfNotPresent # no need
# The end.
"""

NEW_WITH_COMMENTS = """
# Ours, since 2025.
stackName: sdoneks  # short
modelsRuntime:
  # The first runtime.
  - name: a  # its name
    type: comfyui
    extraValues:
      karpenter:
        # Cheap ones.
        provisioner:
          instanceTypes: [g6.xlarge]  # newest
          # larger:
          # - g6.2xlarge
          capacityTypes: [spot, on-demand]  # both
      # By hand.
      # for now
      # Not carried over: replicas: 2
      #   KEDA sets the replicas; write scaling.minReplicaCount and scaling.maxReplicaCount.
      # the server
      # ours
      # Not carried over: image: {repository: registry.example.com/comfyui, tag: 1.1}
      #   An image is identified by its digest: write image.reference:
      #   registry.example.com/comfyui@sha256:<digest of 1.1>, and its command; docs/migration.md lists
      #   the requirements.
# The end.
"""


def test_comments_stay_with_their_keys_and_what_is_lost_has_one_in_its_place() -> None:
    assert converted(OLD_WITH_COMMENTS).text().partition("\n\n")[2] == NEW_WITH_COMMENTS.removeprefix("\n")


def test_defaults_that_differ_are_at_the_top_unless_the_file_has_the_key() -> None:
    shown = converted("modelsRuntime: [{name: a, type: comfyui}]").text()
    assert "#   runtime.scaling.maxReplicaCount: 20 -> 5\n" in shown
    assert "#   clusterComponents.instanceType: m7g.large -> t4g.large\n" in shown
    scaling = "{sdWebuiInferenceApi: {scaling: {maxReplicaCount: 20}}}"
    scaled = f"modelsRuntime: [{{name: a, type: comfyui, extraValues: {scaling}}}]"
    assert "maxReplicaCount: 20 ->" not in converted(scaled).text()


def test_a_default_that_some_runtimes_leave_out_names_them() -> None:
    queue = "extraValues: {runtime: {scaling: {queueLength: 10}}}"
    shown = converted(f"modelsRuntime: [{{name: a, {queue}}}, {{name: B}}, {{type: comfyui}}]").text()
    assert "#   runtime.scaling.queueLength: 10 -> 5 (of b, modelsRuntime[2])\n" in shown
    assert "#   runtime.scaling.maxReplicaCount: 20 -> 5\n" in shown


@pytest.mark.parametrize("value", ["1", "'yes'", "on"])
def test_a_switch_of_the_agent_that_was_not_on_is_named_with_what_is_lost_beside_it(value: str) -> None:
    variables = f"{{LOGLEVEL: DEBUG, EXP_CALLBACK_WHEN_RUNNING: {value}}}"
    agent = f"{{runtime: {{queueAgent: {{extraEnv: {variables}}}}}}}"
    conversion = converted(f"modelsRuntime: [{{name: a, type: comfyui, extraValues: {agent}}}]")
    (lost,) = conversion.not_carried_over
    assert f"EXP_CALLBACK_WHEN_RUNNING was {value.strip(chr(39))}, and only true had an effect" in lost.message
    assert "does not read LOGLEVEL" in lost.message
    assert "notifyRunning" not in yaml.safe_load(conversion.text())
    assert "# Not carried over: " in conversion.text()


MARK = "zzmark"
EVERY_VALUE = yaml.safe_load(EVERY_KEY)


def marked(value: object, within: tuple[str, ...] = ()) -> Iterator[tuple[object, tuple[str, ...]]]:
    """A value with the mark in place of, or beside, each thing in it, and what the mark is within."""
    yield MARK, within
    if isinstance(value, dict):
        named = (*within, str(value["name"])) if "name" in value else within
        yield {MARK: "x", **value}, named
        for key, inner in value.items():
            yield from (({**value, key: one}, around) for one, around in marked(inner, (*named, key)))
    elif isinstance(value, list):
        yield [MARK, *value], within
        for index, inner in enumerate(value):
            yield from (([*value[:index], one, *value[index + 1 :]], around) for one, around in marked(inner, within))


def value_at(path: Sequence[str]) -> object:
    value = EVERY_VALUE
    for part in path:
        value = value[0 if part == "[]" else part]
    return value


def file_with(path: Sequence[str], value: object) -> dict[str, Any]:
    *parents, name = path
    inner: object = {name: value}
    for part in reversed(parents):
        inner = [{"type": "sdwebui", **inner}] if part == "[]" and isinstance(inner, dict) else {part: inner}
    assert isinstance(inner, dict)
    return inner


@pytest.mark.parametrize("key", OLD_KEYS, ids=lambda key: key.path)
def test_nothing_in_the_value_of_a_key_vanishes(key: OldKey) -> None:
    path = parts_of(key.path)
    for value, within in marked(value_at(path)):
        if key.loses_nothing(value):
            continue
        conversion = converted(yaml.safe_dump(file_with(path, value), sort_keys=False))
        text = conversion.text()
        said = " ".join(f"{one.key} {one.message}" for one in conversion.not_carried_over)
        is_named = any(re.search(rf"\b{re.escape(name)}\b", said) for name in (MARK, *within))
        assert MARK in str(yaml.safe_load(text)) or is_named or "# Not carried over: " in text, value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("on", "on"),
        ("true", True),
        ("FALSE", False),
        ("0755", 755),
        ("0o17", 15),
        ("0xff", 255),
        ("1:30", "1:30"),
        ("1_000", "1_000"),
        ("1e3", 1000.0),
        ("-.5", -0.5),
        ("1.10", 1.1),
        (".inf", float("inf")),
        ("2026-01-01", "2026-01-01"),
        ("~", None),
        ("", None),
        ("=", "="),
        ("<<", "<<"),
    ],
)
def test_scalars_are_read_as_yaml_1_2_reads_them(text: str, value: object) -> None:
    found = yaml.load(f"key: {text}", Yaml12Loader)["key"]  # noqa: S506 (a safe loader)
    assert (found, type(found)) == (value, type(value))


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=25)
@given(st.dictionaries(st.text(max_size=8), PLAIN, max_size=4), st.text(max_size=200))
def test_what_is_written_is_what_is_read(value: dict[str, Any], comment: str) -> None:
    section = Section()
    for key, inner in value.items():
        section.comment(comment)
        section.set(key, inner)
    text = "\n".join(section.lines()) + "\n"
    assert (yaml.safe_load(text) or {}) == value


def test_a_scalar_is_one_line() -> None:
    for value in ("a\nb", "a: b", "1.10", "yes", "# no", "\u2028", "é", "", " x "):
        assert "\n" not in scalar(value)
        assert yaml.safe_load(scalar(value)) == value


@pytest.fixture
def old(tmp_path: Path) -> Path:
    file = tmp_path / "old.yaml"
    file.write_text("modelsRuntime: [{name: a, type: comfyui, chartVersion: 1.10}]\n", encoding="utf-8")
    return file


def test_the_new_file_goes_to_standard_output(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert convert_config.main([str(old)]) == 0
    said = capsys.readouterr()
    assert yaml.safe_load(said.out) == {"modelsRuntime": [{"name": "a", "type": "comfyui"}]}
    assert said.err.splitlines() == [
        "1 key(s) of old.yaml could not be carried over; comments in new file say why and what to do",
        "new file is valid",
    ]


def test_the_new_file_goes_to_the_named_one_and_never_over_another(
    old: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = tmp_path / "new.yaml"
    assert convert_config.main([str(old), "--output", str(new)]) == 0
    assert capsys.readouterr().out == ""
    written = new.read_text("utf-8")
    parse_config(written, "new.yaml")
    new.write_text("mine", encoding="utf-8")
    with pytest.raises(SystemExit) as exit_status:
        convert_config.main([str(old), "--output", str(new)])
    assert exit_status.value.code == 2
    assert "new.yaml exists; --force replaces it" in capsys.readouterr().err
    assert new.read_text("utf-8") == "mine"
    assert convert_config.main([str(old), "--output", str(new), "--force"]) == 0
    assert new.read_text("utf-8") == written
    assert sorted(file.name for file in tmp_path.iterdir()) == ["new.yaml", "old.yaml"]


@pytest.mark.parametrize("name", ["old.yaml", "../{folder}/old.yaml"])
def test_fails_when_the_old_file_would_be_replaced(old: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    output = old.parent / name.format(folder=old.parent.name)
    with pytest.raises(SystemExit) as exit_status:
        convert_config.main([str(old), "--output", str(output), "--force"])
    assert exit_status.value.code == 2
    assert "must be another file than OLD.yaml" in capsys.readouterr().err


def test_fails_when_force_has_nothing_to_replace(old: Path) -> None:
    with pytest.raises(SystemExit, match="2"):
        convert_config.main([str(old), "--force"])


def test_a_report_says_the_same_as_json(old: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old.write_text("modelsRuntime: [{name: A_b, type: comfyui, chartVersion: 1.10}]\n", encoding="utf-8")
    assert convert_config.main([str(old), "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["not_carried_over"] == [
        {
            "line": 1,
            "key": "modelsRuntime[0].chartVersion",
            "value": "1.10",
            "message": "the Kubernetes objects are part of the stack and not of a Helm chart",
        }
    ]
    assert "clusterComponents.desiredCount" not in [one["key"] for one in report["other_defaults"]]
    assert report["other_defaults"][0] == {
        "key": "clusterComponents.instanceType",
        "there": "m7g.large",
        "here": "t4g.large",
        "runtimes": [],
    }
    assert [(error["key"], error["line"] > 1) for error in report["errors"]] == [("modelsRuntime[0].name", True)]
    assert [file.name for file in tmp_path.iterdir()] == ["old.yaml"]


def test_fails_when_the_new_file_is_not_valid_which_is_written_all_the_same(
    old: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old.write_text("modelsRuntime: [{name: a_b, type: comfyui}]\n", encoding="utf-8")
    new = tmp_path / "new.yaml"
    assert convert_config.main([str(old), "--output", str(new)]) == 1
    said = capsys.readouterr().err
    line = next(n for n, text in enumerate(new.read_text("utf-8").splitlines(), 1) if "a_b" in text)
    assert f"{new}:{line}: modelsRuntime[0].name: must be lowercase letters, digits and hyphens" in said
    assert said.endswith(f"{new} is not valid yet\n")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"stackName: [", "old.yaml:1: is not valid YAML"),
        (b"stackName: a\nstackName: b\n", "old.yaml:2: stackName: is defined twice"),
        (b"", "old.yaml: must be a mapping of keys, got an empty file"),
        (b"- a\n", "old.yaml:1: must be a mapping of keys"),
        (b"\xff\xfe", "old.yaml: must be UTF-8, byte 0 is not"),
        (b"a: !!python/object:os.system x", "old.yaml:1: is not valid YAML"),
    ],
)
def test_fails_when_the_old_file_cannot_be_read(
    old: Path, text: bytes, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    old.write_bytes(text)
    assert convert_config.main([str(old)]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert says in said.err
    assert "Traceback" not in said.err


def test_fails_when_a_file_is_missing_or_a_folder_cannot_be_written(
    old: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert convert_config.main([str(tmp_path / "none.yaml")]) == 1
    assert capsys.readouterr().err == f"{tmp_path / 'none.yaml'}: No such file or directory\n"
    assert convert_config.main([str(old), "--output", str(tmp_path / "none" / "new.yaml")]) == 1
    assert f"{tmp_path / 'none' / 'new.yaml'}: No such file or directory" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_fails_when_the_disk_is_full(old: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new = tmp_path / "new.yaml"
    (tmp_path / ".new.yaml.new").symlink_to("/dev/full")
    assert convert_config.main([str(old), "--output", str(new)]) == 1
    assert f"{new}: No space left on device" in capsys.readouterr().err
    assert not new.exists()


def test_help_names_the_exit_statuses(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        convert_config.main(["--help"])
    assert re.search(r"Exit status: 0 .*; 1 .*; 2 .*;\s+130 ", capsys.readouterr().out, re.DOTALL)
