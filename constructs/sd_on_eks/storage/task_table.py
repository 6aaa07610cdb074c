"""The task table: the source of truth for tasks, and the outbox for messages and callbacks."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from task_record import table as names

_STRING, _NUMBER = dynamodb.AttributeType.STRING, dynamodb.AttributeType.NUMBER


class TaskTable(Construct):
    """One table with three indexes, with the names in `task_record.table`. None of them can change later.

    Args:
        scope: the stack.
        construct_id: `TaskTable`.
        removal_policy: whether the table is deleted with the stack.

    Attributes:
        table: the table, with a stream of old and new images.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, removal_policy: RemovalPolicy = RemovalPolicy.RETAIN
    ) -> None:
        super().__init__(scope, construct_id)
        table = dynamodb.Table(
            self,
            "Table",
            partition_key=_attribute(names.PK, _STRING),
            sort_key=_attribute(names.SK, _STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=dynamodb.TableEncryption.AWS_MANAGED,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            time_to_live_attribute=names.TTL,
            stream=dynamodb.StreamViewType.NEW_AND_OLD_IMAGES,
            deletion_protection=removal_policy is not RemovalPolicy.DESTROY,
            removal_policy=removal_policy,
        )
        table.add_global_secondary_index(
            index_name=names.INDEX_BY_OWNER,
            partition_keys=[_attribute(names.OWNER, _STRING), _attribute(names.RUNTIME, _STRING)],
            sort_key=_attribute(names.SUBMITTED_AT, _NUMBER),
            projection_type=dynamodb.ProjectionType.INCLUDE,
            non_key_attributes=list(names.INDEX_BY_OWNER_PROJECTION),
        )
        table.add_global_secondary_index(
            index_name=names.INDEX_BY_STATUS,
            partition_keys=[_attribute(names.RUNTIME, _STRING), _attribute(names.STATUS, _STRING)],
            sort_key=_attribute(names.SUBMITTED_AT, _NUMBER),
            projection_type=dynamodb.ProjectionType.INCLUDE,
            non_key_attributes=list(names.INDEX_BY_STATUS_PROJECTION),
        )
        table.add_global_secondary_index(
            index_name=names.INDEX_OPEN,
            partition_key=_attribute(names.OPEN, _NUMBER),
            sort_key=_attribute(names.EXPIRES_AT, _NUMBER),
            projection_type=dynamodb.ProjectionType.INCLUDE,
            non_key_attributes=list(names.INDEX_OPEN_PROJECTION),
        )
        self.table: dynamodb.ITable = table


def _attribute(name: str, kind: dynamodb.AttributeType) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=kind)
