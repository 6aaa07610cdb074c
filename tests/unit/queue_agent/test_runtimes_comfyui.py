"""ComfyUI over real HTTP and real websockets, with a stand-in for the server."""

import asyncio
import uuid
from typing import Any

import pytest

from queue_agent.errors import BadTaskError, GpuFaultError, RuntimeHungError, RuntimeUnavailableError, TaskFailedError
from queue_agent.runtimes.base import InputFile
from queue_agent.runtimes.comfyui.events import Event
from queue_agent.runtimes.comfyui.progress import Progress
from queue_agent.runtimes.comfyui.refusal import execution_error
from tests.fakes.stand_in_runtime.bench import PNG, Bench, Result, bench, input_file, read, workflow
from tests.fakes.stand_in_runtime.workflows import FIRST_BYTES

pytestmark = pytest.mark.asyncio


def saving(class_type: str, needs: str = "images", **inputs: Any) -> dict[str, Any]:
    return workflow(further={"9": {"class_type": class_type, "inputs": {needs: ["3", 0], **inputs}}})


async def another_claim(one: Bench, graph: dict[str, Any]) -> Result:
    one.claim_id = str(uuid.uuid4())
    return await one.run(graph)


async def another_claim_with(one: Bench, inputs: dict[str, InputFile]) -> Result:
    one.claim_id = str(uuid.uuid4())
    return await one.run(showing("cat.png"), inputs=inputs)


async def test_images_have_seeds_and_models() -> None:
    loader = {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd15.safetensors"}}
    async with bench("comfyui") as one:
        result = await one.run(workflow(7, {"4": loader}))
    (file,) = result.files
    assert (file.data[:8], file.extension, file.content_type) == (PNG, "png", "image/png")
    assert (result.summary["seeds"], result.summary["models"]) == ([7], ["sd15.safetensors"])


def loading(checkpoint: str) -> dict[str, Any]:
    """A workflow with an image that needs a checkpoint."""
    graph = workflow(further={"4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": checkpoint}}})
    graph["3"]["inputs"]["model"] = ["4", 0]
    return graph


async def test_fails_when_the_server_does_not_have_the_checkpoint() -> None:
    async with bench("comfyui", models=("sd15.safetensors", "sdxl.safetensors")) as one:
        assert (await one.run(loading("sdxl.safetensors"))).files
        with pytest.raises(TaskFailedError) as error:
            await another_claim(one, loading("sd15.ckpt"))
        assert (await one.journal()).count("begin") == 1
    assert error.value.code == "invalid_workflow"
    assert str(error.value) == (
        "Prompt outputs failed validation Node 4: CheckpointLoaderSimple: Value not in list: "
        "ckpt_name: 'sd15.ckpt' not in ['sd15.safetensors', 'sdxl.safetensors']."
    )


async def test_an_output_that_does_not_need_the_missing_checkpoint_is_made() -> None:
    graph = loading("nonesuch") | {"10": {"class_type": "PreviewAny", "inputs": {"source": ["6", 0]}}}
    async with bench("comfyui") as one:
        result = await one.run(graph)
    assert result.summary["node_errors"].keys() == {"4"}


async def test_the_prompt_id_is_the_claims_and_the_submissions() -> None:
    async with bench("comfyui") as one:
        result = await one.run()
    assert result.summary["prompt_id"] == str(uuid.uuid5(uuid.UUID(one.claim_id), "S"))


@pytest.mark.parametrize(
    ("class_type", "needs", "extension", "content_type"),
    [
        ("SaveAnimatedWEBP", "images", "webp", "image/webp"),
        ("SaveVideo", "video", "mp4", "video/mp4"),
        ("VHS_VideoCombine", "images", "mp4", "video/mp4"),
        ("SaveAudio", "audio", "flac", "audio/flac"),
        ("SaveGLB", "mesh", "glb", "model/gltf-binary"),
        ("Preview3D", "model_file", "glb", "model/gltf-binary"),
        ("SaveLatent", "samples", "latent", "application/octet-stream"),
    ],
)
async def test_every_kind_of_file_is_an_output(class_type: str, needs: str, extension: str, content_type: str) -> None:
    async with bench("comfyui") as one:
        (file,) = (await one.run(saving(class_type, needs))).files
    assert (file.extension, file.content_type) == (extension, content_type)
    assert file.data == FIRST_BYTES[extension]


