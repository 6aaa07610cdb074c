"""Hands each agent the credentials of its role, over the interface of the EKS Pod Identity agent.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
"""

import hmac
import json
import secrets
import sys
import threading
import traceback
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from botocore.exceptions import BotoCoreError, ClientError

from local_stack.emulator import Emulator

_LOOK_S: Final = 0.05
"""How often it looks whether it is to end."""


class CredentialsServer:
    """A server on loopback; a request with the token of an agent gets that agent's credentials and no other's.

    Args:
        emulator: where roles are assumed.
        folder: for the agents' token files and the log.

    Attributes:
        log: what went wrong in it.
    """

    def __init__(self, emulator: Emulator, folder: Path) -> None:
        self._emulator = emulator
        self._folder = folder
        self.log = folder / "credentials-server.log"
        self._roles: dict[str, tuple[str, str]] = {}
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                role_arn, token = server._roles.get(self.path, ("", ""))
                shown = self.headers.get("Authorization", "")
                if not token or not hmac.compare_digest(shown, token):
                    self.send_error(HTTPStatus.FORBIDDEN)
                    return
                try:
                    body = json.dumps(server._assume(role_arn)).encode()
                except (BotoCoreError, ClientError):
                    self.send_error(HTTPStatus.SERVICE_UNAVAILABLE)  # the agent asks again
                    return
                self.send_response(HTTPStatus.OK)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's name)
                """Nothing of a request is logged."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 (the base's)
                # An agent that is stopped hangs up half-way. Anything else is ours: a file, as no progress line is.
                if not isinstance(sys.exception(), ConnectionError):
                    with server.log.open("a") as log:
                        traceback.print_exc(file=log)

        self._server = Server(("127.0.0.1", 0), Handler)

    def add(self, agent: str, role_arn: str) -> dict[str, str]:
        """Let an agent have the credentials of a role.

        Returns:
            What its environment needs.
        """
        token = secrets.token_urlsafe(32)
        path = f"/{agent}"
        self._roles[path] = (role_arn, token)
        file = self._folder / f"{agent}.token"
        file.touch(mode=0o600)
        file.write_text(token)
        return {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://127.0.0.1:{self._server.server_port}{path}",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(file),
        }

    def _assume(self, role_arn: str) -> dict[str, str]:
        credentials = self._emulator.sts().assume_role(RoleArn=role_arn, RoleSessionName="queue-agent")["Credentials"]
        return {
            "AccessKeyId": credentials["AccessKeyId"],
            "SecretAccessKey": credentials["SecretAccessKey"],
            "Token": credentials["SessionToken"],
            "Expiration": credentials["Expiration"].isoformat().replace("+00:00", "Z"),
        }

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=[_LOOK_S], daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
