"""`app.py` and `cdk synth`, as a user runs them: with the CDK's validator, cdk-nag, cfn-lint."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.xdist_group("synth")


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 (our own commands)
        command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, check=False, timeout=120
    )


def test_cdk_synth_passes_the_validator_and_cdk_nag_and_cfn_lint(tmp_path: Path) -> None:
    cdk = str(ROOT / "node_modules" / "aws-cdk" / "bin" / "cdk")
    done = run(os.environ["JSII_NODE"], cdk, "synth", "--quiet", "--output", str(tmp_path / "cdk.out"))
    assert done.returncode == 0, done.stdout + done.stderr
    template = tmp_path / "cdk.out" / "SdOnEKSStack.template.json"
    report = json.loads((tmp_path / "cdk.out" / "validation-report.json").read_text())
    assert report["pluginReports"] == []
    lint = run(str(Path(sys.executable).parent / "cfn-lint"), "--ignore-checks", "W3005", "--", str(template))
    assert (lint.returncode, lint.stdout) == (0, "")


def test_a_broken_configuration_ends_with_status_2_and_leaves_nothing(tmp_path: Path) -> None:
    config, out = tmp_path / "broken.yaml", tmp_path / "cdk.out"
    config.write_text("stackName: 5\nAPIGW: {throttle: {rateLimit: -3}}\n")
    done = run(sys.executable, "app.py", CDK_CONFIG_PATH=str(config), CDK_OUTDIR=str(out))
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        f"{config}:1: stackName: must be a text (put it in quotes), got 5",
        f"{config}:2: APIGW.throttle.rateLimit: must be 1 or more, got -3",
    ]
    assert not out.exists()


def test_there_is_no_package_that_shadows_constructs() -> None:
    assert not (ROOT / "constructs" / "__init__.py").exists()
    assert not (ROOT / "tests" / "constructs" / "__init__.py").exists()
