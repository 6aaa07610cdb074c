"""Receive callbacks as an HTTP endpoint. TLS is terminated in front of it, for example by a load balancer."""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import sns_message

TOPIC_ARN = os.environ["TOPIC_ARN"]
MAX_BYTES = 512 * 1024  # an SNS message has at most 256 KiB, and is escaped in this body


def handle(callback: dict[str, Any]) -> None:
    """Process a callback, or better, queue it and process it later: SNS waits 15 seconds for the response."""
    print(callback["event_id"], callback["id"], callback["status"], *callback["image_url"], flush=True)


class Endpoint(BaseHTTPRequestHandler):
    """The endpoint that SNS posts to."""

    timeout = 15

    def do_POST(self) -> None:
        """Respond to a message."""
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
            self.log_error("rejected: the message %s", error)
            return 403  # SNS does not retry
        except OSError as error:
            self.log_error("not verified: %s", error)
            return 503  # SNS retries
        return 200


if __name__ == "__main__":
    address = ("127.0.0.1", int(os.environ.get("ENDPOINT_PORT", "8080")))
    with ThreadingHTTPServer(address, Endpoint) as server:
        server.serve_forever()
