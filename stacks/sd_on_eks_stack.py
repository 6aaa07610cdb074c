"""The stack: wires the constructs and defines the outputs."""

from typing import Any, Final

from aws_cdk import CfnOutput, RemovalPolicy, Stack
from constructs import Construct

from sd_on_eks.alarms import Alarms
from sd_on_eks.config.config import Config
from sd_on_eks.eks_platform import EksPlatform
from sd_on_eks.runtime.agent_metrics import AgentMetrics
from sd_on_eks.runtime.agent_role import AgentRole
from sd_on_eks.storage.buckets import Storage
from sd_on_eks.storage.task_table import TaskTable
from sd_on_eks.task_api.construct import TaskApi
from sd_on_eks.task_bus.construct import TaskBus
from sd_on_eks.task_bus.runtime_queue import RuntimeQueue
from sd_on_eks.task_recovery.construct import TaskRecovery

CONSTRUCT_ID: Final = "SdOnEKSStack"
"""Constant, independent of the stack name, because logical IDs contain it."""


class SdOnEKSStack(Stack):
    """Everything that `cdk deploy` creates.

    Args:
        scope: the app.
        construct_id: `CONSTRUCT_ID`.
        config: the validated `config.yaml`.
        serverless_only: omit the EKS platform, as the local stack does; the other resources are unchanged.
        kwargs: additional stack properties.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: Config,
        serverless_only: bool = False,
        **kwargs: Any,  # noqa: ANN401 (the CDK's own properties)
    ) -> None:
        super().__init__(scope, construct_id, stack_name=config.stack_name, tags=dict(config.tags), **kwargs)
        removal_policy = RemovalPolicy.DESTROY if config.removal_policy == "destroy" else RemovalPolicy.RETAIN
        times = config.task_protocol.times
        storage = Storage(
            self,
            "Storage",
            model_bucket_arn=config.model_bucket_arn,
            allowed_origins=config.apigw.cors.allow_origins,
            removal_policy=removal_policy,
        )
        table = TaskTable(self, "TaskTable", removal_policy=removal_policy).table
        bus = TaskBus(
            self,
            "TaskBus",
            table=table,
            failure_bucket=storage.failure_bucket,
            output_bucket=storage.output_bucket,
            notify_running=config.notify_running,
        )
        api = TaskApi(self, "TaskApi", config=config, table=table, output_bucket=storage.output_bucket)
        agent_metrics = AgentMetrics(self, "AgentMetrics")
        eks_platform = None if serverless_only else EksPlatform(self, config=config, model_bucket=storage.model_bucket)

        runtimes = Construct(self, "Runtimes")
        queues: dict[str, RuntimeQueue] = {}
        for runtime in config.models_runtime:
            runtime_scope = Construct(runtimes, runtime.name)
            queues[runtime.name] = RuntimeQueue(
                runtime_scope,
                "RuntimeQueue",
                runtime_name=runtime.name,
                input_topic=bus.input_topic,
                times=times,
            )
            queue = queues[runtime.name].queue
            agent = AgentRole(
                runtime_scope,
                "AgentRole",
                runtime_name=runtime.name,
                queue=queue,
                table=table,
                output_bucket=storage.output_bucket,
                metrics=agent_metrics,
                input_bucket_arns=config.input_bucket_arns,
            )
            if eks_platform is not None:
                eks_platform.add_runtime(
                    runtime_scope,
                    runtime=runtime,
                    queue=queue,
                    table=table,
                    output_bucket=storage.output_bucket,
                    metrics=agent_metrics,
                    agent_role=agent.role,
                )

        recovery = TaskRecovery(
            self,
            "TaskRecovery",
            table=table,
            output_bucket=storage.output_bucket,
            input_topic=bus.input_topic,
            queues=queues,
            times=times,
        )
        # The reconciler must know a new runtime before the API accepts tasks for it.
        api.handler.function.node.add_dependency(recovery.reconciler.function)

        alarms = Alarms(
            self,
            "Alarms",
            rest_api=api.rest_api,
            task_api=api.handler,
            relay=bus.relay,
            notifier=bus.notifier,
            dead_letter_handler=recovery.dead_letter,
            reconciler=recovery.reconciler,
        )
        if eks_platform is not None:
            alarms.watch_queues({name: one.queue for name, one in queues.items()})

        CfnOutput(self, "FrontApiEndpoint", value=api.endpoint_url, description="Endpoint of the task API")
        CfnOutput(self, "GetAPIKeyCommand", value=api.get_api_key_command, description="Command that shows the API key")
        CfnOutput(
            self, "OutputS3Bucket", value=storage.output_bucket.bucket_name, description="Bucket for task results"
        )
        CfnOutput(
            self, "sdNotificationOutputArn", value=bus.output_topic.topic_arn, description="SNS topic for callbacks"
        )
        if eks_platform is not None:
            cluster = eks_platform.cluster
            CfnOutput(
                self, "ConfigCommand", value=cluster.config_command, description="Command that configures kubectl"
            )
            CfnOutput(self, "ClusterName", value=cluster.cluster_name)
