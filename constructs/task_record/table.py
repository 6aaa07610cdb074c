"""Names in the task table: keys, attributes, indexes.

Any change after the first deployment needs a migration. The construct that creates the table and all code that uses it
import the names from here.

One table with the keys `pk` and `sk`, both strings:

    META  T#<owner>#<id>          S#<submission>   the record of one task
    BODY  T#<owner>#<id>          B#<submission>   its message; separate, because heartbeats are billed by item size
    IDEM  I#<owner>#<sha256>      I                response to an Idempotency-Key
    QUEUE R#<runtime>             R                the state of a runtime's queue in the last reconciler runs
"""

import hashlib
from typing import Final, TypeAlias

Scalar: TypeAlias = str | int
"""Value of an attribute. Structured values are stored as JSON strings: boto3 rejects floats in maps."""

Item: TypeAlias = dict[str, Scalar]
"""A plain item: attribute name -> value, without the type descriptors of DynamoDB."""

PK: Final = "pk"
SK: Final = "sk"
TTL: Final = "ttl"
"""Epoch seconds after which DynamoDB may delete the item. Only a terminal write sets it on META."""

NO_OWNER: Final = "-"
"""Owner if tenant isolation is off, and of messages that were published directly to the topic."""

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
"""1 while the task is not terminal, then absent, which removes the record from the sparse index."""

# BODY and IDEM.
MESSAGE: Final = "message"
BODY_HASH: Final = "body_hash"
ANSWER: Final = "answer"

# QUEUE.
EMPTY_RUNS: Final = "empty_runs"
"""Number of consecutive runs, including the last one, that found the queue empty."""

INDEX_BY_OWNER: Final = "by_owner_runtime"
"""(owner, runtime) / submitted_at: lists the tasks of a caller."""
INDEX_BY_STATUS: Final = "by_runtime_status"
"""(runtime, status) / submitted_at: counts the tasks ahead, and serves the reconciler."""
INDEX_OPEN: Final = "open_by_expiry"
"""open / expires_at, sparse: finds expired tasks for the reconciler."""

# No projection has the lease or the progress, so a heartbeat never writes to an index.
INDEX_BY_OWNER_PROJECTION: Final = (ID, SUBMISSION, TASKTYPE, STATUS, STARTED_AT, FINISHED_AT, EXPIRES_AT)
INDEX_BY_STATUS_PROJECTION: Final = (OWNER, ID, SUBMISSION, EXPIRES_AT, PUBLISHED_AT)
INDEX_OPEN_PROJECTION: Final = (OWNER, ID, SUBMISSION, STATUS, RUNTIME)

TASK_PK_PREFIX: Final = "T#"
META_SK_PREFIX: Final = "S#"
BODY_SK_PREFIX: Final = "B#"
IDEM_SK: Final = "I"
QUEUE_SK: Final = "R"


def task_pk(owner: str, task_id: str) -> str:
    """Partition key of all submissions of a task id of an owner."""
    return f"{TASK_PK_PREFIX}{owner}#{task_id}"


def meta_key(owner: str, task_id: str, submission: str) -> Item:
    """Key of a task's record."""
    return {PK: task_pk(owner, task_id), SK: META_SK_PREFIX + submission}


def body_key(owner: str, task_id: str, submission: str) -> Item:
    """Key of a task's message."""
    return {PK: task_pk(owner, task_id), SK: BODY_SK_PREFIX + submission}


def idempotency_key(owner: str, header: str) -> Item:
    """Key of the stored response to an `Idempotency-Key` header of an owner."""
    return {PK: f"I#{owner}#{hashlib.sha256(header.encode()).hexdigest()}", SK: IDEM_SK}


def queue_key(runtime: str) -> Item:
    """Key of the reconciler's state of a runtime's queue."""
    return {PK: f"R#{runtime}", SK: QUEUE_SK}
