"""The schemas: one a file, and SubmitTask, which is put together from them.

Generators of clients read them, which know less than JSON Schema: they pass over `if`, need `items` of every array, and
a `type` beside `const`; an object is open for them only where `additionalProperties` says so; and what a schema adds to
another one is the second part of its `allOf`.
"""

import copy
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

Schema = dict[str, Any]

SCHEMAS: Final = Path(__file__).parents[1] / "schemas"
REFERENCE_PREFIX: Final = "#/components/schemas/"
"""How schemas refer to each other: as in the OpenAPI document, so that none is rewritten."""

CONTENTS: Final = {
    "text-to-image": "TextToImage",
    "image-to-image": "ImageToImage",
    "extra-single-image": "ExtraSingleImage",
    "extra-batch-images": "ExtraBatchImages",
    "pipeline": "Pipeline",
}
"""Schema of a content by its tasktype."""


@cache
def schemas() -> dict[str, Schema]:
    """Every schema by its name: that of its file, `task_id.yaml` gives `TaskId`."""
    files = sorted(SCHEMAS.glob("*.yaml"))
    found = {component_name(file.stem): yaml.safe_load(file.read_text(encoding="utf-8")) for file in files}
    return {**found, "SubmitTask": _submit_task(found["TaskEnvelope"])}


def component_name(stem: str) -> str:
    """Name of a schema, of the name of its file."""
    return "".join(word[:1].upper() + word[1:] for word in stem.split("_"))


def resolved(schema: Schema) -> Schema:
    """The schema that another one refers to, or itself."""
    reference = schema.get("$ref")
    return schema if reference is None else resolved(schemas()[reference.removeprefix(REFERENCE_PREFIX)])


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
