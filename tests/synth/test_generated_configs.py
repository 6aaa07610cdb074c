"""The stack of any configuration: it synthesizes, linters report nothing, and all invariants hold."""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from random import Random
from types import UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin

import aws_cdk as cdk
import pytest
from cfnlint.api import lint  # type: ignore[import-untyped]  # the distribution has no types
from cfnlint.config import ManualArgs  # type: ignore[import-untyped]  # as above
from hypothesis import HealthCheck, Phase, find, given, note, reject, seed, settings
from hypothesis.errors import NoSuchExample

from sd_on_eks.config.errors import ConfigError
from sd_on_eks.config.loader import parse_config
from sd_on_eks.config.rules.size import most_resources
from tests.fakes.api_server import CUSTOM_KINDS, ApiServer
from tests.synth import invariants, role_rights
from tests.synth.eks_platform.test_crd_rules import _broken, _schemas_in
from tests.synth.generated_configs import as_yaml, config_data, load
from tests.synth.invariants import INVARIANTS
from tests.synth.role_rights import ROLES, kind_of, rights_of
from tests.synth.synthesis import Resources, Synthesis, make_app, synthesis, synthesis_of
from tests.unit.config.test_reference import FIELDS

Data = dict[str, Any]
MakeApp = Callable[[], cdk.App]


def _choices(annotation: Any) -> Iterator[object]:
    """The choices of a key, if it has a few."""
    if annotation is bool:
        yield from (True, False)
    elif get_origin(annotation) is Literal:
        yield from get_args(annotation)
    elif get_origin(annotation) in (Union, UnionType, tuple):
        for argument in get_args(annotation):
            yield from _choices(argument)


CHOICES = [(path, choice) for path, field in FIELDS.items() for choice in _choices(field.annotation)]


def _drawn_in(data: Data, prefix: str = "") -> Iterator[str | tuple[str, object]]:
    """Paths of a configuration's keys, and of its choices."""
    for key, value in data.items():
        path = f"{prefix}{key}"
        values = value if isinstance(value, list) else [value]
        if f"{path}[]" in FIELDS:
            path = f"{path}[]"
        yield path
        for one in values:
            if isinstance(one, dict):
                yield from _drawn_in(one, f"{path}.")
            else:
                yield path, one


def draw_until(wanted: Iterable[object], *, at_least: int = 0) -> list[Data]:
    """Configurations until each of the wanted keys is in one of them, at most 500."""
    found: list[Data] = []
    missing = set(wanted)

    def is_enough(data: Data) -> bool:
        found.append(data)
        missing.difference_update(_drawn_in(data))
        return not missing and len(found) >= at_least

    with suppress(NoSuchExample):
        find(
            config_data(),
            is_enough,
            settings=settings(max_examples=500, database=None, phases=[Phase.generate]),
            random=Random(1),
        )
    return found


@pytest.fixture(scope="module")
def drawn() -> list[Data]:
    return draw_until(FIELDS, at_least=50)


def test_every_key_of_the_model_is_drawn(drawn: list[Data]) -> None:
    seen = {one for data in drawn for one in _drawn_in(data)}
    assert [path for path in FIELDS if path not in seen] == []


def test_nearly_every_drawn_configuration_loads(drawn: list[Data]) -> None:
    refused = []
    for data in drawn:
        try:
            load(data)
        except ConfigError as error:
            refused.append(str(error))
    assert len(refused) <= len(drawn) / 20, "\n".join(refused)


MOST: Final = """
availabilityZones: [us-east-1a, us-east-1b, us-east-1c]
network: {natGateways: onePerZone}
cluster: {observability: true, nodeMonitoring: true, ownSecretsKey: true}
gpuNodeGroups: [{name: warm}]
APIGW:
  plans: [{name: studio}, {name: research}]
  cors: {allowOrigins: [https://a.example.com]}
  webAcl: {requestsPer5Minutes: 1000}
  canary: {}
modelsRuntime:
- name: a
  namespace: images
  type: sdwebui
  dynamicModel: true
  extraValues: {runtime: {inferenceApi: {image: {build: cloud}}, queueAgent: {image: {build: cloud}}}}
""" + "".join(f"- {{name: c{n}, type: comfyui}}\n" for n in range(10))
"""Every option that creates resources."""


@pytest.mark.xdist_group("synth")
def test_the_largest_stack_has_the_resources_that_are_promised(synth_app: MakeApp) -> None:
    made = synthesis(parse_config(MOST, "most.yaml"), synth_app())
    assert len(made.resources) == most_resources(made.config)


@pytest.mark.soak
def test_every_choice_of_every_key_is_drawn() -> None:
    seen = {one for data in draw_until(CHOICES) for one in _drawn_in(data)}
    assert [choice for choice in CHOICES if choice not in seen] == []


