"""A stand-in for the web: TLS servers on loopback, and configurable DNS names."""

import datetime as dt
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.test_utils import TestServer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
DOMAIN = "example.com"


@dataclass
class Names(AbstractResolver):
    """A name server.

    Attributes:
        addresses: for each host, one list per lookup in order; the last one is reused.
        asked: resolved hosts, in order.
    """

    addresses: dict[str, list[list[str]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        self.asked.append(host)
        turns = self.addresses.get(host)
        if not turns:
            raise OSError(f"{host} is unknown")
        addresses = turns.pop(0) if len(turns) > 1 else turns[0]
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        """Nothing to close."""


@dataclass
class Web:
    """A server on loopback, for every path.

    Attributes:
        port: port of the server.
        tls: context that trusts its certificate.
        names: resolver for its names.
        requests: received requests.
    """

    port: int
    tls: ssl.SSLContext
    names: Names
    requests: list[web.BaseRequest]

    def link(self, path: str = "/", host: str = f"images.{DOMAIN}") -> str:
        """A link to it."""
        return f"https://{host}:{self.port}{path}"


@asynccontextmanager
async def serve(folder: Path, handler: Handler) -> AsyncIterator[Web]:
    """Start a server on loopback, for all names in `DOMAIN`."""
    server_tls, client_tls = _contexts(folder)
    requests: list[web.BaseRequest] = []

    async def noted(request: web.Request) -> web.StreamResponse:
        requests.append(request)
        return await handler(request)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", noted)
    server = TestServer(app, scheme="https")
    await server.start_server(ssl=server_tls, shutdown_timeout=0.1)
    try:
        assert server.port is not None
        names = Names({f"{name}.{DOMAIN}": [["127.0.0.1"]] for name in ("images", "other")})
        yield Web(server.port, client_tls, names, requests)
    finally:
        await server.close()


def _contexts(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """TLS contexts of a server with a self-signed certificate, and of a client that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, DOMAIN)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(f"*.{DOMAIN}")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    shown, secret = folder / "server.pem", folder / "server.key"
    shown.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(shown, secret)
    return server, ssl.create_default_context(cafile=str(shown))
