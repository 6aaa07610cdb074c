#!/usr/bin/env python3
"""Prove that a deployment works: send tasks, wait for them, download and decode every picture.

    .venv/bin/python scripts/test_api.py [STACK_NAME] [RUNTIME_TYPE]
    .venv/bin/python scripts/test_api.py [STACK_NAME] --conformance

STACK_NAME is the CloudFormation stack (default SdOnEKSStack), RUNTIME_TYPE is sdwebui or comfyui (default: each type
that the stack has a runtime of). The endpoint and the API key are found from the stack, with the AWS credentials and
region of the environment. A text-to-image and an image-to-image task go to an sdwebui runtime, a pipeline to a comfyui
runtime; whether a request without a key is refused is checked as well.

With --conformance it checks instead what only a real deployment can show: docs/first-deploy-checklist.md. A task is
sent to each runtime and cancelled, an API key is made and deleted, and the throttle of the deployment's own key is used
up for some seconds. It may take the 15 minutes that SNS needs to know a new runtime.

With AWS_ENDPOINT_URL set, as for the local stack, the emulator's form of the URL is used; all else is the same, but for
what the emulator cannot show, which --conformance says.
"""

import argparse
import base64
import io
import json
import os
import re
import secrets
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import urllib3
from PIL import Image, UnidentifiedImageError
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from conformance.checklist import findings
from deployed_api import Api, VerificationError, find_api

