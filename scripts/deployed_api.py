"""Finds a deployment by the name of its stack: the endpoint of the API, its key and its settings."""

import io
import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import boto3
import urllib3
from botocore.config import Config

from aws_errors import aws_errors
from sd_on_eks.task_api import logical_ids
from sd_on_eks.task_api.handler.runtimes import RUNTIMES_FILE
from stack_resources import stack_resources
from task_record.runtime_types import RUNTIME_TYPES

_RUNTIMES_IN_CODE: Final = f"handler/{RUNTIMES_FILE}"
_DOWNLOAD_S: Final = 15.0
_LIMITS: Final = Config(connect_timeout=5, read_timeout=15, retries={"total_max_attempts": 3})


class VerificationError(Exception):
    """The deployment does not work; the message is one sentence."""


@dataclass(frozen=True, slots=True)
class _Runtime:
    """A runtime that accepts tasks; `checkpoint` is `None` if it has no default checkpoint."""

    name: str
    type: str
    checkpoint: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """A deployed API.

    Attributes:
        url: URL of the API's stage, with a slash at the end.
        key: the API key.
        key_id: id of the API key.
        runtimes: types of the runtimes, by name.
        checkpoints: default checkpoints of the runtimes that have one, by name.
        settings: environment variables of the API's function.
        resources: physical ids of the stack's resources, by type and logical id.
        is_emulated: whether it is the local stack.
    """

    url: str
    key: str
    key_id: str
    runtimes: Mapping[str, str]
    checkpoints: Mapping[str, str]
    settings: Mapping[str, str]
    resources: Mapping[str, Mapping[str, str]]
    is_emulated: bool

    def only(self, kind: str, prefix: str = "") -> str:
        """Physical id of the resource of a type whose logical id has a prefix.

        Raises:
            VerificationError: there is no such resource.
        """
        for logical_id, physical_id in self.resources.get(kind, {}).items():
            if logical_id.startswith(prefix):
                return physical_id
        raise VerificationError(f"the stack has no {kind} {prefix}".rstrip())


def aws_client(service: str) -> Any:  # noqa: ANN401 (a boto3 client)
    """A client with the credentials and the region of the environment."""
    return boto3.client(service, config=_LIMITS)  # type: ignore[call-overload]  # the name is not a literal


def find_api(stack_name: str) -> Api:
    """Find the endpoint, the API key and the runtimes of a stack.

    Raises:
        VerificationError: the stack does not exist or has no API, or AWS cannot be reached.
    """
    with aws_errors(VerificationError, stack_name=stack_name):
        cloudformation = aws_client("cloudformation")
        stacks = cloudformation.describe_stacks(StackName=stack_name)["Stacks"]
        outputs = {output["OutputKey"]: output["OutputValue"] for output in stacks[0].get("Outputs", [])}
        resources = _resources(cloudformation, stack_name)
        if "FrontApiEndpoint" not in outputs:
            raise VerificationError(
                f"the stack {stack_name} must have the output FrontApiEndpoint, got none: it has no API"
            )
        key_id = resources.get("AWS::ApiGateway::ApiKey", {}).get(logical_ids.API_KEY)
        if key_id is None:
            raise VerificationError(f"the stack {stack_name} must have a default API key, got none")
        key = aws_client("apigateway").get_api_key(apiKey=key_id, includeValue=True)["value"]
        settings, runtimes = _function(aws_client("lambda"), resources)
    return Api(
        url=_endpoint(outputs["FrontApiEndpoint"], resources),
        key=key,
        key_id=key_id,
        runtimes={one.name: one.type for one in runtimes},
        checkpoints={one.name: one.checkpoint for one in runtimes if one.checkpoint},
        settings=settings,
        resources=resources,
        is_emulated=bool(os.environ.get("AWS_ENDPOINT_URL")),
    )


def _resources(cloudformation: Any, stack_name: str) -> dict[str, dict[str, str]]:  # noqa: ANN401 (a boto3 client)
    found: dict[str, dict[str, str]] = {}
    for resource in stack_resources(cloudformation, stack_name):
        of_type = found.setdefault(resource["ResourceType"], {})
        of_type[resource["LogicalResourceId"]] = resource.get("PhysicalResourceId", "")
    return found


def _function(
    lambdas: Any,  # noqa: ANN401 (a boto3 client)
    resources: Mapping[str, Mapping[str, str]],
) -> tuple[dict[str, str], list[_Runtime]]:
    """Environment variables of the API's function, and the runtimes of its code."""
    for function in resources.get("AWS::Lambda::Function", {}).values():
        deployed = lambdas.get_function(FunctionName=function)
        variables: dict[str, str] = deployed["Configuration"].get("Environment", {}).get("Variables", {})
        if "TENANTS" in variables:
            return variables, _runtimes(deployed["Code"]["Location"])
    raise VerificationError("the stack must have a function with the variable TENANTS, got none: it has no task API")


def _runtimes(code_url: str) -> list[_Runtime]:
    """The runtimes that accept tasks, from the table in the function's code.

    Runtimes that need no checkpoint in a task come first.
    """
    emulator = os.environ.get("AWS_ENDPOINT_URL", "")
    if emulator.startswith("https:"):  # the URL of the emulator has http, although it uses TLS
        code_url = code_url.replace("http:", "https:", 1)
    try:
        http = urllib3.PoolManager(ca_certs=os.environ.get("AWS_CA_BUNDLE"), timeout=_DOWNLOAD_S)
        with zipfile.ZipFile(io.BytesIO(http.request("GET", code_url).data)) as code:
            table = json.loads(code.read(_RUNTIMES_IN_CODE))
        accepting = [
            _Runtime(one["name"], one["type"], one.get("model_filename")) for one in table if not one.get("retired")
        ]
    except (urllib3.exceptions.HTTPError, zipfile.BadZipFile, KeyError, ValueError) as error:
        raise VerificationError(f"the code of the task API cannot be read: {type(error).__name__}") from error
    return sorted(accepting, key=lambda one: RUNTIME_TYPES[one.type].has_checkpoint and not one.checkpoint)


def _endpoint(url: str, resources: Mapping[str, Mapping[str, str]]) -> str:
    emulator = os.environ.get("AWS_ENDPOINT_URL")
    if not emulator:
        return url
    (api_id,) = resources["AWS::ApiGateway::RestApi"].values()
    stage = url.rstrip("/").rpartition("/")[2]
    return f"{emulator.rstrip('/')}/restapis/{api_id}/{stage}/_user_request_/"
