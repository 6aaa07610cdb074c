"""How many files a new task type and a new type of runtime touch: each recipe is applied to a copy of the tree."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

ROOT: Final = Path(__file__).parents[2]
SOURCES: Final = (
    *("constructs", "runtime_images", "docs", "config.schema.json"),
    *("scripts/generate.py", "scripts/verification/samples.py"),
)
API: Final = "constructs/sd_on_eks/task_api"
ROWS: Final = "constructs/task_record/runtime_types.py"
EXAMPLES: Final = f"{API}/contract/request_examples.py"
CLIENTS: Final = "runtime_images/queue_agent/src/queue_agent/runtimes"

Edit = str | tuple[tuple[str, str], ...]
"""The text of a new file; or what is put before which text of a file that exists."""

TASK_TYPE: Final[Mapping[str, Edit]] = {
    ROWS: (
        (
            '    ),\n    ready_path="/sdapi/v1/options"',
            (
                "        TaskType(\n"
                '            name="interrogate",\n'
                '            server_path="/sdapi/v1/interrogate",\n'
                '            image_fields=("image",),\n'
                "            is_extension=True,\n"
                "        ),\n"
            ),
        ),
    ),
    f"{API}/schemas/interrogate.yaml": """\
description: Body of the SD Web UI's `/sdapi/v1/interrogate`.
type: object
additionalProperties: true
required: [image]
properties:
  image:
    $ref: '#/components/schemas/Image'
  model:
    description: What describes the image.
    type: string
    enum: [clip, deepdanbooru]
""",
    f"{API}/handler/interrogate_rules.py": '''\
"""What an interrogate task's content must be like beyond its schema."""

from collections.abc import Mapping
from typing import Any

from . import request_schema
from .errors import invalid


def check(content: Mapping[str, Any], path: str) -> None:
    """Check a content.

    Raises:
        ApiError: it cannot be run.
    """
    request_schema.interrogate(content, path)
    if content.get("model") == "deepdanbooru" and "language" in content:
        raise invalid(f"{path}.language", "must be left out for deepdanbooru")
''',
    EXAMPLES: (
        (
            '        "pipeline": _task(',
            '        "interrogate": _task("interrogate", "sdruntime", "cat-8", content={"image": _IMAGE}),\n',
        ),
    ),
}

RUNTIME_TYPE: Final[Mapping[str, Edit]] = {
    ROWS: (
        ("]\n\n\n@dataclass", ', "songserver"'),
        (
            "RUNTIME_TYPES: Final[",
            (
                'SONGSERVER: Final = RuntimeType(\n    name="songserver",\n    server="Song Server",\n'
                '    task_types=(TaskType(name="text-to-song", server_path="/songs"),),\n'
                '    ready_path="/health",\n    has_named_inputs=False,\n    max_input_bytes=INPUT_MAX_BYTES,\n)\n\n'
            ),
        ),
        (")}\n\nTASK_TYPES", ", SONGSERVER"),
    ),
    f"{API}/schemas/tasktype.yaml": ((".\ntype", "; a songserver runtime does ${songserver_does}"),),
    f"{API}/schemas/text_to_song.yaml": """\
description: Body of the Song Server's `/songs`.
type: object
additionalProperties: true
required: [lyrics]
properties:
  lyrics:
    description: What is sung.
    type: string
    minLength: 1
""",
    EXAMPLES: (
        (
            '        "uploaded content": _task(',
            '        "text-to-song": _task("text-to-song", "songs", "song-1", content={"lyrics": "la"}),\n',
        ),
    ),
    f"{CLIENTS}/registry.py": (
        ("from queue_agent.runtimes.sdwebui", "from queue_agent.runtimes.songserver import SongServer\n"),
        ("}\n", '    "songserver": lambda _, http: SongServer(http),\n'),
    ),
    "scripts/verification/samples.py": (
        ('    "pipeline": workflow,', '    "text-to-song": lambda: {"lyrics": "la"},\n'),
        ('    "pipeline": {"1"', '    "text-to-song": {"lyrics": "la"},\n'),
    ),
}
NEW_FOLDERS: Final[Mapping[str, Edit]] = {
    f"{CLIENTS}/songserver/__init__.py": '''\
