"""The task API's handler and its function: the handler reads the environment that the function sets."""

from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import assertions
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_s3 as s3

from sd_on_eks.config.loader import parse_config
from sd_on_eks.task_api.construct import TaskApi
from sd_on_eks.task_api.handler import clients
from sd_on_eks.task_api.handler.runtimes import Runtime, Runtimes
from sd_on_eks.task_api.handler.settings import Settings

pytestmark = pytest.mark.xdist_group("synth")

CONFIG = """
APIGW:
  plans: [{name: studio}]
  cors: {allowOrigins: [https://a.example.com, https://b.example.com]}
inputBucketArns: ["arn:aws:s3:::studio-inputs", "arn:aws:s3:::shared-inputs"]
taskProtocol: {maxTaskAgeHours: 200, queueRetentionDays: 9}
modelsRuntime:
- {name: sd, type: sdwebui, modelFilename: v1.5, dynamicModel: true, retired: true, backlogLimit: 5}
"""


@pytest.fixture(scope="module")
def function(synth_app: Callable[[], cdk.App]) -> dict[str, Any]:
    stack = cdk.Stack(synth_app(), "Api")
    table = dynamodb.Table.from_table_arn(stack, "Table", "arn:aws:dynamodb:eu-west-1:111122223333:table/tasks")
    bucket = s3.Bucket.from_bucket_name(stack, "Bucket", "output")
    TaskApi(stack, "TaskApi", config=parse_config(CONFIG, "config.yaml"), table=table, output_bucket=bucket)
    template = assertions.Template.from_stack(stack)
    (found,) = template.find_resources("AWS::Lambda::Function").values()
    properties: dict[str, Any] = found["Properties"]
    return properties


def deployed(value: str | dict[str, Any]) -> str:
    """A value of the template as evaluated by CloudFormation; references become their names."""
    if isinstance(value, str):
        return value
    if "Ref" in value:
        return str(value["Ref"])
    separator, parts = value["Fn::Join"]
    return str(separator.join(deployed(part) for part in parts))


def test_the_handler_reads_the_environment_that_is_deployed(function: dict[str, Any]) -> None:
    environment = {name: deployed(value) for name, value in function["Environment"]["Variables"].items()}
    settings = Settings.from_environment(environment, Runtimes([]))
    assert (settings.table_name, settings.output_bucket, settings.max_task_age_s) == ("tasks", "output", 200 * 3600)
    assert settings.input_buckets == {"studio-inputs", "shared-inputs"}
    assert settings.allowed_origins == {"https://a.example.com", "https://b.example.com"}
    (key,) = settings.tenants.names
    assert (settings.tenants.owner(key), settings.tenants.owner("another")) == ("studio", "another")


def test_the_handler_reads_the_table_of_runtimes_that_is_deployed() -> None:
    (runtime,) = parse_config(CONFIG, "config.yaml").models_runtime
    known: dict[str, Any] = {**runtime.for_task_api}
    read = Runtime(**known)
    assert (read.model_filename, read.dynamic_model, read.retired, read.backlog_limit) == ("v1.5", True, True, 5)


def test_three_calls_that_hang_fit_into_the_functions_time(function: dict[str, Any]) -> None:
    # The longest request: a body is read or offloaded, the backlog is counted, the task is stored.
    pauses_s = clients.ATTEMPTS - 1
    call_s = clients.ATTEMPTS * (clients.CONNECT_S + clients.READ_S) + pauses_s
    assert 3 * call_s < function["Timeout"]
