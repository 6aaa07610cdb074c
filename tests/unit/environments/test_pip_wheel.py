"""The pip that is fetched: from the configured index, with the hash of the lock file."""

import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from environments.pip_wheel import fetch, index_url


def _wheel() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("pip/__main__.py", "print('pip')")
    return buffer.getvalue()


WHEEL = _wheel()


@pytest.fixture
def index() -> Iterator[str]:
    """An index that has pip 1.0, and an earlier one."""
    files = {
        "/simple/pip/": b"<a href='../../files/pip-0.9-py3-none-any.whl'>0.9</a>"
        b'<a data-yanked="" href="../../files/pip-1.0-py3-none-any.whl#sha256=0&amp;a=b">pip-1.0-py3-none-any.whl</a>',
        "/files/pip-1.0-py3-none-any.whl": WHEEL,
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = files.get(self.path)
            self.send_response(404 if content is None else 200)
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        yield f"http://127.0.0.1:{server.server_port}/simple"
        server.shutdown()


def locked(tmp_path: Path, version: str, content: bytes) -> Path:
    file = tmp_path / "pip.txt"
    file.write_text(f"pip=={version} \\\n    --hash=sha256:{hashlib.sha256(content).hexdigest()}\n")
    return file


@pytest.mark.parametrize("slash", ["", "/"])
def test_pip_of_the_lock_file_is_unpacked(index: str, tmp_path: Path, slash: str) -> None:
    fetch(locked(tmp_path, "1.0", WHEEL), tmp_path, {"PIP_INDEX_URL": f"{index}{slash}"})
    assert (tmp_path / "pip" / "__main__.py").read_text() == "print('pip')"


def test_fails_when_the_file_is_not_the_one_of_the_lock_file(index: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="does not match the hashes of .*pip.txt"):
        fetch(locked(tmp_path, "1.0", b"another"), tmp_path, {"PIP_INDEX_URL": index})
    assert not (tmp_path / "pip").exists()


def test_fails_when_the_index_has_no_such_version(index: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="/simple/pip/ has no pip-2.0-py3-none-any.whl"):
        fetch(locked(tmp_path, "2.0", WHEEL), tmp_path, {"PIP_INDEX_URL": index})


def test_index_is_the_one_that_pip_is_configured_with(tmp_path: Path) -> None:
    old = tmp_path / ".pip" / "pip.conf"
    old.parent.mkdir()
    old.write_text("[global]\nindex-url = https://old.example/simple\n")
    environment = {"HOME": str(tmp_path)}
    assert index_url(environment) == "https://old.example/simple"
    new = tmp_path / ".config" / "pip" / "pip.conf"
    new.parent.mkdir(parents=True)
    new.write_text("[global]\nindex-url = https://new.example/%s\n")
    assert index_url(environment) == "https://new.example/%s"
    own = tmp_path / "own.conf"
    own.write_text("[install]\nindex-url = https://own.example/simple\n")
    environment["PIP_CONFIG_FILE"] = str(own)
    assert index_url(environment) == "https://own.example/simple"
    environment["PIP_INDEX_URL"] = "https://variable.example/simple"
    assert index_url(environment) == "https://variable.example/simple"
