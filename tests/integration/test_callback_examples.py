"""The examples of docs/callbacks.md, run unchanged against the local stack."""

import base64
import datetime as dt
import importlib
import json
import os
import shutil
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import urllib3
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from tests.fakes.aws_cli import aws_cli

EXAMPLES = Path(__file__).parents[2] / "docs" / "callback-examples"
CERTIFICATE_URL = "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123.pem"
MISSING = [program for program in ("bash", "jq") if shutil.which(program) is None]

pytestmark = [
    pytest.mark.xdist_group("local_stack"),
    pytest.mark.skipif(bool(MISSING), reason=f"not on this machine: {MISSING}"),
]

Message = dict[str, Any]


@pytest.fixture(scope="module")
def environment(
    client: Any, client_environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """The environment of a shell that has sourced the file of `make up`, with an AWS CLI."""
    emulator = client.stack.emulator

    def make_client(service: str) -> Any:
        return emulator.client(service)

    with aws_cli(tmp_path_factory.mktemp("bin"), make_client) as programs:
        yield {
            **client_environment,
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "QUEUE_NAME": "callbacks-of-sd",
        }


def run(name: str, environment: dict[str, str]) -> str:
    done = subprocess.run(  # noqa: S603 (one of the examples)
        ["bash", EXAMPLES / name],  # noqa: S607 (the one in PATH)
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def topic(client: Any) -> str:
    return str(client.stack.deployment.outputs["sdNotificationOutputArn"])


@pytest.fixture(scope="module", autouse=True)
def unsubscribe(client: Any, topic: str) -> Iterator[None]:
    """Deletes the subscriptions that a test adds."""
    sns = client.stack.emulator.sns()

    def subscriptions() -> set[str]:
        return {one["SubscriptionArn"] for one in sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]}

    before = subscriptions()
    yield
    for arn in subscriptions() - before:
        sns.unsubscribe(SubscriptionArn=arn)


@pytest.fixture(scope="module")
def queue_url(client: Any, environment: dict[str, str]) -> str:
    """URL of the queue that the example subscribes."""
    run("subscribe_queue.sh", environment)
    return str(client.stack.emulator.sqs().get_queue_url(QueueName=environment["QUEUE_NAME"])["QueueUrl"])


def publish(client: Any, topic: str, name: str, *, runtime: str = "sd", status: str = "completed") -> None:
    """Publish a message with the fields of a callback."""
    client.stack.emulator.sns().publish(
        TopicArn=topic,
        Message=json.dumps({"event_id": name, "id": name, "status": status, "image_url": []}),
        MessageAttributes={
            key: {"DataType": "String", "StringValue": value}
            for key, value in (("runtime", runtime), ("status", status))
        },
    )


def documents(text: str) -> Iterator[Message]:
    """The JSON objects of an output, which follow each other."""
    while text := text.lstrip():
        document, end = json.JSONDecoder().raw_decode(text)
        text = text[end:]
        yield document


def test_a_subscribed_queue_receives_the_callbacks_that_match_its_filter_policy(
    client: Any, environment: dict[str, str], topic: str, queue_url: str
) -> None:
    publish(client, topic, "other", runtime="comfy")
    publish(client, topic, "started", status="running")
    task = client.submit({"prompt": "a cat"})
    client.wait(task["id"])
    sqs = client.stack.emulator.sqs()
    attribute = "ApproximateNumberOfMessages"
    received: dict[str, Message] = {}

    def is_received() -> bool:
        # Tasks of earlier tests may end in the meantime.
        received.update((one["id"], one) for one in documents(run("receive.sh", environment | {"WAIT_SECONDS": "0"})))
        return task["id"] in received

    client.until(is_received)
    assert received.keys().isdisjoint({"other", "started"})
    callback = received[task["id"]]
    assert (callback["status"], callback["error"]) == ("completed", None)
    assert callback["image_url"][0].startswith("s3://")
    left = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=[attribute])["Attributes"][attribute]
    assert left == "0"


def test_the_queue_accepts_messages_from_this_topic_only(client: Any, queue_url: str) -> None:
    sns, sqs = client.stack.emulator.sns(), client.stack.emulator.sqs()
    queue = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    other_topic = sns.create_topic(Name="other")["TopicArn"]
    sns.subscribe(TopicArn=other_topic, Protocol="sqs", Endpoint=queue)
    sns.publish(TopicArn=other_topic, Message="not a callback")
    assert "Messages" not in sqs.receive_message(QueueUrl=queue_url)
    sns.delete_topic(TopicArn=other_topic)


