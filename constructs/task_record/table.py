"""Names in the task table: keys, attributes, indexes.

None of them can change after a first deployment without a migration, so they stand in one place, for the construct
that makes the table and for all code that reads or writes it.

One table, `pk`/`sk`, both strings:

    META  T#<owner>#<id>          S#<submission>   the record of one task
    BODY  T#<owner>#<id>          B#<submission>   its message; apart, since heartbeats are billed by item size
    IDEM  I#<owner>#<sha256>      I                answer to an Idempotency-Key
    QUEUE R#<runtime>             R                what the reconciler's last runs saw of a runtime's queue
"""

import hashlib
from typing import Final, TypeAlias

Scalar: TypeAlias = str | int
"""An attribute's value. Structured values are kept as JSON text: DynamoDB refuses floats inside maps."""

Item: TypeAlias = dict[str, Scalar]
"""A plain item: attribute name -> value, without DynamoDB's type descriptors."""

PK: Final = "pk"
SK: Final = "sk"
TTL: Final = "ttl"
"""Epoch seconds after which DynamoDB may delete the item; set on META by a terminal write alone."""

NO_OWNER: Final = "-"
"""Owner where tenant isolation is off, and of messages that were published straight to the topic."""

# META. Times are epoch milliseconds.
OWNER: Final = "owner"
ID: Final = "id"
SUBMISSION: Final = "submission"
STATUS: Final = "status"
RUNTIME: Final = "runtime"
TASKTYPE: Final = "tasktype"
CHECKPOINT: Final = "checkpoint"
PREFIX: Final = "prefix"
CONTEXT: Final = "context"
API_KEY_ID: Final = "api_key_id"
SCHEMA_VERSION: Final = "schema_version"
SUBMITTED_AT: Final = "submitted_at"
EXPIRES_AT: Final = "expires_at"
PUBLISHED_AT: Final = "published_at"
STARTED_AT: Final = "started_at"
FINISHED_AT: Final = "finished_at"
CLAIM: Final = "claim"
LEASE_UNTIL: Final = "lease_until"
ATTEMPTS: Final = "attempts"
PROGRESS: Final = "progress"
RESULT: Final = "result"
TIMINGS: Final = "timings"
ERROR: Final = "error"
OPEN: Final = "open"
"""1 while the task is not terminal; absent afterwards, which takes the record out of the sparse index."""

# BODY and IDEM.
MESSAGE: Final = "message"
BODY_HASH: Final = "body_hash"
ANSWER: Final = "answer"

# QUEUE.
EMPTY_RUNS: Final = "empty_runs"
"""How many runs in a row, up to the last one, found the queue empty."""

INDEX_BY_OWNER: Final = "by_owner_runtime"
"""(owner, runtime) / submitted_at: a caller's own list."""
INDEX_BY_STATUS: Final = "by_runtime_status"
"""(runtime, status) / submitted_at: tasks ahead, and the reconciler."""
INDEX_OPEN: Final = "open_by_expiry"
"""open / expires_at, sparse: the reconciler's overdue tasks."""

# Lease and progress stay out of every projection, so that a heartbeat never writes an index.
INDEX_BY_OWNER_PROJECTION: Final = (ID, SUBMISSION, TASKTYPE, STATUS, STARTED_AT, FINISHED_AT, EXPIRES_AT)
INDEX_BY_STATUS_PROJECTION: Final = (OWNER, ID, SUBMISSION, EXPIRES_AT, PUBLISHED_AT)
INDEX_OPEN_PROJECTION: Final = (OWNER, ID, SUBMISSION, STATUS, RUNTIME)

TASK_PK_PREFIX: Final = "T#"
META_SK_PREFIX: Final = "S#"
BODY_SK_PREFIX: Final = "B#"
IDEM_SK: Final = "I"
QUEUE_SK: Final = "R"


def task_pk(owner: str, task_id: str) -> str:
    """Partition key of all submissions of one id of one owner."""
    return f"{TASK_PK_PREFIX}{owner}#{task_id}"


def meta_key(owner: str, task_id: str, submission: str) -> Item:
    """Key of a task's record."""
    return {PK: task_pk(owner, task_id), SK: META_SK_PREFIX + submission}


def body_key(owner: str, task_id: str, submission: str) -> Item:
    """Key of a task's message."""
    return {PK: task_pk(owner, task_id), SK: BODY_SK_PREFIX + submission}


def idempotency_key(owner: str, header: str) -> Item:
    """Key of the answer kept for one `Idempotency-Key` header of one owner."""
    return {PK: f"I#{owner}#{hashlib.sha256(header.encode()).hexdigest()}", SK: IDEM_SK}


def queue_key(runtime: str) -> Item:
    """Key of what the reconciler notes of one runtime's queue."""
    return {PK: f"R#{runtime}", SK: QUEUE_SK}
