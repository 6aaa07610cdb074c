"""The agent: the order of its calls, and how every case ends."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from queue_agent import clock
from queue_agent.errors import (
    AwsError,
    BadTaskError,
    GpuFaultError,
    RuntimeBusyError,
    RuntimeUnavailableError,
    TaskFailedError,
)
from queue_agent.worker import Worker
from task_record import table
from task_record.message import PayloadRef
from task_record.status import Status
from tests.unit.queue_agent.conftest import MemoryTaskTable, virtual_time

pytestmark = [pytest.mark.asyncio, virtual_time]

EPOCH_MS = 1_800_000_000_000
START = ["interrupt", "receive m1"]
OTHER = "99999999-9999-4999-8999-999999999999"


def error(world: Any) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(str(world.record[table.ERROR]))
    return value


async def test_results_are_stored_then_the_task_is_finished_then_its_message_deleted(world: Any, work: Any) -> None:
    await work()
    assert world.names() == [
        *START,
        "claim: running",
        "post",
        "put png",
        "put out",
        "finish: completed",
        "delete h1",
        "exit",
    ]


async def test_objects_carry_the_tag_of_the_claim_that_finished(world: Any, work: Any) -> None:
    await work()
    tag = str(world.record[table.CLAIM])[:4]
    assert set(world.objects) == {f"t1/t1-{tag}-0.png", f"t1/t1-{tag}.out"}
    result = json.loads(str(world.record[table.RESULT]))
    assert result == {
        "image_url": [f"s3://bucket/t1/t1-{tag}-0.png"],
        "output_url": f"s3://bucket/t1/t1-{tag}.out",
        "outputs": [
            {
                "url": f"s3://bucket/t1/t1-{tag}-0.png",
                "kind": "image",
                "content_type": "image/png",
                "size_bytes": 4,
            }
        ],
        "warnings": [],
        "seeds": [1],
    }


async def test_a_leftover_inference_is_interrupted_before_the_first_receive(world: Any, work: Any) -> None:
    await work()
    assert world.names()[0] == "interrupt"


async def test_a_long_inference_keeps_lease_and_visibility(world: Any, work: Any) -> None:
    await work(runtime={"seconds": 300, "progress_every_s": 10})
    renewals = [seconds for seconds, what in world.events if what == "renew: running"]
    assert len(renewals) == 100
    assert max(later - earlier for earlier, later in pairwise(renewals)) <= 3.1
    assert sum(what == "visibility 33" for _, what in world.events) == 100
    assert world.record[table.STATUS] == Status.COMPLETED


async def test_progress_is_reported_with_the_heartbeat(world: Any, work: Any) -> None:
    seen: list[str | int | None] = []
    await work(
        runtime={"seconds": 10, "progress_every_s": 2.5},
        during={7: lambda _: seen.append(world.record.get(table.PROGRESS))},
    )
    assert seen == ["0.5"]


async def test_a_live_lease_is_left_to_its_holder_and_the_message_stays(world: Any, work: Any, make: Any) -> None:
    world.record = make.record(Status.RUNNING, claim=OTHER, lease_until=EPOCH_MS + 20_000)
    await work(seconds=20)
    _, _, refused, hidden, _ = world.names()
    assert refused == "claim refused"
    assert 22 <= float(hidden.removeprefix("visibility ")) <= 24
    assert world.record[table.CLAIM] == OTHER


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.FAILED, Status.CANCELLED])
async def test_the_message_of_an_ended_task_is_deleted(world: Any, work: Any, make: Any, status: Status) -> None:
    world.record = make.record(status)
    await work()
    assert world.names() == [*START, "claim refused", "delete h1", "exit"]


async def test_the_message_of_a_submission_without_record_is_dropped(world: Any, work: Any) -> None:
    world.record = None
    await work()
    assert world.names() == [*START, "claim refused", "delete h1", "exit"]


@pytest.mark.parametrize(("changes", "code"), [({"attempts": 3}, "attempts"), ({"expires_at": EPOCH_MS}, "expired")])
async def test_a_task_that_may_not_be_tried_again_is_given_up(
    world: Any, work: Any, make: Any, changes: dict[str, int], code: str
) -> None:
    world.record = make.record(**changes)
    await work()
    assert world.names() == [*START, "claim refused", "give_up: failed", "delete h1", "exit"]
    assert error(world)["code"] == code


@pytest.mark.parametrize(
    "changes", [{"runtime": "other"}, {"tasktype": "pipeline"}, {"schema_version": 99}], ids=lambda c: next(iter(c))
)
async def test_a_bad_task_is_given_up_without_a_claim(
    world: Any, work: Any, make: Any, changes: dict[str, Any]
) -> None:
    world.messages = [make.message(**changes)]
    await work()
    assert world.names() == [*START, "give_up: failed", "delete h1", "exit"]
    assert error(world)["code"] == "bad_message"


async def test_a_bad_task_under_a_live_lease_is_left_to_its_holder(world: Any, work: Any, make: Any) -> None:
    world.record = make.record(Status.RUNNING, claim=OTHER, lease_until=EPOCH_MS + 20_000)
    world.messages = [make.message(runtime="other")]
    await work(seconds=20)
    assert "delete h1" not in world.names()
    assert world.record[table.STATUS] == Status.RUNNING


async def test_a_message_that_no_agent_can_decode_is_quarantined_and_deleted(world: Any, work: Any, make: Any) -> None:
    world.messages = [make.raw("{")]
    await work()
    assert list(world.objects) == ["parked/queue/m1"]
    assert world.names()[-2:] == ["delete h1", "exit"]


async def test_a_message_that_only_names_its_task_ends_it(world: Any, work: Any, make: Any) -> None:
    body = make.message().body.partition('"content"')[0] + '"content": ' + "[" * 50_000
    world.messages = [make.raw(body)]
    await work()
    assert world.names() == [*START, "give_up: failed", "delete h1", "exit"]
    assert error(world)["code"] == "bad_message"


async def test_a_message_whose_task_the_table_always_rejects_is_quarantined(
    world: Any, work: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: Any, **__: Any) -> None:
        raise AwsError("ValidationException", "the key is too long", status=400)

    monkeypatch.setattr(MemoryTaskTable, "write", refuse)
    await work()
    assert list(world.objects) == ["parked/queue/m1"]
    assert world.names() == [*START, "put parked/queue/m1", "delete h1", "exit"]


async def test_a_message_without_submission_makes_its_record(world: Any, work: Any, make: Any) -> None:
    world.record = None
    world.messages = [make.message(submission=None, owner="-", id="ü/1")]
    await work()
    assert (world.record[table.STATUS], world.record[table.ID], world.record[table.RUNTIME]) == (
        "completed",
        "ü/1",
        "sd",
    )
    assert world.record[table.PK] == "T#-#%C3%BC%2F1"


async def test_an_old_message_without_submission_is_given_up(world: Any, work: Any, make: Any) -> None:
    world.record = None
    world.messages = [make.message(submission=None, sent_at_ms=EPOCH_MS - 73 * 3600 * 1000)]
    await work()
    assert world.names() == [*START, "give_up: failed", "delete h1", "exit"]


@pytest.mark.parametrize(
    "failure",
    [TaskFailedError("runtime_error", "no such sampler", node_id="3"), BadTaskError("unknown_checkpoint", "x")],
)
async def test_a_failure_ends_the_task_with_the_runtimes_message(
    world: Any, work: Any, failure: TaskFailedError
) -> None:
    await work(runtime={"outcome": failure})
    assert world.names()[-3:] == ["finish: failed", "delete h1", "exit"]
    assert (error(world)["code"], error(world)["message"]) == (failure.code, str(failure))


@pytest.mark.parametrize(("accepted", "attempts"), [(True, 1), (False, 0)])
async def test_an_unavailable_runtime_releases_the_task_at_once(
    world: Any,
    work: Any,
    accepted: bool,
    attempts: int,
) -> None:
    def go(worker: Worker) -> None:
        worker._runtime.ready = False  # type: ignore[attr-defined]  # the fake

    runtime = {"outcome": RuntimeUnavailableError("gone", accepted=accepted)}
    await work(seconds=5, runtime=runtime, during={1: go})
    assert world.names()[:5] == [*START, "claim: running", "post", "release: queued"]
    assert "visibility 0" in world.names()
    assert (world.record[table.STATUS], world.record[table.ATTEMPTS]) == ("queued", attempts)


async def test_a_rate_limited_runtime_is_not_used_for_the_retry_time(world: Any, work: Any) -> None:
    await work(seconds=12, runtime={"seconds": 1, "outcome": RuntimeBusyError(retry_after_s=9.0)})
    assert world.names()[:6] == [*START, "claim: running", "post", "release: queued", "visibility 0"]
    assert world.times("receive m1") == [0, 10]
    assert world.record[table.ATTEMPTS] == 0


async def test_a_cancelled_task_is_interrupted_at_the_next_heartbeat_and_its_results_dropped(
    world: Any, work: Any, make: Any
) -> None:
    def cancel(_: Worker) -> None:
        world.record = make.record(Status.CANCELLED)

    await work(runtime={"seconds": 60}, during={10: cancel})
    assert world.names() == [*START, "claim: running", "post", "interrupt", "delete h1", "exit"]
    assert world.at("delete") <= 10 + 3 + 2
    assert world.objects == {}


async def test_a_task_that_another_claim_has_is_not_touched(world: Any, work: Any, make: Any) -> None:
    def lose(_: Worker) -> None:
        world.record = make.record(Status.RUNNING, claim=OTHER, lease_until=EPOCH_MS + 100_000)

    await work(seconds=20, runtime={"seconds": 60}, during={10: lose})
    assert world.names() == [*START, "claim: running", "post", "interrupt", "exit"]
    assert world.record[table.CLAIM] == OTHER


async def test_without_an_answer_of_the_table_the_runtime_is_idle_before_the_lease_ends(world: Any, work: Any) -> None:
    def cut(_: Worker) -> None:
        world.table_is_up = False

    await work(runtime={"seconds": 100, "stops_after_s": 4}, during={10: cut}, seconds=200)
    interrupted_at = [seconds for seconds, what in world.events if what == "interrupt"][1]
    last_renewal_at = max(seconds for seconds, what in world.events if what == "renew: running")
    assert interrupted_at - last_renewal_at == pytest.approx(26, abs=0.1)
    assert interrupted_at + 4 <= last_renewal_at + 30
    assert "finish: completed" not in world.names()


async def test_a_deadline_that_passes_before_the_post_keeps_the_task_from_the_runtime(
    world: Any, work: Any, make: Any
) -> None:
    world.messages = [make.message(payload=PayloadRef(url="s3://bucket/k", etag="e", pointer=""), content=None)]

    def cut() -> None:
        world.table_is_up = False
        world.store_is_up = False

    world.before["read"] = cut
    await work(seconds=100)
    assert "post" not in world.names()


async def test_offloaded_inputs_are_read(world: Any, work: Any, make: Any) -> None:
    payload = PayloadRef(url="s3://bucket/k", etag="e", pointer="/task/content", inputs_pointer="/task/metadata/inputs")
    world.messages = [make.message(payload=payload, content=None)]
    world.offloaded = {"/task/content": {"prompt": "x"}, "/task/metadata/inputs": {"cat.png": "QUFB"}}
    await work()
    assert world.named_inputs == {"cat.png": "QUFB"}


@pytest.mark.parametrize("checkpoint", ["sdxl/base.safetensors", None])
async def test_the_checkpoint_that_was_decided_at_submit_reaches_the_runtime(
    world: Any, work: Any, make: Any, checkpoint: str | None
) -> None:
    world.messages = [make.message(checkpoint=checkpoint)]
    await work()
    assert world.checkpoint == checkpoint


async def test_a_task_is_not_run_while_the_table_does_not_answer(world: Any, work: Any) -> None:
    world.before["receive m1"] = lambda: setattr(world, "table_is_up", False)
    await work(seconds=60)
    assert world.names() == [*START, "visibility 10", "exit"]


async def test_an_idle_agent_stops_at_once(world: Any, work: Any) -> None:
    world.messages = []
    await work(seconds=5)
    assert world.at("exit") == pytest.approx(5, abs=0.6)


async def test_a_running_task_is_finished_when_the_agent_is_stopped(world: Any, work: Any) -> None:
    await work(seconds=5, runtime={"seconds": 60})
    assert world.names()[-3:] == ["finish: completed", "delete h1", "exit"]


async def test_no_further_task_is_received_when_the_agent_is_stopped(world: Any, work: Any, make: Any) -> None:
    world.messages.append(make.message())
    await work(seconds=1)
    assert sum(name.startswith("receive") for name in world.names()) == 1


async def test_on_spot_a_task_of_unknown_length_is_released(world: Any, work: Any) -> None:
    await work(seconds=5, runtime={"seconds": 60}, spot_allowed=True)
    assert world.names() == [*START, "claim: running", "post", "interrupt", "release: queued", "visibility 0", "exit"]
    assert world.record[table.ATTEMPTS] == 0


@pytest.mark.parametrize(("seconds", "ends"), [(80, "finish: completed"), (200, "release: queued")])
async def test_on_spot_a_task_is_finished_only_if_it_ends_within_the_notice(
    world: Any, work: Any, seconds: float, ends: str
) -> None:
    await work(seconds=10, runtime={"seconds": seconds, "progress_every_s": 1}, spot_allowed=True)
    assert ends in world.names()


async def test_a_task_is_not_released_while_its_runtime_may_still_run(world: Any, work: Any) -> None:
    await work(seconds=5, runtime={"seconds": 60, "stops_after_s": 60}, spot_allowed=True)
    assert "release: queued" not in world.names()
    assert world.record[table.STATUS] == Status.RUNNING


async def test_a_prepared_task_is_released_when_the_agent_is_stopped(world: Any, work: Any, make: Any) -> None:
    world.messages = [make.message(payload=PayloadRef(url="s3://bucket/k", etag="e", pointer=""), content=None)]
    world.store_is_up = False
    await work(seconds=5)
    assert world.names()[-3:] == ["release: queued", "visibility 0", "exit"]
    assert "post" not in world.names()


async def test_a_stalled_inference_is_interrupted_and_failed(world: Any, work: Any) -> None:
    await work(runtime={"seconds": 1000})
    assert world.names() == [*START, "claim: running", "post", "interrupt", "finish: failed", "delete h1", "exit"]
    assert error(world)["code"] == "timeout"
    assert world.at("finish") == pytest.approx(120, abs=3)


async def test_an_inference_over_the_longest_task_is_failed(world: Any, work: Any) -> None:
    await work(runtime={"seconds": 1000, "progress_every_s": 5})
    assert error(world)["message"] == "the task took longer than 480 s"


async def test_an_unexpected_error_ends_the_task_after_its_attempts_and_not_the_agent(world: Any, work: Any) -> None:
    await work(runtime={"outcome": ZeroDivisionError("surprise")})
    assert world.names().count("post") == 3
    assert error(world)["code"] == "attempts"
    assert world.names()[-2:] == ["delete h1", "exit"]


async def test_a_runtime_that_does_not_stop_a_stalled_task_is_to_be_restarted_and_gets_no_other(
    world: Any, work: Any, fill: Any, tmp_path: Path
) -> None:
    fill(2)
    ready, hung = tmp_path / "ready", tmp_path / "hung"
    seen: list[tuple[bool, bool]] = []
    await work(
        runtime={"seconds": 1000, "stops_after_s": 10_000},
        during={
            100: lambda _: seen.append((ready.exists(), hung.exists())),
            300: lambda _: seen.append((ready.exists(), hung.exists())),
        },
        ready_marker=ready,
        runtime_hung_marker=hung,
    )
    assert seen == [(True, False), (False, True)]
    assert "finish: failed" in world.names()
    assert sum(name.startswith("receive") for name in world.names()) == 1


async def test_a_runtime_that_was_restarted_is_no_longer_marked_as_hung(world: Any, work: Any, tmp_path: Path) -> None:
    hung = tmp_path / "hung"
    hung.touch()
    world.messages = []
    runtime = {"ready": False}
    await work(seconds=10, runtime=runtime, runtime_hung_marker=hung)
    assert not hung.exists()


async def test_a_failed_gpu_releases_the_task_and_has_the_runtime_restarted(
    world: Any, work: Any, tmp_path: Path
) -> None:
    hung = tmp_path / "hung"
    await work(seconds=30, runtime={"outcome": GpuFaultError("CUDA error: unknown error")}, runtime_hung_marker=hung)
    assert world.names() == [*START, "claim: running", "post", "release: queued", "visibility 0", "exit"]
    assert world.record[table.ATTEMPTS] == 1
    assert hung.exists()


async def test_results_are_kept_while_the_bucket_is_unavailable(world: Any, work: Any) -> None:
    def cut(_: Worker) -> None:
        world.store_is_up = False

    def restore(_: Worker) -> None:
        world.store_is_up = True

    await work(during={1: cut, 31: restore})
    assert world.record[table.STATUS] == Status.COMPLETED
    assert sum(name == "post" for name in world.names()) == 1


async def test_a_task_whose_results_cannot_be_stored_fails_within_a_minute(world: Any, work: Any) -> None:
    def cut(_: Worker) -> None:
        world.store_is_up = False

    await work(during={1: cut})
    assert error(world)["code"] == "storage"
    assert world.at("finish") < 60
    assert sum(name == "post" for name in world.names()) == 1


async def test_a_finish_is_repeated_until_the_table_answers(world: Any, work: Any) -> None:
    def cut() -> None:
        world.table_is_up = False

    world.before["put out"] = cut
    await work(during={60: lambda _: setattr(world, "table_is_up", True)})
    assert world.names()[-3:] == ["finish: completed", "delete h1", "exit"]


async def test_results_are_dropped_where_another_claim_has_the_task(world: Any, work: Any, make: Any) -> None:
    def lose() -> None:
        world.record = make.record(Status.RUNNING, claim=OTHER, lease_until=EPOCH_MS + 100_000)

    world.before["put out"] = lose
    await work(seconds=20)
    assert world.names()[-2:] == ["finish refused", "exit"]


async def test_results_are_dropped_and_the_message_deleted_where_the_task_was_cancelled(
    world: Any, work: Any, make: Any
) -> None:
    world.before["put out"] = lambda: setattr(world, "record", make.record(Status.CANCELLED))
    await work()
    assert world.names()[-3:] == ["finish refused", "delete h1", "exit"]


async def test_a_process_that_slept_past_its_deadline_does_not_post(
    world: Any, work: Any, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The process is suspended for 27 s after its claim: no timer and no heartbeat has run meanwhile.
    asleep_s = 0.0
    real = clock.monotonic_s
    monkeypatch.setattr(clock, "monotonic_s", lambda: real() + asleep_s)

    def sleep() -> None:
        nonlocal asleep_s
        asleep_s = 27.0

    world.messages = [make.message(payload=PayloadRef(url="s3://bucket/k", etag="e", pointer=""), content=None)]
    world.before["read"] = sleep
    await work(seconds=27)
    assert world.names()[:5] == [*START, "claim: running", "read", "release: queued"]
