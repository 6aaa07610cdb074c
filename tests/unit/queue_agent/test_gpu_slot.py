"""The GPU's slot: what else there is to do waits for the next request."""

import asyncio

import pytest

from queue_agent import clock
from queue_agent.gpu_slot import GpuSlot

pytestmark = [pytest.mark.asyncio, pytest.mark.looptime]


async def held_up(*, waits: bool, sent_after_s: float | None = None) -> float:
    """How long whoever lets the slot go is held up, virtual seconds."""
    gpu = GpuSlot()
    await gpu.take()

    async def next_one() -> None:
        await gpu.take()
        if sent_after_s is not None:
            await asyncio.sleep(sent_after_s)
            gpu.progressed(0.0)

    waiting = asyncio.create_task(next_one()) if waits else None
    await asyncio.sleep(1)
    gpu.progressed(1.0)  # of the inference that ends
    gpu.let_go()
    started = clock.monotonic_s()
    await gpu.handed_over()
    seconds = clock.monotonic_s() - started
    if waiting is not None:
        await waiting
    return seconds


async def test_what_follows_waits_until_the_next_request_is_sent() -> None:
    assert await held_up(waits=True, sent_after_s=0.02) == pytest.approx(0.02)


async def test_nothing_waits_where_no_request_does() -> None:
    assert await held_up(waits=False) == 0


async def test_a_request_that_does_not_come_holds_nothing_up_for_long() -> None:
    assert await held_up(waits=True) == pytest.approx(0.05)
