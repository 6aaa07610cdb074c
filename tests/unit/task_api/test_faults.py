"""DynamoDB or S3 fail, hang or reset connections: the response is always 5xx, and never 200 without a commit."""

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
    ResponseStreamingError,
)

from sd_on_eks.task_api.handler import clients

NAME = "01JDM6ZC5V8Q4W2N7R3T9X1Y0Z"
LARGE = {"prompt": "x" * 300_000}
LIMITED = [{"name": "sd", "type": "sdwebui", "model_filename": "v1-5.safetensors", "backlog_limit": 1000}]


def client_error(code: str, status: int = 400, **more: Any) -> ClientError:
    metadata: Any = {"HTTPStatusCode": status}
    error: Any = {"Error": {"Code": code, "Message": "a secret detail"}, "ResponseMetadata": metadata, **more}
    return ClientError(error, "SomeOperation")


FAULTS: dict[str, ClientError | BotoCoreError] = {
    "access denied": client_error("AccessDeniedException"),
    "throttled": client_error("ThrottlingException"),
    "throughput exceeded": client_error("ProvisionedThroughputExceededException"),
    "validation": client_error("ValidationException"),
    "internal": client_error("InternalServerError", 500),
    "slow down": client_error("SlowDown", 503),
    "cancelled for throttling": client_error(
        "TransactionCanceledException", CancellationReasons=[{"Code": "ThrottlingError"}, {"Code": "None"}]
    ),
    "no response": ReadTimeoutError(endpoint_url="x"),
    "no connection": ConnectTimeoutError(endpoint_url="x"),
    "reset": ConnectionClosedError(endpoint_url="x"),
    "unreachable": EndpointConnectionError(endpoint_url="x"),
    "no credentials": NoCredentialsError(),
}


class Failing:
    """A client whose calls fail, except those in `works`."""

    def __init__(self, error: Exception, real: Any = None, works: frozenset[str] = frozenset()) -> None:
        self._error, self._real, self._works = error, real, works
        self.calls = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name) if name in self._works else self._fail

    def _fail(self, **_: Any) -> Any:
        self.calls += 1
        raise self._error


class BrokenBody:
    """An object whose download is interrupted."""

    def __enter__(self) -> "BrokenBody":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def read(self) -> bytes:
        raise ResponseStreamingError(error="reset")


def content_ref() -> str:
    metadata = {"id": "t1", "runtime": "sd", "tasktype": "text-to-image"}
    return json.dumps({"task": {"metadata": metadata, "content_ref": f"s3://output/uploads/key1/{NAME}"}})


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)


TABLE_REQUESTS: dict[str, Callable[[Any], Any]] = {
    "submit": lambda api: api.post(),
    "show": lambda api: api.send("GET", "/v1alpha2/tasks/t1"),
    "list": lambda api: api.send("GET", "/v1alpha2/tasks", query={"runtime": "sd"}),
    "cancel": lambda api: api.send("POST", "/v1alpha2/tasks/t1/cancel"),
    "cancel of a submission": lambda api: api.send("POST", "/v1alpha2/tasks/t1/cancel", query={"submission": NAME}),
}


@pytest.mark.parametrize("request_", TABLE_REQUESTS.values(), ids=TABLE_REQUESTS)
@pytest.mark.parametrize("error", FAULTS.values(), ids=FAULTS)
def test_fails_when_the_table_is_unavailable(make_api: Any, error: Exception, request_: Any) -> None:
    status, answer, headers = request_(make_api(dynamodb=Failing(error)))
    assert (status, answer["error"]["code"], headers["Retry-After"]) == (503, "unavailable", "1")
    assert "secret" not in json.dumps(answer)


@pytest.mark.parametrize("works", ["query", "none"])
def test_fails_when_a_cancel_is_not_stored(make_api: Any, aws: Any, works: str) -> None:
    make_api().submit()
    failing_table = Failing(FAULTS["no response"], aws.own_dynamodb, frozenset({works}))
    api = make_api(dynamodb=failing_table)
    assert api.send("POST", "/v1alpha2/tasks/t1/cancel")[0] == 503
    assert api.records("S#")[0]["status"] == "queued"


@pytest.mark.parametrize("error", FAULTS.values(), ids=FAULTS)
def test_fails_when_a_body_cannot_be_offloaded_and_stores_no_task(make_api: Any, error: Exception) -> None:
    api = make_api(s3=Failing(error))
    status, answer, _ = api.post(content=LARGE)
    assert (status, answer["error"]["code"]) == (503, "unavailable")
    assert api.items() == []


@pytest.mark.parametrize("error", FAULTS.values(), ids=FAULTS)
def test_fails_when_an_upload_cannot_be_read_and_stores_no_task(make_api: Any, error: Exception) -> None:
    api = make_api(s3=Failing(error))
    status, answer, _ = api.send("POST", "/v1alpha2", content_ref())
    assert (status, answer["error"]["code"]) == (503, "unavailable")
    assert api.items() == []


def test_fails_when_reading_an_upload_is_interrupted(make_api: Any) -> None:
    class Interrupted:
        def get_object(self, **_: Any) -> Any:
            return {"Body": BrokenBody(), "ContentLength": 5, "ETag": "x"}

    api = make_api(s3=Interrupted())
    assert api.send("POST", "/v1alpha2", content_ref())[0] == 503
    assert api.items() == []


@pytest.mark.parametrize("error", FAULTS.values(), ids=FAULTS)
def test_fails_when_the_backlog_cannot_be_counted_and_stores_no_task(make_api: Any, aws: Any, error: Exception) -> None:
    api = make_api(dynamodb=Failing(error, aws.own_dynamodb, frozenset({"transact_write_items"})), runtimes=LIMITED)
    assert api.post()[0] == 503
    assert api.items() == []


