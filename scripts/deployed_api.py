"""A deployment, found by the name of its stack: where its API is, its key, and what it was made with."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

DEFAULT_KEY: Final = "defaultAPIKey"
"""Logical id of the deployment's own key; those of APIGW.plans have others."""

_LIMITS: Final = Config(connect_timeout=5, read_timeout=15, retries={"total_max_attempts": 3})


class VerificationError(Exception):
    """The deployment does not work: what was found, in one sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """A deployed API.

    Attributes:
        url: where tasks are submitted, with the slash at its end.
        key: the API key.
        key_id: its id.
        runtimes: name -> type.
        settings: environment of the function behind it.
        resources: type -> logical id -> physical id, of all of the stack.
        is_emulated: whether it is the local stack.
    """

    url: str
    key: str
    key_id: str
    runtimes: Mapping[str, str]
    settings: Mapping[str, str]
    resources: Mapping[str, Mapping[str, str]]
    is_emulated: bool

    def only(self, kind: str, prefix: str = "") -> str:
        """Physical id of the one resource of a type whose logical id begins so.

        Raises:
            VerificationError: there is none.
        """
        for logical_id, physical_id in self.resources.get(kind, {}).items():
            if logical_id.startswith(prefix):
                return physical_id
        raise VerificationError(f"the stack has no {kind} {prefix}".rstrip())


def aws_client(service: str) -> Any:  # noqa: ANN401 (a boto3 client)
    """A client with the credentials and the region of the environment."""
    return boto3.client(service, config=_LIMITS)  # type: ignore[call-overload]  # the name is no literal here


def find_api(stack_name: str) -> Api:
    """Find the endpoint, the key and the runtimes of a stack.

    Raises:
        VerificationError: there is no such stack, no credentials, no endpoint.
    """
    try:
        cloudformation = aws_client("cloudformation")
        stacks = cloudformation.describe_stacks(StackName=stack_name)["Stacks"]
        outputs = {output["OutputKey"]: output["OutputValue"] for output in stacks[0].get("Outputs", [])}
        resources = _resources(cloudformation, stack_name)
        if "FrontApiEndpoint" not in outputs:
            raise VerificationError(f"the stack {stack_name} has no API: it has no output FrontApiEndpoint")
        key_id = resources.get("AWS::ApiGateway::ApiKey", {}).get(DEFAULT_KEY)
        if key_id is None:
            raise VerificationError(f"the stack {stack_name} has no API key")
        key = aws_client("apigateway").get_api_key(apiKey=key_id, includeValue=True)["value"]
        settings = _settings(aws_client("lambda"), resources)
    except NoCredentialsError as error:
        raise VerificationError("there are no AWS credentials; set AWS_PROFILE or log in") from error
    except NoRegionError as error:
        raise VerificationError("there is no AWS region; set AWS_DEFAULT_REGION") from error
    except ClientError as error:
        message = error.response["Error"]["Message"]
        if "does not exist" in message:
            raise VerificationError(f"there is no stack {stack_name} in this account and region") from error
        raise VerificationError(f"AWS refuses to show the stack {stack_name}: {message}") from error
    except (BotoCoreError, ValueError) as error:  # ValueError: of an endpoint URL that is none
        raise VerificationError(f"AWS cannot be asked: {error}") from error
    return Api(
        url=_endpoint(outputs["FrontApiEndpoint"], resources),
        key=key,
        key_id=key_id,
        runtimes={runtime["name"]: runtime["type"] for runtime in json.loads(settings["RUNTIMES"])},
        settings=settings,
        resources=resources,
        is_emulated=bool(os.environ.get("AWS_ENDPOINT_URL")),
    )


def _resources(cloudformation: Any, stack_name: str) -> dict[str, dict[str, str]]:  # noqa: ANN401 (a boto3 client)
    found: dict[str, dict[str, str]] = {}
    for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack_name):
        for resource in page["StackResourceSummaries"]:
            of_type = found.setdefault(resource["ResourceType"], {})
            of_type[resource["LogicalResourceId"]] = resource.get("PhysicalResourceId", "")
    return found


def _settings(lambdas: Any, resources: Mapping[str, Mapping[str, str]]) -> dict[str, str]:  # noqa: ANN401 (a boto3 client)
    for function in resources.get("AWS::Lambda::Function", {}).values():
        configuration = lambdas.get_function_configuration(FunctionName=function)
        variables: dict[str, str] = configuration.get("Environment", {}).get("Variables", {})
        if variables.get("RUNTIMES"):
            return variables
    raise VerificationError("the stack has no task API that knows its runtimes")


def _endpoint(url: str, resources: Mapping[str, Mapping[str, str]]) -> str:
    emulator = os.environ.get("AWS_ENDPOINT_URL")
    if not emulator:
        return url
    (api_id,) = resources["AWS::ApiGateway::RestApi"].values()
    stage = url.rstrip("/").rpartition("/")[2]
    return f"{emulator.rstrip('/')}/restapis/{api_id}/{stage}/_user_request_/"