async def test_text_is_a_separate_output() -> None:
    async with bench("comfyui") as one:
        result = await one.run(saving("PreviewAny", "source"))
    (file,) = result.files
    assert (file.data, file.extension, result.summary["texts"]) == (b"a dog", "txt", ["a dog"])


async def test_files_in_subfolders_are_fetched_from_there() -> None:
    async with bench("comfyui") as one:
        result = await one.run(saving("SaveImage", filename_prefix="a/b/c"))
    assert result.description.response["outputs"]["9"]["images"][0]["subfolder"] == "a/b"
    assert len(result.files) == 1


async def test_a_batch_comes_in_order() -> None:
    graph = workflow()
    graph["5"]["inputs"]["batch_size"] = 3
    async with bench("comfyui") as one:
        batch = await one.run(graph)
        third = await another_claim(one, workflow(3))
    assert len(batch.files) == 3
    assert batch.files[2].data == third.files[0].data


async def test_previews_are_outputs_only_without_other_files() -> None:
    preview = {"class_type": "PreviewImage", "inputs": {"images": ["3", 0]}}
    async with bench("comfyui") as one:
        both = await one.run(workflow(further={"10": preview}))
        alone = await another_claim(one, {**workflow(2), "9": preview})
    assert (len(both.files), len(alone.files)) == (1, 1)


async def test_a_cached_graph_is_answered_with_the_files_of_the_first_time() -> None:
    async with bench("comfyui") as one:
        first = await one.run()
        second = await another_claim(one, workflow())
        assert [file.data for file in first.files] == [file.data for file in second.files]
        assert (await one.journal()).count("begin") == 1


async def test_the_valid_part_of_a_graph_runs_and_the_rest_is_named() -> None:
    broken = {"class_type": "SaveImage", "inputs": {"filename_prefix": "y"}}
    async with bench("comfyui") as one:
        result = await one.run(workflow(further={"10": broken}))
    assert len(result.files) == 1
    assert result.summary["node_errors"] == {"10": "SaveImage: Required input is missing: images"}


@pytest.mark.parametrize(
    ("content", "code", "says"),
    [
        ({"1": {"class_type": "Nonesuch", "inputs": {}}}, "invalid_workflow", "'Nonesuch' not found. Node ID '#1'"),
        ({"1": {"class_type": "CLIPTextEncode", "inputs": {}}}, "invalid_workflow", "Prompt has no outputs"),
        (
            {"1": {"class_type": "SaveImage", "inputs": {}}},
            "invalid_workflow",
            "failed validation Node 1: SaveImage: Required input is missing: images",
        ),
        ({"nodes": []}, "runtime_error", "500 Internal Server Error"),
    ],
)
async def test_fails_with_the_servers_message(content: dict[str, Any], code: str, says: str) -> None:
    async with bench("comfyui") as one:
        with pytest.raises(TaskFailedError, match=says) as error:
            await one.run(content)
    assert error.value.code == code


async def test_fails_when_the_workflow_is_in_the_editors_format() -> None:
    async with bench("comfyui") as one:
        with pytest.raises(BadTaskError, match="must be in the API format"):
            await one.run({"nodes": [], "links": []})


async def test_an_error_names_the_node_and_leaves_the_tensors_out() -> None:
    async with bench("comfyui") as one:
        await one.fault("out_of_memory")
        with pytest.raises(TaskFailedError) as error:
            await one.run()
    assert (error.value.details["node_id"], error.value.details["node_type"]) == ("3", "KSampler")
    assert "tensor" not in str(error.value.details)


async def test_an_error_that_quotes_the_workflow_says_nothing_of_the_gpu() -> None:
    data = {"exception_type": "builtins.ValueError", "exception_message": "not a number: 'CUDA error: 1'"}
    assert isinstance(execution_error(data), TaskFailedError)


async def test_fails_when_another_client_interrupts_it() -> None:
    async with bench("comfyui", seconds_per_task=30) as one:
        running = asyncio.ensure_future(one.run())
        await one.begun()
        await one.post("/interrupt", {})
        with pytest.raises(TaskFailedError, match="another client of the runtime interrupted") as error:
            await running
    assert error.value.code == "interrupted"


