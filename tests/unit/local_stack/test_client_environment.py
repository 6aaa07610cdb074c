"""The file to source: it sets what a client needs, loses nothing of the user's own, and can be left."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from local_stack.client_environment import environment_script

SHELLS = pytest.mark.parametrize(
    "shell",
    [
        pytest.param(name, marks=pytest.mark.skipif(shutil.which(name) is None, reason=f"not on this machine: {name}"))
        for name in ("bash", "dash", "zsh")
    ],
)
VARIABLES = {
    "ENDPOINT": "https://127.0.0.1:4567/",
    "API_KEY": "it's $HOME",
    "SDWEBUI_RUNTIME": "sd",
    "AWS_ACCESS_KEY_ID": "test",
    "CURL_CA_BUNDLE": "/a b/bundle.pem",
}
OTHERS = {"ENDPOINT": "https://127.0.0.1:4568/", "API_KEY": "k", "COMFYUI_RUNTIME": "comfy"}
USERS = {
    "ENDPOINT": "mine",
    "COMFYUI_RUNTIME": "mine, too",
    "AWS_PROFILE": "company",
    "AWS_ACCESS_KEY_ID": "AKIA",
    "AWS_SESSION_TOKEN": 'a "token" `$HOME`',
    "CURL_CA_BUNDLE": "/company.pem",
    "NO_PROXY": ".company",
    "EMPTY": "",
}
OF_THE_SHELL = {"PWD", "SHLVL", "_", "OLDPWD"}


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    one, other = tmp_path / "one.env", tmp_path / "other.env"
    one.write_text(environment_script(VARIABLES))
    other.write_text(environment_script(OTHERS))
    return one, other


def after(shell: str, script: str, *arguments: Path, **environment: str) -> dict[str, str]:
    """The variables at the end of a script."""
    done = subprocess.run(  # noqa: S603 (our own file)
        [shell, "-euc", f"{script}\nenv -0", "shell", *map(str, arguments)],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    found = dict(line.split("=", 1) for line in done.stdout.split("\0") if line)
    return {name: value for name, value in found.items() if name not in OF_THE_SHELL}


@SHELLS
def test_what_a_client_needs_is_set(shell: str, files: tuple[Path, Path]) -> None:
    found = after(shell, '. "$1"', files[0], **USERS)
    assert VARIABLES.items() <= found.items()
    assert found["NO_PROXY"] == ".company,127.0.0.1,localhost"
    assert found["EMPTY"] == ""


@SHELLS
def test_what_would_name_the_users_own_account_is_not_set(shell: str, files: tuple[Path, Path]) -> None:
    found = after(shell, '. "$1"', files[0], **USERS)
    assert found.keys().isdisjoint({"AWS_PROFILE", "AWS_SESSION_TOKEN"})


@SHELLS
@pytest.mark.parametrize("script", ['. "$1"', '. "$1"; . "$1"', '. "$1"; . "$2"', '. "$1"; sh -euc ". $2"'])
def test_leaving_restores_what_was_there(shell: str, files: tuple[Path, Path], script: str) -> None:
    assert after(shell, f"{script}; leave_local_stack", *files, **USERS) == after(shell, "", **USERS)


@SHELLS
def test_nothing_of_another_stack_stays(shell: str, files: tuple[Path, Path]) -> None:
    found = after(shell, '. "$1"; . "$2"', *files)
    assert OTHERS.items() <= found.items()
    assert found.keys().isdisjoint({"SDWEBUI_RUNTIME", "CURL_CA_BUNDLE"})


@SHELLS
def test_a_proxy_that_is_for_nobody_stays_so(shell: str, files: tuple[Path, Path]) -> None:
    assert after(shell, '. "$1"', files[0], NO_PROXY="*")["NO_PROXY"] == "*"
