"""The CDK's feature flags, which decide what the constructs make."""

import json
from pathlib import Path
from typing import Any, Final

_CDK_JSON: Final = Path(__file__).resolve().parents[3] / "cdk.json"


def cdk_context() -> dict[str, Any]:
    """The context of cdk.json.

    The CDK CLI hands it to the app; whoever runs the app without the CLI would get other resources without it.
    """
    context: dict[str, Any] = json.loads(_CDK_JSON.read_text(encoding="utf-8"))["context"]
    return context
