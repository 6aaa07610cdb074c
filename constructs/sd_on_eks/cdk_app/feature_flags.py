"""The CDK feature flags, which affect the resources that constructs create."""

import json
from pathlib import Path
from typing import Any, Final

_CDK_JSON: Final = Path(__file__).resolve().parents[3] / "cdk.json"


def cdk_context() -> dict[str, Any]:
    """The context of cdk.json.

    The CDK CLI passes it to the app. An app that runs without the CLI needs it to create the same resources.
    """
    context: dict[str, Any] = json.loads(_CDK_JSON.read_text(encoding="utf-8"))["context"]
    return context
