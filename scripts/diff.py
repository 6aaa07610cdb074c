#!/usr/bin/env python3
"""Show what a deployment would change: resources as `cdk diff` shows them, Kubernetes objects as YAML, one by one.

    make diff
    .venv/bin/python scripts/diff.py [STACK_NAME] [--json]
    .venv/bin/python scripts/diff.py --template OLD.json [--json]

It compares the template that is deployed with the one that `make synth` has written. The objects that the stack applies
with kubectl, and the values of its Helm charts, are JSON in one string of the template: each is shown as a unified diff
of its YAML, with what follows from it, such as that pods are replaced. `${Name}` is what CloudFormation puts in.

STACK_NAME is the CloudFormation stack (default: the one of the synthesized template); the AWS credentials and region of
the environment are used, and AWS_ENDPOINT_URL. With --template nothing is asked of AWS: OLD.json is a template that was
synthesized earlier. It only reads. Exit status: 0 with and without changes, 1 if they could not be compared, 2 if an
option is wrong, 130 after Ctrl-C.
"""

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import boto3
from botocore.config import Config

from aws_errors import aws_errors
from sd_on_eks.cdk_app.jsii_node import use_bundled_node
from template_changes import SHOWN_AS_YAML, ObjectChange, object_changes, resource_changes
from template_objects import TemplateError
from terminal import Terminal

ROOT: Final = Path(__file__).resolve().parents[1]
_STACK_ID: Final = "SdOnEKSStack"
_CDK: Final = ROOT / "node_modules" / "aws-cdk" / "bin" / "cdk"
_LIMITS: Final = Config(connect_timeout=5, read_timeout=15, retries={"total_max_attempts": 3})
_STYLES: Final = {"+": "green", "-": "red", "@": "cyan"}
_FAILURE: Final = 1
_INTERRUPTED: Final = 130


class DiffError(Exception):
    """The templates cannot be compared: why, in one sentence."""


