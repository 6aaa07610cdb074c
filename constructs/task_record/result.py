"""`result`: what a runtime made of a task, as JSON in the record, in the callback and, whole, in `.out`.

    {"image_url": ["s3://..."], "output_url": "s3://...", "outputs": [{...}], "warnings": [{...}], "seeds": [...], ...}

`outputs` describes each object of `image_url`, in the same order: `url`, `node_id`, `name`, `subfolder`, `kind`,
`content_type`, `size_bytes`. `warnings` names what was not done as it was asked: `node_id`, `code`, `message`. A key of
an entry that the server does not say is left out. Records of older agents have neither list.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

RESULT_MAX_BYTES: Final = 200 * 1024
"""Largest `result` of a record."""

_CUT_FIRST: Final = ("outputs", "warnings", "texts")
"""What is left out of a result that is too large, in this order: each is whole in `.out`."""


def ever_shorter(result: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A result, and then with ever less in it, so that the first one that fits can be taken.

    Args:
        result: as above.
    """
    left = dict(result)
    yield left
    for name in _CUT_FIRST:
        if name in left:
            left = {key: value for key, value in left.items() if key != name}
            yield left
