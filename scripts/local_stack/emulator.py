"""AWS on this machine: ministack as a child, on loopback, with TLS, signatures and policies enforced."""

import os
import ssl
import threading
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

import boto3
import botocore.session
import urllib3
from botocore.config import Config

from local_stack.certificate import make_certificate
from local_stack.child_process import ChildProcess, free_port
from local_stack.errors import LocalStackError

if TYPE_CHECKING:
    from mypy_boto3_apigateway import APIGatewayClient
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_ssm import SSMClient
    from mypy_boto3_sts import STSClient

ROOT: Final = Path(__file__).resolve().parents[2]
REGION: Final = "us-east-1"
_READY_S: Final = 20
_TRIES: Final = 5
_IN_USE: Final = "already in use"
# No proxy of the machine's: it cannot reach this machine's loopback.
_CLIENTS: Final = Config(connect_timeout=2, read_timeout=30, retries={"total_max_attempts": 3}, proxies={})
_CREDENTIAL: Final = "test"  # the emulator's root, known to everybody; it listens on loopback only


class Emulator:
    """The emulator.

    Args:
        folder: for its certificate, state and log.
        home: its virtual environment; made by `make setup`.
        port: where it listens; a free one by default.
        authority: folder of the authority that issues its certificate; by default a new one, in `folder`.
    """

    def __init__(
        self, folder: Path, *, home: Path | None = None, port: int | None = None, authority: Path | None = None
    ) -> None:
        self._folder = folder
        programs = (home or ROOT / ".venv-emulator") / "bin"
        if not (programs / "ministack").exists():
            raise LocalStackError(
                f"the AWS emulator is missing: there is no {programs / 'ministack'}; run `make setup`"
            )
        self._python = programs / "python"
        self._certificate = make_certificate(folder, authority=authority)
        self.ca_bundle: Path = self._certificate.authority
        self._lock = threading.Lock()  # making a client is not safe in threads, using it is
        self._session: boto3.session.Session | None = None
        self._clients: dict[tuple[object, ...], Any] = {}
        self._tries = 1 if port is not None else _TRIES
        self._listen_on(port or free_port())

    def _listen_on(self, port: int) -> None:
        self.endpoint_url: str = f"https://127.0.0.1:{port}"
        state = self._folder / "emulator"
        state.mkdir(exist_ok=True)
        self.process = ChildProcess(
            "the AWS emulator",
            [str(self._python), str(Path(__file__).with_name("emulator_program.py"))],
            # Functions run as its children and inherit this, so it holds nothing of the user's own.
            environment={
                "PATH": os.environ.get("PATH", os.defpath),
                "HOME": str(state),
                "TMPDIR": str(state),
                "LANG": "C.UTF-8",
                "PYTHONDONTWRITEBYTECODE": "1",
                "BIND_HOST": "127.0.0.1",
                "MINISTACK_HOST": "127.0.0.1",
                "GATEWAY_PORT": str(port),
                "AUTH": "true",
                "USE_SSL": "1",
                "MINISTACK_SSL_CERT": str(self._certificate.certificate),
                "MINISTACK_SSL_KEY": str(self._certificate.key),
                **self.client_environment(),
                **self.root_environment(),
            },
            log=self._folder / "emulator.log",
            folder=state,
        )

    def client_environment(self) -> dict[str, str]:
        """What makes any AWS client use the emulator; without credentials."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_CA_BUNDLE": str(self.ca_bundle),
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
        }

    def root_environment(self) -> dict[str, str]:
        """Credentials of the emulator's root."""
        return {"AWS_ACCESS_KEY_ID": _CREDENTIAL, "AWS_SECRET_ACCESS_KEY": _CREDENTIAL}

    def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            LocalStackError: it is missing, has died, or does not answer; the port may be in use.
        """
        while True:
            self.process.start()
            try:
                self.process.wait_until(self._answers, timeout_s=_READY_S)
            except LocalStackError:
                # A free port can be taken before the emulator has it.
                self._tries -= 1
                if self._tries == 0 or _IN_USE not in self.process.last_words():
                    raise
                self._listen_on(free_port())
            else:
                return

    def stop(self) -> None:
        """Stop it and all that it started.

        At once: nothing in it outlives it, and it would wait for its clients' connections.
        """
        self.process.kill()

    def client(self, service: str, **identity: str) -> Any:  # noqa: ANN401 (a boto3 client)
        """A client; the same one each time, because to read the model of a service takes longer than most calls.

        Args:
            service: its name in boto3.
            identity: `aws_access_key_id` and so on; root's by default.
        """
        key = (service, *identity.items())
        with self._lock:
            if self._session is None:
                self._session = self.session()
            if key not in self._clients:
                self._clients[key] = self._session.client(
                    service,  # type: ignore[call-overload]  # no literal
                    endpoint_url=self.endpoint_url,
                    verify=str(self.ca_bundle),
                    **identity,
                )
            return self._clients[key]

    def api_gateway(self) -> "APIGatewayClient":
        """A client with root's rights."""
        client: APIGatewayClient = self.client("apigateway")
        return client

    def cloudformation(self) -> "CloudFormationClient":
        """A client with root's rights."""
        client: CloudFormationClient = self.client("cloudformation")
        return client

    def dynamodb(self) -> "DynamoDBClient":
        """A client with root's rights."""
        client: DynamoDBClient = self.client("dynamodb")
        return client

    def iam(self) -> "IAMClient":
        """A client with root's rights."""
        client: IAMClient = self.client("iam")
        return client

    def s3(self) -> "S3Client":
        """A client with root's rights."""
        client: S3Client = self.client("s3")
        return client

    def sns(self) -> "SNSClient":
        """A client with root's rights."""
        client: SNSClient = self.client("sns")
        return client

    def sqs(self) -> "SQSClient":
        """A client with root's rights."""
        client: SQSClient = self.client("sqs")
        return client

    def ssm(self) -> "SSMClient":
        """A client with root's rights."""
        client: SSMClient = self.client("ssm")
        return client

    def sts(self) -> "STSClient":
        """A client with root's rights."""
        client: STSClient = self.client("sts")
        return client

    @staticmethod
    def session() -> boto3.session.Session:
        """A session with root's credentials, which ignores the machine's profile, settings and proxy."""
        base = botocore.session.Session(
            session_vars={"profile": (None, None, None, None), "config_file": (None, None, os.devnull, None)}
        )
        base.set_default_client_config(_CLIENTS)
        return boto3.session.Session(
            aws_access_key_id=_CREDENTIAL,
            aws_secret_access_key=_CREDENTIAL,
            region_name=REGION,
            botocore_session=base,
        )

    def _answers(self) -> bool:
        try:
            with urllib3.PoolManager(ca_certs=str(self.ca_bundle), retries=False, timeout=2) as pool:
                return pool.request("GET", f"{self.endpoint_url}/_ministack/health").status == 200  # noqa: PLR2004 (OK)
        except urllib3.exceptions.SSLError as error:
            if isinstance(error.args[0], ssl.SSLCertVerificationError):  # which no waiting changes
                raise LocalStackError(
                    f"{self.process.name} answers, and its certificate is refused: {error.args[0].verify_message}; "
                    f"{self.ca_bundle} is what vouches for it"
                ) from error
            return False
        except urllib3.exceptions.HTTPError:
            return False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
