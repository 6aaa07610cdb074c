"""The common behavior of both clients, over real HTTP and real websockets, with stand-ins for the servers."""

import asyncio
from typing import Any

import pytest

from queue_agent.errors import BadTaskError, GpuFaultError, RuntimeUnavailableError, TaskFailedError
from tests.fakes.stand_in_runtime.application import RuntimeType
from tests.fakes.stand_in_runtime.bench import SMALL, bench, process_bench, workflow

pytestmark = [pytest.mark.asyncio, pytest.mark.parametrize("runtime_type", ["sdwebui", "comfyui"])]


async def test_a_runtime_that_answers_is_ready_and_an_unavailable_one_is_not(runtime_type: RuntimeType) -> None:
    async with bench(runtime_type) as one:
        assert await one.runtime.is_ready()
        await one.stop()
        assert not await one.runtime.is_ready()


async def test_an_unavailable_runtime_is_idle(runtime_type: RuntimeType) -> None:
    async with bench(runtime_type) as one:
        await one.stop()
        assert await one.runtime.interrupt_until_idle(1)


async def test_fails_when_the_runtime_is_unavailable_before_it_has_the_task(runtime_type: RuntimeType) -> None:
    async with bench(runtime_type) as one:
        async with one.runtime.prepare(one.task()) as request:
            await one.stop()
            with pytest.raises(RuntimeUnavailableError, match="is unreachable") as error:
                await request.infer(before_post=lambda: None, on_progress=one.progress.append)
    assert error.value.accepted is False


async def test_fails_when_the_runtime_is_not_up_yet(runtime_type: RuntimeType) -> None:
    async with bench(runtime_type) as one:
        await one.fault("unavailable")
        with pytest.raises(RuntimeUnavailableError, match="503") as error:
            await one.run()
    assert error.value.accepted is False


async def test_fails_when_the_runtime_is_killed_under_the_task(runtime_type: RuntimeType) -> None:
    async with process_bench(runtime_type, seconds_per_task=0.6) as one:
        await one.fault("die_mid_task")
        with pytest.raises(RuntimeUnavailableError) as error:
            await one.run()
    assert error.value.accepted is True


async def test_fails_when_the_runtime_dies_before_its_answer_is_read(runtime_type: RuntimeType) -> None:
    async with process_bench(runtime_type, image_bytes=8_000_000) as one:
        async with one.runtime.prepare(one.task()) as request:
            outputs = await request.infer(before_post=lambda: None, on_progress=one.progress.append)
            await one.stop()
            with pytest.raises(RuntimeUnavailableError) as error:
                _ = [file async for file in outputs.files()]
    assert error.value.accepted is True


async def test_fails_with_the_message_of_a_plain_500(runtime_type: RuntimeType) -> None:
    async with bench(runtime_type) as one:
        await one.fault("plain_500")
        with pytest.raises(TaskFailedError, match="^Internal Server Error$") as error:
            await one.run()
    assert (error.value.code, error.value.details["status"]) == ("runtime_error", 500)


async def test_fails_when_the_gpu_is_out_of_memory(runtime_type: RuntimeType) -> None:
    says = {"sdwebui": "CUDA out of memory", "comfyui": "Allocation on device"}
    async with bench(runtime_type) as one:
        await one.fault("out_of_memory")
        with pytest.raises(TaskFailedError, match=says[runtime_type]) as error:
            await one.run()
    assert error.value.code == "out_of_memory"


async def test_a_cuda_error_is_a_gpu_fault(runtime_type: RuntimeType) -> None:
    async with bench(runtime_type) as one:
        await one.fault("cuda_error")
        with pytest.raises(GpuFaultError, match="CUDA error: device-side assert triggered") as error:
            await one.run()
    assert error.value.accepted is True


async def test_nothing_is_sent_when_the_claim_is_lost(runtime_type: RuntimeType) -> None:
    def no_more() -> None:
        raise PermissionError("the lease is over")

    async with bench(runtime_type) as one:
        async with one.runtime.prepare(one.task()) as request:
            with pytest.raises(PermissionError):
                await request.infer(before_post=no_more, on_progress=one.progress.append)
        assert await one.journal() == []


async def test_preparing_a_task_needs_no_gpu(runtime_type: RuntimeType) -> None:
    async with bench(runtime_type, seconds_per_task=30) as one:
        running = asyncio.ensure_future(one.run())
        await one.begun()
        async with one.runtime.prepare(one.task()):
            assert await one.journal() == ["begin"]
        running.cancel()
        await asyncio.wait({running})
        assert await one.runtime.interrupt_until_idle(5)


