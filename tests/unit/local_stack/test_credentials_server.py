"""Credentials of the agents' roles: each token opens its own agent's, nothing else opens any."""

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import urllib3
from botocore.exceptions import EndpointConnectionError

from local_stack.credentials_server import CredentialsServer
from local_stack.emulator import Emulator


class Sts:
    """An emulator whose roles can be assumed, until something is wrong with it."""

    def __init__(self) -> None:
        self.error: Exception | None = None

    def sts(self) -> "Sts":
        return self

    def assume_role(self, RoleArn: str, RoleSessionName: str) -> dict[str, Any]:  # noqa: N803 (AWS's names)
        if self.error is not None:
            raise self.error
        expiration = dt.datetime(2030, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
        keys = {"AccessKeyId": f"key of {RoleArn}", "SecretAccessKey": "s", "SessionToken": "t"}
        return {"Credentials": {**keys, "Expiration": expiration}}


@pytest.fixture
def sts() -> Sts:
    return Sts()


@pytest.fixture
def agents(sts: Sts, tmp_path: Path) -> Iterator[dict[str, dict[str, str]]]:
    with CredentialsServer(cast("Emulator", sts), tmp_path) as server:
        yield {name: server.add(name, f"role-{name}") for name in ("sd", "comfy")}


def token(agent: dict[str, str]) -> str:
    return Path(agent["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"]).read_text()


def ask(agent: dict[str, str], shown: str | None) -> tuple[int, dict[str, str]]:
    headers = {} if shown is None else {"Authorization": shown}
    reply = urllib3.request("GET", agent["AWS_CONTAINER_CREDENTIALS_FULL_URI"], headers=headers, retries=False)
    return reply.status, json.loads(reply.data) if reply.status == 200 else {}


def test_agent_gets_the_credentials_of_its_role(agents: dict[str, dict[str, str]]) -> None:
    status, credentials = ask(agents["sd"], token(agents["sd"]))
    assert status == 200
    assert credentials == {
        "AccessKeyId": "key of role-sd",
        "SecretAccessKey": "s",
        "Token": "t",
        "Expiration": "2030-01-02T03:04:05Z",
    }


def test_fails_when_the_token_is_another_agents(agents: dict[str, dict[str, str]]) -> None:
    assert ask(agents["sd"], token(agents["comfy"])) == (403, {})


@pytest.mark.parametrize("shown", [None, "", "wrong"])
def test_fails_when_there_is_no_right_token(agents: dict[str, dict[str, str]], shown: str | None) -> None:
    assert ask(agents["sd"], shown) == (403, {})


def test_token_is_its_owners_alone(agents: dict[str, dict[str, str]]) -> None:
    assert Path(agents["sd"]["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"]).stat().st_mode & 0o777 == 0o600


def test_fails_when_the_emulator_has_ended(agents: dict[str, dict[str, str]], sts: Sts) -> None:
    sts.error = EndpointConnectionError(endpoint_url="https://127.0.0.1")
    assert ask(agents["sd"], token(agents["sd"])) == (503, {})


@pytest.mark.parametrize(
    ("error", "is_logged"),
    [(BrokenPipeError("the agent has hung up"), False), (RuntimeError("a fault of the server"), True)],
)
def test_nothing_is_printed_between_the_lines_of_progress(
    agents: dict[str, dict[str, str]],
    sts: Sts,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    error: Exception,
    is_logged: bool,
) -> None:
    sts.error = error
    with pytest.raises(urllib3.exceptions.ProtocolError):
        ask(agents["sd"], token(agents["sd"]))
    log = tmp_path / "credentials-server.log"
    assert (log.exists() and str(error) in log.read_text()) == is_logged
    assert "".join(capfd.readouterr()) == ""
