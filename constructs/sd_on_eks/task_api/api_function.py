"""The function behind the API, with the rights that its requests need."""

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
"""One second less than API Gateway waits, so that a late answer is ours and in the contract's words."""

_INDEXES: Final = (INDEX_BY_OWNER, INDEX_BY_STATUS)
"""For lists, and for how many tasks are ahead. The third is the reconciler's."""

_TIMES: Final = frozenset({"MAX_TASK_AGE_S", "QUEUE_RETENTION_S", "DEAD_LETTER_RETENTION_S", "RECORD_TTL_S"})
"""What the API uses, and what has to be longer than it."""


def build_api_function(
    scope: Construct, config: Config, *, table: dynamodb.ITable, output_bucket: s3.IBucket, tenants: dict[str, str]
) -> HandlerFunction:
    """Make the function.

    Args:
        scope: the API.
        config: the whole configuration: the API's own section, and the runtimes that it knows.
        table: the task table.
        output_bucket: where results and large request bodies are.
        tenants: id of each plan's key -> whose it is.
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
            description="Submits, shows, lists and cancels tasks",
        )
    _grant(handler, table, output_bucket)
    return handler


def _grant(handler: HandlerFunction, table: dynamodb.ITable, output_bucket: s3.IBucket) -> None:
    written = [output_bucket.arn_for_objects(f"{prefix}/*") for prefix in (PAYLOADS, UPLOADS)]
    read = output_bucket.arn_for_objects("*")
    for statement in (
        iam.PolicyStatement(
            sid="Tasks",
            # A transaction needs the rights of what it consists of.
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
        # A presigned link carries the rights of whoever signed it: callers put their uploads with these.
        iam.PolicyStatement(sid="TakeBodies", actions=["s3:PutObject"], resources=written),
        iam.PolicyStatement(sid="HandOutResults", actions=["s3:GetObject"], resources=[read]),
    ):
        handler.role.add_to_policy(statement)
    handler.acknowledge_wildcards(
        [*written, read], reason="Bodies are named by their hash or by chance, results by the callers' prefixes."
    )


def _compact(value: object) -> str:
    """JSON without spaces: an environment has room for 4 KiB."""
    return json.dumps(value, separators=(",", ":"))
