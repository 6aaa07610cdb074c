"""The task API in the process of the test, with AWS in memory."""

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.core.model_instances import reset_model_data
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends
from moto.s3.models import s3_backends

from sd_on_eks.task_api.handler import clients
from sd_on_eks.task_api.handler.entry_point import LambdaHandler, entry_point
from sd_on_eks.task_api.handler.routes import ROUTES
from sd_on_eks.task_api.handler.runtimes import Runtime, Runtimes
from sd_on_eks.task_api.handler.settings import Settings
from task_record import table
from task_record.attribute_values import from_attribute_values
from task_record.protocol_times import ProtocolTimes
from task_record.transition import Transition
from task_record.transitions import TaskRef, claim, finish

RUNTIMES: list[dict[str, Any]] = [
    {"name": "sd", "type": "sdwebui", "model_filename": "v1-5.safetensors", "dynamic_model": False},
    {"name": "any", "type": "sdwebui", "model_filename": "any.safetensors", "dynamic_model": True},
    {"name": "comfy", "type": "comfyui", "model_filename": None, "dynamic_model": False},
]
ENVIRONMENT = {
    "TASK_TABLE_NAME": "tasks",
    "OUTPUT_BUCKET_NAME": "output",
    "MAX_TASK_AGE_S": "3600",
    "RECORD_TTL_S": "2592000",
    "TENANT_ISOLATION": "true",
    "TENANTS": "{}",
    "INPUT_BUCKETS": "inputs",
}
PATHS = {route.partition(" ")[2] for route in ROUTES.values()}
TIMES = ProtocolTimes()
REGION = "eu-west-1"
INDEXES = {
    table.INDEX_BY_OWNER: ((table.OWNER, table.RUNTIME), table.SUBMITTED_AT, table.INDEX_BY_OWNER_PROJECTION),
    table.INDEX_BY_STATUS: ((table.RUNTIME, table.STATUS), table.SUBMITTED_AT, table.INDEX_BY_STATUS_PROJECTION),
}


@dataclass
class Api:
    """Sends requests, and reads what they stored.

    Attributes:
        handler: the handler.
        dynamodb: a client of the table.
        s3: a client of the output bucket.
        calls: names of the AWS operations that the handler called so far.
        late_ms: how far the clock of the handler is ahead, in milliseconds.
    """

    dynamodb: Any
    s3: Any
    calls: list[str]
    late_ms: int = 0
    handler: LambdaHandler = field(init=False)

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self.late_ms

    def send(
        self,
        method: str,
        path: str,
        body: str | None = None,
        *,
        headers: dict[str, str] | None = None,
        query: dict[str, str] | None = None,
        key: str = "key1",
        base64_encoded: bool = False,
    ) -> tuple[int, dict[str, Any], dict[str, Any]]:
        """Send a request; returns status, body and headers of the response, whose shape is checked."""
        resource, task_id = routed(path)
        event = {
            "httpMethod": method,
            "path": path,
            "resource": resource,
            "headers": {"Content-Type": "application/json"} if headers is None else headers,
            "multiValueHeaders": {},
            "queryStringParameters": query,
            "multiValueQueryStringParameters": None,
            "pathParameters": None if task_id is None else {"id": task_id},
            "stageVariables": None,
            "requestContext": {"requestId": "r-1", "identity": {"apiKeyId": key}, "stage": "prod", "path": path},
            "body": body,
            "isBase64Encoded": base64_encoded,
        }
        context: Any = SimpleNamespace(
            function_name="f", memory_limit_in_mb=1, invoked_function_arn="arn:f", aws_request_id="a"
        )
        answer = self.handler(event, context)
        assert answer.keys() == {"statusCode", "headers", "body", "isBase64Encoded"}
        assert type(answer["statusCode"]) is int
        assert all(isinstance(value, str) for value in answer["headers"].values())
        assert answer["headers"]["Content-Type"] == "application/json"
        assert answer["headers"]["Cache-Control"] == "no-store"
        decoded: dict[str, Any] = json.loads(answer["body"])
        if answer["statusCode"] != 200:
            assert decoded.keys() == {"error"}
            assert {"code", "message", "request_id"} <= decoded["error"].keys()
        return answer["statusCode"], decoded, answer["headers"]

    def post(self, metadata: dict[str, Any] | None = None, content: Any = None, **more: Any) -> Any:
        known = {"id": "t1", "runtime": "sd", "tasktype": "text-to-image"} | (metadata or {})
        task = {"metadata": known, "content": {"prompt": "x"} if content is None else content}
        return self.send("POST", "/v1alpha2", json.dumps({"task": task}), **more)

    def submit(self, **metadata: Any) -> TaskRef:
        """Submit a task, by default to the runtime `sd`."""
        status, answer, _ = self.post(metadata)
        assert status == 200, answer
        return TaskRef(owner="key1", id=answer["id"], submission=answer["submission"])

    def write(self, transition: Transition) -> None:
        """Write a transition as an agent does."""
        self.dynamodb.update_item(**transition.update_item("tasks"))

    def run(self, task: TaskRef) -> None:
        self.write(claim(task, claim_id="c" * 32, now_ms=self.now_ms(), times=TIMES))

    def complete(self, task: TaskRef, **further: Any) -> None:
        self.run(task)
        result = {"image_url": ["s3://output/t1/a.png"], "output_url": "s3://output/t1/a.out", **further}
        text = json.dumps(result)
        self.write(finish(task, claim_id="c" * 32, now_ms=self.now_ms(), times=TIMES, result=text, timings="{}"))

    def items(self) -> list[dict[str, Any]]:
        return [item.to_json()["Attributes"] for item in stored_table().all_items()]

    def records(self, prefix: str) -> list[table.Item]:
        """Items whose sort key has this prefix: `S#` for records, `B#` for messages."""
        items = [from_attribute_values(item) for item in self.items()]
        return [item for item in items if str(item[table.SK]).startswith(prefix)]

    def objects(self) -> list[str]:
        return sorted(stored_objects())


