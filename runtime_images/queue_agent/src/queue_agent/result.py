"""`result`: what the agent writes of a task's outputs into the record and into `.out`."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from queue_agent.json_codec import encode_json
from queue_agent.runtimes.base import Description, OutputFile
from task_record.result import RESULT_MAX_BYTES, ever_shorter


def result_of(urls: Sequence[str], files: Sequence[OutputFile], description: Description) -> dict[str, Any]:
    """The result of a task, as `task_record.result` describes it, without the place of `.out`.

    Args:
        urls: where the outputs are stored, `s3://` each.
        files: the outputs, in the same order.
        description: what the server says of them.
    """
    return {
        "image_url": list(urls),
        "outputs": [_output(url, file) for url, file in zip(urls, files, strict=True)],
        "warnings": [_known(asdict(warning)) for warning in description.warnings],
        **description.summary,
    }


def bounded_text(result: Mapping[str, Any]) -> str:
    """JSON text of a result that fits the record; what does not fit is whole in `.out`.

    Args:
        result: with the place of `.out` as `output_url`.
    """
    places = {"image_url": result["image_url"], "output_url": result["output_url"]}
    for shorter in (*ever_shorter(result), places):
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
    """An entry without what the server does not say."""
    return {name: value for name, value in entry.items() if value is not None}
