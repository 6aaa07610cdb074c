"""The agent's client with recordings of real servers: each ends like on its server, and never because of a broadcast.

Recordings are in `../shared/records`. The frames in this file test the same properties without that folder.
"""

import asyncio
import json
import uuid
from pathlib import Path
from typing import Any

import pytest

from queue_agent.errors import RuntimeUnavailableError, StalledError, TaskFailedError
from queue_agent.inference import infer
from queue_agent.runtimes.base import RuntimeTask
from queue_agent.runtimes.comfyui.ui_values import Place
from tests.fakes.recorded_comfyui import Frame, Recording, event, played
from tests.fakes.stand_in_runtime.bench import Result, read

_RECORDS = Path(__file__).parents[4] / "shared" / "records"
_PATHS = sorted(_RECORDS.glob("comfyui-*/ws/*.json"))
_PATIENCE_S = 60.0
_GRAPH = {"9": {"class_type": "SaveImage", "inputs": {"images": ["3", 0]}}}
_IMAGE = {"images": [{"filename": "x_00001_.png", "subfolder": "", "type": "output"}]}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The times of the client, scaled like the recorded ones."""
    for name, seconds in {"request._QUIET_S": 0.04, "request._POLL_INTERVAL_S": 0.01}.items():
        monkeypatch.setattr(f"queue_agent.runtimes.comfyui.{name}", seconds)
    monkeypatch.setattr("queue_agent.inference._POLL_INTERVAL_S", 0.01)


def _task() -> RuntimeTask:
    return RuntimeTask(claim_id=str(uuid.uuid4()), submission="S", tasktype="pipeline", content=_GRAPH)


async def play(recording: Recording, *, stall_s: float = 60) -> Result:
    async with asyncio.timeout(_PATIENCE_S), played(recording) as (runtime, _), runtime.prepare(_task()) as request:
        outputs = await infer(
            request, before_post=lambda: None, on_progress=lambda _: None, stall_s=stall_s, longest_task_s=60
        )
        return await read(outputs)


def saved_names(outputs: dict[str, Any]) -> list[str]:
    """Names of saved files, or of previews if nothing was saved."""
    lists = (values for node in outputs.values() for key, values in node.items() if key in {"images", "gifs"})
    files = [value for values in lists for value in values]
    saved = [file["filename"] for file in files if file["type"] == "output"]
    return saved or [file["filename"] for file in files]


async def ends_as_recorded(recording: Recording) -> str:
    """Replay a recording, and compare its end with the recorded one.

    Returns:
        The end.
    """
    end = recording.end
    if recording.is_cut:
        assert [file.name for file in (await play(recording)).files] == ["unseen.png"]
        return "completed behind a cut websocket"
    if end is None:
        with pytest.raises(RuntimeUnavailableError, match="lost the task") as lost:
            await play(recording)
        assert lost.value.accepted
        return "lost"
    if end["type"] == "execution_interrupted":
        with pytest.raises(TaskFailedError, match="another client of the runtime interrupted"):
            await play(recording)
        return "interrupted"
    if end["type"] == "execution_error":
        with pytest.raises(TaskFailedError) as failed:
            await play(recording)
        assert str(failed.value) == end["data"]["exception_message"].strip()
        assert failed.value.details["node_id"] == end["data"]["node_id"]
        return "failed"
    if not recording.outputs:
        with pytest.raises(TaskFailedError, match="without an output"):
            await play(recording)
        return "no output"
    result = await play(recording)
    assert [file.name for file in result.files] == saved_names(recording.outputs)
    blocked = [(error["node_id"], "blocked", error["exception_message"]) for error in recording.errors]
    assert [(warning.node_id, warning.code, warning.message) for warning in result.description.warnings] == blocked
    return "blocked branch" if blocked else "completed"


@pytest.mark.skipif(not _PATHS, reason=f"{_RECORDS} is absent: nothing to replay")
async def test_every_recording_ends_as_its_server_ended_it() -> None:
    # In parallel: most of the time is the wait before the server is polled.
    ends = await asyncio.gather(*(ends_as_recorded(Recording.read(path)) for path in _PATHS))
    by_name = {path.stem[:2]: end for path, end in zip(_PATHS, ends, strict=True)}
    assert len(by_name) == len(_PATHS)
    assert (
        by_name.items()
        >= {"07": "blocked branch", "18": "interrupted", "06": "completed behind a cut websocket"}.items()
    )
    assert {name for name, end in by_name.items() if end == "failed"} == {"04", "05", "14", "16", "24"}
    assert {name for name, end in by_name.items() if end == "lost"} == {"19", "21", "26", "28"}


@pytest.mark.skipif(not _PATHS, reason=f"{_RECORDS} is absent: nothing to replay")
async def test_every_recorded_answer_is_read() -> None:
    folders = {path.parents[1] for path in _PATHS}
    for path in (path for folder in folders for path in sorted(folder.glob("history_*.json"))):
        for prompt_id, entry in json.loads(path.read_text()).items():
            frames = [event(kind, **data) for kind, data in entry["status"]["messages"]]
            assert frames[-1]["data"]["prompt_id"] == prompt_id
            outputs = [
                event("executed", node=node, output=output, prompt_id=prompt_id)
                for node, output in entry["outputs"].items()
            ]
            await ends_as_recorded(Recording([frames[0], *outputs, *frames[1:]]))


def mine(kind: str, **data: Any) -> Frame:
    return event(kind, prompt_id="11111111-1111-5111-8111-111111111111", **data)


BLOCKED = mine(
    "execution_error",
    node_id="3",
    node_type="SaveImage",
    exception_type="ExecutionBlocked",
    exception_message="Execution Blocked: no face",
)
STARTED = [mine("execution_start"), mine("execution_cached", nodes=[]), mine("executing", node="9")]
DONE = [mine("executed", node="9", output=_IMAGE), mine("execution_success"), mine("executing", node=None)]


async def test_a_blocked_branch_is_a_warning_and_the_others_go_on() -> None:
    assert await ends_as_recorded(Recording([*STARTED, BLOCKED, *DONE])) == "blocked branch"


async def test_fails_when_the_only_branch_is_blocked() -> None:
    with pytest.raises(TaskFailedError, match="without an output: node 3: Execution Blocked: no face") as error:
        await play(Recording([*STARTED, BLOCKED, mine("execution_success"), mine("executing", node=None)]))
    assert error.value.code == "no_output"


async def test_a_failure_behind_a_blocked_branch_is_the_failure() -> None:
    failed = mine("execution_error", node_id="4", exception_type="KeyError", exception_message="'x'")
    assert await ends_as_recorded(Recording([*STARTED, BLOCKED, failed, mine("executing", node=None)])) == "failed"


async def test_a_history_that_holds_a_blocked_branch_names_the_failure() -> None:
    """No known version writes it there. If one did, the task must not fail."""
    failed = mine("execution_error", node_id="4", exception_type="KeyError", exception_message="'x'")
    recording = Recording([*STARTED, failed, BLOCKED, mine("executing", node=None)], is_cut=True)
    entry = recording.history()
    assert entry is not None
    entry["status"] |= {
        "status_str": "error",
        "messages": [["execution_error", one["data"]] for one in (failed, BLOCKED)],
    }
    recording.__dict__["history"] = lambda: entry
    with pytest.raises(TaskFailedError, match="'x'"):
        await play(recording)


@pytest.mark.parametrize("frames", [[], STARTED], ids=["before its begin", "under way"])
@pytest.mark.parametrize(
    "broadcast",
    [
        event("pack.monitor", cpu=1.0),
        event("executing", node="2"),
        event("progress_state", prompt_id="another", nodes={}),
        {"binary": 16, "head": "0000000100000002"},
    ],
    ids=["of a node pack", "without a prompt", "of another prompt", "a preview"],
)
async def test_a_lost_prompt_is_noticed_behind_events_of_others(frames: list[Frame], broadcast: Frame) -> None:
    assert await ends_as_recorded(Recording(frames, broadcast=broadcast)) == "lost"


async def test_fails_when_a_worker_has_exited_and_node_packs_broadcast() -> None:
    """The prompt is running in the queue, and the server responds, but there is no progress."""
    with pytest.raises(StalledError, match="no progress"):
        await play(Recording(STARTED, stays_running=True), stall_s=0.1)


async def test_a_closed_websocket_is_replaced_by_polling() -> None:
    assert await ends_as_recorded(Recording(STARTED, is_cut=True)) == "completed behind a cut websocket"


async def test_files_of_a_workflow_that_failed_are_known_for_the_janitor() -> None:
    failed = mine("execution_error", node_id="4", exception_type="KeyError", exception_message="'x'")
    recording = Recording([*STARTED, mine("executed", node="9", output=_IMAGE), failed])
    async with played(recording) as (runtime, _), runtime.prepare(_task()) as request:
        with pytest.raises(TaskFailedError):
            await request.infer(before_post=lambda: None, on_progress=lambda _: None)
        assert request.left == {Place("output", "", "x_00001_.png")}


async def test_an_entry_of_the_history_is_deleted_however_late_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure is known before the server writes its history, so the next deletion has its id again."""
    monkeypatch.setattr("queue_agent.runtimes.comfyui.server._HISTORY_DELETE_INTERVAL_S", 0.0)
    failed = mine("execution_error", node_id="4", exception_type="KeyError", exception_message="'x'")
    prompt_ids = []
    async with played(Recording([*STARTED, failed])) as (runtime, recorded):
        for _ in range(2):
            async with runtime.prepare(_task()) as request:
                with pytest.raises(TaskFailedError):
                    await request.infer(before_post=lambda: None, on_progress=lambda _: None)
                prompt_ids.append(request._prompt_id)
    first, second = prompt_ids
    assert [asked for asked in recorded.asked if asked.startswith("/history")] == [
        f'/history {{"delete": ["{first}"]}}',
        f'/history {{"delete": ["{first}", "{second}"]}}',
    ]