class Assembly:
    """What `make synth` has written.

    Args:
        folder: the cloud assembly.

    Raises:
        DiffError: it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        artifact = _read_json(folder / "manifest.json", "run `make synth` first")["artifacts"][_STACK_ID]["properties"]
        self.stack_name: str = artifact.get("stackName", _STACK_ID)
        self.template_file: str = artifact["templateFile"]
        self.template: dict[str, Any] = _template(folder / self.template_file, "run `make synth` first")


def _read_json(file: Path, way_out: str) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise DiffError(f"{file}: must be readable, got {error.strerror}; {way_out}") from error
    except ValueError as error:
        raise DiffError(f"{file}: must be valid JSON, got {error}; {way_out}") from error
    return content


def _template(file: Path, way_out: str) -> dict[str, Any]:
    template = _read_json(file, way_out)
    if "Resources" not in template:
        raise DiffError(f"{file}: must be a CloudFormation template, got no Resources; {way_out}")
    return template


def deployed_template(stack_name: str) -> dict[str, Any]:
    """The template of a stack.

    Raises:
        DiffError: there is no such stack, or it cannot be read.
    """
    with aws_errors(DiffError, stack_name=stack_name):
        # boto3 has read the JSON; its order is part of no comparison.
        template: dict[str, Any] = boto3.client("cloudformation", config=_LIMITS).get_template(StackName=stack_name)[
            "TemplateBody"
        ]
    return template


def as_cloudformation_returns(template: Mapping[str, Any]) -> dict[str, Any]:
    """A template with a question mark for each character beyond ASCII, as CloudFormation returns it."""
    text = re.sub(r"[^\x00-\x7f]", "?", json.dumps(template, ensure_ascii=False))
    returned: dict[str, Any] = json.loads(text)
    return returned


def in_brief(assembly: Assembly, old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """What `cdk diff` says, with a fingerprint in place of what is shown as YAML.

    Raises:
        DiffError: it fails.
    """
    use_bundled_node()
    with TemporaryDirectory() as name:
        folder = Path(name)
        # The assembly as it is, but for the template.
        for file in assembly.folder.iterdir():
            if file.name != assembly.template_file:
                (folder / file.name).symlink_to(file.resolve())
        (folder / assembly.template_file).write_text(json.dumps(_fingerprinted(new)), encoding="utf-8")
        (folder / "deployed.json").write_text(json.dumps(_fingerprinted(old)), encoding="utf-8")
        command = [os.environ["JSII_NODE"], str(_CDK), "diff", _STACK_ID, "--ci", "--app", str(folder)]
        command += ["--template", str(folder / "deployed.json")]
        done = subprocess.run(  # noqa: S603 (our own command)
            command,
            cwd=ROOT,
            env=os.environ | {"FORCE_COLOR": "1" if sys.stdout.isatty() else "0"},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise DiffError(f"cdk diff failed; run `make setup` if it is missing: {done.stderr.strip()}")
    return done.stdout


def _fingerprinted(template: Mapping[str, Any]) -> dict[str, Any]:
    resources = dict(template["Resources"])
    for logical_id, resource in resources.items():
        name = SHOWN_AS_YAML.get(resource["Type"])
        if name in resource.get("Properties", {}):
            content = json.dumps(resource["Properties"][name], sort_keys=True).encode()
            shown = f"shown below ({hashlib.sha256(content).hexdigest()[:8]})"
            resources[logical_id] = resource | {"Properties": resource["Properties"] | {name: shown}}
    return {**template, "Resources": resources}


def show(changes: Sequence[ObjectChange], terminal: Terminal) -> None:
    """Print each object that differs, and what follows from it."""
    for one in changes:
        terminal.line("")
        terminal.line(f"{one.title}: {one.change}" + (f"; {one.consequence}" if one.consequence else ""), style="bold")
        for line in one.diff:
            terminal.line(line, style=_STYLES.get(line[0]))
    count = Counter(one.change for one in changes)
    terminal.line("")
    terminal.line(
        f"Kubernetes objects and charts: {count['added']} added, {count['changed']} changed, {count['removed']} removed"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Show what a deployment would change.

    Returns:
        Exit status: 0, 1 after an error, 130 after Ctrl-C.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stack_name", metavar="STACK_NAME", nargs="?", help="default: the synthesized template's")
    parser.add_argument("--template", type=Path, metavar="FILE", help="an older template, in place of the deployed one")
    parser.add_argument(
        "--assembly",
        type=Path,
        default=ROOT / "cdk.out",
        metavar="FOLDER",
        help="the synthesis (default cdk.out)",
    )
    parser.add_argument("--json", action="store_true", help="print the changes as JSON on standard output")
    options = parser.parse_args(arguments)
    terminal = Terminal()
    try:
        _compare(options, terminal)
    except (DiffError, TemplateError) as error:
        terminal.line(f"diff: {error}")
        return _FAILURE
    except KeyboardInterrupt:
        terminal.line("interrupted")
        return _INTERRUPTED
    return 0


def _compare(options: argparse.Namespace, terminal: Terminal) -> None:
    assembly = Assembly(options.assembly)
    with terminal.waiting("comparing the templates"):
        if options.template is not None:
            old, new = _template(options.template, "name a synthesized template"), assembly.template
        else:
            deployed = deployed_template(options.stack_name or assembly.stack_name)
            old, new = (as_cloudformation_returns(one) for one in (deployed, assembly.template))
        changes = [*object_changes(old, new)]
        brief = "" if options.json else in_brief(assembly, old, new)
    if options.json:
        resources = [asdict(one) for one in resource_changes(old, new)]
        print(json.dumps({"resources": resources, "objects": [asdict(one) for one in changes]}))
        return
    print(brief, end="", flush=True)
    show(changes, Terminal(sys.stdout))


if __name__ == "__main__":
    sys.exit(main())