@pytest.mark.usefixtures("queue_url")
def test_the_python_receiver_prints_each_event_once(client: Any, environment: dict[str, str], topic: str) -> None:
    publish(client, topic, "first")
    publish(client, topic, "first")
    publish(client, topic, "last", status="failed")
    with subprocess.Popen(  # noqa: S603 (one of the examples)
        [sys.executable, EXAMPLES / "receive.py"], env=environment, stdout=subprocess.PIPE, text=True
    ) as receiver:
        assert receiver.stdout is not None
        try:
            lines: list[str] = []
            while not {"first completed\n", "last failed\n"} <= set(lines):
                lines.append(receiver.stdout.readline())
        finally:
            receiver.kill()
    assert lines.count("first completed\n") == 1


class Signer:
    """Signs messages as Amazon SNS does; the emulator does not sign them."""

    def __init__(self, *, days: int = 1) -> None:
        self._key = rsa.generate_private_key(65_537, 2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
        now = dt.datetime.now(dt.UTC)
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(self._key.public_key())
        builder = builder.serial_number(1).not_valid_before(now - dt.timedelta(days=2))
        certificate = builder.not_valid_after(now + dt.timedelta(days=days)).sign(self._key, hashes.SHA256())
        self.certificate = certificate.public_bytes(serialization.Encoding.PEM)

    def signed(self, message: Message, *, version: str = "2") -> Message:
        fields = (
            ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
            if message["Type"] == "Notification"
            else ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
        )
        text = "".join(f"{field}\n{message[field]}\n" for field in fields if field in message)
        algorithm = hashes.SHA1() if version == "1" else hashes.SHA256()  # noqa: S303 (SNS's own)
        signature = base64.b64encode(self._key.sign(text.encode(), padding.PKCS1v15(), algorithm)).decode()
        return message | {"Signature": signature, "SignatureVersion": version, "SigningCertURL": CERTIFICATE_URL}


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer()


@pytest.fixture
def sns_message(monkeypatch: pytest.MonkeyPatch, signer: Signer) -> ModuleType:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    module = importlib.reload(importlib.import_module("sns_message"))
    monkeypatch.setattr(module, "get", lambda url: {CERTIFICATE_URL: signer.certificate}[url])
    return module


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch, sns_message: ModuleType, topic: str) -> ModuleType:
    assert sns_message.__name__ in sys.modules  # which the endpoint imports
    monkeypatch.setenv("TOPIC_ARN", topic)
    return importlib.reload(importlib.import_module("endpoint"))


