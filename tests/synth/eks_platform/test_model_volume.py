import json
from collections.abc import Callable
from typing import Any

from sd_on_eks.config.runtime import ModelsRuntime
from sd_on_eks.manifests.model_volume import model_volume


def _as_it_is(source: Any) -> Any:
    return source


def _name(*, bucket_name: str = "models", resolve: Callable[[Any], object] = _as_it_is, **runtime_data: object) -> str:
    data = {"name": "sd", "type": "sdwebui", **runtime_data}
    runtime = ModelsRuntime.model_validate_json(json.dumps(data))
    return model_volume(runtime, bucket_name=bucket_name, region="us-east-1", resolve=resolve)[1]


def test_volume_name_changes_with_the_source_and_with_nothing_else() -> None:
    name = _name()
    assert name == _name(resolve=lambda source: dict(reversed(source.items())), longestTask=100)
    assert name not in {_name(bucket_name="other"), _name(namespace="studio")}
