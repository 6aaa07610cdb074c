"""scripts/test_api.py against what does not work: each case is told in one sentence, with a status that is not 0."""

import io
import json
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

ROOT = Path(__file__).parents[3]


def code_with_runtimes(runtimes: Any) -> bytes:
    """A function's code as Lambda hands it out."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as code:
        code.writestr("handler/runtimes.json", json.dumps(runtimes))
    return archive.getvalue()


class Cloud:
    """CloudFormation, API Gateway, Lambda and the task API in one server that says what it is told to."""

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
        self.task: dict[str, Any] = {"status": "completed", "results": []}
        self.picture = b"no picture"
        self.variables = {"TENANTS": "{}"}
        self.code = code_with_runtimes([{"name": "sd", "type": "sdwebui"}])
        self.headers: dict[str, str] = {}
        cloud = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
                if self.path.endswith("/v1alpha2"):
                    cloud.used.add(self.headers.get("x-api-key"))
                    status, answer = cloud.submit if self.headers.get("x-api-key") else (cloud.without_key, {})
                    self.answer(status, json.dumps(answer))
                else:
                    self.answer(*cloud.cloudformation(body), kind="text/xml")

            def do_GET(self) -> None:
                if "/apikeys/" in self.path:
                    key_id = self.path.partition("?")[0].rpartition("/")[2]
                    self.answer(200, json.dumps({"id": key_id, "value": cloud.keys[key_id]}))
                elif "/functions/" in self.path:
                    self.answer(200, json.dumps(cloud.function()))
                elif "/tasks/" in self.path:
                    self.answer(200, json.dumps(cloud.task))
                else:
                    self.send_response(200)
                    self.end_headers()
                    self.wfile.write(cloud.code if self.path == "/code" else cloud.picture)

            def answer(self, status: int, text: str, kind: str = "application/json") -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                for name, value in cloud.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's name)
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

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


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    cloud = Cloud()
    thread = threading.Thread(target=cloud.server.serve_forever, daemon=True)
    thread.start()
    yield cloud
    cloud.server.shutdown()
    cloud.server.server_close()
    thread.join()


def run(cloud: Cloud, tmp_path: Path, *arguments: str, **environment: str) -> tuple[int, str]:
    known = {
        "AWS_ENDPOINT_URL": cloud.url,
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "HOME": str(tmp_path),
    }
    settings = {name: value for name, value in (known | environment).items() if value}
    done = subprocess.run(  # noqa: S603 (our own script)
        [sys.executable, str(ROOT / "scripts/test_api.py"), *arguments, "--output", str(tmp_path), "--timeout", "0.5"],
        env=settings,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stderr.replace("\n", " ").strip()


def test_fails_when_there_is_no_such_stack(cloud: Cloud, tmp_path: Path) -> None:
    cloud.stack_exists = False
    assert run(cloud, tmp_path, "nonesuch") == (1, "test_api: there is no stack nonesuch in this account and region")


def test_fails_when_there_are_no_credentials(cloud: Cloud, tmp_path: Path) -> None:
    status, said = run(cloud, tmp_path, AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    assert (status, said) == (1, "test_api: there are no AWS credentials; set AWS_PROFILE or log in")


def test_fails_when_there_is_no_region(cloud: Cloud, tmp_path: Path) -> None:
    status, said = run(cloud, tmp_path, AWS_DEFAULT_REGION="")
    assert (status, said) == (1, "test_api: there is no AWS region; set AWS_DEFAULT_REGION")


def test_fails_when_the_stack_has_no_endpoint(cloud: Cloud, tmp_path: Path) -> None:
    cloud.outputs = {}
    status, said = run(cloud, tmp_path)
    assert status == 1
    assert "the stack SdOnEKSStack has no API: it has no output FrontApiEndpoint" in said


def test_fails_when_the_stack_has_no_key_of_its_own(cloud: Cloud, tmp_path: Path) -> None:
    cloud.resources = [one for one in cloud.resources if one[1] != "defaultAPIKey"]
    status, said = run(cloud, tmp_path)
    assert status == 1
    assert "the stack SdOnEKSStack has no API key" in said


def test_the_key_is_the_deployments_own_and_no_plans(cloud: Cloud, tmp_path: Path) -> None:
    run(cloud, tmp_path)
    assert cloud.used == {None, "secret"}


def test_what_is_off_the_contract_is_told_check_by_check(cloud: Cloud, tmp_path: Path) -> None:
    status, said = run(cloud, tmp_path, "SdOnEKSStack", "--conformance")
    assert status == 1
    # Of a server that answers 200 to everything: the first check, and one after it.
    assert "✗ no key and a wrong key are answered 401: 200 " in said
    assert "✗ an unknown route is answered 404: " in said
    assert "- over the gateway's 10 MB are answered 413: the emulator has no limit of size" in said
    assert said.endswith(" skipped")


def test_fails_when_a_request_without_a_key_is_let_in(cloud: Cloud, tmp_path: Path) -> None:
    cloud.without_key = 200
    status, said = run(cloud, tmp_path)
    assert status == 1
    assert "a request without an API key is answered 200, not 401" in said


def test_fails_when_the_stack_has_no_such_runtime(cloud: Cloud, tmp_path: Path) -> None:
    status, said = run(cloud, tmp_path, "SdOnEKSStack", "comfyui")
    assert status == 1
    assert "the stack has no comfyui runtime" in said


def test_the_runtime_is_one_that_takes_a_task_without_a_checkpoint(cloud: Cloud, tmp_path: Path) -> None:
    cloud.code = code_with_runtimes(
        [
            {"name": "dynamic", "type": "sdwebui", "dynamic_model": True},
            {"name": "gone", "type": "sdwebui", "model_filename": "a", "retired": True},
            {"name": "sd", "type": "sdwebui", "model_filename": "a"},
        ]
    )
    assert "text-to-image on sd completed without a picture" in run(cloud, tmp_path)[1]


@pytest.mark.parametrize("code", [b"no archive", code_with_runtimes([{}])])
def test_fails_when_the_runtimes_cannot_be_read(cloud: Cloud, tmp_path: Path, code: bytes) -> None:
    cloud.code = code
    status, said = run(cloud, tmp_path)
    assert status == 1
    assert "the code of the task API cannot be read: " in said


def test_fails_when_there_is_no_task_api(cloud: Cloud, tmp_path: Path) -> None:
    cloud.variables = {}
    assert run(cloud, tmp_path) == (1, "test_api: the stack has no task API that knows its runtimes")


def test_fails_when_a_task_is_refused(cloud: Cloud, tmp_path: Path) -> None:
    cloud.submit = (503, {"error": {"message": "send it again"}})
    status, said = run(cloud, tmp_path)
    assert status == 1
    assert "text-to-image on sd is answered 503: send it again" in said


def test_fails_when_a_task_fails(cloud: Cloud, tmp_path: Path) -> None:
    cloud.task = {"status": "failed", "error": {"code": "timeout", "message": "no progress"}}
    status, said = run(cloud, tmp_path)
    assert status == 1
    assert "text-to-image on sd failed: timeout: no progress" in said


def test_fails_when_a_task_does_not_end(cloud: Cloud, tmp_path: Path) -> None:
    cloud.task = {"status": "queued"}
    status, said = run(cloud, tmp_path)
    assert status == 1
    assert "text-to-image on sd is still queued after 0.5 s" in said


def test_fails_when_a_task_has_no_picture(cloud: Cloud, tmp_path: Path) -> None:
    status, said = run(cloud, tmp_path)
    assert status == 1
    assert "text-to-image on sd completed without a picture" in said


def test_fails_when_a_picture_is_none(cloud: Cloud, tmp_path: Path) -> None:
    cloud.task = {"status": "completed", "results": [{"s3_url": "s3://b/a.png", "url": f"{cloud.url}/a.png"}]}
    status, said = run(cloud, tmp_path)
    assert status == 1
    assert "the picture a.png cannot be decoded" in said


def drawing(width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height)).save(buffer, "PNG")
    return buffer.getvalue()


def test_every_picture_is_kept(cloud: Cloud, tmp_path: Path) -> None:
    cloud.task = {"status": "completed", "results": [{"s3_url": "s3://b/a.png", "url": f"{cloud.url}/a.png"}]}
    cloud.picture = drawing(512, 512)
    status, said = run(cloud, tmp_path)
    assert status == 0, said
    assert (tmp_path / "a.png").read_bytes() == cloud.picture


def test_fails_when_a_picture_has_another_size(cloud: Cloud, tmp_path: Path) -> None:
    cloud.task = {"status": "completed", "results": [{"s3_url": "s3://b/a.png", "url": f"{cloud.url}/a.png"}]}
    cloud.picture = drawing(64, 512)
    status, said = run(cloud, tmp_path)
    assert status == 1
    assert "the picture a.png is 64 x 512, not 512 x 512 as asked for" in said


@pytest.mark.parametrize(
    ("submit", "task", "missing"),
    [
        ({}, {}, "'submission'"),
        ({"submission": "S"}, {}, "'status'"),
        ({"submission": "S"}, {"status": "completed", "results": [{"s3_url": "s3://b/a.png"}]}, "'url'"),
    ],
)
def test_fails_when_an_answer_lacks_something(
    cloud: Cloud, tmp_path: Path, submit: dict[str, Any], task: dict[str, Any], missing: str
) -> None:
    cloud.submit, cloud.task = (200, submit), task
    status, said = run(cloud, tmp_path)
    assert status == 1
    assert f"text-to-image on sd: the API's answer has no {missing}" in said


def test_fails_when_the_endpoint_url_is_none(cloud: Cloud, tmp_path: Path) -> None:
    status, said = run(cloud, tmp_path, AWS_ENDPOINT_URL="nonsense")
    assert (status, said) == (1, "test_api: AWS cannot be asked: Invalid endpoint: nonsense")


def test_fails_when_the_folder_for_the_pictures_is_a_file(cloud: Cloud, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    status, said = run(cloud, tmp_path / "file")
    assert status == 1
    assert "the folder for the pictures cannot be made" in said


def test_retry_after_with_a_date_is_no_error(cloud: Cloud, tmp_path: Path) -> None:
    cloud.headers = {"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"}
    cloud.task = {"status": "completed", "results": [{"s3_url": "s3://b/a.png", "url": f"{cloud.url}/a.png"}]}
    cloud.picture = drawing(512, 512)
    assert run(cloud, tmp_path)[0] == 0
