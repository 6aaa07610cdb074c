"""`result`: the description of a task's outputs in the record and in `.out`."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from queue_agent.json_codec import encode_json
from queue_agent.runtimes.base import Description, OutputFile
from task_record.result import RESULT_MAX_BYTES, truncations


def result_of(urls: Sequence[str], files: Sequence[OutputFile], description: Description) -> dict[str, Any]:
    """The result of a task, as described in `task_record.result`, without the URL of `.out`.

    Args:
        urls: s3:// URLs of the outputs.
        files: the outputs, in the same order.
        description: the server's description of the task.
    """
    return {
        "image_url": list(urls),
        "outputs": [_output(url, file) for url, file in zip(urls, files, strict=True)],
        "warnings": [_known(asdict(warning)) for warning in description.warnings],
        **description.summary,
    }


def bounded_text(result: Mapping[str, Any]) -> str:
    """JSON of a result, truncated to fit the record. `.out` has the complete result.

    Args:
        result: with the URL of `.out` as `output_url`.
    """
    places = {"image_url": result["image_url"], "output_url": result["output_url"]}
    for shorter in (*truncations(result), places):
        text = encode_json(shorter)
        if len(text) <= RESULT_MAX_BYTES:
            return text.decode()
    return encode_json({**places, "image_url": []}).decode()


def _output(url: str, file: OutputFile) -> dict[str, Any]:
    return _known(
        {
            "url": url,
            "node_id": file.node_id,
            "name": file.name,
            "subfolder": file.subfolder,
            "kind": file.kind,
            "content_type": file.content_type,
            "size_bytes": len(file.data),
        }
    )


def _known(entry: Mapping[str, Any]) -> dict[str, Any]:
    """An entry without the keys that have no value."""
    return {name: value for name, value in entry.items() if value is not None}
