"""config.schema.json, with which editors complete and check config.yaml."""

import json
from pathlib import Path
from typing import Any, Final

from sd_on_eks.config.config import Config

SCHEMA_FILE: Final = Path(__file__).resolve().parents[3] / "config.schema.json"


def config_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of the configuration."""
    schema = Config.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def schema_text() -> str:
    """The contents of config.schema.json."""
    return json.dumps(config_schema(), indent=2, ensure_ascii=False) + "\n"
