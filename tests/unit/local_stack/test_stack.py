"""The local stack as a whole: what a killed run left does not pile up."""

import os
import sys
import tempfile
import textwrap
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from local_stack.assembly_cache import AssemblyCache
from local_stack.child_process import ChildProcess
from local_stack.errors import LocalStackError, words
from local_stack.stack import LocalStack, _remove_folders_of_dead_runs
from local_stack.synthesis import ServerlessSubset
from sd_on_eks.config.loader import parse_config


def test_folders_of_dead_runs_are_removed_and_those_of_living_ones_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    dead, alive, other = (
        tmp_path / "sd-on-eks-local-4194999-abc",
        tmp_path / f"sd-on-eks-local-{os.getpid()}-abc",
        tmp_path / "something-else",
    )
    for folder in (dead, alive, other):
        folder.mkdir()
    _remove_folders_of_dead_runs()
    assert (dead.exists(), alive.exists(), other.exists()) == (False, True, True)


def test_fails_when_the_emulator_dies_while_it_is_deployed_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    # An emulator that is healthy, and dies of the first thing that it is asked to do.
    program = tmp_path / "bin" / "python"
    program.parent.mkdir()
    program.with_name("ministack").touch()
    code = """
        import os, ssl
        from http.server import BaseHTTPRequestHandler, HTTPServer

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.end_headers()

            def do_POST(self):
                print("I cannot bear it", flush=True)
                os._exit(9)

        server = HTTPServer(("127.0.0.1", int(os.environ["GATEWAY_PORT"])), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(os.environ["MINISTACK_SSL_CERT"], os.environ["MINISTACK_SSL_KEY"])
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.serve_forever()
    """
    program.write_text(f"#!{sys.executable}\n{textwrap.dedent(code)}")
    program.chmod(0o755)
    done = ChildProcess("the synthesis", ["true"], environment={}, log=tmp_path / "synthesis.log", folder=tmp_path)
    monkeypatch.setattr(LocalStack, "_synthesis_process", lambda *_: done)
    monkeypatch.setattr("local_stack.stack.AssemblyCache", partial(AssemblyCache, tmp_path / "cache"))
    nothing = ServerlessSubset(folder=tmp_path, stack_id="X", logical_ids={})
    monkeypatch.setattr("local_stack.stack.read_subset", lambda _: nothing)
    config = parse_config("stackName: X\nmodelsRuntime:\n- {name: comfy, type: comfyui}\n", "the test's own")
    with pytest.raises(LocalStackError, match="(?s)the AWS emulator has died with exit status 9.*I cannot bear it"):
        with LocalStack(config, emulator_home=tmp_path):
            pass


def test_a_full_disk_is_named_as_the_cause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = f"the disk of {tmp_path} is full; make room on it, then try again"
    error = LocalStackError("the synthesis has died with exit status 1")
    assert words(error, tmp_path / "not" / "there") == str(error)
    assert words(LocalStackError(f"{error}: ENOSPC: no space left on device"), tmp_path) == full
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=4096))
    assert words(error, tmp_path) == full


def test_what_cannot_be_written_is_named_without_a_number(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        (tmp_path / "none" / "file").write_text("")
    assert words(caught.value, tmp_path) == f"{tmp_path}/none/file: No such file or directory"
