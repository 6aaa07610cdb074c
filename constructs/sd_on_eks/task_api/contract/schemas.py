"""The schemas: one a file, and SubmitTask, which is put together from them.

Generators of clients read them, which know less than JSON Schema: they pass over `if`, need `items` of every array, and
a `type` beside `const`; an object is open for them only where `additionalProperties` says so; and what a schema adds to
another one is the second part of its `allOf`.
"""

import copy
from functools import cache
from pathlib import Path
from string import Template
from typing import Any, Final

import yaml

from sd_on_eks.task_api.contract.lists import listed
from task_record.identifiers import ID_PATTERN
from task_record.object_keys import PREFIX_MAX_BYTES, RESERVED_PREFIXES, UPLOADS
from task_record.runtime_types import RUNTIME_TYPES, TASK_TYPES
from task_record.status import Status

Schema = dict[str, Any]

SCHEMAS: Final = Path(__file__).parents[1] / "schemas"
REFERENCE_PREFIX: Final = "#/components/schemas/"
"""How schemas refer to each other: as in the OpenAPI document, so that none is rewritten."""


def component_name(stem: str) -> str:
    """Name of a schema, of the name of its file."""
    return "".join(word[:1].upper() + word[1:] for word in stem.split("_"))


CONTENTS: Final = {tasktype: component_name(tasktype.replace("-", "_")) for tasktype in TASK_TYPES}
"""Schema of a content by its tasktype, whose name it has."""


@cache
def schemas() -> dict[str, Schema]:
    """Every schema by its name: that of its file, `task_id.yaml` gives `TaskId`."""
    files = sorted(SCHEMAS.glob("*.yaml"))
    found = {component_name(file.stem): yaml.safe_load(_text(file)) for file in files}
    return {**found, "SubmitTask": _submit_task(found["TaskEnvelope"])}


def resolved(schema: Schema) -> Schema:
    """The schema that another one refers to, or itself."""
    reference = schema.get("$ref")
    return schema if reference is None else resolved(schemas()[reference.removeprefix(REFERENCE_PREFIX)])


def _text(file: Path) -> str:
    return Template(file.read_text(encoding="utf-8")).safe_substitute(_facts())


def _facts() -> dict[str, str]:
    """What the schemas take from `task_record`: `${task_types}` in a file stands for it."""
    facts = {
        "id_pattern": ID_PATTERN,
        "reserved_prefixes": "|".join(RESERVED_PREFIXES),
        "reserved_prefixes_in_words": " or ".join(sorted(RESERVED_PREFIXES)),
        "prefix_max_bytes": str(PREFIX_MAX_BYTES),
        "statuses": ", ".join(Status),
        "task_types": ", ".join(TASK_TYPES),
        "uploads": UPLOADS,
    }
    for one in RUNTIME_TYPES.values():
        operations = [task_type.server_path.rpartition("/")[2] for task_type in one.task_types]
        facts[f"{one.name}_operations"] = listed(operations, "or")
        facts[f"{one.name}_task_types"] = ", ".join(task_type.name for task_type in one.task_types)
        extensions = [f"`{task_type.name}`" for task_type in one.task_types if task_type.is_extension]
        others = [f"`{task_type.name}`" for task_type in one.task_types if not task_type.is_extension]
        and_extensions = f", and as an extension {listed(extensions, 'and')}" if extensions else ""
        facts[f"{one.name}_does"] = listed(others, "and") + and_extensions
    return facts


def _submit_task(envelope: Schema) -> Schema:
    """The whole body of `POST /v1alpha2`.

    The handler checks it in two steps, the envelope and then the content by its tasktype, so that a wrong runtime or
    tasktype is reported before anything of the content. Here both are one.
    """
    whole: Schema = copy.deepcopy(envelope)
    contents = {tasktype: {"$ref": f"{REFERENCE_PREFIX}{name}"} for tasktype, name in CONTENTS.items()}
    # The first rule is for generators of clients; the others allow nothing that it does not.
    whole["properties"]["task"]["properties"]["content"]["anyOf"] = list(contents.values())
    for tasktype, content in reversed(contents.items()):
        others = {keyword: whole.pop(keyword) for keyword in ("if", "then", "else") if keyword in whole}
        whole["if"] = _in_task({"metadata": {"properties": {"tasktype": {"const": tasktype}}}})
        whole["then"] = _in_task({"content": content})
        if others:
            whole["else"] = others
    return whole


def _in_task(properties: Schema) -> Schema:
    return {"properties": {"task": {"properties": properties}}}