"""A server that sings, as far as the path that it takes tasks at."""

from contextlib import asynccontextmanager

from task_record.runtime_types import TASK_TYPES


class SongServer:
    def __init__(self, http):
        self._http = http

    @asynccontextmanager
    async def prepare(self, task):
        yield self._http.hold(TASK_TYPES[task.tasktype].server_path, b"")
''',
    "runtime_images/songserver/Dockerfile": "ARG BASE=public.ecr.aws/docker/library/python:3.13-slim\nFROM ${BASE}\n",
}
"""What a client and an image need beside these is theirs alone: protocols of runtimes/base.py, a start script."""


def apply(edits: Mapping[str, Edit], tree: Path) -> None:
    for name, edit in edits.items():
        file = tree / name
        if isinstance(edit, str):
            assert not file.exists()
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(edit, encoding="utf-8")
            continue
        text = file.read_text(encoding="utf-8")
        for before, inserted in edit:
            assert text.count(before) == 1, f"{name} has {before!r} {text.count(before)} times"
            text = text.replace(before, inserted + before)
        file.write_text(text, encoding="utf-8")


@pytest.fixture
def tree() -> Iterator[Path]:
    """A copy of the tree, which goes at once: pytest would keep its hundreds of files for three runs."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        for source in SOURCES:
            (folder / source).parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, folder / source)
            else:
                shutil.copy2(ROOT / source, folder / source)
        yield folder


def found_in(tree: Path, *arguments: str) -> dict[str, Any]:
    sources = [tree / name for name in ("constructs", f"{CLIENTS}/../..", "scripts")]
    done = subprocess.run(  # noqa: S603 (our own program)
        [sys.executable, str(Path(__file__).with_name("recipe_checks.py")), *arguments],
        cwd=tree,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(str(one.resolve()) for one in sources)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


GENERATED: Final = [
    f"{API}/handler/content_checks.py",
    f"{API}/handler/request_schema.py",
    "docs/api.md",
    "docs/openapi.json",
]


def test_a_new_task_type_of_the_sd_web_ui_touches_at_most_four_files(tree: Path) -> None:
    assert len(TASK_TYPE) <= 4
    apply(TASK_TYPE, tree)
    found = found_in(tree, "task type", "interrogate")
    assert found["generated"] == GENERATED
    assert found["answers"] == [
        "interrogate",
        "task.content.model: must be clip or deepdanbooru, got 'blip'; did you mean 'clip'?",
        "task.content.language: must be left out for deepdanbooru",
        "task.content.image: must be an image in base64, or an https:// or s3:// link to one, got nothing",
    ]
    assert found["posted to"] == "/sdapi/v1/interrogate"
    assert found["enum"][-2:] == ["interrogate", "pipeline"]
    assert "`extra-single-image`, `extra-batch-images` and `interrogate`; a comfyui runtime" in found["words"]
    assert "Interrogate" in found["schemas"]
    assert found["on the page"]


def test_a_new_type_of_runtime_touches_at_most_seven_files_beside_new_folders(tree: Path) -> None:
    assert len(RUNTIME_TYPE) <= 7
    apply({**RUNTIME_TYPE, **NEW_FOLDERS}, tree)
    found = found_in(tree, "runtime type", "text-to-song")
    assert found["generated"] == [
        "config.schema.json",
        *GENERATED[:2],
        "docs/api.md",
        "docs/configuration.md",
        GENERATED[3],
    ]
    assert found["answers"] == ["text-to-song", "task.content.lyrics: must be a non-empty string, got nothing"]
    assert found["posted to"] == "/songs"
    assert "modelFilename: must not be set for songserver, whose workflows specify their models" in found["problem"]
    assert found["image"] == ["Dockerfile", "shared"]
    assert found["enum"][-1] == "text-to-song"
    assert found["words"].endswith("a songserver runtime does `text-to-song`.")
    assert "TextToSong" in found["schemas"]
    assert found["on the page"]
