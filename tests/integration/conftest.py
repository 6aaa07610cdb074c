"""The local stack, started once for all integration tests, with short protocol times."""

import base64
import io
import json
import os
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import urllib3
from PIL import Image

from local_stack.client_environment import client_variables, environment_script
from local_stack.stack import LocalStack
from local_stack.trust_bundle import write_trust_bundle
from sd_on_eks.config.loader import parse_config

CONFIG = """
stackName: IntegrationStack
APIGW:
  throttle: {rateLimit: 1000, burstLimit: 2000}
  plans:
  - {name: studio, throttle: {rateLimit: 1000, burstLimit: 2000}}
  - {name: slow, throttle: {rateLimit: 1, burstLimit: 1}}
  - {name: trial, quota: {limit: 2, period: day}}
  cors: {allowOrigins: [https://app.example.com]}
modelsRuntime:
- {name: sd, type: sdwebui, modelFilename: v1-5-pruned-emaonly.safetensors}
- {name: comfy, type: comfyui}
"""

SHORT_TIMES = {
    "CLOCK_ERROR_S": "1",
    "BEAT_S": "0.5",
    "TABLE_CALL_TIMEOUT_S": "1",
    "INTERRUPT_S": "1",
    "LEASE_S": "4",
    "VISIBILITY_S": "5",
}


@dataclass
class Client:
    """Sends requests to the API, and reads what they stored."""

    stack: LocalStack
    callback_queue_url: str
    callbacks: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.key = self.stack.deployment.api_key
        self.http = urllib3.PoolManager(ca_certs=str(self.stack.emulator.ca_bundle), retries=False, timeout=30)

    def request(
        self, method: str, path: str, *, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, Any]]:
        reply = self.http.request(
            method, self.stack.deployment.endpoint_url + path, body=body, headers=self.headers() | (headers or {})
        )
        return reply.status, json.loads(reply.data)

    def headers(self) -> dict[str, str]:
        return {"x-api-key": self.key, "content-type": "application/json"}

    def key_of(self, plan: str) -> str:
        """The API key of a plan."""
        keys = self.stack.emulator.api_gateway().get_api_keys(includeValues=True)["items"]
        name = f"{self.stack.deployment.stack_name}-{plan}"
        (value,) = [one["value"] for one in keys if one["name"] == name]
        return value

    def submit(self, content: dict[str, Any], **metadata: Any) -> dict[str, Any]:
        defaults = {"id": f"t-{uuid.uuid4().hex[:12]}", "runtime": "sd", "tasktype": "text-to-image"}
        body = {"task": {"metadata": {**defaults, **metadata}, "content": content}}
        status, answer = self.request("POST", "v1alpha2", body=json.dumps(body).encode())
        assert status == 200, answer
        return answer

    def wait(self, task_id: str, *, timeout_s: float = 30) -> dict[str, Any]:
        found: dict[str, Any] = self.until(
            lambda: (
                task
                if (task := self.request("GET", f"v1alpha2/tasks/{task_id}")[1]).get("status")
                in {"completed", "failed", "cancelled"}
                else None
            ),
            timeout_s=timeout_s,
            every_s=0.2,  # each look is a run of the function
        )
        return found

    def callbacks_of(self, task_id: str) -> list[dict[str, Any]]:
        """All callbacks of a task so far."""
        sqs = self.stack.emulator.sqs()
        while messages := sqs.receive_message(
            QueueUrl=self.callback_queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=0
        ).get("Messages"):
            for message in messages:
                self.callbacks.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=self.callback_queue_url, ReceiptHandle=message["ReceiptHandle"])
        return [
            {**json.loads(one["Message"]), "attributes": one["MessageAttributes"]}
            for one in self.callbacks
            if json.loads(one["Message"])["id"] == task_id
        ]

    def records(self) -> int:
        table = self.stack.deployment.table_name
        return int(self.stack.emulator.dynamodb().scan(TableName=table, Select="COUNT")["Count"])

    def journal(self, runtime: str) -> list[dict[str, Any]]:
        file = self.stack.journal(runtime)
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def until(self, condition: Callable[[], Any], *, timeout_s: float = 30, every_s: float = 0.1) -> Any:
        """Wait until a condition is true; returns its value."""
        deadline = time.monotonic() + timeout_s
        while not (found := condition()):
            self.stack.check()
            if time.monotonic() > deadline:
                logs = {name: agent.last_words() for name, agent in self.stack.agents.items()}
                pytest.fail(f"nothing after {timeout_s} s; agents said: {json.dumps(logs, indent=1)}")
            time.sleep(every_s)
        return found


@pytest.fixture(scope="session")
def client() -> Iterator[Client]:
    config = parse_config(CONFIG, "the tests' own configuration")
    with LocalStack(config, agent_environment=SHORT_TIMES, seconds_per_task=0.3) as stack:
        emulator = stack.emulator
        sqs = emulator.sqs()
        url = sqs.create_queue(QueueName="callbacks")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        topic = stack.deployment.outputs["sdNotificationOutputArn"]
        allow = {
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "sns.amazonaws.com"},
                    "Action": "sqs:SendMessage",
                    "Resource": arn,
                }
            ]
        }
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(allow)})
        emulator.sns().subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        yield Client(stack, url)


@pytest.fixture(scope="session")
def client_environment(client: Client, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a shell with only PATH that has sourced the file that `make up` writes for a stack."""
    folder = tmp_path_factory.mktemp("client")
    bundle, file = folder / "trust-bundle.pem", folder / "stack.env"
    write_trust_bundle(bundle, client.stack.emulator.ca_bundle, {})
    variables = client_variables(client.stack, parse_config(CONFIG, "the tests' own configuration"), bundle)
    file.write_text(environment_script(variables))
    done = subprocess.run(  # noqa: S603 (our own file)
        ["sh", "-euc", '. "$0"; env -0', str(file)],  # noqa: S607 (any of the machine's)
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(line.split("=", 1) for line in done.stdout.split("\0") if line)


@pytest.fixture(scope="session")
def noise() -> str:
    """An image that cannot be compressed, over 200 KB in base64."""
    image = Image.effect_noise((512, 512), 80)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()
