"""The schemas: one in each file, and SubmitTask, which is composed of them.

Client generators read them, and support less than JSON Schema: they ignore `if`, need `items` in every array and a
`type` beside `const`, allow additional properties only with `additionalProperties`, and expect the fields that a schema
adds to another one in the second part of its `allOf`.
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
"""Prefix of references between schemas, the same as in the OpenAPI document."""


def component_name(stem: str) -> str:
    """Name of a schema, derived from the name of its file."""
    return "".join(word[:1].upper() + word[1:] for word in stem.split("_"))


CONTENTS: Final = {tasktype: component_name(tasktype.replace("-", "_")) for tasktype in TASK_TYPES}
"""Names of the schemas of contents, by task type."""


@cache
def schemas() -> dict[str, Schema]:
    """All schemas by their names; `task_id.yaml` is `TaskId`."""
    files = sorted(SCHEMAS.glob("*.yaml"))
    found = {component_name(file.stem): yaml.safe_load(_text(file)) for file in files}
    return {**found, "SubmitTask": _submit_task(found["TaskEnvelope"])}


def resolved(schema: Schema) -> Schema:
    """The schema that `$ref` refers to, or the schema itself."""
    reference = schema.get("$ref")
    return schema if reference is None else resolved(schemas()[reference.removeprefix(REFERENCE_PREFIX)])


def _text(file: Path) -> str:
    return Template(file.read_text(encoding="utf-8")).safe_substitute(_facts())


def _facts() -> dict[str, str]:
    """Values of `task_record` that replace placeholders such as `${task_types}` in the files."""
    facts = {
        "id_pattern": ID_PATTERN,
        "reserved_prefixes": "|".join(RESERVED_PREFIXES),
        "reserved_prefixes_in_words": listed([f"`{prefix}`" for prefix in RESERVED_PREFIXES], "or"),
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
    """The complete body of `POST /v1alpha2`.

    The handler validates it in two steps, first the envelope and then the content by its task type, so that an invalid
    runtime or task type is reported first. This schema combines both.
    """
    whole: Schema = copy.deepcopy(envelope)
    contents = {tasktype: {"$ref": f"{REFERENCE_PREFIX}{name}"} for tasktype, name in CONTENTS.items()}
    # `anyOf` is for client generators. It adds no restriction to the rules below.
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
