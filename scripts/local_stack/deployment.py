"""The serverless subset of the stack, deployed to the emulator, unmodified."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from local_stack.emulator import REGION, Emulator
from local_stack.errors import LocalStackError
from local_stack.synthesis import ServerlessSubset
from sd_on_eks.config.config import Config
from sd_on_eks.task_api import logical_ids
from stack_resources import stack_resources

_BOOTSTRAP_VERSION_PARAMETER: Final = "/cdk-bootstrap/hnb659fds/version"
_BOOTSTRAP_VERSION: Final = "30"
_ACCOUNT: Final = "000000000000"
_DEPLOY_S: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedRuntime:
    """What the stack made for one runtime."""

    name: str
    type: str
    queue_url: str
    dead_letter_queue_url: str
    role_arn: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A deployed serverless subset.

    Attributes:
        stack_name: name of the stack.
        outputs: its outputs.
        resources: logical id -> physical id.
        endpoint_url: where tasks are submitted, with the slash at its end.
        api_key: the deployment's own.
        table_name: the task table.
        output_bucket: the output bucket.
        failure_bucket: the bucket of what could not be handled.
        runtimes: what was made for each runtime, by its name.
    """

    stack_name: str
    outputs: Mapping[str, str]
    resources: Mapping[str, str]
    endpoint_url: str
    api_key: str
    table_name: str
    output_bucket: str
    failure_bucket: str
    runtimes: Mapping[str, DeployedRuntime]


def deploy(emulator: Emulator, config: Config, synthesized: ServerlessSubset) -> Deployment:
    """Deploy a serverless subset and wait until it is there.

    Raises:
        LocalStackError: a resource could not be made; the message has the reasons.
    """
    _bootstrap(emulator)
    template_url = _upload_assets(emulator, synthesized)
    cloudformation = emulator.cloudformation()
    cloudformation.create_stack(
        StackName=config.stack_name, TemplateURL=template_url, Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"]
    )
    outputs = _wait(emulator, config.stack_name)
    resources = {
        one["LogicalResourceId"]: one.get("PhysicalResourceId", "")
        for one in stack_resources(cloudformation, config.stack_name)
    }

    def physical(path: str) -> str:
        return resources[synthesized.logical_ids[path]]

    api_id = physical("TaskApi/RestApi/Resource")
    iam, api_gateway = emulator.iam(), emulator.api_gateway()
    return Deployment(
        stack_name=config.stack_name,
        outputs=outputs,
        resources=resources,
        endpoint_url=f"{emulator.endpoint_url}/restapis/{api_id}/{config.apigw.stage_name}/_user_request_/",
        api_key=api_gateway.get_api_key(apiKey=resources[logical_ids.API_KEY], includeValue=True)["value"],
        table_name=physical("TaskTable/Table/Resource"),
        output_bucket=physical("Storage/OutputBucket/Resource"),
        failure_bucket=physical("Storage/FailureBucket/Resource"),
        runtimes={
            runtime.name: DeployedRuntime(
                name=runtime.name,
                type=runtime.type,
                queue_url=physical(f"Runtimes/{runtime.name}/RuntimeQueue/Queue/Resource"),
                dead_letter_queue_url=physical(f"Runtimes/{runtime.name}/RuntimeQueue/DeadLetterQueue/Resource"),
                role_arn=iam.get_role(RoleName=physical(f"Runtimes/{runtime.name}/AgentRole/Role/Resource"))["Role"][
                    "Arn"
                ],
            )
            for runtime in config.models_runtime
        },
    )


def _bootstrap(emulator: Emulator) -> None:
    emulator.ssm().put_parameter(
        Name=_BOOTSTRAP_VERSION_PARAMETER, Value=_BOOTSTRAP_VERSION, Type="String", Overwrite=True
    )


def _upload_assets(emulator: Emulator, synthesized: ServerlessSubset) -> str:
    """Put every asset where the template expects it; returns the template's own URL."""
    manifest = json.loads((synthesized.folder / f"{synthesized.stack_id}.assets.json").read_text(encoding="utf-8"))
    s3 = emulator.s3()
    made: set[str] = set()
    template_url = ""
    for asset in manifest["files"].values():
        source = synthesized.folder / asset["source"]["path"]
        is_archive = asset["source"]["packaging"] == "zip"
        file = f"{source}.zip" if is_archive else str(source)
        for destination in asset["destinations"].values():
            bucket = destination["bucketName"].replace("${AWS::AccountId}", _ACCOUNT).replace("${AWS::Region}", REGION)
            if bucket not in made:
                s3.create_bucket(Bucket=bucket)
                made.add(bucket)
            s3.upload_file(file, bucket, destination["objectKey"])
            if not is_archive:
                template_url = f"{emulator.endpoint_url}/{bucket}/{destination['objectKey']}"
    return template_url


def _wait(emulator: Emulator, stack_name: str) -> dict[str, str]:
    cloudformation = emulator.cloudformation()
    deadline = time.monotonic() + _DEPLOY_S
    while True:
        stack = cloudformation.describe_stacks(StackName=stack_name)["Stacks"][0]
        status = stack["StackStatus"]
        if status == "CREATE_COMPLETE":
            return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
        if status != "CREATE_IN_PROGRESS" or time.monotonic() > deadline:
            raise LocalStackError(f"the stack is {status}: {_failures(emulator, stack_name)}")
        emulator.process.check()
        time.sleep(0.1)


def _failures(emulator: Emulator, stack_name: str) -> str:
    events: list[dict[str, Any]] = emulator.cloudformation().describe_stack_events(StackName=stack_name)["StackEvents"]  # type: ignore[assignment]  # a typed dict is a dict
    failed = [
        f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', 'no reason given')}"
        for event in events
        if str(event.get("ResourceStatus", "")).endswith("FAILED")
    ]
    return "; ".join(failed) or "no resource says why"
