"""The annotation of the agent on its own pod: only after lasting changes, over real HTTPS."""

import asyncio
import datetime as dt
import ipaddress
import shutil
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from local_stack.certificate import Certificate
from queue_agent.deletion_cost import OwnPod, PodApiError, publish_deletion_cost
from tests.unit.queue_agent.conftest import virtual_time

ANNOTATION = "controller.kubernetes.io/pod-deletion-cost"


class Pod:
    """Records the annotations, and rejects the first ones."""

    def __init__(self, refusals: int = 0) -> None:
        self.published: list[tuple[float, str]] = []
        self.refusals = refusals

    async def annotate(self, name: str, value: str) -> None:
        assert name == ANNOTATION
        if self.refusals:
            self.refusals -= 1
            raise PodApiError("no")
        self.published.append((asyncio.get_running_loop().time(), value))


async def published(busy: list[tuple[float, bool]], *, seconds: float, refusals: int = 0) -> list[tuple[float, str]]:
    """The published costs, if the agent becomes busy or idle at these times."""
    pod, now_busy = Pod(refusals), False

    def change(value: bool) -> None:
        nonlocal now_busy
        now_busy = value

    loop = asyncio.get_running_loop()
    for at_s, value in busy:
        loop.call_later(at_s, change, value)
    publishing = asyncio.create_task(publish_deletion_cost(pod, lambda: now_busy))
    await asyncio.sleep(seconds)
    publishing.cancel()
    await asyncio.wait({publishing})
    return pod.published


@virtual_time
async def test_a_pod_costs_more_after_five_busy_seconds_and_less_after_thirty_idle_ones() -> None:
    costs = await published([(100.5, True), (200.5, False)], seconds=300)
    assert [value for _, value in costs] == ["0", "1000", "0"]
    assert [seconds for seconds, _ in costs] == [
        pytest.approx(30, abs=1),
        pytest.approx(105.5, abs=1.1),
        pytest.approx(230.5, abs=1.1),
    ]


@virtual_time
async def test_short_tasks_and_short_breaks_are_not_published() -> None:
    edges = [(50.0 + 10 * n, n % 2 == 0) for n in range(10)]  # ten seconds busy, ten idle
    costs = await published(edges, seconds=140)
    assert [value for _, value in costs] == ["0", "1000"]


@virtual_time
async def test_a_refused_call_is_made_again() -> None:
    costs = await published([(1.0, True)], seconds=20, refusals=3)
    assert [value for _, value in costs] == ["1000"]


def certificate_as_of_eks(folder: Path) -> Certificate:
    """The CA of EKS has only basic constraints, so its certificates have no authority key identifier."""
    now = dt.datetime.now(dt.UTC)
    authority_key, server_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kubernetes")])

    def signed(name: x509.Name, key: ec.EllipticCurvePrivateKey, *extensions: x509.ExtensionType) -> bytes:
        builder = x509.CertificateBuilder(authority_name, name, key.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(now - dt.timedelta(hours=1)).not_valid_after(now + dt.timedelta(hours=1))
        for extension in extensions:
            builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        return builder.sign(authority_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    files = Certificate(folder / "authority.pem", folder / "server.pem", folder / "server.key")
    files.authority.write_bytes(signed(authority_name, authority_key, x509.BasicConstraints(ca=True, path_length=None)))
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    server_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kube-apiserver")])
    files.certificate.write_bytes(
        signed(server_name, server_key, x509.BasicConstraints(ca=False, path_length=None), address)
    )
    files.key.write_bytes(
        server_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return files


def be_as_strict_as_python_3_13(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make clients as strict as in the agent's image, where it is the default."""
    default = ssl.create_default_context

    def strict(*args: Any, **kwargs: Any) -> ssl.SSLContext:
        context = default(*args, **kwargs)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context

    monkeypatch.setattr(ssl, "create_default_context", strict)


@pytest.fixture
async def api_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[dict[str, Any]]:
    """An API server that records one request."""
    be_as_strict_as_python_3_13(monkeypatch)
    seen: dict[str, Any] = {"status": 200}

    async def patch(request: web.Request) -> web.Response:
        seen.update(path=request.path, headers=dict(request.headers), body=await request.json())
        return web.json_response({}, status=seen["status"])

    certificate = certificate_as_of_eks(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.certificate, certificate.key)
    app = web.Application()
    app.router.add_patch("/{path:.*}", patch)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    account = tmp_path / "account"
    account.mkdir()
    (account / "token").write_text("a-token\n")
    shutil.copy(certificate.authority, account / "ca.crt")
    port = runner.addresses[0][1]
    yield seen | {
        "seen": seen,
        "account": account,
        "environment": {
            "KUBERNETES_SERVICE_HOST": "127.0.0.1",
            "KUBERNETES_SERVICE_PORT": str(port),
            "POD_NAMESPACE": "studio",
            "POD_NAME": "sd-1",
        },
    }
    await runner.cleanup()


async def test_the_own_pod_is_patched_with_the_pods_token(api_server: dict[str, Any]) -> None:
    async with aiohttp.ClientSession() as http:
        pod = OwnPod.from_environment(http, api_server["environment"], api_server["account"])
        assert pod is not None
        await pod.annotate(ANNOTATION, "1000")
    seen = api_server["seen"]
    assert seen["path"] == "/api/v1/namespaces/studio/pods/sd-1"
    assert seen["headers"]["Authorization"] == "Bearer a-token"
    assert seen["headers"]["Content-Type"] == "application/merge-patch+json"
    assert seen["body"] == {"metadata": {"annotations": {ANNOTATION: "1000"}}}


async def test_fails_when_the_api_server_returns_an_error(api_server: dict[str, Any]) -> None:
    api_server["seen"]["status"] = 403
    async with aiohttp.ClientSession() as http:
        pod = OwnPod.from_environment(http, api_server["environment"], api_server["account"])
        assert pod is not None
        with pytest.raises(PodApiError, match="responded with 403"):
            await pod.annotate(ANNOTATION, "1000")


async def test_fails_when_the_api_server_has_an_unknown_certificate(api_server: dict[str, Any], tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(certificate_as_of_eks(other).authority, api_server["account"] / "ca.crt")
    async with aiohttp.ClientSession() as http:
        pod = OwnPod.from_environment(http, api_server["environment"], api_server["account"])
        assert pod is not None
        with pytest.raises(PodApiError, match="Certificate"):
            await pod.annotate(ANNOTATION, "1000")


@pytest.mark.parametrize("missing", ["KUBERNETES_SERVICE_HOST", "POD_NAME", "token"])
async def test_outside_a_cluster_nothing_is_published(api_server: dict[str, Any], missing: str) -> None:
    environment = {name: value for name, value in api_server["environment"].items() if name != missing}
    if missing == "token":
        (api_server["account"] / "token").unlink()
    async with aiohttp.ClientSession() as http:
        assert OwnPod.from_environment(http, environment, api_server["account"]) is None
