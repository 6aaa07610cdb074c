"""The calls to CloudWatch Logs, over HTTP."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from botocore.credentials import Credentials

from queue_agent.aws_client import AwsClient, BotocoreCredentials
from queue_agent.errors import AwsError
from queue_agent.log_stream import LogEvent, LogStream

EVENTS = [LogEvent(1000, "one"), LogEvent(2000, "two")]
PLACE = {"logGroupName": "group", "logStreamName": "sd/pod/20260101T000000Z"}


@dataclass
class Logs:
    """The service: records calls, and responds to the next ones with `errors`, by operation."""

    stream: LogStream = field(init=False)
    calls: list[tuple[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    errors: dict[str, list[str]] = field(default_factory=dict)

    async def answer(self, request: web.Request) -> web.Response:
        service, _, operation = request.headers["X-Amz-Target"].partition(".")
        assert service == "Logs_20140328"
        self.calls.append((operation, await request.json()))
        self.headers.append(dict(request.headers))
        if self.errors.get(operation):
            return web.json_response({"__type": self.errors[operation].pop(0), "message": "no"}, status=400)
        return web.json_response({})

    @property
    def operations(self) -> list[str]:
        return [operation for operation, _ in self.calls]


@pytest.fixture
async def logs() -> AsyncIterator[Logs]:
    service = Logs()
    app = web.Application()
    app.router.add_post("/", service.answer)
    async with TestServer(app) as server, aiohttp.ClientSession() as http:
        credentials = BotocoreCredentials(Credentials("key", "secret"))
        aws = AwsClient(http, credentials, region="us-east-1", endpoint_url=str(server.make_url("")))
        service.stream = LogStream(aws, PLACE["logGroupName"], PLACE["logStreamName"])
        yield service


async def test_stream_is_made_with_its_first_events_and_not_again(logs: Logs) -> None:
    await logs.stream.put(EVENTS)
    await logs.stream.put(EVENTS)
    lines = [{"timestamp": 1000, "message": "one"}, {"timestamp": 2000, "message": "two"}]
    put = ("PutLogEvents", {**PLACE, "logEvents": lines})
    assert logs.calls == [("CreateLogStream", PLACE), put, put]


async def test_calls_are_signed_for_the_service_and_say_that_metrics_are_in_the_events(logs: Logs) -> None:
    await logs.stream.put(EVENTS)
    for headers in logs.headers:
        assert headers["Content-Type"] == "application/x-amz-json-1.1"
        assert headers["x-amzn-logs-format"] == "json/emf"
        assert "/us-east-1/logs/aws4_request" in headers["Authorization"]


async def test_a_stream_that_exists_is_written(logs: Logs) -> None:
    logs.errors["CreateLogStream"] = ["ResourceAlreadyExistsException"]
    await logs.stream.put(EVENTS)
    assert logs.operations == ["CreateLogStream", "PutLogEvents"]


async def test_fails_when_the_stream_may_not_be_made_and_tries_it_again_the_next_time(logs: Logs) -> None:
    logs.errors["CreateLogStream"] = ["AccessDeniedException"]
    with pytest.raises(AwsError, match="AccessDeniedException: no"):
        await logs.stream.put(EVENTS)
    await logs.stream.put(EVENTS)
    assert logs.operations == ["CreateLogStream", "CreateLogStream", "PutLogEvents"]


async def test_a_stream_that_was_deleted_is_made_again(logs: Logs) -> None:
    await logs.stream.put(EVENTS)
    logs.errors["PutLogEvents"] = ["ResourceNotFoundException"]
    with pytest.raises(AwsError, match="ResourceNotFoundException"):
        await logs.stream.put(EVENTS)
    await logs.stream.put(EVENTS)
    assert logs.operations[2:] == ["PutLogEvents", "CreateLogStream", "PutLogEvents"]
