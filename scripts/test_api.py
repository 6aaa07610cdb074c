#!/usr/bin/env python3
"""Verify a deployment: submit tasks, wait for their ends, download and decode every image.

    .venv/bin/python scripts/test_api.py [STACK_NAME] [RUNTIME_TYPE]
    .venv/bin/python scripts/test_api.py [STACK_NAME] --conformance

STACK_NAME is the CloudFormation stack (default SdOnEKSStack), RUNTIME_TYPE is sdwebui or comfyui (default: each type
that the stack has a runtime of). The script reads the endpoint and the API key from the stack, with the AWS
credentials and region of the environment. It submits a text-to-image task, an image-to-image task and a request of the
SD Web UI API (`POST /v1alpha1`) to an sdwebui runtime, and a pipeline to a comfyui runtime. It also checks that a
request without an API key is rejected. If standard error is not a terminal, it prints its progress every 15 s.

With --conformance it checks what only a real deployment can show: docs/first-deploy-checklist.md. It submits a task to
each runtime and cancels it, creates and deletes an API key, and exceeds the throttle of the default API key for some
seconds. It can take 15 minutes, until SNS applies the filter policy of a new runtime.

With AWS_ENDPOINT_URL set, as for the local stack, it uses the URL of the emulator; --conformance skips the checks that
the emulator does not support. Exit status: 0 only if all images were downloaded, or no check is broken; 1 otherwise, 2
if an option is invalid, 130 after Ctrl-C.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

import urllib3

import conformance.checklist
from deployed_api import VerificationError, find_api
from task_record.runtime_types import RUNTIME_TYPES
from terminal import Terminal
from verification.api_client import ApiClient
from verification.checklist import checks
from verification.display import Display
from verification.tasks import Tasks

_FAILURE: Final = 1
_INTERRUPTED: Final = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify a deployment.

    Returns:
        Exit status: 0 only if all images were downloaded, or no check is broken; 130 after Ctrl-C.
    """
    options = _options(arguments)
    terminal = Terminal()
    try:
        return (_check_conformance if options.conformance else _check_tasks)(options, terminal)
    except VerificationError as error:
        terminal.line(f"test_api: {error}")
        return _FAILURE
    except KeyboardInterrupt:
        terminal.line("interrupted")
        return _INTERRUPTED


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stack_name", metavar="STACK_NAME", nargs="?", default="SdOnEKSStack")
    parser.add_argument("runtime_type", metavar="RUNTIME_TYPE", nargs="?", choices=RUNTIME_TYPES)
    parser.add_argument("--output", type=Path, default=Path("images"), help="folder for the images (default images)")
    parser.add_argument(
        "--timeout",
        type=float,
        default=900,
        metavar="SECONDS",
        help="timeout of a task (default 900: a first GPU node, or a new filter policy of SNS, takes minutes)",
    )
    parser.add_argument("--conformance", action="store_true", help="check what only a real deployment can show")
    parser.add_argument("--json", action="store_true", help="print the results as JSON on standard output")
    return parser.parse_args(arguments)


def _check_tasks(options: argparse.Namespace, terminal: Terminal) -> int:
    with terminal.waiting(f"reading the stack {options.stack_name}"):
        api = find_api(options.stack_name)
    try:
        options.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise VerificationError(f"the folder for the images cannot be created: {error}") from error
    display = Display(terminal)
    client = ApiClient(api.url, api.key, retries=urllib3.Retry(connect=2, read=0))
    tasks = Tasks(api, client, output=options.output, timeout_s=options.timeout, report=display.report)
    types = [options.runtime_type] if options.runtime_type else list(dict.fromkeys(api.runtimes.values()))
    findings = [*display.findings(checks(tasks, types))]
    if options.json:
        print(json.dumps([asdict(image) for image in tasks.images]))
    else:
        for image in tasks.images:
            terminal.line(f"{image.file}  {image.width} x {image.height}")
    return _FAILURE if any(finding.outcome == "broken" for finding in findings) else 0


def _check_conformance(options: argparse.Namespace, terminal: Terminal) -> int:
    with terminal.waiting(f"reading the stack {options.stack_name}"):
        api = find_api(options.stack_name)
    findings = [*Display(terminal).findings(conformance.checklist.checks(api, timeout_s=options.timeout))]
    if options.json:
        print(json.dumps([asdict(finding) for finding in findings]))
    count = Counter(finding.outcome for finding in findings)
    terminal.line(f"{count['holds']} hold, {count['broken']} broken, {count['skipped']} skipped")
    return _FAILURE if count["broken"] else 0


if __name__ == "__main__":
    sys.exit(main())
