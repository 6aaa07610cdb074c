"""Signed calls to AWS over one HTTP client.

aiohttp sends the requests, botocore finds credentials and signs. The agent needs ten operations of four services;
docs/adr/0005-aws-client.md has the CPU time and memory of a full client.
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

# TLS protects the body. Another hash of every image would only cost CPU time.
_UNSIGNED: Final = Config(s3={"payload_signing_enabled": False})
_ERRORS_FROM: Final = 400
_CHUNK_BYTES: Final = 2**16


class CredentialSource(Protocol):
    """A source of AWS credentials."""

    async def get(self) -> ReadOnlyCredentials:
        """Return valid credentials.

        Raises:
            AwsUnreachableError: the credentials could not be fetched.
        """
        ...


class BotocoreCredentials:
    """Credentials from botocore's provider chain. In a pod they are from EKS Pod Identity, by the container provider.

    Args:
        credentials: the result of the provider chain.
    """

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    async def get(self) -> ReadOnlyCredentials:
        """Return valid credentials. A refresh is a blocking call, so it runs in a thread."""
        credentials = self._credentials
        try:
            if isinstance(credentials, RefreshableCredentials) and credentials.refresh_needed():
                return await asyncio.to_thread(credentials.get_frozen_credentials)
            return credentials.get_frozen_credentials()
        except BotoCoreError as error:
            raise AwsUnreachableError(f"the AWS credentials cannot be refreshed: {error}") from error


@dataclass(frozen=True, slots=True)
class Answer:
    """A response of AWS."""

    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class ObjectStream:
    """The body of an S3 object as a stream.

    Attributes:
        size_bytes: size of the object, if S3 reports it.
        chunks: the body, in order.
    """

    size_bytes: int | None
    chunks: AsyncIterator[bytes]


class AwsClient:
    """Calls AWS without retries: the caller decides whether to retry.

    Args:
        http: the HTTP client.
        credentials: for signing.
        region: AWS region.
        endpoint_url: replaces the endpoints of AWS.
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
            parameters: input of the operation.
            timeout_s: for the whole call.
            headers: additional headers; they override the headers of the protocol.

        Returns:
            Body and headers of the response.

        Raises:
            AwsError: AWS returned an error.
            AwsUnreachableError: AWS did not respond.
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
            AwsError: S3 returned an error.
            AwsUnreachableError: S3 did not respond.
        """
        signer, request = await self._of_object(method, bucket, key, body=body, headers=headers)
        status, answer = await self._send(signer, request, timeout_s)
        if status >= _ERRORS_FROM:
            raise _s3_error(status, answer.body)
        return answer

    @asynccontextmanager
    async def stream(self, bucket: str, key: str, *, timeout_s: float) -> AsyncIterator[ObjectStream]:
        """Read an S3 object as a stream.

        Args:
            bucket: name of the bucket.
            key: key of the object.
            timeout_s: read timeout: maximum time without new data.

        Raises:
            AwsError: S3 returned an error.
            AwsUnreachableError: S3 did not respond, or closed the connection too early.
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
                # The signature covers this exact URL: aiohttp must not quote it again.
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
        root = ET.fromstring(body)  # noqa: S314 (a response of S3, over TLS)
    except ET.ParseError:
        return AwsError(f"HTTP {status}", "", status=status)
    return AwsError(root.findtext("Code") or f"HTTP {status}", root.findtext("Message") or "", status=status)
