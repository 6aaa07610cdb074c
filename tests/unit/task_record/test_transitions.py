"""Claim, renew, release, finish, cancel, give up, and the reconciler's writes: conditions, results, retries."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto import mock_aws

from task_record import table, transitions
from task_record.attribute_values import from_attribute_values, to_attribute_values
from task_record.protocol_times import ProtocolTimes
from task_record.status import Status
from task_record.table import Item
from task_record.transition import Transition
from task_record.transitions import TaskRef

TIMES = ProtocolTimes()
NOW = 1_800_000_000_000
TASK = TaskRef(owner="key1", id="a-task", submission="01J00000000000000000000000")
MINE, THEIRS = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
LAPSED = NOW - 2_001
CREATES: Item = {table.RUNTIME: "sd", table.SUBMITTED_AT: NOW - 1_000, table.EXPIRES_AT: NOW + 1_000}


def record(status: Status, **attributes: str | int) -> Item:
    item: Item = {
        **TASK.key,
        table.STATUS: status,
        table.ATTEMPTS: 0,
        table.EXPIRES_AT: NOW + 1_000_000,
        **attributes,
    }
    if not status.is_terminal:
        item[table.OPEN] = 1
    return item


def running(claim_id: str, lease_until: int = NOW + 10_000, **attributes: str | int) -> Item:
    return record(Status.RUNNING, claim=claim_id, lease_until=lease_until, **attributes)


def claim(*, creates: Item | None = None) -> Transition:
    return transitions.claim(TASK, claim_id=MINE, now_ms=NOW, times=TIMES, creates=creates)


def give_up(*, creates: Item | None = None) -> Transition:
    return transitions.give_up(TASK, now_ms=NOW, times=TIMES, error='{"code": "expired"}', creates=creates)


def finish(error: str | None = None) -> Transition:
    return transitions.finish(TASK, claim_id=MINE, now_ms=NOW, times=TIMES, result="{}", timings="{}", error=error)


def release(*, keep_attempt: bool = False) -> Transition:
    return transitions.release(TASK, claim_id=MINE, keep_attempt=keep_attempt)


def renew() -> Transition:
    return transitions.renew(TASK, claim_id=MINE, now_ms=NOW, times=TIMES, progress=0.5)


def cancel() -> Transition:
    return transitions.cancel(TASK, now_ms=NOW, times=TIMES)


def note_published() -> Transition:
    return transitions.note_published(TASK, now_ms=NOW)


def note_queue(empty_runs_before: int | None, *, is_empty: bool = True) -> Transition:
    return transitions.note_queue("sd", empty_runs_before=empty_runs_before, is_empty=is_empty, now_ms=NOW)


def test_claim_takes_a_queued_task() -> None:
    new = claim().apply(record(Status.QUEUED))
    assert new is not None
    assert (new[table.STATUS], new[table.CLAIM], new[table.LEASE_UNTIL], new[table.ATTEMPTS]) == (
        "running",
        MINE,
        NOW + 30_000,
        1,
    )


def test_claim_takes_over_a_lease_that_has_lapsed_for_every_clock() -> None:
    assert claim().apply(running(THEIRS, LAPSED)) is not None


@pytest.mark.parametrize(
    "old",
    [
        pytest.param(None, id="no record"),
        pytest.param(running(THEIRS), id="live lease"),
        pytest.param(running(THEIRS, LAPSED + 1), id="lapsed, but not beyond the clock error"),
        pytest.param(record(Status.QUEUED, attempts=3), id="attempts used up"),
        pytest.param(record(Status.QUEUED, expires_at=NOW), id="expired"),
        pytest.param(record(Status.COMPLETED), id="completed"),
        pytest.param(record(Status.FAILED), id="failed"),
        pytest.param(record(Status.CANCELLED), id="cancelled"),
    ],
)
def test_claim_is_refused(old: Item | None) -> None:
    assert claim().apply(old) is None


def test_claim_of_a_message_without_submission_makes_the_record() -> None:
    new = claim(creates=CREATES).apply(None)
    assert new is not None
    assert (new[table.RUNTIME], new[table.SUBMITTED_AT], new[table.OPEN], new[table.ATTEMPTS]) == (
        "sd",
        NOW - 1_000,
        1,
        1,
    )


def test_claim_of_a_message_without_submission_keeps_what_the_record_has() -> None:
    new = claim(creates=CREATES).apply(record(Status.QUEUED, submitted_at=1, attempts=1))
    assert new is not None
    assert (new[table.SUBMITTED_AT], new[table.ATTEMPTS]) == (1, 2)


def test_renew_extends_the_lease_and_sets_progress() -> None:
    new = renew().apply(running(MINE, NOW + 1))
    assert new is not None
    assert (new[table.LEASE_UNTIL], new[table.PROGRESS]) == (NOW + 30_000, "0.5")


def test_release_gives_the_attempt_back_unless_the_runtime_died() -> None:
    released, died = (
        release().apply(running(MINE, attempts=2)),
        release(keep_attempt=True).apply(running(MINE, attempts=2)),
    )
    assert released is not None
    assert died is not None
    assert (released[table.ATTEMPTS], died[table.ATTEMPTS]) == (1, 2)


def test_release_leaves_no_claim() -> None:
    new = release().apply(running(MINE, progress="0.5"))
    assert new is not None
    assert not {table.CLAIM, table.LEASE_UNTIL, table.PROGRESS} & new.keys()
    assert new[table.OPEN] == 1


@pytest.mark.parametrize("write", [renew(), release(), finish()], ids=lambda write: write.name)
@pytest.mark.parametrize(
    "old",
    [
        pytest.param(None, id="no record"),
        pytest.param(running(THEIRS), id="another's claim"),
        pytest.param(record(Status.QUEUED), id="queued"),
        pytest.param(record(Status.CANCELLED), id="cancelled"),
        pytest.param(record(Status.COMPLETED, claim=MINE), id="finished by me"),
    ],
)
def test_a_holders_write_is_refused_without_the_claim(write: Transition, old: Item | None) -> None:
    assert write.apply(old) is None


@pytest.mark.parametrize("write", [renew(), release(), finish()], ids=lambda write: write.name)
def test_a_holders_write_succeeds_under_an_expired_lease_without_another_claim(write: Transition) -> None:
    assert write.apply(running(MINE, LAPSED)) is not None


@pytest.mark.parametrize(("error", "status"), [(None, "completed"), ('{"code": "timeout"}', "failed")])
def test_finish_ends_the_task_and_names_the_claim(error: str | None, status: str) -> None:
    new = finish(error).apply(running(MINE))
    assert new is not None
    assert (new[table.STATUS], new[table.CLAIM]) == (status, MINE)


@pytest.mark.parametrize(
    ("write", "old"),
    [
        pytest.param(finish(), running(MINE, progress="0.5"), id="finish"),
        pytest.param(cancel(), running(THEIRS), id="cancel running"),
        pytest.param(cancel(), record(Status.QUEUED), id="cancel queued"),
        pytest.param(give_up(), record(Status.QUEUED), id="give up queued"),
        pytest.param(give_up(), running(THEIRS, LAPSED), id="give up lapsed"),
        pytest.param(give_up(creates=CREATES), None, id="give up absent"),
    ],
)
def test_a_terminal_write_closes_the_record(write: Transition, old: Item | None) -> None:
    new = write.apply(old)
    assert new is not None
    assert Status(str(new[table.STATUS])).is_terminal
    assert not {table.OPEN, table.LEASE_UNTIL, table.PROGRESS} & new.keys()
    assert (new[table.FINISHED_AT], new[table.TTL]) == (NOW, NOW // 1000 + 30 * 24 * 3600)


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.FAILED, Status.CANCELLED])
@pytest.mark.parametrize(
    "write",
    [claim(creates=CREATES), renew(), release(), finish(), cancel(), give_up(creates=CREATES), note_published()],
    ids=lambda w: w.name,
)
def test_a_terminal_record_is_never_written_again(write: Transition, status: Status) -> None:
    assert write.apply(record(status, claim=MINE, lease_until=LAPSED)) is None


def test_give_up_is_refused_by_a_live_lease() -> None:
    assert give_up().apply(running(THEIRS)) is None


def test_give_up_of_a_submission_without_record_is_refused() -> None:
    assert give_up().apply(None) is None


def test_give_up_is_not_taken_for_the_finish_of_the_claim_it_ended() -> None:
    given_up = give_up().apply(running(MINE, LAPSED))
    assert given_up is not None
    assert not finish().was_done(given_up)


@pytest.mark.parametrize(
    ("write", "old", "done"),
    [
        (claim(), running(MINE), True),
        (claim(), running(THEIRS), False),
        (renew(), running(MINE), False),
        (release(), record(Status.QUEUED), True),
        (release(), running(THEIRS), False),
        (finish(), record(Status.COMPLETED, claim=MINE), True),
        (finish(), record(Status.FAILED, claim=MINE), True),
        (finish(), record(Status.COMPLETED, claim=THEIRS), False),
        (finish(), record(Status.CANCELLED), False),
        (cancel(), record(Status.CANCELLED), True),
        (cancel(), record(Status.COMPLETED), False),
        (give_up(), record(Status.CANCELLED), True),
        (give_up(), running(THEIRS), False),
    ],
)
def test_a_refused_repeat_is_a_success_only_on_what_it_was_writing(write: Transition, old: Item, done: bool) -> None:
    assert write.was_done(old) is done


def test_note_published_changes_nothing_else() -> None:
    old = record(Status.QUEUED, published_at=NOW - 1)
    assert note_published().apply(old) == {**old, table.PUBLISHED_AT: NOW}


@pytest.mark.parametrize("old", [None, running(THEIRS), running(THEIRS, LAPSED)], ids=["absent", "running", "lapsed"])
def test_note_published_is_refused_on_all_but_a_queued_record(old: Item | None) -> None:
    assert note_published().apply(old) is None


def test_note_queue_counts_the_runs_in_a_row_that_found_it_empty() -> None:
    item: Item | None = None
    counts = []
    for is_empty in (True, True, False, True):
        before = None if item is None else int(item[table.EMPTY_RUNS])
        item = note_queue(before, is_empty=is_empty).apply(item)
        assert item is not None
        counts.append(item[table.EMPTY_RUNS])
    assert counts == [1, 2, 0, 1]


def test_note_queue_of_a_run_at_the_same_time_is_refused() -> None:
    item = note_queue(1).apply(note_queue(None).apply(None))
    assert note_queue(1).apply(item) is None
    assert note_queue(None).apply(item) is None


@given(st.text(min_size=1, max_size=20), st.sampled_from(["t", "a%20b", "A0._~-z"]))
def test_a_task_is_known_by_the_key_of_its_record(owner: str, task_id: str) -> None:
    task = TaskRef(owner=owner, id=task_id, submission="01J00000000000000000000000")
    assert TaskRef.of_record(task.key) == task


@given(st.text(max_size=20_000), st.text(max_size=200))
def test_error_text_is_json_within_its_bound(message: str, detail: str) -> None:
    text = transitions.error_text("timeout", message, node=detail)
    assert len(text.encode()) <= transitions.ERROR_MAX_BYTES
    assert json.loads(text)["code"] == "timeout"


@pytest.fixture(scope="module")
def dynamodb() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("dynamodb", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
        client.create_table(
            TableName="tasks",
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "sk", "AttributeType": "S"},
            ],
        )
        yield client


def old_item(error: ClientError) -> Item | None:
    response: dict[str, Any] = dict(error.response)
    return from_attribute_values(response["Item"]) if "Item" in response else None


ITEMS = st.one_of(
    st.none(),
    st.builds(
        lambda status, rest: record(status, **rest),
        st.sampled_from(Status),
        st.fixed_dictionaries(
            {"attempts": st.integers(0, 4), "expires_at": st.sampled_from([NOW - 1, NOW, NOW + 1])},
            optional={
                "claim": st.sampled_from([MINE, THEIRS]),
                "lease_until": st.sampled_from([LAPSED - 1, LAPSED, LAPSED + 1, NOW]),
                "progress": st.just("0.25"),
                "runtime": st.just("other"),
            },
        ),
    ),
)
WRITES = st.sampled_from(
    [
        claim(),
        claim(creates=CREATES),
        renew(),
        release(),
        release(keep_attempt=True),
        finish(),
        finish('{"code": "timeout"}'),
        cancel(),
        give_up(),
        give_up(creates=CREATES),
        note_published(),
    ]
)
NOTES = st.one_of(
    st.none(), st.builds(lambda runs: {**table.queue_key("sd"), table.EMPTY_RUNS: runs}, st.integers(0, 2))
)
NOTE_WRITES = st.builds(note_queue, st.one_of(st.none(), st.integers(0, 2)), is_empty=st.booleans())


@pytest.mark.parametrize("examples", [100, pytest.param(2_000, marks=pytest.mark.soak)])
def test_dynamodb_does_what_apply_does(dynamodb: Any, examples: int) -> None:
    @settings(max_examples=examples, suppress_health_check=list(HealthCheck))
    @given(case=st.one_of(st.tuples(ITEMS, WRITES), st.tuples(NOTES, NOTE_WRITES)))
    def each(case: tuple[Item | None, Transition]) -> None:
        check_write(dynamodb, *case)

    each()


def check_write(dynamodb: Any, old: Item | None, write: Transition) -> None:
    key = to_attribute_values(write.key)
    if old is None:
        dynamodb.delete_item(TableName="tasks", Key=key)
    else:
        dynamodb.put_item(TableName="tasks", Item=to_attribute_values(old))

    refused_with: Item | None = None
    try:
        dynamodb.update_item(**write.update_item("tasks"))
        refused = False
    except ClientError as error:
        refused = error.response["Error"]["Code"] == "ConditionalCheckFailedException"
        refused_with = old_item(error)

    stored = dynamodb.get_item(TableName="tasks", Key=key).get("Item")
    new = write.apply(old)
    assert refused == (new is None)
    if new is None:
        assert refused_with == old
    else:
        assert from_attribute_values(stored) == new
