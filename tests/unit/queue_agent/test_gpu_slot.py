"""The GPU slot: its expected end, and the wait for the next request."""

import asyncio
from collections.abc import Mapping

import pytest

from queue_agent import clock
from queue_agent.course import Course
from queue_agent.gpu_slot import GpuSlot
from queue_agent.prefetch import Prefetch
from tests.unit.queue_agent.conftest import virtual_time

pytestmark = [pytest.mark.asyncio, virtual_time]


def course(seconds: float, reached: Mapping[float, float] | None = None) -> Course:
    """A completed course, with its duration and its shares over time."""
    one = Course()
    for share, at_s in (reached or {}).items():
        one.reach(share, at_s)
    one.end(seconds)
    return one


async def held_up(*, waits: bool, sent_after_s: float | None = None) -> float:
    """How long the release of the slot waits, in virtual seconds."""
    gpu = GpuSlot()
    await gpu.acquire()

    async def next_one() -> None:
        await gpu.acquire()
        if sent_after_s is not None:
            await asyncio.sleep(sent_after_s)
            gpu.progressed(0.0)

    waiting = asyncio.create_task(next_one()) if waits else None
    await asyncio.sleep(1)
    gpu.progressed(1.0)  # of the previous inference
    gpu.release()
    started = clock.monotonic_s()
    await gpu.wait_for_handoff()
    seconds = clock.monotonic_s() - started
    if waiting is not None:
        await waiting
    return seconds


async def test_delivery_waits_until_the_next_request_is_sent() -> None:
    assert await held_up(waits=True, sent_after_s=0.02) == pytest.approx(0.02)


async def test_delivery_does_not_wait_without_a_waiting_request() -> None:
    assert await held_up(waits=False) == 0


async def test_delivery_waits_for_a_missing_request_only_briefly() -> None:
    assert await held_up(waits=True) == pytest.approx(0.05)


async def test_previous_estimates_are_kept() -> None:
    gpu = GpuSlot()
    await gpu.acquire()
    gpu.begin([course(10)])
    began = clock.monotonic_s()
    await asyncio.sleep(4)
    gpu.progressed(0.4)
    await asyncio.sleep(1)
    gpu.progressed(0.7)
    await asyncio.sleep(0.5)
    assert gpu.expected_end == pytest.approx(began + 8)
    assert [gpu.expected_end_at(began + seconds) for seconds in (4.9, 5.0)] == pytest.approx([began + 10, began + 8])
    gpu.release()
    assert gpu.expected_end is None
    assert gpu.expected_end_at(began + 5.2) == pytest.approx(began + 8)


async def test_similar_inferences_take_precedence_over_a_new_speed() -> None:
    gpu = GpuSlot()
    await gpu.acquire()
    gpu.begin([course(4.4, {0.65: 0.4, 0.8: 2.4})])
    began = clock.monotonic_s()
    for after_s, share, end_s in ((0.4, 0.65, 4.4), (2.4, 0.8, 4.4), (2.6, 0.8, 4.4), (3.2, 0.85, 4.7)):
        await asyncio.sleep(began + after_s - clock.monotonic_s())
        gpu.progressed(share)
        assert gpu.expected_end == pytest.approx(began + end_s)


async def test_frequent_steps_are_not_all_compared() -> None:
    gpu = GpuSlot()
    await gpu.acquire()
    gpu.begin([course(10)])
    began = clock.monotonic_s()
    ends = set()
    for thousandths in range(1, 200):
        await asyncio.sleep(0.001)
        gpu.progressed(thousandths / 1000)
        ends.add(gpu.expected_end)
    assert len(ends) == 4
    assert gpu.expected_end == pytest.approx(began + 8.65, abs=0.01)


async def test_cached_progress_does_not_change_the_estimate() -> None:
    gpu = GpuSlot()
    await gpu.acquire()
    gpu.begin(())
    began = clock.monotonic_s()
    await asyncio.sleep(0.01)
    gpu.progressed(0.6)  # cached
    assert gpu.expected_end is None
    await asyncio.sleep(1)
    gpu.progressed(0.7)
    assert gpu.expected_end == pytest.approx(began + 4.01)


async def test_an_earlier_end_is_reported() -> None:
    gpu = GpuSlot()
    await gpu.acquire()
    gpu.begin(())
    began = clock.monotonic_s()
    ends = []
    for after_s, end_s in ((1, 10), (2, 10.004), (3, 10.001), (4, 12), (5, 11), (6, 10.997), (7, 10.994)):
        await asyncio.sleep(began + after_s - clock.monotonic_s())
        gpu.changed.clear()
        gpu.progressed(after_s / end_s)
        assert gpu.expected_end == pytest.approx(began + end_s)
        if gpu.changed.is_set():
            ends.append(end_s)
    # Not a later end, and not a tiny change; the sum of tiny changes is reported.
    assert ends == [10, 11, 10.994]


async def test_an_end_is_reported_again_after_it_was_unknown() -> None:
    gpu = GpuSlot()
    await gpu.acquire()
    gpu.begin([course(40, {0.5: 1, 0.9: 39}), course(41, {0.5: 35, 0.9: 40})])
    began = clock.monotonic_s()
    await asyncio.sleep(20)
    gpu.progressed(0.5)
    assert gpu.expected_end is None
    gpu.changed.clear()
    await asyncio.sleep(30)
    gpu.progressed(0.9)
    assert gpu.expected_end == pytest.approx(began + 51)
    assert gpu.changed.is_set()


async def test_repeated_progress_does_not_change_the_estimate() -> None:
    gpu = GpuSlot()
    await gpu.acquire()
    gpu.begin(())
    began = clock.monotonic_s()
    for share in (0.25, 0.25, 0.5, 0.5):
        await asyncio.sleep(1)
        gpu.progressed(share)
    assert gpu.expected_end == pytest.approx(began + 6)
    await asyncio.sleep(1)
    gpu.progressed(0.4)  # there is more work than the server reported
    assert gpu.expected_end == pytest.approx(began + 12.5)


async def test_old_estimates_are_removed() -> None:
    gpu = GpuSlot()
    await gpu.acquire()
    gpu.begin([course(100)])
    began = clock.monotonic_s()
    for percent in range(1, 51):
        await asyncio.sleep(1)
        gpu.progressed(percent / 100)
    assert gpu.expected_end_at(began + 40) is None
    assert gpu.expected_end_at(began + 49.5) == pytest.approx(began + 100)


async def test_the_end_of_the_first_inference_is_unknown() -> None:
    gpu = GpuSlot()
    await gpu.acquire()
    gpu.begin(())
    gpu.progressed(0.0)
    assert gpu.expected_end is None
    assert gpu.expected_end_at(clock.monotonic_s()) is None


async def test_estimates_that_were_too_late_make_the_lead_longer() -> None:
    prefetch = Prefetch()
    prefetch.record_fetch(0.2)
    assert prefetch.lead_s == pytest.approx(0.2)
    prefetch.record_inference_end(10.0, 10.3)
    assert prefetch.lead_s == pytest.approx(0.5)


async def test_estimates_that_were_too_early_or_none_leave_the_lead_as_it_is() -> None:
    prefetch = Prefetch()
    prefetch.record_fetch(0.2)
    prefetch.record_inference_end(10.0, 9.0)
    prefetch.record_inference_end(10.0, None)
    assert prefetch.lead_s == pytest.approx(0.2)
