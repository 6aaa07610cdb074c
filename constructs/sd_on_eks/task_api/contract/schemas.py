"""The schemas' files."""

from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

Schema = dict[str, Any]

SCHEMAS: Final = Path(__file__).parents[1] / "schemas"
REFERENCE_PREFIX: Final = "#/components/schemas/"
"""How schemas refer to each other: as in the OpenAPI document, so that none is rewritten."""


@cache
def schemas() -> dict[str, Schema]:
    """Every schema by its name: that of its file, `task_id.yaml` gives `TaskId`."""
    files = sorted(SCHEMAS.glob("*.yaml"))
    return {component_name(file.stem): yaml.safe_load(file.read_text(encoding="utf-8")) for file in files}


def component_name(stem: str) -> str:
    """Name of a schema, of the name of its file."""
    return "".join(word[:1].upper() + word[1:] for word in stem.split("_"))


def resolved(schema: Schema) -> Schema:
    """The schema that another one refers to, or itself."""
    reference = schema.get("$ref")
    return schema if reference is None else resolved(schemas()[reference.removeprefix(REFERENCE_PREFIX)])
