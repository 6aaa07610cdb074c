"""Idle cost: the cost of each option, and the figure in the README."""

import io
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from sd_on_eks.cdk_app.idle_cost import (
    INTERFACE_ENDPOINT_SERVICES,
    PRICES_AS_OF,
    as_sentence,
    as_table,
    idle_cost,
    total_usd_per_month,
)
from sd_on_eks.config.loader import load_config, parse_config

ROOT = Path(__file__).parents[3]

BASE_USD = total_usd_per_month(idle_cost(parse_config("stackName: Base\n", "base.yaml")))
NAT_USD = 730 * (0.045 + 0.005)
GPU_DISK_USD = 204 * 0.08
G5_USD = 730 * 1.212

REGISTRIES = "registries: {charts: oci://registry.example.com/charts, images: registry.example.com}\n"
ZONES = "availabilityZones: [us-east-1a, us-east-1b, us-east-1c]\n"
SUBNETS = """[
  {subnetId: subnet-0000000a, availabilityZone: us-east-1a},
  {subnetId: subnet-0000000b, availabilityZone: us-east-1b},
  {subnetId: subnet-0000000c, availabilityZone: us-east-1b},
]"""


def cost_of(text: str) -> float:
    return total_usd_per_month(idle_cost(parse_config(text, "test.yaml")))


def added_by(text: str) -> float:
    """The additional cost of a configuration compared to an empty one, without the alarm on each queue."""
    return cost_of(text) - BASE_USD - 0.1 * len(parse_config(text, "test.yaml").models_runtime)


def runtime(
    replicas: int, *, name: str = "a", provisioner: str = "{}", template: str = "{}", schedules: str = "[]"
) -> str:
    scaling = f"minReplicaCount: {replicas}, maxReplicaCount: 1000, schedules: {schedules}"
    return (
        f"- name: {name}\n  type: comfyui\n  extraValues:\n"
        f"    karpenter: {{provisioner: {provisioner}, nodeTemplate: {template}}}\n"
        f"    runtime: {{scaling: {{{scaling}}}}}\n"
    )


def group(size: int, *, extra: str = "") -> str:
    return f"gpuNodeGroups:\n- {{name: warm, size: {size}, mayBeIdle: true{extra}}}\n"


def names_of(text: str) -> list[str]:
    return [line.what for line in idle_cost(parse_config(text, "test.yaml"))]


def shown(text: str) -> str:
    lines = idle_cost(parse_config(text, "test.yaml"))
    console = Console(file=io.StringIO(), width=120, record=True)
    console.print(as_table(lines))
    return console.export_text() + as_sentence(lines)


def test_the_default_configuration_costs_at_most_230_dollars() -> None:
    assert total_usd_per_month(idle_cost(load_config(ROOT / "config.yaml"))) <= 230


