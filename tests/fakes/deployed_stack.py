"""An account with one stack of the product, in one server with configurable responses."""

import io
import json
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from PIL import Image


def code_with_runtimes(runtimes: Any) -> bytes:
    """The code of a function, as Lambda returns it."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as code:
        code.writestr("handler/runtimes.json", json.dumps(runtimes))
    return archive.getvalue()


def drawing(width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height)).save(buffer, "PNG")
    return buffer.getvalue()


class Cloud:
    """CloudFormation, API Gateway, Lambda, the task API and the output bucket."""

    def __init__(self) -> None:
        self.outputs = {"FrontApiEndpoint": "https://x/prod/"}
        self.stack_exists = True
        self.resources = [
            ("AWS::ApiGateway::RestApi", "Api", "api"),
            ("AWS::ApiGateway::ApiKey", "TaskApiPlansstudioApiKey", "of-a-plan"),
            ("AWS::ApiGateway::ApiKey", "defaultAPIKey", "own"),
            ("AWS::Lambda::Function", "Handler", "handler"),
        ]
        self.keys = {"own": "secret", "of-a-plan": "a plan's"}
        self.used: set[str | None] = set()
        self.without_key = 401
        self.submit: tuple[int, dict[str, Any]] = (200, {"submission": "S"})
        self.submit_v1alpha1: dict[str, Any] = {"output_location": "s3://b/"}
        self.tasks: list[dict[str, Any]] = []
        self.image = drawing(512, 512)
        self.variables = {"TENANTS": "{}"}
        self.code = code_with_runtimes([{"name": "sd", "type": "sdwebui"}])
        self.headers: dict[str, str] = {}
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        results = [self.result("a.png")]
        self.task: dict[str, Any] = {"id": "t", "status": "completed", "runtime": "sd", "results": results}

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables for clients of this server."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "x",
            "AWS_SECRET_ACCESS_KEY": "x",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def result(self, name: str) -> dict[str, str]:
        """A result of a task."""
        return {"s3_url": f"s3://b/{name}", "url": f"{self.url}/{name}"}

    def posted(self, path: str, key: str | None, body: str) -> tuple[int, dict[str, Any]]:
        """The response of the task API to a submit."""
        self.used.add(key)
        if key is None:
            return self.without_key, {}
        if path.endswith("/v1alpha2"):
            return self.submit
        scripts = json.loads(body)["alwayson_scripts"]
        return 200, {name: scripts[name] for name in ("id_task", "sd_model_checkpoint")} | self.submit_v1alpha1

    def got(self, path: str) -> bytes:
        """Responses to GET requests: of API Gateway, Lambda, the task API, and of links."""
        if "/apikeys/" in path:
            key_id = path.partition("?")[0].rpartition("/")[2]
            return json.dumps({"id": key_id, "value": self.keys[key_id]}).encode()
        if "/functions/" in path:
            return json.dumps(self.function()).encode()
        if "/tasks/" in path:
            return json.dumps(self.tasks.pop(0) if self.tasks else self.task).encode()
        return self.code if path == "/code" else self.image

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        cloud = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
                if self.path.endswith(("/v1alpha1", "/v1alpha2")):
                    status, answer = cloud.posted(self.path, self.headers.get("x-api-key"), body)
                    self.answer(status, json.dumps(answer).encode())
                else:
                    status, text = cloud.cloudformation(body)
                    self.answer(status, text.encode())

            def do_GET(self) -> None:
                self.answer(200, cloud.got(self.path))

            def answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                for name, value in cloud.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's name)
                """Quiet."""

        return Handler

    def function(self) -> dict[str, Any]:
        configuration = {"Environment": {"Variables": self.variables}}
        return {"Configuration": configuration, "Code": {"Location": f"{self.url}/code"}}

    def cloudformation(self, body: str) -> tuple[int, str]:
        if not self.stack_exists:
            message = "Stack with id nonesuch does not exist"
            return (
                400,
                f"<ErrorResponse><Error><Code>ValidationError</Code><Message>{message}</Message></Error></ErrorResponse>",
            )
        if "DescribeStacks" in body:
            outputs = "".join(
                f"<member><OutputKey>{key}</OutputKey><OutputValue>{value}</OutputValue></member>"
                for key, value in self.outputs.items()
            )
            stack = f"<StackName>s</StackName><Outputs>{outputs}</Outputs>"
            return 200, (
                "<DescribeStacksResponse><DescribeStacksResult><Stacks><member>"
                f"{stack}</member></Stacks></DescribeStacksResult></DescribeStacksResponse>"
            )
        members = "".join(
            f"<member><ResourceType>{kind}</ResourceType><LogicalResourceId>{logical_id}</LogicalResourceId>"
            f"<PhysicalResourceId>{physical_id}</PhysicalResourceId></member>"
            for kind, logical_id, physical_id in self.resources
        )
        return 200, (
            "<ListStackResourcesResponse><ListStackResourcesResult><StackResourceSummaries>"
            f"{members}</StackResourceSummaries></ListStackResourcesResult></ListStackResourcesResponse>"
        )
