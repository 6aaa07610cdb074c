"""Signed calls to AWS over one HTTP client.

aiohttp sends, botocore finds credentials and signs. The agent needs ten operations of four services; see
docs/adr/0005-aws-client.md for what a full client costs in processor time and memory.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import quote
from xml.etree import ElementTree as ET

import aiohttp
import orjson
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials, ReadOnlyCredentials, RefreshableCredentials
from botocore.exceptions import BotoCoreError
from yarl import URL

from queue_agent.errors import AwsError, AwsUnreachableError

# Over TLS the connection protects the body; hashing every picture again would cost processor time only.
_UNSIGNED: Final = Config(s3={"payload_signing_enabled": False})
_ERRORS_FROM: Final = 400
_CHUNK_BYTES: Final = 2**16


class CredentialSource(Protocol):
    """Where credentials come from."""

    async def get(self) -> ReadOnlyCredentials:
        """Valid credentials.

        Raises:
            AwsUnreachableError: they could not be had.
        """
        ...


class BotocoreCredentials:
    """Credentials of botocore's chain; in a pod, of EKS Pod Identity by way of the container provider.

    Args:
        credentials: what the chain found.
    """

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    async def get(self) -> ReadOnlyCredentials:
        """Valid credentials; a refresh, which is a blocking call, happens off the event loop."""
        credentials = self._credentials
        try:
            if isinstance(credentials, RefreshableCredentials) and credentials.refresh_needed():
                return await asyncio.to_thread(credentials.get_frozen_credentials)
            return credentials.get_frozen_credentials()
        except BotoCoreError as error:
            raise AwsUnreachableError(f"no credentials: {error}") from error


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of AWS.

    Attributes:
        headers: its headers.
        body: its body.
    """

    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class ObjectStream:
    """An object that is read as it arrives.

    Attributes:
        size_bytes: of the object, where S3 says so.
        chunks: its bytes, in order.
    """

    size_bytes: int | None
    chunks: AsyncIterator[bytes]


class AwsClient:
    """Calls AWS, once each: whoever calls decides whether to try again.

    Args:
        http: the HTTP client.
        credentials: for signing.
        region: AWS region.
        endpoint_url: in place of AWS's own endpoints.
    """

    def __init__(
        self,
        http: aiohttp.ClientSession,
        credentials: CredentialSource,
        *,
        region: str,
        endpoint_url: str | None = None,
    ) -> None:
        self._http = http
        self._credentials = credentials
        self._region = region
        self._endpoint_url = endpoint_url.rstrip("/") if endpoint_url else None
        self._suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"

    async def call(
        self,
        service: str,
        target: str,
        parameters: Mapping[str, Any],
        *,
        timeout_s: float,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[dict[str, Any], Mapping[str, str]]:
        """Call an operation of a JSON service.

        https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html

        Args:
            service: `dynamodb`, `sqs` or `logs`.
            target: X-Amz-Target, such as `DynamoDB_20120810.UpdateItem`.
            parameters: of the operation.
            timeout_s: for the whole call.
            headers: further ones, or others in place of the protocol's.

        Returns:
            The answer's body and headers.

        Raises:
            AwsError: AWS says no.
            AwsUnreachableError: AWS does not answer.
        """
        url = self._endpoint_url or f"https://{service}.{self._region}.{self._suffix}"
        sent = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": target, **(headers or {})}
        signer = SigV4Auth(await self._credentials.get(), service, self._region)
        status, answer = await self._send(
            signer, AWSRequest("POST", f"{url}/", headers=sent, data=orjson.dumps(parameters)), timeout_s
        )
        body = _json(answer.body)
        if status >= _ERRORS_FROM:
            code = str(body.get("__type", "")).rpartition("#")[2] or f"HTTP {status}"
            raise AwsError(code, str(body.get("message") or body.get("Message") or ""), status=status, answer=body)
        return body, answer.headers

    async def object(
        self,
        method: str,
        bucket: str,
        key: str,
        *,
        timeout_s: float,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Call an operation on an object in S3.

        Raises:
            AwsError: S3 says no.
            AwsUnreachableError: S3 does not answer.
        """
        signer, request = await self._of_object(method, bucket, key, body=body, headers=headers)
        status, answer = await self._send(signer, request, timeout_s)
        if status >= _ERRORS_FROM:
            raise _s3_error(status, answer.body)
        return answer

    @asynccontextmanager
    async def stream(self, bucket: str, key: str, *, timeout_s: float) -> AsyncIterator[ObjectStream]:
        """Read an object of S3 as it arrives.

        Args:
            bucket: its bucket.
            key: its key.
            timeout_s: longest time in which nothing of it arrives.

        Raises:
            AwsError: S3 says no.
            AwsUnreachableError: S3 does not answer, or hangs up before all of it was there.
        """
        signer, request = await self._of_object("GET", bucket, key)
        limits = aiohttp.ClientTimeout(total=None, connect=timeout_s, sock_read=timeout_s)
        async with self._response(signer, request, limits) as response:
            if response.status >= _ERRORS_FROM:
                raise _s3_error(response.status, await response.read())
            yield ObjectStream(response.content_length, response.content.iter_chunked(_CHUNK_BYTES))

    async def _of_object(
        self, method: str, bucket: str, key: str, *, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> tuple[SigV4Auth, AWSRequest]:
        path = quote(key, safe="/-_.~")
        if self._endpoint_url:
            url = f"{self._endpoint_url}/{bucket}/{path}"
        else:
            url = f"https://{bucket}.s3.{self._region}.{self._suffix}/{path}"
        request = AWSRequest(method, url, headers=dict(headers or {}), data=body)
        request.context["client_config"] = _UNSIGNED
        return S3SigV4Auth(await self._credentials.get(), "s3", self._region), request

    async def _send(self, signer: SigV4Auth, request: AWSRequest, timeout_s: float) -> tuple[int, Answer]:
        async with self._response(signer, request, aiohttp.ClientTimeout(total=timeout_s)) as response:
            return response.status, Answer(headers=response.headers, body=await response.read())

    @asynccontextmanager
    async def _response(
        self, signer: SigV4Auth, request: AWSRequest, limits: aiohttp.ClientTimeout
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        signer.add_auth(request)
        try:
            async with self._http.request(
                str(request.method),
                # Signed as it stands: aiohttp must not quote it again.
                URL(str(request.url), encoded=True),
                headers=dict(request.headers.items()),
                data=request.data,
                timeout=limits,
                allow_redirects=False,
            ) as response:
                yield response
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise AwsUnreachableError(f"{type(error).__name__}: {error}") from error


def _json(body: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(body) if body else {}
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def _s3_error(status: int, body: bytes) -> AwsError:
    try:
        root = ET.fromstring(body)  # noqa: S314 (an answer of S3, over TLS)
    except ET.ParseError:
        return AwsError(f"HTTP {status}", "", status=status)
    return AwsError(root.findtext("Code") or f"HTTP {status}", root.findtext("Message") or "", status=status)
