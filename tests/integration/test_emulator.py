"""The emulator: loopback, TLS and signatures, independent of the configuration of the machine."""

import io
import json
import socket
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3
from botocore.exceptions import ClientError

pytestmark = pytest.mark.xdist_group("local_stack")


def listening_addresses(port: int) -> set[str]:
    """Addresses that a port is listened on, from the tables of the kernel; 0A is LISTEN."""
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            address, state = line.split()[1], line.split()[3]
            host, _, number = address.partition(":")
            if state == "0A" and int(number, 16) == port:
                found.add(host)
    return found


def test_emulator_listens_only_on_loopback(client: Any) -> None:
    port = urllib3.util.parse_url(client.stack.emulator.endpoint_url).port
    assert port is not None
    # The address is in the byte order of the machine.
    loopback = f"{int.from_bytes(socket.inet_aton('127.0.0.1'), 'little'):08X}"
    assert listening_addresses(port) == {loopback}


def test_fails_when_its_certificate_is_not_trusted(client: Any) -> None:
    with urllib3.PoolManager(retries=False) as pool:
        with pytest.raises(urllib3.exceptions.SSLError, match="CERTIFICATE_VERIFY_FAILED"):
            pool.request("GET", client.stack.emulator.endpoint_url)


def test_fails_when_a_signature_is_invalid(client: Any) -> None:
    emulator = client.stack.emulator
    granted = emulator.sts().assume_role(
        RoleArn=client.stack.deployment.runtimes["sd"].role_arn, RoleSessionName="test"
    )["Credentials"]
    stranger = emulator.client(
        "sqs",
        aws_access_key_id=granted["AccessKeyId"],
        aws_secret_access_key="not the secret",
        aws_session_token=granted["SessionToken"],
    )
    with pytest.raises(ClientError, match="SignatureDoesNotMatch|InvalidSignature|signature"):
        stranger.receive_message(QueueUrl=client.stack.deployment.runtimes["sd"].queue_url)


def test_clients_ignore_the_profile_and_the_proxy_of_the_machine(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nonesuch")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    emulator = client.stack.emulator
    sts = emulator.session().client("sts", endpoint_url=emulator.endpoint_url, verify=str(emulator.ca_bundle))
    assert sts.get_caller_identity()["Account"] == "000000000000"


@pytest.fixture(scope="module")
def echo(client: Any) -> Iterator[Any]:
    """Invokes a function that returns the requested number of bytes of JSON."""
    emulator = client.stack.emulator
    lambdas = emulator.client("lambda")
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("f.py", "def handle(event, context): return 'x' * (event['size'] - 2)")
    role = client.stack.deployment.runtimes["sd"].role_arn
    lambdas.create_function(
        FunctionName="echo", Runtime="python3.14", Role=role, Handler="f.handle", Code={"ZipFile": code.getvalue()}
    )
    yield lambda payload: lambdas.invoke(FunctionName="echo", Payload=payload)
    lambdas.delete_function(FunctionName="echo")


def test_fails_when_a_payload_is_too_large_for_lambda(echo: Any) -> None:
    def payload(size: int) -> bytes:
        empty = len(json.dumps({"size": 10, "more": ""}, separators=(",", ":")))
        return json.dumps({"size": 10, "more": "x" * (size - empty)}, separators=(",", ":")).encode()

    assert json.load(echo(payload(6_291_456))["Payload"]) == "x" * 8
    with pytest.raises(ClientError, match="6291457 byte payload is too large .*limit 6291456 bytes") as error:
        echo(payload(6_291_457))
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413


def test_fails_when_a_response_is_too_large_for_lambda(echo: Any) -> None:
    assert "FunctionError" not in echo(json.dumps({"size": 6_291_556}).encode())
    answer = echo(json.dumps({"size": 6_291_557}).encode())
    assert answer["FunctionError"] == "Unhandled"
    assert json.load(answer["Payload"])["errorType"] == "Function.ResponseSizeTooLarge"
