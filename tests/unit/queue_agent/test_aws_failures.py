"""How the ports handle an unavailable service, over real HTTP. test_outages has the behavior of the agent."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import aiohttp
import pytest
from botocore.credentials import Credentials

from queue_agent import clock
from queue_agent.aws_client import AwsClient, BotocoreCredentials
from queue_agent.errors import AwsError, AwsUnreachableError
from queue_agent.output_bucket import OutputBucket
from queue_agent.queue import Queue
from queue_agent.task_table import TaskTable, Written
from task_record import table, transitions
from task_record.message import PayloadRef
from task_record.protocol_times import ProtocolTimes
from task_record.transitions import TaskRef
from tests.fakes.careful_aws import BUCKET, REGION, TABLE, CarefulAws, Fault, Service, careful_aws
from tests.fakes.stand_in_runtime.bench import until
from tests.unit.queue_agent.conftest import make_record, submission_of

SHORT_S = 0.2
"""For a call that is to wait until its time is out."""
LONG_S = 30.0
"""For one that is answered, however busy the machine is."""
PAYLOAD = PayloadRef(url=f"s3://{BUCKET}/payload", etag="e", pointer="")
TASK = TaskRef(owner="o", id="t1", submission=submission_of(1))


class Ports:
    """The agent's ports on one client."""

    def __init__(self, http: aiohttp.ClientSession, aws: CarefulAws, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch
        client = AwsClient(http, BotocoreCredentials(Credentials("x", "x")), region=REGION, endpoint_url=aws.url)
        self.client = client
        self.queue = Queue(client, aws.queue_url, visibility_s=33)
        self.store = OutputBucket(client, BUCKET)
        self.allow(LONG_S)

    def allow(self, call_s: float) -> None:
        """Let each call take so long."""
        self._call_s = call_s
        self._patch.setattr("queue_agent.queue._CALL_S", call_s)
        self._patch.setattr("queue_agent.output_bucket._CALL_S", call_s)
        self.record = TaskTable(self.client, TABLE, call_timeout_s=call_s)

    def calls(self, service: Service) -> list[Callable[[], Coroutine[Any, Any, Any]]]:
        """All calls of the agent to a service."""
        calls: dict[Service, list[Callable[[], Coroutine[Any, Any, Any]]]] = {
            "s3": [
                lambda: self.store.put("key", b"x", "text/plain"),
                lambda: self.store.read_content(PAYLOAD),
                self.streamed,
            ],
            "sqs": [
                lambda: self.queue.receive(wait_s=0),
                lambda: self.queue.change_visibility("handle", 5),
                lambda: self.queue.delete("handle"),
            ],
            "dynamodb": [self.claim, self.record.clock_error_s],
        }
        return calls[service]

    async def streamed(self, key: str = "payload") -> list[bytes]:
        """Read an object as a stream."""
        async with self.client.stream(BUCKET, key, timeout_s=self._call_s) as stream:
            return [chunk async for chunk in stream.chunks]

    async def claim(self, *, patience_s: float = 0.0) -> Any:
        """Claim the task."""
        transition = transitions.claim(TASK, claim_id="c", now_ms=clock.now_ms(), times=ProtocolTimes())
        return await self.record.write(transition, until=clock.monotonic_s() + patience_s)


@pytest.fixture
async def aws() -> AsyncIterator[CarefulAws]:
    async with careful_aws() as services:
        services.put_record({**make_record(), table.EXPIRES_AT: clock.now_ms() + 1_000_000})
        yield services


@pytest.fixture
async def ports(aws: CarefulAws, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Ports]:
    async with aiohttp.ClientSession() as http:
        yield Ports(http, aws, monkeypatch)


@pytest.mark.parametrize("service", ["s3", "sqs", "dynamodb"])
@pytest.mark.parametrize(("fault", "status"), [("503", 503), ("403", 403)])
async def test_fails_when_a_service_refuses(
    aws: CarefulAws, ports: Ports, service: Service, fault: Fault, status: int
) -> None:
    aws.faults[service] = fault
    for call in ports.calls(service):
        with pytest.raises(AwsError, match="ServiceUnavailable|AccessDenied") as error:
            await call()
        assert (type(error.value), error.value.status) == (AwsError, status)


@pytest.mark.parametrize("service", ["s3", "sqs", "dynamodb"])
@pytest.mark.parametrize("fault", ["reset", "hang", "lost_reply"])
async def test_fails_when_a_service_does_not_answer(
    aws: CarefulAws, ports: Ports, service: Service, fault: Fault
) -> None:
    aws.faults[service] = fault
    ports.allow(SHORT_S if fault == "hang" else LONG_S)
    calls = ports.calls(service)
    outcomes = await asyncio.gather(*(call() for call in calls), return_exceptions=True)  # each waits as long
    assert [type(outcome) for outcome in outcomes] == [AwsUnreachableError] * len(calls)


@pytest.mark.parametrize("fault", ["503", "403", "reset", "hang"])
async def test_what_a_service_did_not_do_is_done_when_it_is_back(aws: CarefulAws, ports: Ports, fault: Fault) -> None:
    aws.send("a body")
    aws.faults = {"s3": fault, "sqs": fault, "dynamodb": fault}
    ports.allow(SHORT_S if fault == "hang" else LONG_S)
    calls = (ports.calls("s3")[0], ports.calls("sqs")[0], ports.claim)
    outcomes = await asyncio.gather(*(call() for call in calls), return_exceptions=True)
    assert all(isinstance(outcome, AwsError) for outcome in outcomes), outcomes
    aws.faults.clear()
    ports.allow(LONG_S)
    await ports.store.put("key", b"x", "text/plain")
    message = await ports.queue.receive(wait_s=1)
    assert message is not None
    await ports.queue.delete(message.handle)
    assert isinstance(await ports.claim(), Written)
    assert (aws.messages(), aws.record()[table.ATTEMPTS]) == (0, 1)


async def test_a_write_whose_reply_was_lost_is_repeated_and_counts_once(aws: CarefulAws, ports: Ports) -> None:
    async def was_asked() -> bool:
        return aws.asked["UpdateItem"] == 1

    aws.faults["dynamodb"] = "lost_reply"
    claiming = asyncio.ensure_future(ports.claim(patience_s=10))
    await until(was_asked)
    aws.faults.clear()
    cleared_at = clock.monotonic_s()
    written = await claiming
    assert isinstance(written, Written)
    # The lease starts with the first send, and its deadline counts from there.
    assert written.first_sent_at < cleared_at
    assert (aws.asked["UpdateItem"], aws.record()[table.ATTEMPTS]) == (2, 1)


async def test_an_object_whose_reply_was_lost_is_found_to_be_the_same(aws: CarefulAws, ports: Ports) -> None:
    aws.faults["s3"] = "lost_reply"
    with pytest.raises(AwsUnreachableError):
        await ports.store.put("key", b"x", "text/plain")
    aws.faults.clear()
    assert await ports.store.put("key", b"x", "text/plain") == f"s3://{BUCKET}/key"
    assert aws.answered["HEAD"] == 1


async def test_an_object_comes_in_pieces(aws: CarefulAws, ports: Ports) -> None:
    aws.clients["s3"].put_object(Bucket=BUCKET, Key="a b/c", Body=b"x" * 200_000)
    chunks = await ports.streamed("a b/c")
    assert (b"".join(chunks), max(map(len, chunks)) <= 2**16) == (b"x" * 200_000, True)


async def test_fails_when_an_object_is_not_there(ports: Ports) -> None:
    with pytest.raises(AwsError, match="NoSuchKey") as error:
        await ports.streamed("nonesuch")
    assert error.value.status == 404


async def test_fails_when_nothing_more_of_an_object_arrives(aws: CarefulAws, ports: Ports) -> None:
    aws.clients["s3"].put_object(Bucket=BUCKET, Key="key", Body=b"x" * 200_000)
    aws.stalls_after_bytes = 100_000
    ports.allow(SHORT_S)
    with pytest.raises(AwsUnreachableError):
        await ports.streamed("key")
