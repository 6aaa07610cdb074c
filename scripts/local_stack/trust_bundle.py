"""The authorities that a shell trusts while it uses a local stack: its own, the machine's, and the local one.

SSL_CERT_FILE and its like replace what a program trusts. With the local authority alone, neither pip nor curl would
reach the internet any more from the same shell.
"""

import os
import re
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import certifi

BUNDLE_VARIABLES: Final = ("CURL_CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
"""What names a bundle to curl; to Python, OpenSSL, Go and uv; to requests and pip; to Node.js."""

KEPT_PREFIX: Final = "LOCAL_STACK_KEPT_"
"""Before the name of a variable that was replaced for a local stack: what it was."""

# Debian, Fedora, openSUSE, Alpine: OpenSSL itself may have a folder instead.
_SYSTEM_BUNDLES: Final = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
_CERTIFICATE: Final = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def write_trust_bundle(file: Path, authority: Path, environment: Mapping[str, str]) -> None:
    """Write a bundle of all that the environment's programs trust by now, and a further authority.

    Args:
        file: the bundle. It stays when a stack is down: shells go on to name it.
        authority: PEM file of the further authority.
        environment: the shell's variables, which may name further bundles.
    """
    found: dict[bytes, str] = {}
    for source in (authority, *_trusted_files(environment, without=file)):
        for pem in _CERTIFICATE.findall(source.read_text(encoding="utf-8", errors="replace")):
            found.setdefault(ssl.PEM_cert_to_DER_cert(pem), pem)
    new = file.with_name(f"{file.name}.{os.getpid()}")
    new.write_text("\n".join(found.values()) + "\n", encoding="utf-8")
    new.replace(file)


def _trusted_files(environment: Mapping[str, str], *, without: Path) -> Iterator[Path]:
    named = (environment.get(f"{KEPT_PREFIX}{name}", environment.get(name, "")) for name in BUNDLE_VARIABLES)
    openssl = ssl.get_default_verify_paths().openssl_cafile
    for place in dict.fromkeys([*named, openssl, *_SYSTEM_BUNDLES, certifi.where()]):
        path = Path(place)
        files = sorted(path.iterdir()) if place and path.is_dir() else [path]  # requests takes a folder, too
        yield from (one for one in files if one.is_file() and one != without)
