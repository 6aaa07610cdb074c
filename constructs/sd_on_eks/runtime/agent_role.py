"""The IAM role of queue agents."""

from collections.abc import Sequence

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from sd_on_eks.cluster.pod_identity import pod_identity_principal
from sd_on_eks.nag import acknowledge_wildcards
from sd_on_eks.runtime.agent_metrics import AgentMetrics
from task_record.object_keys import PAYLOADS, UPLOADS


class AgentRole(Construct):
    """The role of one runtime's agents, for Pod Identity.

    Args:
        scope: the scope of the runtime's constructs.
        construct_id: `AgentRole`.
        runtime_name: name of the runtime.
        queue: its queue.
        table: the task table.
        output_bucket: the bucket for results, large request bodies and uploaded inputs.
        metrics: the log group for their metrics.
        input_bucket_arns: additional buckets from which tasks can read inputs.

    Attributes:
        role: the role.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        runtime_name: str,
        queue: sqs.IQueue,
        table: dynamodb.ITable,
        output_bucket: s3.IBucket,
        metrics: AgentMetrics,
        input_bucket_arns: Sequence[str] = (),
    ) -> None:
        super().__init__(scope, construct_id)
        objects = output_bucket.arn_for_objects("*")
        kept = [output_bucket.arn_for_objects(f"{prefix}/*") for prefix in (UPLOADS, PAYLOADS)]
        streams = metrics.streams_of(runtime_name)
        statements = [
            iam.PolicyStatement(
                sid="Queue",
                actions=["sqs:ReceiveMessage", "sqs:ChangeMessageVisibility", "sqs:DeleteMessage"],
                resources=[queue.queue_arn],
            ),
            iam.PolicyStatement(
                sid="Table", actions=["dynamodb:GetItem", "dynamodb:UpdateItem"], resources=[table.table_arn]
            ),
            iam.PolicyStatement(
                sid="Metrics", actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=[streams]
            ),
            iam.PolicyStatement(sid="Objects", actions=["s3:PutObject", "s3:GetObject"], resources=[objects]),
            # Results can have any other prefix: uploads and offloaded bodies must not change after their validation.
            iam.PolicyStatement(
                sid="InputsStay",
                effect=iam.Effect.DENY,
                actions=["s3:PutObject"],
                resources=kept,
            ),
        ]
        inputs = [f"{arn}/*" for arn in input_bucket_arns]
        if inputs:
            statements.append(iam.PolicyStatement(sid="Inputs", actions=["s3:GetObject"], resources=inputs))
        role = iam.Role(
            self,
            "Role",
            description=f"Queue agents of the runtime {runtime_name}",
            assumed_by=pod_identity_principal(),
            inline_policies={"QueueAgent": iam.PolicyDocument(statements=statements)},
        )
        acknowledge_wildcards(
            role,
            [objects, *kept],
            reason="Callers choose the prefix of their results, so the bucket is the narrowest resource.",
        )
        if inputs:
            acknowledge_wildcards(role, inputs, reason="Any object in an input bucket can be an input.")
        acknowledge_wildcards(role, [streams], reason="Each agent names its stream when it starts.")
        self.role: iam.IRole = role