@pytest.mark.parametrize("error", FAULTS.values(), ids=FAULTS)
def test_fails_when_a_position_cannot_be_counted(make_api: Any, aws: Any, error: Exception) -> None:
    class NoIndex:
        def query(self, **parameters: Any) -> Any:
            if "IndexName" in parameters:
                raise error
            return aws.own_dynamodb.query(**parameters)

    make_api().submit()
    api = make_api(dynamodb=NoIndex())
    assert api.send("GET", "/v1alpha2/tasks/t1")[0] == 200
    assert api.send("GET", "/v1alpha2/tasks/t1", query={"position": "1"})[0] == 503


@pytest.mark.parametrize(
    ("error", "sends"),
    [
        (client_error("TransactionCanceledException", CancellationReasons=[{"Code": "TransactionConflict"}]), 4),
        (client_error("TransactionInProgressException"), 4),
        (client_error("TransactionCanceledException", CancellationReasons=[{"Code": "ValidationError"}]), 1),
        (FAULTS["access denied"], 1),
        # The AWS client has retried it by then.
        (FAULTS["no response"], 1),
    ],
    ids=["conflict", "in progress", "never valid", "denied", "no response"],
)
def test_only_a_conflict_is_retried_three_times(make_api: Any, error: Exception, sends: int) -> None:
    failing_table = Failing(error)
    assert make_api(dynamodb=failing_table).post()[0] == 503
    assert failing_table.calls == sends


def test_a_cancel_in_conflict_with_a_transaction_is_retried(make_api: Any) -> None:
    failing_table = Failing(client_error("TransactionConflictException"))
    api = make_api(dynamodb=failing_table)
    assert api.send("POST", "/v1alpha2/tasks/t1/cancel", query={"submission": NAME})[0] == 503
    assert failing_table.calls == 4


@pytest.fixture
def lost_responses(aws: Any) -> Iterator[list[str]]:
    """Names of operations whose next response is lost after they were executed."""
    lost: list[str] = []

    def lose(event_name: str, **_: Any) -> None:
        operation = event_name.rpartition(".")[2]
        if operation in lost:
            lost.remove(operation)
            raise ReadTimeoutError(endpoint_url="x")

    # moto responds in the same event, before handlers that are registered last.
    aws.own_dynamodb.meta.events.register_last("before-send.dynamodb.*", lose)
    yield lost
    aws.own_dynamodb.meta.events.unregister("before-send.dynamodb.*", lose)


def test_a_submit_whose_response_is_lost_succeeds(api: Any, lost_responses: list[str]) -> None:
    lost_responses.append("TransactWriteItems")
    status, answer, _ = api.post(headers={"Content-Type": "application/json", "Idempotency-Key": "k"})
    assert (status, lost_responses) == (200, [])
    (record,) = api.records("S#")
    assert record["submission"] == answer["submission"]


def test_a_cancel_whose_response_is_lost_succeeds(api: Any, lost_responses: list[str]) -> None:
    api.submit()
    lost_responses.append("UpdateItem")
    status, answer, _ = api.send("POST", "/v1alpha2/tasks/t1/cancel")
    assert (status, answer["status"], lost_responses) == (200, "cancelled", [])


def test_a_submit_that_is_sent_twice_is_one_task(make_api: Any, aws: Any) -> None:
    """The first attempt was stored and its response lost; the retry finds its own record, with another token."""

    class Twice:
        def transact_write_items(self, **parameters: Any) -> Any:
            aws.own_dynamodb.transact_write_items(**parameters)
            return aws.own_dynamodb.transact_write_items(**parameters)

    api = make_api(dynamodb=Twice())
    headers = {"Content-Type": "application/json", "Idempotency-Key": "k"}
    assert api.post(headers=headers)[0] == 200
    assert len(api.records("S#")) == 1


class BadServer:
    """A server on loopback that accepts connections, and then resets them or does not respond.

    Args:
        resets: reset connections instead of not responding.
    """

    def __init__(self, *, resets: bool) -> None:
        self._resets = resets
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.connections = 0
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            if self._resets:
                connection.recv(65536)
                # Closing with SO_LINGER 0 resets the connection.
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.close()
            else:
                self._open.append(connection)

    def __enter__(self) -> "BadServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        for connection in self._open:
            connection.close()


@pytest.fixture
def real_clients(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], dict[str, Any]]:
    """The unchanged clients of the function, with another endpoint."""

    def make(url: str) -> dict[str, Any]:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        return {"dynamodb": clients.dynamodb_client.__wrapped__(), "s3": clients.s3_client.__wrapped__()}

    return make


def test_fails_when_the_table_hangs(outside_aws: Any, real_clients: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with BadServer(resets=False) as server:
        assert real_clients(server.url)["dynamodb"].meta.config.read_timeout == clients.READ_S
        monkeypatch.setattr(clients, "_LIMITS", clients._LIMITS.merge(Config(read_timeout=0.2)))
        status, answer, _ = outside_aws(**real_clients(server.url)).post()
    assert (status, answer["error"]["code"]) == (503, "unavailable")
    assert server.connections == clients.ATTEMPTS


@pytest.mark.parametrize("content", [{"prompt": "x"}, LARGE], ids=["table", "bucket"])
def test_fails_when_connections_are_reset(outside_aws: Any, real_clients: Any, content: Any) -> None:
    with BadServer(resets=True) as server:
        status, answer, _ = outside_aws(**real_clients(server.url)).post(content=content)
    assert (status, answer["error"]["code"]) == (503, "unavailable")
    assert server.connections == clients.ATTEMPTS
