"""`app.py` and `cdk synth` as in a user's shell: with the CDK's validator, cdk-nag and cfn-lint."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import aws_cdk as cdk
import pytest
import yaml

import app
from sd_on_eks.cdk_app.idle_cost import as_sentence, idle_cost
from sd_on_eks.config.loader import load_config
from tests.fakes.screen import Screen

ROOT = Path(__file__).parents[2]
CDK = str(ROOT / "node_modules" / "aws-cdk" / "bin" / "cdk")
pytestmark = pytest.mark.xdist_group("synth")


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 (our own commands)
        command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, check=False, timeout=120
    )


@dataclass(frozen=True)
class Synthesis:
    """A run of `cdk synth` and its output."""

    done: subprocess.CompletedProcess[str]
    template: Path
    report: Path


@pytest.fixture(scope="module")
def synthesis(tmp_path_factory: pytest.TempPathFactory) -> Synthesis:
    out = tmp_path_factory.mktemp("synthesis") / "cdk.out"
    done = run(os.environ["JSII_NODE"], CDK, "synth", "--output", str(out))
    assert done.returncode == 0, done.stdout + done.stderr
    return Synthesis(done, out / "SdOnEKSStack.template.json", out / "validation-report.json")


def test_cdk_synth_passes_the_validator_and_cdk_nag_and_cfn_lint(synthesis: Synthesis) -> None:
    assert json.loads(synthesis.report.read_text())["pluginReports"] == []
    lint = run(str(Path(sys.executable).parent / "cfn-lint"), "--ignore-checks", "W3005", "--", str(synthesis.template))
    assert (lint.returncode, lint.stdout) == (0, "")


@pytest.mark.parametrize(("environment", "is_validated"), [({"CDK_CLI_VERSION": "2.1134.0"}, True), ({}, False)])
def test_the_cdk_s_validator_runs_where_the_cli_reads_its_findings(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], is_validated: bool
) -> None:
    given: dict[str, object] = {}

    class StoppedError(Exception):
        pass

    def make_app(**options: object) -> None:
        given.update(options)
        raise StoppedError

    monkeypatch.delenv("CDK_CLI_VERSION", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(cdk, "App", make_app)
    with pytest.raises(StoppedError):
        app.main()
    assert given["builtin_cloud_formation_validation"] is is_validated


def test_cdk_synth_prints_the_template_and_nothing_else(synthesis: Synthesis) -> None:
    template = json.loads(synthesis.template.read_text())
    del template["Rules"]  # the check of the bootstrap's version, which the CLI does not show
    assert yaml.safe_load(synthesis.done.stdout) == template


def test_cdk_synth_says_beside_it_what_the_stack_costs_while_idle(synthesis: Synthesis) -> None:
    total = as_sentence(idle_cost(load_config(ROOT / "config.yaml")))
    assert synthesis.done.stderr.splitlines() == [f"SdOnEKSStack costs {total}"]


def test_a_terminal_shows_a_spinner_then_the_idle_cost_line_by_line_and_cuts_nothing() -> None:
    code = """
import app
with app._spinner("synthesizing"):
    pass
app.print_idle_cost(app.load_config())
"""
    with Screen(is_terminal=True) as screen:
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, stderr=screen.stream, check=True)  # noqa: S603 (our own code)
    lines = idle_cost(load_config(ROOT / "config.yaml"))
    assert "synthesizing" in screen.text
    assert screen.text.index("synthesizing") < screen.text.index("Idle cost")
    words = {word for line in lines for word in line.what.split()}
    assert [word for word in words if word[:8] not in screen.text] == []
    assert screen.text.endswith(f"SdOnEKSStack costs {as_sentence(lines)}\n")


def test_a_broken_configuration_ends_with_status_2_and_leaves_nothing(tmp_path: Path) -> None:
    config, out = tmp_path / "broken.yaml", tmp_path / "cdk.out"
    config.write_text("stackName: 5\nAPIGW: {throttle: {rateLimit: -3}}\n")
    done = run(sys.executable, "app.py", CDK_CONFIG_PATH=str(config), CDK_OUTDIR=str(out))
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        f'{config}:1: stackName: must be a string, got 5 without quotes: write "5"',
        f"{config}:2: APIGW.throttle.rateLimit: must be 1 or more, got -3",
    ]
    assert not out.exists()


def test_there_is_no_package_that_shadows_constructs() -> None:
    assert not (ROOT / "constructs" / "__init__.py").exists()
    assert not (ROOT / "tests" / "constructs" / "__init__.py").exists()
