"""The certificate: trusted as strictly as any Python verifies, by its own authority alone, and for loopback alone."""

import datetime as dt
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from local_stack import certificate
from local_stack.certificate import Certificate, make_certificate

STRICT = ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
"""What Python 3.13 adds to the flags of every default context."""


def connect(files: Certificate, *, authority: Path, name: str = "127.0.0.1") -> None:
    """A client that verifies as Python 3.13 does shakes hands with a server, in memory."""
    client = ssl.create_default_context(cafile=str(authority))
    client.verify_flags |= STRICT
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(files.certificate, files.key)
    mine, theirs = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = (
        client.wrap_bio(mine, theirs, server_hostname=name),
        server.wrap_bio(theirs, mine, server_side=True),
    )
    for _ in range(3):
        for side in sides:
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    assert sides[0].getpeercert()


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_certificate_is_trusted_where_python_verifies_strictly(tmp_path: Path, name: str) -> None:
    files = make_certificate(tmp_path)
    connect(files, authority=files.authority, name=name)


def test_fails_when_the_authority_is_another(tmp_path: Path) -> None:
    files, other = (make_certificate(tmp_path / name) for name in ("one", "other"))
    with pytest.raises(ssl.SSLCertVerificationError):
        connect(files, authority=other.authority)


def test_fails_when_the_authority_vouches_for_another_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_certificate(tmp_path)
    monkeypatch.setattr(certificate, "_HOST", "bank.example")
    files = make_certificate(tmp_path)
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
        connect(files, authority=files.authority, name="bank.example")


def test_keys_are_their_owners_alone(tmp_path: Path) -> None:
    files = make_certificate(tmp_path / "run", authority=tmp_path / "authority")
    for key in (files.key, tmp_path / "authority" / "authority.key"):
        assert key.stat().st_mode & 0o777 == 0o600


def test_runs_share_an_authority(tmp_path: Path) -> None:
    first = make_certificate(tmp_path / "first", authority=tmp_path / "authority")
    trusted = first.authority.read_bytes()
    second = make_certificate(tmp_path / "second", authority=tmp_path / "authority")
    assert second.authority.read_bytes() == trusted
    assert second.certificate.read_bytes() != first.certificate.read_bytes()
    for files in (first, second):
        connect(files, authority=first.authority)


def test_runs_that_start_at_once_make_one_authority(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as runs:
        made = list(
            runs.map(lambda number: make_certificate(tmp_path / str(number), authority=tmp_path / "a"), range(8))
        )
    for files in made:
        connect(files, authority=made[0].authority)


def ends_in(days: int) -> Callable[[Path], None]:
    """Give an authority a certificate that ends then."""

    def change(folder: Path) -> None:
        key = serialization.load_pem_private_key((folder / "authority.key").read_bytes(), password=None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        now = dt.datetime.now(dt.UTC)
        name = x509.Name([])
        made = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + dt.timedelta(days=days))
        pem = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        (folder / "authority.pem").write_bytes(pem)

    return change


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(ends_in(89), id="it ends soon"),
        pytest.param(ends_in(-1), id="it has ended"),
        pytest.param(lambda folder: (folder / "authority.key").unlink(), id="no key"),
        pytest.param(lambda folder: (folder / "authority.pem").write_text("x"), id="no certificate"),
        pytest.param(
            lambda folder: (folder / "authority.key").write_bytes((folder.parent / "b" / "authority.key").read_bytes()),
            id="another's key",
        ),
    ],
)
def test_an_unusable_authority_is_made_again(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    make_certificate(tmp_path / "b")
    make_certificate(tmp_path / "run", authority=tmp_path / "a")
    damage(tmp_path / "a")
    before = (tmp_path / "a" / "authority.pem").read_bytes()
    files = make_certificate(tmp_path / "run", authority=tmp_path / "a")
    assert files.authority.read_bytes() != before
    connect(files, authority=files.authority)


def test_an_authority_that_lasts_is_kept(tmp_path: Path) -> None:
    make_certificate(tmp_path)
    ends_in(92)(tmp_path)
    before = (tmp_path / "authority.pem").read_bytes()
    assert make_certificate(tmp_path).authority.read_bytes() == before
