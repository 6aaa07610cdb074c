"""The emulator: what is missing or wrong is named."""

import socket
import sys
import textwrap
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


def test_fails_when_its_certificate_is_not_of_its_authority(tmp_path: Path) -> None:
    other = make_certificate(tmp_path / "other")
    code = f"""
        import os, ssl
        from http.server import BaseHTTPRequestHandler, HTTPServer

        server = HTTPServer(("127.0.0.1", int(os.environ["GATEWAY_PORT"])), BaseHTTPRequestHandler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain({str(other.certificate)!r}, {str(other.key)!r})
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.serve_forever()
    """
    program = tmp_path / "bin" / "python"
    program.parent.mkdir()
    program.with_name("ministack").touch()
    program.write_text(f"#!{sys.executable}\n{textwrap.dedent(code)}")
    program.chmod(0o755)
    emulator = Emulator(tmp_path, home=tmp_path)
    try:
        with pytest.raises(LocalStackError, match="answers, and its certificate is refused: .*(signature|issuer|self)"):
            emulator.start()
    finally:
        emulator.stop()


def test_a_free_port_is_free() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", free_port()))