def check_examples(new_app: MakeApp, check: Callable[[Synthesis], None], *, shard: int, count: int) -> None:
    """Synthesize a number of configurations, and check each result."""
    checked = 0

    @seed(shard)
    @settings(
        max_examples=count,
        database=None,
        phases=[Phase.generate],  # shrinking an example would take an hour
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(config_data())
    def run(data: Data) -> None:
        nonlocal checked
        note(as_yaml(data))
        try:
            config = load(data)
        except ConfigError:
            reject()
        made = synthesis(config, new_app())
        for invariant in INVARIANTS:
            invariant(made)
        check(made)
        checked += 1

    run()
    assert checked >= count


def in_shards(count: int) -> pytest.MarkDecorator:
    """Shards with different examples, which parallel processes run."""
    return pytest.mark.parametrize(
        "shard", [pytest.param(part, marks=pytest.mark.xdist_group(f"shard {part}")) for part in range(count)]
    )


@pytest.mark.xdist_group("synth")
def test_any_stack_keeps_the_invariants(synth_app: MakeApp) -> None:
    check_examples(synth_app, lambda _: None, shard=0, count=5)


@pytest.mark.soak
@in_shards(4)
def test_many_a_stack_keeps_the_invariants(synth_app: MakeApp, shard: int) -> None:
    check_examples(synth_app, lambda _: None, shard=100 + shard, count=38)


@pytest.mark.soak
@in_shards(6)
def test_many_a_stack_has_no_finding_of_cfn_lint(synth_app: MakeApp, shard: int) -> None:
    # W3005: a DependsOn that a reference makes redundant. The CDK adds them, and they are harmless.
    # W3010: zones by name, as in the configuration.
    config = ManualArgs(regions=["us-east-1"], ignore_checks=["W3005", "W3010"])

    def check(made: Synthesis) -> None:
        assert lint(made.text, config=config) == []

    check_examples(synth_app, check, shard=200 + shard, count=17)


@pytest.mark.soak
@in_shards(2)
def test_many_a_stack_has_no_finding_of_the_cdk_s_validator(
    tmp_path_factory: pytest.TempPathFactory, shard: int
) -> None:
    def validating_app() -> cdk.App:
        return make_app(tmp_path_factory.mktemp("cdk.out"), validates=True)

    # With findings the app does not synthesize.
    check_examples(validating_app, lambda _: None, shard=400 + shard, count=12)


@pytest.mark.soak
@in_shards(2)
def test_custom_objects_of_many_a_stack_keep_their_definitions(
    synth_app: MakeApp, shared_data: Path, shard: int
) -> None:
    server, schemas = ApiServer(definitions=shared_data / "crds"), _schemas_in(shared_data / "crds")

    def check(made: Synthesis) -> None:
        for one in made.objects:
            if one["kind"] in CUSTOM_KINDS:
                assert server.refusals(one) + _broken(one, schemas) == [], one["metadata"]["name"]

    check_examples(synth_app, check, shard=300 + shard, count=25)


RICH = """
network: {natGateways: none}
registries: {charts: "oci://registry.example.com/charts", images: registry.example.com}
cluster: {observability: true}
APIGW: {canary: {}}
modelsRuntime:
- name: a
  type: sdwebui
  dynamicModel: true
  extraValues: {runtime: {queueAgent: {image: {build: cloud}}}}
- name: b
  type: comfyui
"""
"""All roles."""


@pytest.fixture(scope="module")
def rich(synth_app: MakeApp) -> Synthesis:
    return synthesis(parse_config(RICH, "rich.yaml"), synth_app())


@pytest.mark.xdist_group("synth")
@pytest.mark.parametrize("kind", sorted(ROLES))
def test_no_right_is_listed_that_no_role_has(rich: Synthesis, kind: str) -> None:
    rights = [rights_of(rich, role) for role in rich.of_type("AWS::IAM::Role") if kind_of(role) == kind]
    assert rights
    for has in rights:
        assert (has.actions, has.managed) == (ROLES[kind].actions, ROLES[kind].managed)
        assert has.on_anything.keys() == ROLES[kind].on_anything.keys()
        assert has.wildcards.keys() == ROLES[kind].wildcards.keys()


Break = Callable[[Synthesis], Synthesis]


def _replaced(old: str, new: str) -> Break:
    def change(made: Synthesis) -> Synthesis:
        assert old in made.text
        return synthesis_of(made.text.replace(old, new), made.config)

    return change


def _changed(change: Callable[[Resources], object]) -> Break:
    def changed(made: Synthesis) -> Synthesis:
        template = json.loads(made.text)
        change(template["Resources"])
        return synthesis_of(json.dumps(template), made.config)

    return changed


def _with(resource: Data, *, times: int = 1) -> Break:
    return _changed(lambda resources: resources.update({f"More{number}": resource for number in range(times)}))


def _first(resources: Resources, beginning: str, kind: str) -> Data:
    return next(one for name, one in resources.items() if name.startswith(beginning) and one["Type"] == kind)


def _repeat_a_manifest(resources: Resources) -> None:
    resources["More"] = _first(resources, "Runtimesa", "Custom::AWSCDK-EKS-KubernetesResource")


def _take_the_dead_letter_queue_away(resources: Resources) -> None:
    main = next(one for one in resources.values() if "RedrivePolicy" in one.get("Properties", {}))
    del main["Properties"]["RedrivePolicy"]


def _let_b_read_the_queue_of_a(resources: Resources) -> None:
    one, other = (_first(resources, f"Runtimes{name}AgentRole", "AWS::IAM::Role") for name in "ab")
    other["Properties"]["Policies"] = one["Properties"]["Policies"]


def _let_keda_read_further(resources: Resources) -> None:
    policy = _first(resources, "KedaOperatorRole", "AWS::IAM::Policy")
    policy["Properties"]["PolicyDocument"]["Statement"][0]["Resource"].append("arn:aws:sqs:us-east-1:x:y")


def _let_keda_read_anything(resources: Resources) -> None:
    policy = _first(resources, "KedaOperatorRole", "AWS::IAM::Policy")
    policy["Properties"]["PolicyDocument"]["Statement"][0]["Resource"] = "*"


def _fill_an_environment(resources: Resources) -> None:
    function = _first(resources, "TaskApiHandler", "AWS::Lambda::Function")
    function["Properties"]["Environment"]["Variables"]["MORE"] = "x" * 4000


def _lengthen_a_policy(resources: Resources) -> None:
    policy = _first(resources, "KarpenterNodeLifecycle", "AWS::IAM::ManagedPolicy")
    policy["Properties"]["PolicyDocument"]["Statement"] *= 3


BREAKS: list[tuple[Callable[[Synthesis], None], Break]] = [
    (invariants.kubernetes_objects_are_unique, _changed(_repeat_a_manifest)),
    (invariants.kubernetes_objects_are_valid, _replaced("policyTypes", "policyKinds")),
    (invariants.kubernetes_objects_are_valid, _replaced("TASK_TABLE_NAME", "SQS_QUEUE_URL")),
    (invariants.kubernetes_objects_are_valid, _replaced("part-of", "part-of-")),
    (invariants.containers_ask_for_no_more_than_they_may_use, _replaced("512Mi", "128Mi")),
    (invariants.names_are_unique, _replaced('"AddonName":"coredns"', '"AddonName":"vpc-cni"')),
    (invariants.queues_have_dead_letter_queues, _changed(_take_the_dead_letter_queue_away)),
    (invariants.queues_have_dead_letter_queues, _replaced(":1209600", ":345600")),
    (invariants.runtimes_get_their_own_tasks, _replaced('{"runtime":["a"]}', '{"runtime":["a","b"]}')),
    (invariants.runtimes_get_their_own_tasks, _replaced('{"runtime":["b"]}', '{"status":["b"]}')),
    (invariants.resources_are_no_more_than_promised, _with({"Type": "AWS::SNS::Topic"}, times=30)),
    (invariants.template_is_small_enough, _with({"Type": "AWS::SNS::Topic"}, times=30_000)),
    (invariants.template_names_no_account, _replaced("arn:", "arn:aws:iam::444455556666:role/")),
    (invariants.functions_environments_fit, _changed(_fill_an_environment)),
    (invariants.nobody_is_warned, lambda made: replace(made, warnings=["beware"])),
    (role_rights.roles_have_no_further_rights, _replaced('"sqs:DeleteMessage"', '"sqs:PurgeQueue"')),
    (role_rights.roles_have_no_further_rights, _replaced('"sqs:DeleteMessage"', '"sqs:*"')),
    (role_rights.roles_have_no_further_rights, _replaced("AmazonEKS_CNI_Policy", "AdministratorAccess")),
    (role_rights.roles_have_no_further_rights, _changed(_let_keda_read_anything)),
    (role_rights.roles_have_no_further_rights, _with({"Type": "AWS::IAM::Role", "Properties": {}})),
    (role_rights.no_role_has_full_access, _replaced("AmazonEKS_CNI_Policy", "AmazonS3FullAccess")),
    (role_rights.no_role_has_full_access, _replaced('"sqs:DeleteMessage"', '"*"')),
    (role_rights.agents_may_patch_no_pod_unjudged, _replaced(".endsWith('-queue-agent')", ".endsWith('-agents')")),
    (role_rights.agents_may_patch_no_pod_unjudged, _replaced("b-queue-agent", "b-agents")),
    (role_rights.agents_reach_their_own_queue_alone, _changed(_let_b_read_the_queue_of_a)),
    (role_rights.keda_reads_the_length_of_runtimes_queues_alone, _changed(_let_keda_read_further)),
    (role_rights.policies_are_no_longer_than_allowed, _changed(_lengthen_a_policy)),
]


@pytest.mark.xdist_group("synth")
@pytest.mark.parametrize(("invariant", "change"), BREAKS, ids=[invariant.__name__ for invariant, _ in BREAKS])
def test_broken_stack_breaks_the_invariant(
    rich: Synthesis, invariant: Callable[[Synthesis], None], change: Break
) -> None:
    invariant(rich)
    with pytest.raises(AssertionError):
        invariant(change(rich))


def test_every_invariant_is_broken_once() -> None:
    assert {invariant for invariant, _ in BREAKS} == set(INVARIANTS)
