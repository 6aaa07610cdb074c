"""SQS, DynamoDB and S3 with all their conditions, on one loopback address. Each can be unavailable.

The services are moto's, in this process, so this module does not decide what is correct. The stand-in for benchmarks is
fast instead, and checks nothing.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final, Literal

import boto3
from aiohttp import web
from aiohttp.test_utils import TestServer
from botocore import xform_name
from botocore.exceptions import ClientError
from moto import mock_aws

from task_record import table
from task_record.attribute_values import from_attribute_values, to_attribute_values
from task_record.status import TERMINAL
from task_record.table import Item

Service = Literal["s3", "sqs", "dynamodb"]
Fault = Literal["503", "403", "reset", "hang", "lost_reply"]

REGION: Final = "us-east-1"
BUCKET: Final = "bucket"
TABLE: Final = "tasks"
_POLL_EVERY_S: Final = 0.05
_SERVICES: Final[dict[str, Service]] = {"AmazonSQS": "sqs", "DynamoDB_20120810": "dynamodb"}
_KEYS: Final = (table.PK, table.SK)


@dataclass
class CarefulAws:
    """The services.

    Attributes:
        clients: read and change the state.
        queue_url: URL of the only queue.
        url: endpoint of all services.
        faults: which service is unavailable, and how. `hang` does not respond until the fault is removed; `lost_reply`
            executes the call, and closes the connection.
        stalls_after_bytes: a read of an object stops here until this is reset.
        asked: received calls, by operation.
        answered: answered calls, by operation.
    """

    clients: dict[str, Any]
    queue_url: str
    url: str = ""
    faults: dict[Service, Fault] = field(default_factory=dict)
    stalls_after_bytes: int | None = None
    asked: Counter[str] = field(default_factory=Counter)
    answered: Counter[str] = field(default_factory=Counter)
    _images: list[Item] = field(default_factory=list)

    def put_record(self, item: Item) -> None:
        """Put a record into the table."""
        self.clients["dynamodb"].put_item(TableName=TABLE, Item=to_attribute_values(item))

    def items(self) -> list[Item]:
        """All items of the table."""
        return [from_attribute_values(item) for item in self.clients["dynamodb"].scan(TableName=TABLE)["Items"]]

    def record(self) -> Item:
        """The only record."""
        (item,) = self.items()
        return item

    def ends(self) -> list[Item]:
        """Records after each terminal write: what the notifier would publish."""
        return [image for image in self._images if image[table.STATUS] in TERMINAL]

    def send(self, body: str) -> None:
        """Send a message."""
        self.clients["sqs"].send_message(QueueUrl=self.queue_url, MessageBody=body)

    def messages(self) -> int:
        """Number of remaining messages, including hidden ones."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.clients["sqs"].get_queue_attributes(QueueUrl=self.queue_url, AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)

    def application(self) -> web.Application:
        """The server."""
        app = web.Application()
        app.router.add_post("/", self._json_service)
        app.router.add_route("*", "/{bucket}/{key:.*}", self._object)
        return app

    async def _json_service(self, request: web.Request) -> web.StreamResponse:
        prefix, _, operation = request.headers["X-Amz-Target"].partition(".")
        service, parameters = _SERVICES[prefix], await request.json()

        async def do() -> web.StreamResponse:
            return web.json_response(await self._call(service, operation, parameters))

        def refuse(status: int, code: str, **answer: Any) -> web.StreamResponse:
            return web.json_response({"__type": f"com.amazonaws#{code}", "message": "no", **answer}, status=status)

        return await self._answer(request, service, operation, do, refuse)

    async def _call(self, service: Service, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        call = getattr(self.clients[service], xform_name(operation))
        # moto would wait in this thread.
        wait_s = parameters.pop("WaitTimeSeconds", 0)
        until = asyncio.get_running_loop().time() + wait_s
        while True:
            answer: dict[str, Any] = call(**parameters)
            answer.pop("ResponseMetadata")
            if operation == "UpdateItem":
                found = self.clients["dynamodb"].get_item(TableName=TABLE, Key=parameters["Key"])
                self._images.append(from_attribute_values(found["Item"]))
            if answer or asyncio.get_running_loop().time() >= until:
                return answer
            await asyncio.sleep(_POLL_EVERY_S)

    async def _object(self, request: web.Request) -> web.StreamResponse:
        s3, where = self.clients["s3"], {"Bucket": request.match_info["bucket"], "Key": request.match_info["key"]}
        body = await request.read()

        async def do() -> web.StreamResponse:
            match request.method:
                case "PUT":
                    done = s3.put_object(**where, Body=body, IfNoneMatch=request.headers["If-None-Match"])
                    return web.Response(headers={"ETag": done["ETag"]})
                case "HEAD":
                    return web.Response(headers={"ETag": s3.head_object(**where)["ETag"]})
                case _:
                    condition = {"IfMatch": request.headers["If-Match"]} if "If-Match" in request.headers else {}
                    found = s3.get_object(**where, **condition)
                    return await self._sent(request, found["Body"].read())

        def refuse(status: int, code: str, **_: Any) -> web.StreamResponse:
            return web.Response(status=status, text=f"<Error><Code>{code}</Code><Message>no</Message></Error>")

        return await self._answer(request, "s3", request.method, do, refuse)

    async def _sent(self, request: web.Request, body: bytes) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": str(len(body))})
        await response.prepare(request)
        await response.write(body[: self.stalls_after_bytes])
        if self.stalls_after_bytes is not None:
            start = self.stalls_after_bytes
            while self.stalls_after_bytes is not None:  # noqa: ASYNC110 (as below)
                await asyncio.sleep(_POLL_EVERY_S)
            await response.write(body[start:])
        return response

    async def _answer(
        self,
        request: web.Request,
        service: Service,
        operation: str,
        do: Callable[[], Awaitable[web.StreamResponse]],
        refuse: Callable[..., web.StreamResponse],
    ) -> web.StreamResponse:
        self.asked[operation] += 1
        while self.faults.get(service) == "hang":  # noqa: ASYNC110 (a fault is a plain value)
            await asyncio.sleep(_POLL_EVERY_S)
        match self.faults.get(service):
            case "503":
                return refuse(503, "ServiceUnavailable")
            case "403":
                return refuse(403, "AccessDenied")
            case "reset":
                return _hung_up(request)
        try:
            answer = await do()
        except ClientError as error:
            body: Any = error.response
            item = {"Item": body["Item"]} if "Item" in body else {}
            answer = refuse(body["ResponseMetadata"]["HTTPStatusCode"], body["Error"]["Code"], **item)
        if self.faults.get(service) == "lost_reply":
            return _hung_up(request)
        self.answered[operation] += 1
        return answer


def _hung_up(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


@cache
def _clients() -> dict[str, Any]:
    """What they say goes to the services of the test that runs: they have no state, and take long to make."""
    session = boto3.session.Session("x", "x", region_name=REGION)
    return {name: session.client(name) for name in ("s3", "sqs", "dynamodb")}


@asynccontextmanager
async def careful_aws() -> AsyncIterator[CarefulAws]:
    """Serve on loopback, with a table, a queue and a bucket, all of them empty."""
    with mock_aws():
        clients = _clients()
        clients["s3"].create_bucket(Bucket=BUCKET)
        clients["dynamodb"].create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[
                {"AttributeName": key, "KeyType": kind} for key, kind in zip(_KEYS, ("HASH", "RANGE"), strict=True)
            ],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in _KEYS],
        )
        queue_url = clients["sqs"].create_queue(QueueName="queue")["QueueUrl"]
        aws = CarefulAws(clients, queue_url)
        server = TestServer(aws.application())
        await server.start_server(shutdown_timeout=0.1)
        aws.url = str(server.make_url("")).rstrip("/")
        try:
            yield aws
        finally:
            aws.faults.clear()
            aws.stalls_after_bytes = None
            await server.close()
