"""The result: complete in `.out`, truncated in the record."""

import json

import pytest

from queue_agent.result import bounded_text, result_of
from queue_agent.runtimes.base import Description, OutputFile, TaskWarning
from task_record.result import RESULT_MAX_BYTES

URL = "s3://bucket/t1/t1-0123-0.glb"
MODEL = OutputFile(
    data=b"glTF", extension="glb", content_type="model/gltf-binary", node_id="9", name="x.glb", subfolder=""
)


def test_an_output_is_described_in_the_order_of_the_urls() -> None:
    text = OutputFile(data=b"a cat", extension="txt", content_type="text/plain", node_id="3")
    result = result_of([URL, "s3://bucket/t1/t1-0123-1.txt"], [MODEL, text], Description())
    assert result["outputs"] == [
        {
            "url": URL,
            "node_id": "9",
            "name": "x.glb",
            "subfolder": "",
            "kind": "3d",
            "content_type": "model/gltf-binary",
            "size_bytes": 4,
        },
        {
            "url": "s3://bucket/t1/t1-0123-1.txt",
            "node_id": "3",
            "kind": "text",
            "content_type": "text/plain",
            "size_bytes": 5,
        },
    ]


def test_a_warning_without_a_node_has_no_node_id() -> None:
    warnings = [TaskWarning(code="blocked", message="no face", node_id="3"), TaskWarning(code="c", message="m")]
    result = result_of([], [], Description(warnings=warnings))
    assert result["warnings"] == [
        {"code": "blocked", "message": "no face", "node_id": "3"},
        {"code": "c", "message": "m"},
    ]


@pytest.mark.parametrize(
    ("large", "left"),
    [
        ("outputs", {"image_url", "output_url", "warnings", "texts", "seeds"}),
        ("warnings", {"image_url", "output_url", "texts", "seeds"}),
        ("texts", {"image_url", "output_url", "seeds"}),
        ("seeds", {"image_url", "output_url"}),
        ("image_url", {"image_url", "output_url"}),
    ],
)
def test_a_result_is_truncated_to_the_limit_of_a_record(large: str, left: set[str]) -> None:
    lists = {name: ["x"] for name in ("image_url", "outputs", "warnings", "texts", "seeds")}
    text = bounded_text({**lists, "output_url": "s3://b/x.out", large: ["x" * RESULT_MAX_BYTES]})
    assert len(text) <= RESULT_MAX_BYTES
    result = json.loads(text)
    assert result.keys() == left
    assert (result["output_url"], result["image_url"]) == ("s3://b/x.out", [] if large == "image_url" else ["x"])