async def test_two_agents_on_one_server_receive_only_their_own_events() -> None:
    async with bench("comfyui", seconds_per_task=0.1) as one:
        tasks = [one.task(workflow(seed)) for seed in (1, 2)]
        async with one.runtime.prepare(tasks[0]) as first:
            one.claim_id = str(uuid.uuid4())
            async with one.runtime.prepare(one.task(workflow(2))) as second:
                outputs = await asyncio.gather(
                    *(
                        request.infer(before_post=lambda: None, on_progress=one.progress.append)
                        for request in (first, second)
                    )
                )
                seeds = [(await read(one_output)).summary["seeds"] for one_output in outputs]
                clients = await one.get("/_stand_in/clients")
    assert seeds == [[1], [2]]
    assert len(clients) == len(set(clients)) == 2


@pytest.mark.parametrize("fault", ["drop_websocket", "drop_websocket_for_good"])
async def test_a_task_goes_on_when_its_websocket_closes(fault: str) -> None:
    async with bench("comfyui", seconds_per_task=0.4) as one:
        await one.fault(fault)
        result = await one.run()
        assert len(result.files) == 1
        assert (await one.journal()).count("begin") == 1


async def test_a_websocket_is_opened_again_under_the_same_name() -> None:
    async with bench("comfyui", seconds_per_task=1.5) as one:
        await one.fault("drop_websocket")
        await one.run()
    assert len(one.progress) > 4


@pytest.mark.parametrize(
    ("fault", "expected", "says"),
    [
        ("cuda_error", GpuFaultError, "CUDA error: device-side assert"),
        ("out_of_memory", TaskFailedError, "Allocation on device"),
    ],
)
async def test_what_happened_while_the_websocket_was_closed_is_in_the_history(
    fault: str, expected: type[Exception], says: str
) -> None:
    async with bench("comfyui") as one:
        async with one.runtime.prepare(one.task()) as request:
            await request._events.close()  # type: ignore[attr-defined] # no events
            await one.fault(fault)
            with pytest.raises(expected, match=says):
                await request.infer(before_post=lambda: None, on_progress=one.progress.append)


async def test_fails_when_the_server_never_accepts_the_websocket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("queue_agent.runtimes.http.PATIENCE_S", 0.2)
    async with bench("comfyui") as one:
        await one.fault("unresponsive")
        with pytest.raises(RuntimeUnavailableError, match="websocket cannot be opened") as error:
            await one.run()
    assert error.value.accepted is False


async def test_fails_when_the_server_has_lost_the_task() -> None:
    async with bench("comfyui", seconds_per_task=0.4) as one:
        await one.fault("restart")
        with pytest.raises(RuntimeUnavailableError, match="lost the task") as error:
            await one.run()
    assert error.value.accepted is True


async def test_restarted_file_names_return_the_new_files() -> None:
    async with bench("comfyui", seconds_per_task=0.2) as one:
        await one.run()
        await one.fault("restart")
        with pytest.raises(RuntimeUnavailableError):
            await one.run(workflow(2))
        again = await another_claim(one, workflow(3))
        assert again.description.response["outputs"]["9"]["images"][0]["filename"] == "x_00001_.png"
    async with bench("comfyui") as other:
        expected = await other.run(workflow(3))
    assert again.files[0].data == expected.files[0].data


async def test_a_hung_worker_is_distinguished_from_a_busy_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("queue_agent.runtimes.comfyui.request._QUIET_S", 0.1)
    monkeypatch.setattr("queue_agent.runtimes.comfyui.watch._HUNG_S", 0.5)
    async with bench("comfyui") as one:
        await one.fault("hung_worker")
        with pytest.raises(RuntimeHungError, match="does not start the task"):
            await one.run()
        assert await one.runtime.is_ready()
        assert (await one.get("/queue"))["queue_pending"] == []


