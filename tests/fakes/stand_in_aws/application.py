"""SQS, DynamoDB, S3 and CloudWatch Logs on one address, for an endpoint URL of the AWS SDKs."""

import asyncio
import hashlib
import time
import uuid
from collections import Counter
from email.utils import formatdate
from typing import Any

from aiohttp import web

from task_record import table
from task_record.message import decode_message

_MOST_BYTES = 64 * 2**20


class StandInAws:
    """The services' state.

    Args:
        latency_s: latency of every call, in addition to the wait time of a long poll.
    """

    def __init__(self, latency_s: float) -> None:
        self._latency_s = latency_s
        self._messages: asyncio.Queue[str] = asyncio.Queue()
        self._bodies: dict[str, str] = {}
        self._calls: Counter[str] = Counter()
        self._holds: dict[str, dict[str, Any]] = {}
        self._unclaimed: dict[str, dict[str, Any]] = {}
        self._stored_at: dict[str, float] = {}
        self._log_events: list[dict[str, Any]] = []
        self._deleted = 0

    def application(self) -> web.Application:
        """The server."""
        app = web.Application(client_max_size=_MOST_BYTES)
        app.router.add_post("/_stand_in/messages", self._send)
        app.router.add_get("/_stand_in/state", self._state)
        app.router.add_get("/_stand_in/holds", self._list_holds)
        app.router.add_post("/", self._json_service)
        app.router.add_put("/{bucket}/{key:.*}", self._put_object)
        return app

    async def _send(self, request: web.Request) -> web.Response:
        for body in await request.json():
            self._messages.put_nowait(body)
        return web.Response()

    async def _state(self, _request: web.Request) -> web.Response:
        return web.json_response(
            {
                "calls": dict(self._calls),
                "deleted": self._deleted,
                "stored_at": self._stored_at,
                "log_events": self._log_events,
            }
        )

    async def _list_holds(self, _request: web.Request) -> web.Response:
        return web.json_response(list(self._holds.values()))

    async def _json_service(self, request: web.Request) -> web.Response:
        operation = request.headers["X-Amz-Target"].rpartition(".")[2]
        self._calls[operation] += 1
        parameters = await request.json()
        answer: dict[str, Any] = {}
        if operation == "ReceiveMessage":
            answer = await self._receive(parameters, caller=_caller(request))
        elif operation == "DeleteMessage":
            self._deleted += 1
        elif operation == "ChangeMessageVisibility" and parameters["VisibilityTimeout"] == 0:
            self._holds[parameters["ReceiptHandle"]]["returned_at"] = time.time()
            self._messages.put_nowait(self._bodies[parameters["ReceiptHandle"]])
        elif operation == "PutLogEvents":
            self._log_events += parameters["logEvents"]
        await asyncio.sleep(self._latency_s)
        if operation == "UpdateItem" and (hold := self._unclaimed.pop(parameters["Key"][table.PK]["S"], None)):
            hold["claimed_at"] = time.time()
        return web.json_response(answer, headers={"Date": formatdate(usegmt=True)})

    async def _receive(self, parameters: dict[str, Any], *, caller: str) -> dict[str, Any]:
        try:
            async with asyncio.timeout(parameters.get("WaitTimeSeconds") or 0.0005):
                body = await self._messages.get()
        except TimeoutError:
            return {}
        message_id = str(uuid.uuid4())
        sent_at = str(int(time.time() * 1000))
        self._bodies[message_id] = body
        hold = {"caller": caller, "claimed_at": None, "returned_at": None}
        self._holds[message_id] = self._unclaimed[_task_of(body)] = hold
        return {
            "Messages": [
                {
                    "MessageId": message_id,
                    "ReceiptHandle": message_id,
                    "Body": body,
                    "Attributes": {"SentTimestamp": sent_at},
                }
            ]
        }

    async def _put_object(self, request: web.Request) -> web.Response:
        self._calls["PutObject"] += 1
        body = await request.read()
        await asyncio.sleep(self._latency_s)
        self._stored_at[request.match_info["key"]] = time.time()
        etag = hashlib.md5(body, usedforsecurity=False).hexdigest()
        return web.Response(headers={"ETag": f'"{etag}"'})


def _task_of(body: str) -> str:
    message = decode_message(body)
    return table.task_pk(message.owner, message.id)


def _caller(request: web.Request) -> str:
    """The access key of the signature."""
    # https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-auth-using-authorization-header.html
    return request.headers["Authorization"].partition("Credential=")[2].partition("/")[0]


def make_app(latency_s: float) -> web.Application:
    """Make a server.

    Args:
        latency_s: latency of every call.
    """
    return StandInAws(latency_s).application()
