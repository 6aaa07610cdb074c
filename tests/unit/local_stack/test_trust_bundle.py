"""The bundle of a shell that uses a local stack: nothing that it trusted before is missing."""

import re
import ssl
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import certifi
import pytest

from local_stack.certificate import make_certificate
from local_stack.trust_bundle import BUNDLE_VARIABLES, KEPT_PREFIX, write_trust_bundle
from tests.fakes.set_up_clone import PYTHON

# Of the machine's Python: a virtual environment of `make setup` has no pip.
HAS_PIP = subprocess.run([PYTHON, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0  # noqa: S603 (pip)


def certificates(file: Path) -> set[bytes]:
    pem = re.findall(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", file.read_text(), re.DOTALL)
    return {ssl.PEM_cert_to_DER_cert(one) for one in pem}


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    return make_certificate(tmp_path / "own").authority


@pytest.fixture
def users(tmp_path: Path) -> Path:
    """An authority of the user's, such as a company's."""
    return make_certificate(tmp_path / "users").authority


def test_bundle_has_what_the_machine_trusts(tmp_path: Path, authority: Path) -> None:
    bundle = tmp_path / "bundle.pem"
    write_trust_bundle(bundle, authority, {})
    written = certificates(bundle)
    assert certificates(authority) <= written
    system = Path("/etc/ssl/certs/ca-certificates.crt")
    assert not system.exists() or certificates(system) <= written


def test_bundle_has_what_requests_trusts(tmp_path: Path, authority: Path) -> None:
    bundle = tmp_path / "bundle.pem"
    write_trust_bundle(bundle, authority, {})
    assert certificates(Path(certifi.where())) <= certificates(bundle)


def test_every_program_can_read_the_bundle(tmp_path: Path, authority: Path) -> None:
    bundle = tmp_path / "bundle.pem"
    write_trust_bundle(bundle, authority, {})
    context = ssl.create_default_context(cafile=str(bundle))
    assert len(context.get_ca_certs()) == len(certificates(bundle))


@pytest.mark.parametrize("variable", BUNDLE_VARIABLES)
@pytest.mark.parametrize("prefix", ["", KEPT_PREFIX])
def test_an_authority_of_the_users_own_is_among_them(
    tmp_path: Path, authority: Path, users: Path, variable: str, prefix: str
) -> None:
    bundle = tmp_path / "bundle.pem"
    write_trust_bundle(bundle, authority, {f"{prefix}{variable}": str(users)})
    assert certificates(users) <= certificates(bundle)


def test_a_folder_of_authorities_is_taken_as_requests_takes_it(tmp_path: Path, authority: Path, users: Path) -> None:
    bundle = tmp_path / "bundle.pem"
    write_trust_bundle(bundle, authority, {"REQUESTS_CA_BUNDLE": str(users.parent)})
    assert certificates(users) <= certificates(bundle)


def test_an_authority_that_was_replaced_is_trusted_no_more(tmp_path: Path, authority: Path, users: Path) -> None:
    bundle = tmp_path / "bundle.pem"
    write_trust_bundle(bundle, users, {})
    write_trust_bundle(bundle, authority, dict.fromkeys(BUNDLE_VARIABLES, str(bundle)))
    assert not certificates(users) & certificates(bundle)


@pytest.fixture
def index(tmp_path: Path, users: Path) -> Iterator[str]:
    """A package index on loopback, with one package; its certificate is of the user's authority."""
    folder = tmp_path / "index" / "simple" / "tiny"
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / "tiny-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1\n")
        wheel.writestr("tiny-1.dist-info/WHEEL", "Wheel-Version: 1.0\n")
    (folder / "index.html").write_text('<a href="tiny-1-py3-none-any.whl">tiny-1-py3-none-any.whl</a>')
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "index"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(users.with_name("server.pem"), users.with_name("server.key"))
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
        yield f"https://127.0.0.1:{server.server_port}/simple"
        server.shutdown()


@pytest.mark.soak
@pytest.mark.skipif(not HAS_PIP, reason="the machine's Python has no pip")
@pytest.mark.parametrize("is_in_it", [True, False])
def test_pip_trusts_what_the_bundle_has_and_nothing_else(
    tmp_path: Path, authority: Path, users: Path, index: str, is_in_it: bool
) -> None:
    bundle = tmp_path / "bundle.pem"
    write_trust_bundle(bundle, authority, {"SSL_CERT_FILE": str(users)} if is_in_it else {})
    pip: list[str | Path] = [
        PYTHON,
        "-m",
        "pip",
        "download",
        "--no-cache-dir",
        "--retries",
        "0",
        "--dest",
        str(tmp_path / "got"),
    ]
    done = subprocess.run(  # noqa: S603 (pip)
        [*pip, "--index-url", index, "tiny"],
        env=dict.fromkeys(BUNDLE_VARIABLES, str(bundle)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode == 0) == is_in_it, done.stdout + done.stderr
    assert (tmp_path / "got" / "tiny-1-py3-none-any.whl").exists() == is_in_it
