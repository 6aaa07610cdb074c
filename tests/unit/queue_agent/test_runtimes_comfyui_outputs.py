"""The outputs among the `ui` values of nodes. Files are fetched over real HTTP."""

import asyncio
import json
import uuid
from pathlib import Path
from typing import Any

import pytest

from queue_agent.errors import BadTaskError, RuntimeUnavailableError, StalledError, TaskFailedError
from queue_agent.runtimes.comfyui import ComfyUi
from queue_agent.runtimes.comfyui.events import Event
from queue_agent.runtimes.comfyui.finished_files import FinishedFiles
from queue_agent.runtimes.comfyui.request import ComfyUiRequest
from queue_agent.runtimes.comfyui.socket_images import SocketImages
from queue_agent.runtimes.comfyui.ui_values import Place, left_files, node_files, node_texts
from queue_agent.runtimes.http import RuntimeHttp
from queue_agent.runtimes.output_kind import output_kind
from task_record.inputs.meta_batch import meta_batch_of
from tests.fakes.stand_in_runtime.bench import PNG, Bench, Result, bench, input_file, read, workflow

GLB = "glTF-model"
HISTORY_DELAY = "tests.fakes.stand_in_runtime.comfyui._HISTORY_DELAY_S"


@pytest.fixture(autouse=True)
def no_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove all delays of the server and the client."""
    monkeypatch.setattr(HISTORY_DELAY, 0.0)
    monkeypatch.setattr("queue_agent.runtimes.comfyui.request._POLL_INTERVAL_S", 0.02)
    monkeypatch.setattr("queue_agent.runtimes.comfyui.server._HISTORY_DELETE_INTERVAL_S", 0.0)


def shows(written: list[list[str]] | None = None, /, **ui: Any) -> dict[str, Any]:
    """A node that has written files (folder, subfolder, name, content) and returns `ui`."""
    return {"class_type": "Shows", "inputs": {"ui": ui, "files": written or []}}


def file(name: str, subfolder: str = "", folder: str = "output") -> dict[str, str]:
    return {"filename": name, "subfolder": subfolder, "type": folder}


async def outputs_of(*nodes: dict[str, Any]) -> Result:
    """Outputs of a workflow with these nodes, whose ids are 1, 2, ..."""
    async with bench("comfyui") as one:
        return await one.run({str(number): node for number, node in enumerate(nodes, start=1)})


def shown(result: Result) -> list[tuple[str | None, str | None, str]]:
    """Node id, name and content of every output."""
    return [(one.node_id, one.name, one.data.decode()) for one in result.files]


@pytest.mark.parametrize(
    ("ui", "texts"),
    [
        ({"text": ["a cat", "a dog"]}, ["a cat", "a dog"]),
        ({"text": list("a cat")}, ["a cat"]),
        ({"string": list("a cat"), "text": ["a cat"]}, ["a cat"]),
        ({"STRING": ["a cat"]}, ["a cat"]),
        ({"tags": ["1girl, solo"]}, ["1girl, solo"]),
        ({"text": ["x"]}, ["x"]),
        ({"text": ["", " \n", "x y"]}, ["x y"]),
        ({"text": list(" \n ")}, []),
        ({"positive": list("a whole prompt"), "negative": list("bad hands")}, []),
        ({"bg_image": ["iVBORw0KGgoAAAANSUhEUgAA"]}, []),
        ({"message": list("Your notification"), "mode": list("always")}, []),
        ({"meta": ["width", "height"]}, []),
        ({"value": [5], "text": [7, None, {"a": 1}], "animated": [True]}, []),
        ({"result": ["3d/x.glb", {"position": {}}, "temp/bg.png"]}, []),
        ({"text": "not a list"}, []),
    ],
)
def test_texts_are_what_text_nodes_show(ui: dict[str, Any], texts: list[str]) -> None:
    assert node_texts({"7": ui, "8": None}) == [("7", text) for text in texts]


def test_the_same_text_of_two_nodes_is_two_outputs() -> None:
    assert node_texts({"1": {"text": ["x"]}, "2": {"text": ["x"]}}) == [("1", "x"), ("2", "x")]


@pytest.mark.parametrize(
    ("named", "places"),
    [
        ("m/x.glb [temp]", [Place("temp", "m", "x.glb")]),
        ("x.glb [output]", [Place("output", "", "x.glb")]),
        ("x.PLY [input]", [Place("input", "", "x.PLY")]),
        ("m/x.glb", [Place(folder, "m", "x.glb") for folder in ("output", "temp", "input")]),
        ("/abs/x.glb", [Place(folder, "/abs", "x.glb") for folder in ("output", "temp", "input")]),
        ("temp/bg_1.png", []),
        ("", []),
    ],
)
def test_a_viewer_names_its_file_in_one_string(named: str, places: list[Place]) -> None:
    found = node_files({"1": {"result": [named, None]}})
    assert [place for one in found for place in one.places] == places
    assert all(one.is_viewed for one in found)


@pytest.mark.parametrize(
    ("value", "is_inside"),
    [
        (file("x.png", "a/b"), True),
        (file("x..y.png"), True),
        (file("a/x.png"), True),
        (file("/etc/passwd"), False),
        (file("x.png", "/srv"), False),
        (file("../x.png"), False),
        (file("x.png", "a/../../b"), False),
        (file("x.png", folder="elsewhere"), False),
    ],
)
def test_a_path_that_leads_out_of_the_servers_folders_is_known(value: dict[str, str], *, is_inside: bool) -> None:
    ((place,),) = (one.places for one in node_files({"1": {"images": [value]}}))
    assert place.is_inside is is_inside
    assert (place in left_files({"1": {"images": [value]}})) is is_inside


def test_companion_files_of_a_video_are_listed_too() -> None:
    video = {**file("v_00001-audio.mp4", "clips"), "workflow": "v_00001.png", "fullpath": "/server/path"}
    names = {place.name for place in left_files({"1": {"gifs": [video]}})}
    assert names == {"v_00001-audio.mp4", "v_00001.mp4", "v_00001.png"}


def test_an_input_that_a_node_shows_is_none_of_what_the_workflow_left() -> None:
    assert left_files({"1": {"images": [file("example.png", folder="input")]}}) == set()


@pytest.mark.parametrize(
    ("extension", "content_type", "kind"),
    [
        ("png", "image/png", "image"),
        ("webp", "image/webp", "image"),
        ("mp4", "video/mp4", "video"),
        ("flac", "audio/flac", "audio"),
        ("txt", "text/plain", "text"),
        ("glb", "model/gltf-binary", "3d"),
        ("obj", "model/obj", "3d"),
        ("ply", "application/octet-stream", "3d"),
        ("latent", "application/octet-stream", "latent"),
        ("zip", "application/zip", "file"),
    ],
)
def test_every_output_has_a_kind(extension: str, content_type: str, kind: str) -> None:
    assert output_kind(extension=extension, content_type=content_type) == kind


async def test_an_output_says_which_node_made_it_and_how_the_server_calls_it() -> None:
    async with bench("comfyui") as one:
        (output,) = (await one.run(workflow(further={"9": saving(filename_prefix="a/b/c")}))).files
    assert (output.node_id, output.subfolder, output.name, output.kind) == ("9", "a/b", "c_00001_.png", "image")


def saving(class_type: str = "SaveImage", **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": {"images": ["3", 0], **inputs}}


async def test_text_that_is_also_in_a_file_is_stored_once() -> None:
    both = shows([["output", "", "n.json", "a cat\n"]], files=[file("n.json")], text=["a cat"])
    result = await outputs_of(both, shows(text=["a cat"]))
    assert shown(result) == [("1", "n.json", "a cat\n"), ("2", None, "a cat")]
    assert [one.kind for one in result.files] == ["file", "text"]


async def test_a_folder_in_the_name_of_a_file_is_its_subfolder() -> None:
    result = await outputs_of(shows([["output", "a/b", "x.txt", "x"]], files=[file("b/x.txt", "a")]))
    assert shown(result) == [("1", "x.txt", "x")]


@pytest.mark.parametrize("folder", ["output", "temp", "input"])
async def test_the_file_of_a_viewer_is_found_in_the_folder_where_it_is(folder: str) -> None:
    viewer = shows([[folder, "m", "x.glb", GLB]], result=["m/x.glb", None])
    async with bench("comfyui") as one, one.runtime.prepare(one.task({"1": viewer})) as request:
        outputs = await request.infer(before_post=lambda: None, on_progress=one.progress.append)
        result = await read(outputs)
        assert isinstance(request, ComfyUiRequest)
        left = request.left
    assert shown(result) == [("1", "x.glb", GLB)]
    assert result.files[0].kind == "3d"
    # An input was not written by the workflow, so the janitor must not delete it.
    assert left == ({Place(folder, "m", "x.glb")} if folder != "input" else set())


@pytest.mark.parametrize("named", ["m/x.glb", "m/x.glb [output]"])
async def test_a_model_that_is_saved_and_viewed_is_one_output(named: str) -> None:
    saved = shows([["output", "m", "x.glb", GLB]], **{"3d": [file("x.glb", "m")], "result": [named]})
    assert shown(await outputs_of(saved, shows(result=[named]))) == [("1", "x.glb", GLB)]


@pytest.mark.parametrize("named", ["gone.glb", "gone.glb [temp]", "/abs/gone.glb", "../gone.glb"])
async def test_a_viewer_without_its_file_is_a_warning_where_there_is_another_output(named: str) -> None:
    result = await outputs_of(
        shows(result=[named]), shows([["temp", "", "p.txt", "p"]], files=[file("p.txt", "", "temp")])
    )
    assert shown(result) == [("2", "p.txt", "p")]
    (warning,) = result.description.warnings
    assert (warning.node_id, warning.code) == ("1", "file_unavailable")
    assert "gone.glb" in warning.message


async def test_fails_when_a_viewer_without_its_file_is_all_there_is() -> None:
    with pytest.raises(
        TaskFailedError, match="without an output: node 1: the runtime does not return 'gone.glb'"
    ) as error:
        await outputs_of(shows(result=["gone.glb"]))
    assert error.value.code == "no_output"


async def test_a_file_outside_of_the_servers_folders_is_a_warning_where_there_is_another_output() -> None:
    result = await outputs_of(shows(images=[file("/srv/x.png")], text=["saved"]))
    assert shown(result) == [("1", None, "saved")]
    assert [warning.code for warning in result.description.warnings] == ["file_unavailable"]


async def test_fails_when_a_file_that_was_saved_is_not_there() -> None:
    with pytest.raises(TaskFailedError, match=r"does not return 'x.png': 404"):
        await outputs_of(shows(images=[file("x.png")], text=["saved"]))


async def test_a_cache_that_names_deleted_files_is_dropped_and_the_task_runs_again() -> None:
    async with bench("comfyui") as one:
        await one.run()
        await one.post("/_stand_in/forget_files", {})
        one.claim_id = str(uuid.uuid4())
        with pytest.raises(RuntimeUnavailableError, match="from its cache") as error:
            await one.run()
        one.claim_id = str(uuid.uuid4())
        assert len((await one.run()).files) == 1
    assert error.value.accepted


async def test_the_invalid_part_of_a_graph_is_a_warning() -> None:
    async with bench("comfyui") as one:
        result = await one.run(workflow(further={"10": {"class_type": "SaveImage", "inputs": {}}}))
    (warning,) = result.description.warnings
    assert (warning.node_id, warning.code) == ("10", "invalid_node")
    assert warning.message == "SaveImage: Required input is missing: images"


async def sent_images(one: Bench, **inputs: Any) -> Result:
    graph = workflow(further={"9": saving("SaveImageWebsocket")})
    graph["5"]["inputs"] |= inputs
    return await one.run(graph)


async def test_images_are_taken_from_the_websocket_and_previews_are_not() -> None:
    async with bench("comfyui", seconds_per_task=0.02) as one:
        result = await sent_images(one, batch_size=3)
    assert [(output.node_id, output.kind, output.data[:8]) for output in result.files] == [("9", "image", PNG)] * 3
    assert len({output.data for output in result.files}) == 3


async def test_images_that_a_lost_websocket_carried_are_made_again() -> None:
    async with bench("comfyui", seconds_per_task=0.05) as one:
        await one.fault("drop_websocket_for_good")
        with pytest.raises(RuntimeUnavailableError, match="the websocket closed while") as error:
            await sent_images(one)
    assert error.value.accepted


def frame(kind: int, second: int, rest: bytes) -> bytes:
    return kind.to_bytes(4) + second.to_bytes(4) + rest


def test_images_with_metadata_are_those_of_the_node_that_it_names() -> None:
    images = SocketImages(workflow(further={"9": saving("SaveImageWebsocket")}))
    for node_id in ("9", "3"):
        metadata = f'{{"node_id": "{node_id}"}}'.encode()
        images.take(frame(4, len(metadata), metadata + PNG))
    assert images.images == [("9", PNG)]


@pytest.mark.parametrize(
    "odd",
    [
        b"",
        b"\0\0\0\1",
        frame(1, 2, b""),
        frame(2, 2, PNG),
        frame(3, 1, b"9text"),
        frame(4, 99, b"{"),
        frame(4, 1, b"["),
    ],
)
def test_a_frame_that_is_not_an_image_is_ignored(odd: bytes) -> None:
    images = SocketImages(workflow(further={"9": saving("SaveImageWebsocket")}))
    images.heard(Event("executing", {"node": "9"}))
    images.take(odd)
    assert images.images == []


BATCHED = {
    "1": {"class_type": "VHS_BatchManager", "inputs": {"frames_per_batch": 16}},
    "2": {"class_type": "VHS_LoadVideo", "inputs": {"video": "v.mp4", "meta_batch": ["1", 0]}},
}


def test_a_meta_batch_is_one_that_a_node_uses() -> None:
    assert meta_batch_of(BATCHED) == "1"
    assert meta_batch_of({"1": BATCHED["1"]}) is None
    assert meta_batch_of({**workflow(), "odd": 1, "2": {"class_type": "X", "inputs": None}}) is None


async def test_fails_when_a_workflow_queues_further_prompts() -> None:
    async with bench("comfyui") as one:
        with pytest.raises(BadTaskError, match="node 1 must not use a Meta Batch Manager") as error:
            await one.run(BATCHED)
        assert await one.journal() == []
    assert error.value.code == "invalid_workflow"


async def test_fails_when_a_node_says_that_it_has_queued_the_rest_and_the_runtime_is_interrupted_for_it() -> None:
    """After a stalled task, the runtime is interrupted before the next request."""
    with pytest.raises(StalledError, match="Meta Batch Manager") as error:
        await outputs_of(shows(unfinished_batch=[True]))
    assert error.value.code == "invalid_workflow"


async def test_fails_when_the_history_says_that_the_rest_was_queued() -> None:
    async with bench("comfyui", seconds_per_task=0.05) as one:
        await one.fault("drop_websocket_for_good")
        with pytest.raises(StalledError, match="Meta Batch Manager"):
            await one.run({"1": shows(unfinished_batch=[True])})


async def test_the_entry_of_a_task_is_deleted_from_the_history_when_its_outputs_are_read() -> None:
    async with bench("comfyui") as one:
        async with one.runtime.prepare(one.task()) as request:
            outputs = await request.infer(before_post=lambda: None, on_progress=one.progress.append)
            assert [output.extension async for output in outputs.files()] == ["png"]
            assert len(await one.get("/_stand_in/history")) == 1
        assert await one.get("/_stand_in/history") == []


async def test_entries_of_quick_tasks_are_deleted_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("queue_agent.runtimes.comfyui.server._HISTORY_DELETE_INTERVAL_S", 60.0)
    async with bench("comfyui") as one:
        for seed, left in ((1, 0), (2, 1), (3, 2)):
            one.claim_id = str(uuid.uuid4())
            await one.run(workflow(seed))
            assert len(await one.get("/_stand_in/history")) == left
        monkeypatch.setattr("queue_agent.runtimes.comfyui.server._HISTORY_DELETE_INTERVAL_S", 0.0)
        one.claim_id = str(uuid.uuid4())
        await one.run(workflow(4))
        assert await one.get("/_stand_in/history") == []


async def test_a_history_that_cannot_be_deleted_fails_nothing() -> None:
    async with bench("comfyui") as one:
        async with one.runtime.prepare(one.task()) as request:
            outputs = await request.infer(before_post=lambda: None, on_progress=one.progress.append)
            assert [output.extension async for output in outputs.files()] == ["png"]
            await one.stop()


async def test_files_and_inputs_of_older_workflows_are_listed_for_the_janitor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("queue_agent.runtimes.comfyui.finished_files._WRITE_INTERVAL_S", 0)
    path = tmp_path / "list"
    async with bench("comfyui") as one:
        one.runtime = ComfyUi(RuntimeHttp(one.session, one.url), FinishedFiles(path))
        loading = {"1": {"class_type": "LoadImage", "inputs": {"image": "cat"}}, "9": saving(images=["1", 0])}
        uploaded = f"{one.claim_id}-0.png"
        await one.run(loading, inputs={"cat": input_file(PNG)})
        for seed in (2, 3):
            one.claim_id = str(uuid.uuid4())
            await one.run(workflow(seed))
    lines = await asyncio.to_thread(path.read_text)
    assert [json.loads(line) for line in lines.splitlines()] == [
        ["input", "queue-agent", uploaded],
        ["output", "", "ComfyUI_00001_.png"],
    ]


@pytest.mark.parametrize(("beside", "names"), [("SaveImage", {None, "x_00001_.png"}), ("PreviewImage", {None})])
async def test_saved_files_go_with_images_of_the_websocket_and_previews_do_not(
    beside: str, names: set[str | None]
) -> None:
    saved = saving(beside, filename_prefix="x")
    async with bench("comfyui") as one:
        result = await one.run(workflow(further={"8": saved, "9": saving("SaveImageWebsocket")}))
    assert {output.name for output in result.files} == names
