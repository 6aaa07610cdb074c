"""Receive callbacks as an HTTP endpoint. A load balancer or the like in front of it terminates TLS."""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import sns_message

TOPIC_ARN = os.environ["TOPIC_ARN"]
MAX_BYTES = 512 * 1024  # a message of SNS has at most 256 KiB, and is escaped here


def handle(callback: dict[str, Any]) -> None:
    """Do your work, or better, note it and do it later: SNS waits 15 seconds for the answer."""
    print(callback["event_id"], callback["id"], callback["status"], *callback["image_url"], flush=True)


class Endpoint(BaseHTTPRequestHandler):
    """What SNS posts to."""

    timeout = 15

    def do_POST(self) -> None:
        """Answer a message."""
        length = int(self.headers.get("Content-Length", "0"))
        self.send_response(self._status(self.rfile.read(length)) if length <= MAX_BYTES else 413)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _status(self, body: bytes) -> int:
        try:
            message = json.loads(body)
            sns_message.verify(message, TOPIC_ARN)
            if message["Type"] == "SubscriptionConfirmation":
                sns_message.get(message["SubscribeURL"])
            elif message["Type"] == "Notification":
                handle(json.loads(message["Message"]))
        except ValueError as error:
            self.log_error("refused: the message %s", error)
            return 403  # after which SNS does not send it again
        except OSError as error:
            self.log_error("not checked: %s", error)
            return 503  # after which it does
        return 200


if __name__ == "__main__":
    address = ("127.0.0.1", int(os.environ.get("ENDPOINT_PORT", "8080")))
    with ThreadingHTTPServer(address, Endpoint) as server:
        server.serve_forever()
