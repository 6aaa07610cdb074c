"""The emulator and its certificate: what is missing is named."""

import socket
import ssl
from pathlib import Path

import pytest

from local_stack.certificate import make_certificate
from local_stack.child_process import free_port
from local_stack.emulator import Emulator
from local_stack.errors import LocalStackError


def test_fails_when_the_emulator_is_missing(tmp_path: Path) -> None:
    with pytest.raises(
        LocalStackError, match="the AWS emulator is missing: there is no .*/bin/ministack; run `make setup`"
    ):
        Emulator(tmp_path, home=tmp_path / "none")


def test_fails_when_the_port_is_in_use(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        emulator = Emulator(tmp_path, port=taken.getsockname()[1])
        with pytest.raises(LocalStackError, match="the AWS emulator .*(?s:.)*(address already in use|in use)"):
            emulator.start()
        emulator.stop()


def test_a_free_port_that_was_taken_meanwhile_is_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ports = [taken.getsockname()[1], free_port()]
        monkeypatch.setattr("local_stack.emulator.free_port", lambda: ports.pop(0))
        with Emulator(tmp_path) as emulator:
            assert not emulator.process.has_ended
    assert ports == []


def test_certificate_is_trusted_by_its_authority_alone(tmp_path: Path) -> None:
    files = make_certificate(tmp_path)
    context = ssl.create_default_context(cafile=str(files.authority))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(files.certificate, files.key)
    mine, theirs = ssl.MemoryBIO(), ssl.MemoryBIO()
    client_side = context.wrap_bio(mine, theirs, server_hostname="127.0.0.1")
    server_side = server.wrap_bio(theirs, mine, server_side=True)
    for _ in range(3):
        for side in (client_side, server_side):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    assert client_side.getpeercert()


def test_key_is_its_owners_alone(tmp_path: Path) -> None:
    assert make_certificate(tmp_path).key.stat().st_mode & 0o777 == 0o600


def test_a_free_port_is_free() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", free_port()))
