"""TLS for loopback: an authority that can vouch for this machine's loopback alone, and the certificates that it issues.

Python 3.13 and newer verify strictly (RFC 5280): an authority needs a critical KeyUsage with keyCertSign.
https://docs.python.org/3/library/ssl.html#ssl.create_default_context
"""

import contextlib
import datetime as dt
import fcntl
import ipaddress
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_NAME: Final = "local stack"
"""Common name of every authority that is made here."""

_VALID: Final = dt.timedelta(days=397)
_REMADE_BEFORE_END: Final = dt.timedelta(days=90)
_HOST: Final = "localhost"
_ADDRESS: Final = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Certificate:
    """Paths of PEM files.

    Attributes:
        authority: what clients trust.
        certificate: what the server shows.
        key: the server's private key, readable by its owner alone.
    """

    authority: Path
    certificate: Path
    key: Path


def make_certificate(folder: Path, *, authority: Path | None = None) -> Certificate:
    """Make a certificate for 127.0.0.1 and localhost.

    Args:
        folder: where its files go.
        authority: folder of an authority that several runs share. It is made where there is none, and again 90 days
            before it ends, so that a server may run for so long. Without it, a new one is made in `folder`.
    """
    authority = authority or folder
    for one in (folder, authority):
        one.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _alone_in(authority):
        issuer, issuer_key = _read_authority(authority) or _make_authority(authority)
    key = ec.generate_private_key(ec.SECP256R1())
    names = [x509.DNSName(_HOST), x509.IPAddress(ipaddress.ip_address(_ADDRESS))]
    server = (
        _builder(_name(_HOST), issuer.subject, key.public_key(), not_after=issuer.not_valid_after_utc)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )
    files = Certificate(_authority_file(authority), folder / "server.pem", folder / "server.key")
    _write(files.certificate, server.public_bytes(serialization.Encoding.PEM))
    _write(files.key, _pem_of_key(key))
    return files


def _make_authority(folder: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    # A user may let a browser trust it: with these constraints its key is of no use for other hosts.
    loopback = [x509.DNSName(_HOST), x509.IPAddress(ipaddress.ip_network(_ADDRESS))]
    name = _name(AUTHORITY_NAME)
    certificate = (
        _builder(name, name, key.public_key(), not_after=dt.datetime.now(dt.UTC) + _VALID)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(x509.NameConstraints(permitted_subtrees=loopback, excluded_subtrees=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write(_key_file(folder), _pem_of_key(key))
    _write(_authority_file(folder), certificate.public_bytes(serialization.Encoding.PEM))
    return certificate, key


def _read_authority(folder: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None:
    """The authority of an earlier run; `None` where there is none, or it ends soon, or its files are damaged."""
    try:
        certificate = x509.load_pem_x509_certificate(_authority_file(folder).read_bytes())
        key = serialization.load_pem_private_key(_key_file(folder).read_bytes(), password=None)
    except (FileNotFoundError, ValueError):
        return None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        return None
    ends_in = certificate.not_valid_after_utc - dt.datetime.now(dt.UTC)
    return (certificate, key) if ends_in > _REMADE_BEFORE_END else None


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Two runs that start at once make one authority."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _authority_file(folder: Path) -> Path:
    return folder / "authority.pem"


def _key_file(folder: Path) -> Path:
    return folder / "authority.key"


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(
    subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey, *, not_after: dt.datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(dt.datetime.now(dt.UTC) - dt.timedelta(minutes=5))
        .not_valid_after(not_after)
    )


def _key_usage(
    *, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )


def _pem_of_key(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(file: Path, content: bytes) -> None:
    """Write a file for its owner alone; a reader sees the old one or the new one."""
    new = file.with_name(f"{file.name}.{os.getpid()}")
    new.touch(mode=0o600)
    new.write_bytes(content)
    new.replace(file)
