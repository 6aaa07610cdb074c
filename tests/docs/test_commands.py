"""Every command in the pages and samples can be run: its target, script, subcommand and options exist."""

import importlib.util
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Final

import botocore.session
import pytest
from botocore import xform_name
from botocore.exceptions import UnknownServiceError

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "docs").glob("examples/*.yaml")),
]

# https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-options.html, and pagination
AWS_OPTIONS: Final = {"--query", "--output", "--region", "--profile", "--no-paginate", "--max-items", "--no-cli-pager"}
AWS_RENAMED_OPTIONS: Final = {("sns", "subscribe"): {"--notification-endpoint"}}
AWS_COMMANDS_OF_ITS_OWN: Final = {
    ("eks", "update-kubeconfig"),
    ("s3", "cp"),
    ("s3", "ls"),
    ("s3", "rm"),
    ("s3", "sync"),
}


def commands(page: Path) -> Iterator[str]:
    """Commands in fenced blocks and in code spans, one by one."""
    text = page.read_text(encoding="utf-8")
    fence = re.compile(r"^ *```(?:|sh|bash|console)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
    blocks = fence.findall(text)
    spans = re.findall(r"`([^`\n]+)`", re.sub(r"^ *```.*?^ *```$", "", text, flags=re.DOTALL | re.MULTILINE))
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    for line in [*lines, *spans]:
        for command in re.split(r"\s(?:&&|\|\||[|;])\s", line.strip()):
            yield command.removeprefix("$ ").strip()


def found(beginning: str) -> list[list[str]]:
    """Words of every command with this prefix, without duplicates."""
    lines = {command for page in PAGES for command in commands(page) if re.match(beginning, command)}
    return [shlex.split(line, comments=True) for line in sorted(lines)]


def options(words: Sequence[str]) -> set[str]:
    return {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}


@cache
def help_of(*command: str) -> str:
    return subprocess.run(  # noqa: S603 (our own scripts, and the CDK's command line)
        [*command, "--help"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    ).stdout


@cache
def aws_models() -> botocore.session.Session:
    """It reads the model of a service once."""
    return botocore.session.Session()


def has_option(text: str, option: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(option)}\b", text) is not None


def cdk(*words: str) -> str:
    return help_of(os.environ["JSII_NODE"], str(ROOT / "node_modules" / "aws-cdk" / "bin" / "cdk"), *words)


def shown(words: Sequence[str]) -> str:
    return " ".join(words)


@pytest.mark.parametrize("words", found(r"make [\w-]"), ids=shown)
def test_make_target_exists(words: list[str]) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = [word for word in words[1:] if "=" not in word]
    assert targets
    for target in targets:
        assert re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE), target


@pytest.mark.parametrize("words", found(r"npx cdk "), ids=shown)
def test_subcommand_and_options_of_the_cdk_exist(words: list[str]) -> None:
    subcommand = words[2]
    assert re.search(rf"^  cdk {re.escape(subcommand)}\b", cdk(), re.MULTILINE)
    missing = {option for option in options(words) if not has_option(cdk(subcommand), option)}
    assert missing == set()


@pytest.mark.parametrize("words", found(r"(\S*/)?python3? (?!-m)\S"), ids=shown)
def test_script_exists_and_has_the_options(words: list[str]) -> None:
    script = ROOT / words[1]
    assert script.is_file()
    missing = {option for option in options(words) if not has_option(help_of(sys.executable, str(script)), option)}
    assert missing == set()


@pytest.mark.parametrize("words", found(r"(\S*/)?python3? -m "), ids=shown)
def test_module_exists_and_has_the_options(words: list[str]) -> None:
    module = words[2]
    assert importlib.util.find_spec(module) is not None
    used = options(words[3:])
    if used:
        assert {option for option in used if not has_option(help_of(sys.executable, "-m", module), option)} == set()
    if module == "pytest":
        assert all((ROOT / word).exists() for word in words[3:] if "/" in word)


@pytest.mark.parametrize("words", found(r"aws "), ids=shown)
def test_operation_and_options_of_aws_exist(words: list[str]) -> None:
    service, operation = words[1], words[2]
    if (service, operation) in AWS_COMMANDS_OF_ITS_OWN:
        return
    session = aws_models()
    try:
        model = session.get_service_model(service)
    except UnknownServiceError:
        pytest.fail(f"AWS has no service {service}")
    if operation == "wait":
        waiters = session.get_component("data_loader").load_service_model(service, "waiters-2")["waiters"]
        (name,) = [name for name in waiters if xform_name(name, "-") == words[3]]
        called = waiters[name]["operation"]
    else:
        (called,) = [name for name in model.operation_names if xform_name(name, "-") == operation]
    shape = model.operation_model(called).input_shape
    members = {f"--{xform_name(member, '-')}" for member in (shape.members if shape is not None else ())}
    renamed = AWS_RENAMED_OPTIONS.get((service, operation), set())
    assert options(words) - members - renamed - AWS_OPTIONS == set()


def test_commands_of_each_kind_were_found() -> None:
    for beginning in (r"make ", r"npx cdk ", r"(\S*/)?python3? scripts/", r"(\S*/)?python3? -m ", r"aws "):
        assert found(beginning), beginning
