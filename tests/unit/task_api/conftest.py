"""The task API in process, on AWS in memory."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from sd_on_eks.task_api.handler import app, clients

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "x",
    "AWS_SECRET_ACCESS_KEY": "x",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "TASK_TABLE_NAME": "tasks",
    "OUTPUT_BUCKET_NAME": "output",
    "RUNTIMES": json.dumps(
        [
            {"name": "sd", "type": "sdwebui", "model_filename": "v1-5.safetensors", "dynamic_model": False},
            {"name": "any", "type": "sdwebui", "model_filename": None, "dynamic_model": True},
            {"name": "comfy", "type": "comfyui", "model_filename": None, "dynamic_model": False},
        ]
    ),
    "MAX_TASK_AGE_S": "3600",
    "TENANT_ISOLATION": "true",
    "POWERTOOLS_SERVICE_NAME": "test",
    "POWERTOOLS_METRICS_NAMESPACE": "test",
}


@dataclass
class Api:
    """A caller."""

    dynamodb: Any
    s3: Any

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
        """Status, body and headers of an answer, checked for the shape that API Gateway wants."""
        event = {
            "httpMethod": method,
            "path": path,
            "resource": path,
            "headers": {"Content-Type": "application/json"} if headers is None else headers,
            "multiValueHeaders": {},
            "queryStringParameters": query,
            "multiValueQueryStringParameters": None,
            "pathParameters": None,
            "stageVariables": None,
            "requestContext": {"requestId": "r-1", "identity": {"apiKeyId": key}, "stage": "prod", "path": path},
            "body": body,
            "isBase64Encoded": base64_encoded,
        }
        context = SimpleNamespace(
            function_name="f", memory_limit_in_mb=1, invoked_function_arn="arn:f", aws_request_id="a"
        )
        answer = app.lambda_handler(event, context)
        assert type(answer["statusCode"]) is int
        assert isinstance(answer["body"], str)
        multi = {name: values[0] for name, values in (answer.get("multiValueHeaders") or {}).items()}
        found = {**(answer.get("headers") or {}), **multi}
        assert found["Content-Type"] == "application/json"
        decoded: dict[str, Any] = json.loads(answer["body"])
        if answer["statusCode"] != 200:
            assert decoded.keys() == {"error"}
            assert {"code", "message", "request_id"} <= decoded["error"].keys()
        return answer["statusCode"], decoded, found

    def post(self, metadata: dict[str, Any] | None = None, content: Any = None, **more: Any) -> Any:
        known = {"id": "t1", "runtime": "sd", "tasktype": "text-to-image"} | (metadata or {})
        task = {"metadata": known, "content": {"prompt": "x"} if content is None else content}
        return self.send("POST", "/v1alpha2", json.dumps({"task": task}), **more)

    def items(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.dynamodb.scan(TableName="tasks")["Items"]
        return found

    def objects(self) -> list[str]:
        return [one["Key"] for one in self.s3.list_objects_v2(Bucket="output").get("Contents", [])]


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    caches: tuple[Callable[..., Any], ...] = (app._service, clients.dynamodb_client, clients.s3_client)
    with mock_aws():
        for cache in caches:
            cache.cache_clear()  # type: ignore[attr-defined] # functools.cache's own
        dynamodb = boto3.client("dynamodb")
        dynamodb.create_table(
            TableName="tasks",
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
        )
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="output", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        yield Api(dynamodb, s3)
        for cache in caches:
            cache.cache_clear()  # type: ignore[attr-defined] # as above