async def test_a_task_without_events_continues(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("queue_agent.runtimes.comfyui.request._QUIET_S", 0.05)
    graph = workflow()
    graph["3"]["inputs"]["steps"] = 1
    async with bench("comfyui", seconds_per_task=0.6) as one:
        assert len((await one.run(graph)).files) == 1


async def test_a_server_that_is_too_busy_to_answer_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("queue_agent.runtimes.comfyui.request._QUIET_S", 0.05)
    async with bench("comfyui", seconds_per_task=0.5, timeout_s=0.1) as one:
        async with one.runtime.prepare(one.task()) as request:
            running = asyncio.ensure_future(request.infer(before_post=lambda: None, on_progress=one.progress.append))
            await one.begun()
            await one.fault("unresponsive")
            await asyncio.sleep(0.3)
            await one.post("/_stand_in/faults", {"unresponsive": False})
            assert len((await read(await running)).files) == 1


def image(data: bytes = PNG + b"cat") -> InputFile:
    return input_file(data)


def showing(name: str) -> dict[str, Any]:
    return {
        "1": {"class_type": "LoadImage", "inputs": {"image": name}},
        "9": {"class_type": "SaveImage", "inputs": {"images": ["1", 0]}},
    }


@pytest.mark.parametrize("named", ["cat.png", "cat.png [input]"])
async def test_an_input_is_uploaded_and_found_by_its_name(named: str) -> None:
    async with bench("comfyui") as one:
        result = await one.run(showing(named), inputs={"cat.png": image()})
    assert [file.data for file in result.files] == [PNG + b"cat"]


async def test_the_same_name_of_another_task_is_another_input() -> None:
    async with bench("comfyui") as one:
        first = await one.run(showing("cat.png"), inputs={"cat.png": image()})
        one.claim_id = str(uuid.uuid4())
        second = await one.run(showing("cat.png"), inputs={"cat.png": image(PNG + b"dog")})
    assert [first.files[0].data[8:], second.files[0].data[8:]] == [b"cat", b"dog"]


async def test_nothing_of_an_input_is_left_on_the_server() -> None:
    async with bench("comfyui") as one:
        await one.run(showing("cat.png"), inputs={"cat.png": image()})
        uploads = await one.get("/_stand_in/uploads")
    assert list(uploads.values()) == [0]


async def test_an_input_that_the_workflow_does_not_name_is_not_uploaded() -> None:
    async with bench("comfyui") as one:
        await one.run(inputs={"cat.png": image()})
        assert await one.get("/_stand_in/uploads") == {}


async def test_an_input_keeps_the_extension_of_what_it_is() -> None:
    async with bench("comfyui") as one:
        inputs = {"cat": image(), "track.weird": image(b"RIFF\0\0\0\0WAVEbext")}
        graph = showing("cat") | {"2": {"class_type": "LoadImage", "inputs": {"image": "track.weird"}}}
        async with one.runtime.prepare(one.task(graph, inputs=inputs)):
            names = sorted(await one.get("/_stand_in/uploads"))
    assert [name.rpartition(".")[2] for name in names] == ["png", "wav"]


@pytest.mark.parametrize("extra", [0, 1])
async def test_fails_when_an_input_is_larger_than_what_the_server_takes_before_any_is_uploaded(extra: int) -> None:
    most = 50_000
    inputs = {"cat.png": image(), "dog.png": image((PNG + b"dog").ljust(most - 1024 + extra))}
    graph = showing("cat.png") | {"2": {"class_type": "LoadImage", "inputs": {"image": "dog.png"}}}
    async with bench("comfyui", max_upload_bytes=most) as one:
        if not extra:
            assert (await one.run(graph, inputs=inputs)).files
            return
        with pytest.raises(BadTaskError, match="^metadata.inputs.dog.png must be at most 48976 bytes") as error:
            await one.run(graph, inputs=inputs)
        assert error.value.code == "input"
        assert await one.get("/_stand_in/uploads") == {}


async def test_a_server_without_an_upload_limit_gets_all_inputs() -> None:
    async with bench("comfyui", max_upload_bytes=None) as one:
        assert (await one.run(showing("cat.png"), inputs={"cat.png": image(PNG.ljust(3_000_000))})).files


async def test_the_upload_limit_is_cached_until_the_server_may_have_restarted() -> None:
    async with bench("comfyui") as one:
        await one.run()
        asked = [await one.get("/_stand_in/questions")]
        for _ in range(2):
            await another_claim_with(one, {"cat.png": image()})
        asked.append(await one.get("/_stand_in/questions"))
        assert await one.runtime.is_ready()
        await another_claim_with(one, {"cat.png": image()})
        asked.append(await one.get("/_stand_in/questions"))
    assert asked == [0, 1, 2]


async def test_fails_when_an_input_is_missing() -> None:
    async with bench("comfyui") as one:
        with pytest.raises(TaskFailedError, match="Custom validation failed for node: cat.png"):
            await one.run(showing("cat.png"))


async def test_a_server_that_lost_its_inputs_does_not_fail_the_task() -> None:
    async with bench("comfyui") as one:
        async with one.runtime.prepare(one.task(showing("cat.png"), inputs={"cat.png": image()})) as request:
            await one.post("/_stand_in/forget_uploads", {})
            with pytest.raises(RuntimeUnavailableError, match="lost the inputs") as error:
                await request.infer(before_post=lambda: None, on_progress=one.progress.append)
    assert error.value.accepted is False


async def test_progress_counts_steps_and_leaves_out_what_is_cached() -> None:
    progress = Progress(workflow() | {"4": {"class_type": "CheckpointLoaderSimple", "inputs": {}}})
    events: list[tuple[str, dict[str, Any]]] = [
        ("execution_cached", {"nodes": ["4", "5"]}),
        ("executing", {"node": "6"}),
        ("executing", {"node": "3"}),
        ("progress", {"node": "3", "value": 2, "max": 4}),
        ("executing", {"node": "9"}),
    ]
    shares = [progress.heard(Event(kind, data)) for kind, data in events]
    # Three nodes remain: a prompt, four steps, a file.
    assert shares == [0, 0, 1 / 6, 3 / 6, 5 / 6]


@pytest.mark.parametrize(
    ("sampler", "scheduler"),
    [
        ({"class_type": "KSampler", "inputs": {"steps": 20}}, {}),
        ({"class_type": "SamplerCustomAdvanced", "inputs": {"sigmas": ["s", 0]}}, {"steps": 20}),
        ({"class_type": "SamplerCustomAdvanced", "inputs": {"sigmas": ["s", 0]}}, {}),
        ({"class_type": "KSampler", "inputs": {"steps": ["s", 0]}}, {"steps": 20}),
    ],
)
async def test_many_quick_nodes_are_not_most_of_a_workflow(sampler: dict[str, Any], scheduler: dict[str, Any]) -> None:
    quick = {str(number): {"class_type": "CLIPTextEncode", "inputs": {}} for number in range(38)}
    chosen = {"class_type": "KSamplerSelect", "inputs": {"sampler_name": "euler"}}
    graph = {**quick, "k": chosen, "s": {"class_type": "BasicScheduler", "inputs": scheduler}, "sampler": sampler}
    progress = Progress(graph)
    for node in (*quick, "k", "s"):
        progress.heard(Event("executing", {"node": node}))
    before = progress.heard(Event("executing", {"node": "sampler"}))
    halfway = progress.heard(Event("progress", {"node": "sampler", "value": 10, "max": 20}))
    assert [before, halfway] == pytest.approx([1 / 3, 2 / 3])


async def test_more_steps_than_a_float_holds_fail_no_task() -> None:
    # A node that the server skipped. It runs the other outputs.
    left_out = {"class_type": "KSampler", "inputs": {"steps": 10**400, "latent_image": ["5", 0]}}
    async with bench("comfyui") as one:
        assert len((await one.run(workflow(further={"77": left_out}))).files) == 1


async def test_progress_never_decreases() -> None:
    progress = Progress({"1": {"class_type": "Anything", "inputs": {}}, "2": {}})
    events: list[tuple[str, dict[str, Any]]] = [
        ("executing", {"node": "1"}),
        ("executing", {"node": "2"}),
        ("progress", {"node": "2", "value": 1, "max": 100}),
        ("execution_start", {}),
    ]
    assert [progress.heard(Event(kind, data)) for kind, data in events] == [0, 0.5, 0.5, None]


async def test_the_history_is_waited_for() -> None:
    async with bench("comfyui") as one:
        async with one.runtime.prepare(one.task()) as request:
            outputs = await request.infer(before_post=lambda: None, on_progress=one.progress.append)
            assert await one.get(f"/history/{uuid.uuid5(uuid.UUID(one.claim_id), 'S')}") == {}
            assert len((await read(outputs)).files) == 1


async def test_outputs_are_waited_for_while_the_server_is_busy_with_the_next_task() -> None:
    async with bench("comfyui", timeout_s=0.1) as one:
        async with one.runtime.prepare(one.task()) as request:
            outputs = await request.infer(before_post=lambda: None, on_progress=one.progress.append)
            await one.fault("unresponsive")
            reading = asyncio.ensure_future(read(outputs))
            await asyncio.sleep(0.3)
            await one.post("/_stand_in/faults", {"unresponsive": False})
            assert len((await reading).files) == 1
