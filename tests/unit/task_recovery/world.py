"""A task table with tasks, for the tests of recovery."""

from typing import Any

from botocore.exceptions import ClientError

from sd_on_eks.task_recovery.recovery.records import Records
from task_record import table
from task_record.attribute_values import from_attribute_values, to_attribute_values
from task_record.identifiers import first_submission
from task_record.message import TaskMessage, encode_message
from task_record.protocol_times import ProtocolTimes
from task_record.submission import Submission
from task_record.table import Item
from task_record.transitions import TaskRef

NOW = 1_800_000_000_000
MINUTE, HOUR = 60_000, 3_600_000
TIMES = ProtocolTimes()
INDEXES = {
    table.INDEX_BY_STATUS: ((table.RUNTIME, table.STATUS), table.SUBMITTED_AT, table.INDEX_BY_STATUS_PROJECTION),
    table.INDEX_OPEN: ((table.OPEN,), table.EXPIRES_AT, table.INDEX_OPEN_PROJECTION),
}
NUMBERS = {table.SUBMITTED_AT, table.EXPIRES_AT, table.OPEN}


def client_error(code: str, operation: str = "Operation") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": ""}}, operation)


class World:
    """The task table, and methods that put tasks into it."""

    def __init__(self, dynamodb: Any) -> None:
        self.dynamodb = dynamodb
        self.records = Records(dynamodb, "tasks")

    def submit(
        self, task_id: str, *, runtime: str = "sd", ago_ms: int = 2 * HOUR, body: bool = True, **changes: str | int
    ) -> TaskRef:
        """Submit a task some time ago, queued unless `changes` have another status."""
        task = TaskRef(owner="o", id=task_id, submission=first_submission(NOW - ago_ms))
        message = TaskMessage(
            id=task_id, runtime=runtime, tasktype="pipeline", owner="o", submission=task.submission, content={}
        )
        submission = Submission(
            task=task,
            message=message,
            message_text=encode_message(message),
            api_key_id="o",
            submitted_at_ms=NOW - ago_ms,
            expires_at_ms=NOW + HOUR,
        )
        self.put({**submission.record(), **changes})
        if body:
            self.put(
                {
                    **table.body_key("o", task_id, task.submission),
                    table.MESSAGE: submission.message_text,
                    table.RUNTIME: runtime,
                }
            )
        return task

    def put(self, item: Item) -> None:
        self.dynamodb.put_item(TableName="tasks", Item=to_attribute_values(item))

    def record(self, task: TaskRef) -> Item | None:
        return self.records.read(task.key)

    def items(self) -> list[Item]:
        return [from_attribute_values(item) for item in self.dynamodb.scan(TableName="tasks")["Items"]]
