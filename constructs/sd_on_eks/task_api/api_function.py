"""The Lambda function of the API, with the permissions that its requests need."""

import json
from pathlib import Path
from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from sd_on_eks.config.config import Config
from sd_on_eks.lambda_function.function import HandlerFunction
from sd_on_eks.lambda_function.handler_asset import handler_asset
from sd_on_eks.task_api.handler.runtimes import RUNTIMES_FILE
from task_record.object_keys import PAYLOADS, UPLOADS
from task_record.table import INDEX_BY_OWNER, INDEX_BY_STATUS

_HANDLER: Final = Path(__file__).parent / "handler"
_TIMEOUT: Final = Duration.seconds(28)
"""One second less than the integration timeout of API Gateway, so that the function itself reports a timeout."""

_INDEXES: Final = (INDEX_BY_OWNER, INDEX_BY_STATUS)
"""For lists, and for the number of tasks ahead. The third index is for the reconciler."""

_TIMES: Final = frozenset({"MAX_TASK_AGE_S", "QUEUE_RETENTION_S", "DEAD_LETTER_RETENTION_S", "RECORD_TTL_S"})
"""The times that the API uses, and those that must be longer than them."""


def build_api_function(
    scope: Construct, config: Config, *, table: dynamodb.ITable, output_bucket: s3.IBucket, tenants: dict[str, str]
) -> HandlerFunction:
    """Create the function.

    Args:
        scope: the construct of the API.
        config: the whole configuration: the section of the API, and the runtimes.
        table: the task table.
        output_bucket: the bucket for results and large request bodies.
        tenants: tenants by the ids of their API keys.
    """
    api = config.apigw
    environment = {
        "TASK_TABLE_NAME": table.table_name,
        "OUTPUT_BUCKET_NAME": output_bucket.bucket_name,
        **{name: value for name, value in config.task_protocol.times.environment().items() if name in _TIMES},
        "TENANT_ISOLATION": "true" if api.tenant_isolation else "false",
        "TENANTS": _compact(tenants),
    }
    if config.input_bucket_names:
        environment["INPUT_BUCKETS"] = ",".join(config.input_bucket_names)
    if api.cors.allow_origins:
        environment["CORS_ALLOW_ORIGINS"] = ",".join(api.cors.allow_origins)
    runtimes = json.dumps([runtime.for_task_api for runtime in config.models_runtime], indent=1)
    with handler_asset(_HANDLER, files={RUNTIMES_FILE: runtimes}) as code:
        handler = HandlerFunction(
            scope,
            "Handler",
            code=code,
            handler=f"{_HANDLER.name}.app.lambda_handler",
            environment=environment,
            timeout=_TIMEOUT,
            description="Task API: submits, describes, lists and cancels tasks",
        )
    _grant(handler, table, output_bucket)
    return handler


def _grant(handler: HandlerFunction, table: dynamodb.ITable, output_bucket: s3.IBucket) -> None:
    written = [output_bucket.arn_for_objects(f"{prefix}/*") for prefix in (PAYLOADS, UPLOADS)]
    read = output_bucket.arn_for_objects("*")
    for statement in (
        iam.PolicyStatement(
            sid="Tasks",
            # A transaction needs the permissions of the operations that it consists of.
            actions=[
                "dynamodb:ConditionCheckItem",
                "dynamodb:GetItem",
                "dynamodb:PutItem",
                "dynamodb:Query",
                "dynamodb:UpdateItem",
            ],
            resources=[table.table_arn],
        ),
        iam.PolicyStatement(
            sid="Lists",
            actions=["dynamodb:Query"],
            resources=[f"{table.table_arn}/index/{index}" for index in _INDEXES],
        ),
        # A presigned URL has the permissions of its signer: callers upload objects with these.
        iam.PolicyStatement(sid="TakeBodies", actions=["s3:PutObject"], resources=written),
        iam.PolicyStatement(sid="HandOutResults", actions=["s3:GetObject"], resources=[read]),
    ):
        handler.role.add_to_policy(statement)
    handler.acknowledge_wildcards(
        [*written, read], reason="Bodies are named by hash or random id, results by prefixes that callers choose."
    )


def _compact(value: object) -> str:
    """JSON without spaces: Lambda limits environment variables to 4 KiB in total."""
    return json.dumps(value, separators=(",", ":"))
