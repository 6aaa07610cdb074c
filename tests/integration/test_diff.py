"""scripts/diff.py with a deployed stack: there is no difference until something is changed."""

import json
import shutil
from pathlib import Path
from typing import Any

import boto3
import pytest

import diff

pytestmark = pytest.mark.xdist_group("local_stack")


@pytest.fixture
def changes(client: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    for name, value in client.stack.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)

    def run(assembly: Path) -> Any:
        assert diff.main([client.stack.deployment.stack_name, "--assembly", str(assembly), "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    return run


def test_deployed_stack_differs_only_in_what_was_changed(client: Any, changes: Any, tmp_path: Path) -> None:
    assembly = client.stack.folder / "cdk.out"
    assert changes(assembly) == {"resources": [], "objects": []}
    shutil.copy(assembly / "manifest.json", tmp_path)
    template = json.loads((assembly / "SdOnEKSStack.template.json").read_text(encoding="utf-8"))
    name, table = next(one for one in template["Resources"].items() if one[1]["Type"] == "AWS::DynamoDB::Table")
    table["Properties"]["TableName"] = "another"
    (tmp_path / "SdOnEKSStack.template.json").write_text(json.dumps(template))
    (change,) = changes(tmp_path)["resources"]
    assert (change["change"], change["logical_id"], change["properties"]) == ("changed", name, ["TableName"])
