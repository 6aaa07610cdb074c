"""A stand-in for the AWS command line: `aws SERVICE OPERATION`, with parameters as its documentation writes them.

They are strings, numbers, lists or JSON; `--query` and `--output` are as in the real AWS CLI. Unknown parameters are
rejected. The program only forwards its arguments: the test's process, which has botocore, makes the calls.
"""

import json
import socketserver
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jmespath  # type: ignore[import-untyped]  # the distribution has no types
from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.model import Shape

RENAMED = {("sns", "subscribe"): {"--notification-endpoint": "Endpoint"}}
"""https://docs.aws.amazon.com/cli/latest/reference/sns/subscribe.html"""

_PROGRAM = """\
#!{python} -S
import json, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({path!r})
    server.sendall(json.dumps(sys.argv[1:]).encode() + b"\\n")
    status, out, error = json.load(server.makefile("rb"))
sys.stdout.write(out)
sys.stderr.write(error)
sys.exit(status)
"""


@contextmanager
def aws_cli(folder: Path, make_client: Callable[[str], Any]) -> Iterator[Path]:
    """Create a program `aws` in a folder.

    Args:
        folder: an empty one.
        make_client: returns a client of a service.
    """

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            try:
                answer = (0, _call(make_client, *json.loads(self.rfile.readline())), "")
            except (AssertionError, KeyError, IndexError, ValueError, ClientError) as error:
                answer = (255, "", f"aws: {error!r}\n")
            self.wfile.write(json.dumps(answer).encode())

    path = str(folder / "aws.socket")
    (folder / "aws").write_text(_PROGRAM.format(python=sys.executable, path=path), encoding="utf-8")
    (folder / "aws").chmod(0o755)
    with socketserver.ThreadingUnixStreamServer(path, Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        try:
            yield folder
        finally:
            server.shutdown()


def _call(make_client: Callable[[str], Any], service: str, operation: str, *words: str) -> str:
    client = make_client(service)
    (name,) = [name for name in client.meta.service_model.operation_names if xform_name(name, "-") == operation]
    shapes = client.meta.service_model.operation_model(name).input_shape.members
    members = {f"--{xform_name(member, '-')}": member for member in shapes}
    for option, member in RENAMED.get((service, operation), {}).items():
        del members[f"--{xform_name(member, '-')}"]
        members[option] = member
    options: dict[str, list[str]] = {}
    for word in words:
        if word.startswith("--"):
            options[word] = []
        else:
            options[list(options)[-1]].append(word)
    (query,), (output,) = options.pop("--query", ["@"]), options.pop("--output", ["json"])
    arguments = {members[option]: _value(shapes[members[option]], given) for option, given in options.items()}
    answer = getattr(client, xform_name(name))(**arguments)
    answer = {key: value for key, value in answer.items() if key != "ResponseMetadata"}
    if not answer:
        return ""
    shown = jmespath.search(query, answer)
    if output == "text":
        return (
            "\t".join([*shown.values()] if isinstance(shown, dict) else [shown] if isinstance(shown, str) else shown)
            + "\n"
        )
    return json.dumps(shown, default=str) + "\n"


def _value(shape: Shape, words: list[str]) -> Any:
    if shape.type_name == "boolean":
        assert words == []
        return True
    if shape.type_name == "list" and not words[0].startswith("["):
        return words
    (word,) = words
    match shape.type_name:
        case "integer":
            return int(word)
        case "list" | "map" | "structure":
            return json.loads(word)
    return word