def routed(path: str) -> tuple[str, str | None]:
    """The route of a path as API Gateway reports it, and the id in the path; an unknown path is its own route."""
    for route in PATHS:
        found = re.fullmatch(route.replace("{id}", "([^/]*)"), path)
        if found:
            return route, found.group(1) if found.groups() else None
    return path, None


def table_of(runtimes: list[dict[str, Any]]) -> Runtimes:
    return Runtimes([Runtime(**runtime) for runtime in runtimes])


def stored_table() -> Any:
    """The table as it is in memory: a call of a client takes longer than the request that a test sends."""
    return dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION].tables["tasks"]


def stored_objects() -> Any:
    """The objects of the output bucket in memory, by their keys."""
    return s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets["output"].keys


MakeApi = Callable[..., Api]


@dataclass
class Aws:
    """AWS in memory, and the clients of the function, whose calls are recorded in `calls`."""

    dynamodb: Any
    s3: Any
    calls: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        # New clients: the function caches its clients for the life of its process.
        self.own_dynamodb: Any = clients.dynamodb_client.__wrapped__()
        self.own_s3: Any = clients.s3_client.__wrapped__()
        for client in (self.own_dynamodb, self.own_s3):
            client.meta.events.register("before-call", lambda model, **_: self.calls.append(model.name))


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    """For all tests of a module: creating clients, table and bucket takes longer than most tests."""
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        aws = Aws(boto3.client("dynamodb"), boto3.client("s3"))
        create_table(aws.dynamodb)
        aws.s3.create_bucket(Bucket="output", CreateBucketConfiguration={"LocationConstraint": REGION})
        yield aws


@pytest.fixture
def make_api(aws: Aws) -> Iterator[MakeApi]:
    """Creates an API, with `runtimes`, environment variables, and `dynamodb` and `s3` in place of the real clients."""
    aws.calls.clear()

    def make(
        *, runtimes: list[dict[str, Any]] = RUNTIMES, dynamodb: Any = None, s3: Any = None, **variables: str
    ) -> Api:
        api = Api(aws.dynamodb, aws.s3, aws.calls)
        api.handler = entry_point(
            Settings.from_environment(ENVIRONMENT | variables, table_of(runtimes)),
            dynamodb=lambda: dynamodb or aws.own_dynamodb,
            s3=lambda: s3 or aws.own_s3,
            now_ms=api.now_ms,
        )
        return api

    yield make
    stored_table().items.clear()
    for key in list(stored_objects()):
        stored_objects().pop(key)  # which closes its file, too
    reset_model_data()  # moto keeps all instances for its dashboard: gigabytes after many requests


@pytest.fixture
def api(make_api: MakeApi) -> Api:
    return make_api()


@pytest.fixture
def outside_aws() -> MakeApi:
    """Creates an API with the given clients, without AWS in memory."""

    def make(*, dynamodb: Any, s3: Any, runtimes: list[dict[str, Any]] = RUNTIMES) -> Api:
        api = Api(dynamodb, s3, [])
        api.handler = entry_point(
            Settings.from_environment(ENVIRONMENT, table_of(runtimes)),
            dynamodb=lambda: dynamodb,
            s3=lambda: s3,
            now_ms=api.now_ms,
        )
        return api

    return make


def create_table(dynamodb: Any) -> None:
    """Create the table with the indexes that the API reads."""
    numbers = {table.SUBMITTED_AT}
    names = {table.PK, table.SK, table.OWNER, table.RUNTIME, table.STATUS, *numbers}
    dynamodb.create_table(
        TableName="tasks",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=_keys((table.PK,), table.SK),
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": "N" if name in numbers else "S"} for name in sorted(names)
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": name,
                "KeySchema": _keys(partition, sort),
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": list(projection)},
            }
            for name, (partition, sort, projection) in INDEXES.items()
        ],
    )


def _keys(partition: tuple[str, ...], sort: str) -> list[dict[str, str]]:
    return [
        *({"AttributeName": name, "KeyType": "HASH"} for name in partition),
        {"AttributeName": sort, "KeyType": "RANGE"},
    ]