def test_the_readme_states_what_is_computed() -> None:
    stated = re.search(r"about ([\d,]+) US dollars\s+a\s+month", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert stated is not None
    computed = total_usd_per_month(idle_cost(load_config(ROOT / "config.yaml")))
    assert float(stated[1].replace(",", "")) == pytest.approx(computed, abs=1)


def test_the_idle_cost_of_an_empty_configuration() -> None:
    lines = idle_cost(parse_config("stackName: Base\n", "base.yaml"))
    assert [(line.what, line.count, line.total_usd_per_month) for line in lines] == [
        ("EKS control plane", 1, pytest.approx(73)),
        ("System nodes: t4g.large, on-demand", 2, pytest.approx(98.112)),
        ("System nodes: disks", 2, pytest.approx(5.44)),
        ("NAT gateways with their public IPv4 addresses", 1, pytest.approx(36.5)),
        ("Control plane logs (estimate)", 1, 2),
        ("Flow logs (estimate)", 1, 1),
        ("Alarms, per metric", 11, pytest.approx(1.1)),
    ]


@pytest.mark.parametrize(
    ("text", "usd"),
    [
        pytest.param("clusterComponents: {desiredCount: 3}\n", 730 * 0.0672 + 34 * 0.08, id="system nodes"),
        pytest.param("clusterComponents: {instanceType: m5.large}\n", 2 * 730 * (0.096 - 0.0672), id="instance type"),
        pytest.param("network: {natGateways: onePerZone}\n", NAT_USD, id="a gateway in each of two zones"),
        pytest.param(ZONES + "network: {natGateways: onePerZone}\n", 2 * NAT_USD, id="three zones"),
        pytest.param(ZONES, 0, id="a zone by itself"),
        pytest.param("network: {flowLogs: false}\n", -1, id="no flow logs"),
        pytest.param("cluster: {ownSecretsKey: true}\n", 1, id="own key"),
        pytest.param("cluster: {observability: true}\n", 20, id="Container Insights on two nodes"),
        pytest.param("cluster: {nodeMonitoring: true}\n", 0, id="node monitoring"),
        pytest.param("APIGW: {webAcl: {requestsPer5Minutes: 100}}\n", 6, id="web ACL"),
        pytest.param("APIGW: {canary: {}}\n", 0.1, id="rollback alarm"),
        pytest.param("APIGW: {plans: [{name: studio}]}\n", 0, id="a further key"),
    ],
)
def test_an_option_adds_its_price(text: str, usd: float) -> None:
    assert added_by(text) == pytest.approx(usd)


@pytest.mark.parametrize(("zones", "count"), [("", 2), (ZONES, 3)])
def test_without_a_gateway_there_are_endpoints_in_each_zone(zones: str, count: int) -> None:
    endpoints = INTERFACE_ENDPOINT_SERVICES * count * 7.3
    assert added_by(zones + REGISTRIES + "network: {natGateways: none}\n") == pytest.approx(endpoints - NAT_USD)


@pytest.mark.parametrize(("has_endpoints", "usd"), [("false", 0), ("true", INTERFACE_ENDPOINT_SERVICES * 2 * 7.3)])
def test_for_an_existing_vpc_only_the_endpoints_of_the_stack_are_counted(has_endpoints: str, usd: float) -> None:
    existing = f"{{vpcId: vpc-0000000a, privateSubnets: {SUBNETS}, interfaceEndpoints: {has_endpoints}}}"
    without = BASE_USD - NAT_USD - 1
    assert cost_of(f"network: {{existingVpc: {existing}}}\n") == pytest.approx(without + usd)


@given(size=st.integers(1, 100), disk_gib=st.integers(50, 16_384), is_spot=st.booleans())
def test_a_gpu_node_group_costs_its_nodes_and_disks(size: int, disk_gib: int, is_spot: bool) -> None:
    extra = f", diskSizeGib: {disk_gib}, capacityType: {'spot' if is_spot else 'on-demand'}"
    node = G5_USD * (0.4 if is_spot else 1) + (4 + disk_gib) * 0.08
    assert added_by(group(size, extra=extra)) == pytest.approx(size * node)


@given(replicas=st.integers(0, 20), size=st.integers(0, 20))
def test_replicas_on_always_on_nodes_are_not_counted_twice(replicas: int, size: int) -> None:
    warm = size * (G5_USD + GPU_DISK_USD)
    provisioned = max(0, replicas - size) * (0.4 * G5_USD + GPU_DISK_USD)
    assert added_by(group(size) + "modelsRuntime:\n" + runtime(replicas)) == pytest.approx(warm + provisioned)


def test_always_on_nodes_run_the_most_expensive_replicas() -> None:
    text = "modelsRuntime:\n" + runtime(1, provisioner="{instanceTypes: [g4dn.xlarge]}") + runtime(1, name="b")
    assert added_by(group(1) + text) == pytest.approx(G5_USD + GPU_DISK_USD + 0.4 * 730 * 0.526 + GPU_DISK_USD)


@pytest.mark.parametrize(
    ("provisioner", "usd_per_hour"),
    [
        ("{instanceTypes: [g6.xlarge, g5.xlarge]}", 0.4 * 0.8048),
        ("{capacityTypes: [on-demand]}", 1.212),
        ("{capacityTypes: [on-demand, spot]}", 0.4 * 1.212),
        ("{instanceFamilies: [g6e, g5]}", 0.4 * 1.861),
    ],
)
def test_a_replica_costs_a_node_of_the_preferred_type(provisioner: str, usd_per_hour: float) -> None:
    text = "modelsRuntime:\n" + runtime(2, provisioner=provisioner)
    assert added_by(text) == pytest.approx(2 * (730 * usd_per_hour + GPU_DISK_USD))


def test_replicas_share_a_node_that_has_more_gpus() -> None:
    text = "modelsRuntime:\n" + runtime(5, provisioner="{instanceTypes: [g5.12xlarge]}")
    assert added_by(text) == pytest.approx(2 * (0.4 * 730 * 5.672 + GPU_DISK_USD))


def test_a_faster_disk_costs_more() -> None:
    text = "modelsRuntime:\n" + runtime(1, template="{diskIops: 4000, diskThroughputMibS: 525}")
    slow = "modelsRuntime:\n" + runtime(1)
    assert cost_of(text) - cost_of(slow) == pytest.approx(1000 * 0.005 + 400 * 0.04)


def test_each_queue_is_a_metric_of_an_alarm() -> None:
    text = "modelsRuntime:\n" + runtime(0) + runtime(0, name="b")
    assert cost_of(text) - BASE_USD == pytest.approx(0.2)


def test_container_insights_counts_gpu_nodes() -> None:
    text = group(1) + "modelsRuntime:\n" + runtime(3)
    assert cost_of("cluster: {observability: true}\n" + text) - cost_of(text) == pytest.approx((2 + 1 + 2) * 10)


def test_no_replicas_no_gpu_line() -> None:
    text = group(0) + "modelsRuntime:\n" + runtime(0) + runtime(0, name="b")
    assert not [name for name in names_of(text) if "GPU" in name]
    assert added_by(text) == pytest.approx(0)


def test_an_unknown_price_is_reported() -> None:
    text = "clusterComponents: {instanceType: m9z.large}\n"
    assert re.search(r"m9z\.large, on-demand\W+2\W+price unknown\W+price unknown", shown(text))
    assert f"at least 119 US dollars a month while idle (us-east-1, list prices of {PRICES_AS_OF})" in shown(text)


def test_an_unknown_gpu_price_is_not_hidden_by_warm_nodes() -> None:
    unknown = runtime(1, name="b", provisioner="{instanceFamilies: [p4d]}")
    text = group(1) + "modelsRuntime:\n" + runtime(1) + unknown
    assert "GPU nodes of b: p4d, spot" in names_of(text)
    assert "at least" in shown(text)


def test_items_without_a_known_price_are_listed_as_not_included() -> None:
    unknown = runtime(1, provisioner="{instanceFamilies: [p4d]}", schedules=schedule(3))
    said = as_sentence(idle_cost(parse_config("modelsRuntime:\n" + unknown, "test.yaml")))
    assert said.startswith("at least ")
    assert said.endswith(
        "; not included, because their prices are unknown: GPU nodes of a: p4d, spot; "
        "GPU nodes of a by schedule, hours: p4d, spot"
    )


WORKING_HOURS = 261 * 11 / 12
"""A month, of the schedule below."""


def schedule(replicas: int) -> str:
    return f"[{{timezone: UTC, start: 0 8 * * 1-5, end: 0 19 * * 1-5, replicas: {replicas}}}]"


def test_nodes_by_schedule_cost_their_hours() -> None:
    hours = 2 * WORKING_HOURS
    usd = hours * (0.4 * 1.212 + GPU_DISK_USD / 730)
    assert added_by("modelsRuntime:\n" + runtime(0, schedules=schedule(2))) == pytest.approx(usd)


def test_schedule_costs_what_it_adds_to_the_warm_replicas() -> None:
    always, more = (cost_of("modelsRuntime:\n" + runtime(2, schedules=schedule(count))) for count in (2, 3))
    assert added_by("modelsRuntime:\n" + runtime(2)) == pytest.approx(always - BASE_USD - 0.1)
    assert more - always == pytest.approx(WORKING_HOURS * (0.4 * 1.212 + GPU_DISK_USD / 730))


@given(replicas=st.integers(1, 9), size=st.integers(0, 9), always=st.integers(0, 9))
@settings(max_examples=20)
def test_replicas_by_schedule_have_the_places_that_warm_ones_leave(replicas: int, size: int, always: int) -> None:
    text = group(size) + "modelsRuntime:\n"
    extra = max(0, max(replicas, always) - size) - max(0, always - size)
    added = cost_of(text + runtime(always, schedules=schedule(replicas))) - cost_of(text + runtime(always))
    assert added == pytest.approx(extra * WORKING_HOURS * (0.4 * 1.212 + GPU_DISK_USD / 730))


def test_container_insights_counts_nodes_by_schedule_for_their_hours() -> None:
    text = "modelsRuntime:\n" + runtime(0, schedules=schedule(2))
    insights = cost_of("cluster: {observability: true}\n" + text) - cost_of(text)
    assert insights == pytest.approx((2 + 2 * WORKING_HOURS / 730) * 10)


def test_the_table_has_every_line_and_the_total_is_one_line() -> None:
    text = group(1) + "modelsRuntime:\n" + runtime(2)
    output = shown(text)
    assert [name for name in names_of(text) if name not in output] == []
    total = as_sentence(idle_cost(parse_config(text, "test.yaml")))
    gpu_usd = G5_USD + GPU_DISK_USD + 0.4 * G5_USD + GPU_DISK_USD
    assert total == (
        f"about {cost_of(text):,.0f} US dollars a month while idle, {gpu_usd:,.0f} of them for GPU nodes that run "
        f"without a task (us-east-1, list prices of {PRICES_AS_OF})"
    )


def test_neither_the_cdk_nor_rich_is_imported() -> None:
    unwanted = "{'aws_cdk', 'constructs', 'rich'}"
    code = f"import sys, sd_on_eks.cdk_app.idle_cost as _; sys.exit(bool({unwanted} & sys.modules.keys()))"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT / "constructs")  # noqa: S603 (our own code)
