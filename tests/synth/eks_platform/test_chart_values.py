"""Every Helm value that is set exists in the pinned chart: Helm silently ignores unknown values."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml


@pytest.mark.parametrize("chart", ["karpenter-1.14.1", "keda-2.20.2"])
def test_chart_has_every_value_that_is_set(
    chart: str, shared_data: Path, resources: dict[str, dict[str, Any]], fill: Callable[[object], str]
) -> None:
    name, _, version = chart.rpartition("-")
    known = yaml.safe_load((shared_data / "charts" / f"{chart}-values.yaml").read_text(encoding="utf-8"))
    (properties,) = [
        resource["Properties"]
        for resource in resources.values()
        if resource["Type"] == "Custom::AWSCDK-EKS-HelmChart" and resource["Properties"]["Release"] == name
    ]
    assert properties["Version"] == version
    assert _unknown(json.loads(fill(properties["Values"])), known) == []


def _unknown(values: dict[str, Any], known: dict[str, Any], path: str = "") -> list[str]:
    found = []
    for key, value in values.items():
        if key not in known:
            found.append(path + key)
        elif isinstance(value, dict) and known[key]:  # an empty one takes anything, such as `resources`
            found += _unknown(value, known[key], f"{path}{key}.")
    return found


def test_unknown_value_is_found() -> None:
    assert _unknown({"a": {"x": 1}, "b": {"y": 1}}, {"a": {}, "b": {"z": 1}}) == ["b.y"]