async def test_the_next_inference_begins_before_the_last_answer_is_read(runtime_type: RuntimeType) -> None:
    async with bench(runtime_type, seconds_per_task=0.1) as one:
        first, second = one.task(), one.task(workflow(2) if runtime_type == "comfyui" else SMALL)
        async with one.runtime.prepare(first) as before, one.runtime.prepare(second) as after:
            unread = await before.infer(before_post=lambda: None, on_progress=one.progress.append)
            await after.infer(before_post=lambda: None, on_progress=one.progress.append)
            assert await one.journal() == ["begin", "end"] * 2
            assert [file.extension async for file in unread.files()] == ["png"]


async def test_an_interrupted_runtime_is_idle(runtime_type: RuntimeType) -> None:
    async with bench(runtime_type, seconds_per_task=30) as one:
        running = asyncio.ensure_future(one.run())
        await one.begun()
        running.cancel()
        await asyncio.wait({running})
        assert await one.runtime.interrupt_until_idle(5)
        assert await one.journal() == ["begin", "interrupted"]


async def test_a_task_that_the_agent_interrupts_is_neither_completed_nor_failed(runtime_type: RuntimeType) -> None:
    async with bench(runtime_type, seconds_per_task=30) as one:
        running = asyncio.ensure_future(one.run())
        await one.begun()
        assert await one.runtime.interrupt_until_idle(5)
        with pytest.raises(RuntimeUnavailableError, match="the agent interrupted"):
            await running


async def test_a_runtime_that_ignores_interrupts_is_not_idle(runtime_type: RuntimeType) -> None:
    async with bench(runtime_type) as one:
        await one.fault("hang")
        running = asyncio.ensure_future(one.run())
        await one.begun()
        assert not await one.runtime.interrupt_until_idle(0.5)
        running.cancel()
        await asyncio.wait({running})


async def test_a_runtime_that_answers_nothing_is_neither_ready_nor_idle(runtime_type: RuntimeType) -> None:
    async with bench(runtime_type, timeout_s=0.2) as one:
        await one.fault("unresponsive")
        assert not await one.runtime.is_ready()
        assert not await one.runtime.interrupt_until_idle(0.1)


async def test_progress_grows_to_the_end(runtime_type: RuntimeType) -> None:
    async with bench(runtime_type, seconds_per_task=1.4) as one:
        await one.run()
    assert one.progress == sorted(one.progress)
    assert 0 < max(one.progress) <= 1


async def test_duration_key_depends_on_the_parameters_and_not_on_the_prompt(runtime_type: RuntimeType) -> None:
    def changed(**inputs: Any) -> dict[str, Any]:
        if runtime_type == "sdwebui":
            return SMALL | inputs
        graph = workflow()
        sampler = {**graph["3"], "inputs": {**graph["3"]["inputs"], **inputs}}
        return {**graph, "3": sampler}

    async with bench(runtime_type) as one:
        duration_key = one.runtime.duration_key(one.task(changed()))
        assert duration_key == one.runtime.duration_key(one.task(changed(seed=7, prompt="y", text="y")))
        assert duration_key != one.runtime.duration_key(one.task(changed(steps=50)))
        assert duration_key != one.runtime.duration_key(one.task(changed(batch_size=4)))


async def test_lone_surrogates_and_large_numbers_reach_the_runtime(runtime_type: RuntimeType) -> None:
    odd = {"text": "\ud800", "seed": 2**70}
    graph = workflow()
    graph["3"]["inputs"] |= odd
    async with bench(runtime_type) as one:
        assert (await one.run({**SMALL, "odd": odd} if runtime_type == "sdwebui" else graph)).files


async def test_fails_when_the_content_is_nested_too_deeply(runtime_type: RuntimeType) -> None:
    deep: Any = []
    for _ in range(5000):
        deep = [deep]
    async with bench(runtime_type) as one:
        with pytest.raises(BadTaskError, match="must be nested at most 254 levels deep"):
            await one.run({"prompt": deep})
        assert await one.journal() == []


async def test_the_runtime_is_never_allowed_to_compress(runtime_type: RuntimeType) -> None:
    async with bench(runtime_type) as one:
        await one.run()
        assert await one.get("/_stand_in/encodings") == ["identity"]