@pytest.fixture
def serve() -> Iterator[Callable[[type[BaseHTTPRequestHandler]], str]]:
    servers: list[ThreadingHTTPServer] = []

    def start(handler: type[BaseHTTPRequestHandler]) -> str:
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/callbacks"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_an_endpoint_confirms_its_subscription_and_receives_callbacks(
    client: Any,
    environment: dict[str, str],
    topic: str,
    signer: Signer,
    sns_message: ModuleType,
    endpoint: ModuleType,
    serve: Callable[[type[BaseHTTPRequestHandler]], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sns = client.stack.emulator.sns()
    handled: list[Message] = []
    monkeypatch.setattr(endpoint, "handle", handled.append)
    confirm_url = "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&Token="

    def get(url: str) -> bytes:
        if url == CERTIFICATE_URL:
            return signer.certificate
        assert url.startswith(confirm_url)
        sns.confirm_subscription(TopicArn=topic, Token=url.removeprefix(confirm_url))
        return b""

    monkeypatch.setattr(sns_message, "get", get)
    endpoint_url = serve(endpoint.Endpoint)
    statuses: list[int] = []

    class Signing(BaseHTTPRequestHandler):
        """A proxy in front of the endpoint that signs the messages of the emulator."""

        def do_POST(self) -> None:
            message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if "SubscribeURL" in message:
                message["SubscribeURL"] = confirm_url + message["Token"]
            reply = urllib3.request("POST", endpoint_url, json=signer.signed(message), retries=False)
            statuses.append(reply.status)
            self.send_response(reply.status)
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 (the library's own name)
            pass

    assert run("subscribe_endpoint.sh", environment | {"ENDPOINT_URL": serve(Signing)})
    client.until(lambda: statuses == [200])
    task = client.submit({"prompt": "a cat"}, context={"user": "ann"})
    client.wait(task["id"])
    client.until(lambda: task["id"] in {one["id"] for one in handled})
    (callback,) = (one for one in handled if one["id"] == task["id"])
    assert (callback["status"], callback["context"]) == ("completed", {"user": "ann"})
    assert set(statuses) == {200}


def test_an_unsigned_message_is_rejected(
    endpoint: ModuleType,
    environment: dict[str, str],
    client: Any,
    serve: Callable[[type[BaseHTTPRequestHandler]], str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    run("subscribe_endpoint.sh", environment | {"ENDPOINT_URL": serve(endpoint.Endpoint)})
    errors = ""

    def is_rejected() -> bool:
        nonlocal errors
        errors += capsys.readouterr().err
        return '"POST /callbacks HTTP/1.1" 403' in errors

    client.until(is_rejected)


def notification(topic: str, **changes: str) -> Message:
    return {
        "Type": "Notification",
        "MessageId": str(uuid.uuid4()),
        "TopicArn": topic,
        "Message": "{}",
        "Timestamp": f"{dt.datetime.now(dt.UTC):%Y-%m-%dT%H:%M:%S}.000Z",
        **changes,
    }


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("changes", [{}, {"Subject": "with a subject"}])
def test_a_signed_message_is_genuine(
    sns_message: ModuleType, signer: Signer, topic: str, version: str, changes: dict[str, str]
) -> None:
    sns_message.verify(signer.signed(notification(topic, **changes), version=version), topic)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"Message": "another"}, "is not from SNS: InvalidSignature"),
        ({"TopicArn": "arn:aws:sns:us-east-1:111122223333:another"}, "is from another topic"),
        ({"Type": "Other"}, "is not from SNS: KeyError"),
        ({"SignatureVersion": "3"}, "is not from SNS: KeyError"),
        ({"Signature": "FAKE"}, "is not from SNS: InvalidSignature"),
        ({"Signature": "not base64!"}, "."),
        ({"Timestamp": "2020-01-01T00:00:00.000Z"}, "is not from SNS: InvalidSignature"),
    ],
)
def test_fails_when_a_message_was_changed(
    sns_message: ModuleType, signer: Signer, topic: str, changes: dict[str, str], error: str
) -> None:
    with pytest.raises(ValueError, match=error):
        sns_message.verify(signer.signed(notification(topic)) | changes, topic)


def test_fails_when_a_message_is_replayed(sns_message: ModuleType, signer: Signer, topic: str) -> None:
    with pytest.raises(ValueError, match="is too old"):
        sns_message.verify(signer.signed(notification(topic, Timestamp="2020-01-01T00:00:00.000Z")), topic)


@pytest.mark.parametrize("message", [{}, [], "text", None, 5])
def test_fails_when_the_body_is_not_a_message(sns_message: ModuleType, topic: str, message: Any) -> None:
    with pytest.raises(ValueError, match="is not from SNS"):
        sns_message.verify(message, topic)


def test_fails_when_the_certificate_has_expired(
    sns_message: ModuleType, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    expired = Signer(days=-1)
    monkeypatch.setattr(sns_message, "get", lambda _: expired.certificate)
    with pytest.raises(ValueError, match="has a certificate that is expired or not RSA"):
        sns_message.verify(expired.signed(notification(topic)), topic)


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.us-east-1.amazonaws.com/x.pem",
        "https://sns.us-east-1.amazonaws.com.example.com/x.pem",
        "https://example.com/sns.us-east-1.amazonaws.com",
        "https://sns.us-east-1.amazonaws.com@example.com/",
        "https://sns.us-east-1.amazonaws.com:444/x.pem",
        "https://s3.us-east-1.amazonaws.com/sns/x.pem",
        "file:///etc/passwd",
    ],
)
def test_fails_when_a_url_is_not_one_of_sns(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    module = importlib.reload(importlib.import_module("sns_message"))
    with pytest.raises(ValueError, match="has a URL that is not one of SNS"):
        module.get(url)