_POLL_S: Final = 1.0
_REQUEST_S: Final = 30.0
_SIZE: Final = 512
_IMAGE_SUFFIXES: Final = frozenset({".png", ".jpg", ".jpeg", ".webp", ".gif"})
_RUNTIME_TYPES: Final = ("sdwebui", "comfyui")
_MARKS: Final = {"holds": "✓", "broken": "✗", "skipped": "-"}
_FAILURE: Final = 1
_INTERRUPTED: Final = 130


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture that was downloaded and decoded."""

    task: str
    file: str
    width: int
    height: int


class Verification:
    """Sends tasks and checks what comes back.

    Args:
        api: the deployment.
        output: folder for the pictures.
        timeout_s: longest wait for one task.
        progress: shows what is being waited for.
    """

    def __init__(self, api: Api, *, output: Path, timeout_s: float, progress: Progress) -> None:
        self._api = api
        self._output = output
        self._timeout_s = timeout_s
        self._progress = progress
        self._http = urllib3.PoolManager(
            ca_certs=os.environ.get("AWS_CA_BUNDLE"), retries=urllib3.Retry(connect=2, read=0), timeout=_REQUEST_S
        )

    def run(self, runtime_types: Sequence[str]) -> Iterator[Picture]:
        """Verify, task by task.

        Raises:
            VerificationError: something does not work.
        """
        self._check_that_a_key_is_needed()
        for runtime_type in runtime_types:
            names = [name for name, kind in self._api.runtimes.items() if kind == runtime_type]
            if not names:
                raise VerificationError(f"the stack has no {runtime_type} runtime; it has: {self._api.runtimes}")
            for tasktype, content in _tasks(runtime_type):
                yield from self._verify(names[0], tasktype, content)

    def _check_that_a_key_is_needed(self) -> None:
        status, _ = self._send("POST", "v1alpha2", {}, with_key=False)
        if status != HTTPStatus.UNAUTHORIZED:
            raise VerificationError(f"a request without an API key is answered {status}, not 401")

    def _verify(self, runtime: str, tasktype: str, content: dict[str, Any]) -> Iterator[Picture]:
        task_id = f"test-{tasktype}-{secrets.token_hex(4)}"
        shown = self._progress.add_task(f"{tasktype} on {runtime}: submitting", total=None)
        body = {
            "task": {
                "metadata": {"id": task_id, "runtime": runtime, "tasktype": tasktype, "context": {"test": True}},
                "content": content,
            }
        }
        status, answer = self._send("POST", "v1alpha2", body)
        if status != HTTPStatus.OK:
            raise VerificationError(f"{tasktype} on {runtime} is answered {status}: {_said(answer)}")
        try:
            task = self._wait(task_id, answer["submission"], shown, f"{tasktype} on {runtime}")
            pictures = [
                self._download(task_id, result["url"], name)
                for result in task.get("results", [])
                if Path(name := result["s3_url"].rpartition("/")[2]).suffix in _IMAGE_SUFFIXES
            ]
        except KeyError as error:
            raise VerificationError(f"{tasktype} on {runtime}: the API's answer has no {error}") from error
        if not pictures:
            raise VerificationError(f"{tasktype} on {runtime} completed without a picture")
        self._progress.update(
            shown, description=f"{tasktype} on {runtime}: {len(pictures)} picture(s)", total=1, completed=1
        )
        yield from pictures

    def _wait(self, task_id: str, submission: str, shown: Any, what: str) -> dict[str, Any]:  # noqa: ANN401 (rich's id)
        deadline = time.monotonic() + self._timeout_s
        state = "queued"
        while time.monotonic() < deadline:
            status, task = self._send("GET", f"v1alpha2/tasks/{task_id}?submission={submission}")
            if status == HTTPStatus.OK:
                state = task["status"]
                if state == "completed":
                    return task
                if state in {"failed", "cancelled"}:
                    error = task.get("error") or {}
                    raise VerificationError(f"{what} {state}: {error.get('code')}: {error.get('message')}")
                share = f" {task['progress']:.0%}" if "progress" in task else ""
                self._progress.update(shown, description=f"{what}: {state}{share}")
            elif status != HTTPStatus.TOO_MANY_REQUESTS and status < HTTPStatus.INTERNAL_SERVER_ERROR:
                raise VerificationError(f"{what} cannot be looked up: {status}: {_said(task)}")
            time.sleep(_POLL_S)
        raise VerificationError(f"{what} is still {state} after {self._timeout_s:g} s")

    def _download(self, task_id: str, url: str, name: str) -> Picture:
        try:
            response = self._http.request("GET", url)
        except urllib3.exceptions.HTTPError as error:
            raise VerificationError(f"the picture {name} cannot be downloaded: {error}") from error
        if response.status != HTTPStatus.OK:
            raise VerificationError(f"the picture {name} cannot be downloaded: {response.status}")
        try:
            with Image.open(io.BytesIO(response.data)) as image:
                image.load()
                width, height = image.size
        except (UnidentifiedImageError, OSError) as error:
            raise VerificationError(f"the picture {name} cannot be decoded: {error}") from error
        if (width, height) != (_SIZE, _SIZE):
            raise VerificationError(f"the picture {name} is {width} x {height}, not {_SIZE} x {_SIZE} as asked for")
        file = self._output / re.sub(r"[^A-Za-z0-9._-]", "_", name)
        file.write_bytes(response.data)
        return Picture(task=task_id, file=str(file), width=width, height=height)

    def _send(
        self, method: str, path: str, body: dict[str, Any] | None = None, *, with_key: bool = True
    ) -> tuple[int, dict[str, Any]]:
        headers = {"x-api-key": self._api.key} if with_key else {}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            response = self._http.request(
                method, self._api.url + path, headers=headers, body=None if body is None else json.dumps(body)
            )
        except urllib3.exceptions.HTTPError as error:
            raise VerificationError(f"the API at {self._api.url} cannot be reached: {error}") from error
        try:
            answer = json.loads(response.data)
        except ValueError:
            answer = {}
        # The gateway asks to wait; so does a service behind it that is busy.
        retry_after = response.headers.get("Retry-After", "")
        if retry_after.isdecimal():  # the other form, a date, is not worth more than the next poll
            time.sleep(min(int(retry_after), _REQUEST_S))
        return response.status, answer if isinstance(answer, dict) else {}


def _said(answer: dict[str, Any]) -> str:
    error = answer.get("error")
    return str(error.get("message")) if isinstance(error, dict) else json.dumps(answer)[:200]


def _tasks(runtime_type: str) -> list[tuple[str, dict[str, Any]]]:
    prompt = "a photograph of an astronaut riding a horse"
    if runtime_type == "comfyui":
        return [("pipeline", _workflow(prompt))]
    common = {"prompt": prompt, "steps": 20, "width": _SIZE, "height": _SIZE, "seed": 42}
    return [
        ("text-to-image", common),
        ("image-to-image", {**common, "init_images": [_sample_image()], "denoising_strength": 0.6}),
    ]


def _sample_image() -> str:
    """A small picture to begin with, base64 PNG."""
    gradient = Image.linear_gradient("L").resize((_SIZE, _SIZE))
    image = Image.merge("RGB", (gradient, gradient.rotate(90), gradient.rotate(180)))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def _workflow(prompt: str) -> dict[str, Any]:
    """ComfyUI's text-to-image example, in the API format."""
    return {
        "3": {
            "class_type": "KSampler",
            "inputs": {
                "seed": secrets.randbelow(2**32),  # an identical graph would be answered from the cache
                "steps": 20,
                "cfg": 8,
                "sampler_name": "euler",
                "scheduler": "normal",
                "denoise": 1,
                "model": ["4", 0],
                "positive": ["6", 0],
                "negative": ["7", 0],
                "latent_image": ["5", 0],
            },
        },
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "v1-5-pruned-emaonly.safetensors"}},
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": _SIZE, "height": _SIZE, "batch_size": 1}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": prompt, "clip": ["4", 1]}},
        "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "text, watermark", "clip": ["4", 1]}},
        "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
        "9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "ComfyUI", "images": ["8", 0]}},
    }


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise VerificationError(f"the folder for the pictures cannot be made: {error}") from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify a deployment.

    Returns:
        Exit status: 0 only if every picture is there, or nothing is broken; 130 after Ctrl-C.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stack_name", metavar="STACK_NAME", nargs="?", default="SdOnEKSStack")
    parser.add_argument("runtime_type", metavar="RUNTIME_TYPE", nargs="?", choices=_RUNTIME_TYPES)
    parser.add_argument(
        "--output", type=Path, default=Path("pictures"), help="folder for the pictures (default pictures)"
    )
    parser.add_argument(
        "--timeout",
        type=float,
        default=900,
        metavar="SECONDS",
        help="longest wait for one task (default 900: a first GPU node, or SNS with a new runtime, takes minutes)",
    )
    parser.add_argument("--conformance", action="store_true", help="check what only a real deployment can show")
    parser.add_argument("--json", action="store_true", help="print what was found as JSON on standard output")
    options = parser.parse_args(arguments)
    console = Console(stderr=True, highlight=False)
    try:
        if options.conformance:
            return _check_conformance(options.stack_name, options.timeout, console, as_json=options.json)
        pictures = _verify(options, console)
    except VerificationError as error:
        console.print(f"test_api: {error}", markup=False, soft_wrap=True)
        return _FAILURE
    except KeyboardInterrupt:
        console.print("interrupted")
        return _INTERRUPTED
    if options.json:
        print(json.dumps([asdict(picture) for picture in pictures]))
    else:
        for picture in pictures:
            console.print(f"{picture.file}  {picture.width} x {picture.height}", markup=False)
    return 0


def _verify(options: argparse.Namespace, console: Console) -> list[Picture]:
    columns = (SpinnerColumn(finished_text="✓"), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        api = find_api(options.stack_name)
        _make_folder(options.output)
        verification = Verification(api, output=options.output, timeout_s=options.timeout, progress=progress)
        types = [options.runtime_type] if options.runtime_type else list(dict.fromkeys(api.runtimes.values()))
        return list(verification.run(types))


def _check_conformance(stack_name: str, timeout_s: float, console: Console, *, as_json: bool) -> int:
    found = []
    for finding in findings(find_api(stack_name), timeout_s=timeout_s):
        found.append(finding)
        console.print(f"{_MARKS[finding.outcome]} {finding.check}: {finding.detail}", markup=False, soft_wrap=True)
    if as_json:
        print(json.dumps([asdict(finding) for finding in found]))
    count = Counter(finding.outcome for finding in found)
    console.print(f"{count['holds']} hold, {count['broken']} broken, {count['skipped']} skipped")
    return _FAILURE if count["broken"] else 0


if __name__ == "__main__":
    sys.exit(main())
