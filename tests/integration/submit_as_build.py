"""Create tasks with the `task_record` of the build that is on the path, as the task API of that build does.

Standard input: a JSON list of tasks, each with the fields of a `TaskMessage`. Standard output: of each the message, and
the transaction that submits it, in the same order.
"""

import json
import sys
import time

from task_record.message import PayloadRef, TaskMessage, encode_message
from task_record.submission import Submission
from task_record.transitions import TaskRef


def main() -> None:
    """Create all tasks."""
    now_ms = time.time_ns() // 1_000_000
    rendered = []
    for fields in json.load(sys.stdin):
        payload = fields.pop("payload", None)
        message = TaskMessage(**fields, payload=PayloadRef(**payload) if payload else None)
        text = encode_message(message)
        submission = Submission(
            task=TaskRef(owner=message.owner, id=message.id, submission=str(message.submission)),
            message=message,
            message_text=text,
            api_key_id=message.owner,
            submitted_at_ms=now_ms,
            expires_at_ms=now_ms + 3_600_000,
        )
        rendered.append({"message": text, "transaction": submission.transact_write_items("tasks")})
    json.dump(rendered, sys.stdout)


if __name__ == "__main__":
    main()
