"""`result`: the result of a task, as JSON. It is in the record, in the callback and, complete, in `.out`.

    {"image_url": ["s3://..."], "output_url": "s3://...", "outputs": [{...}], "warnings": [{...}], "seeds": [...], ...}

`outputs` describes each object of `image_url`, in the same order: `url`, `node_id`, `name`, `subfolder`, `kind`,
`content_type`, `size_bytes`. `warnings` lists the parts of the request that were not executed: `node_id`, `code`,
`message`. Keys without a value are omitted. Records of older agents have neither list.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

RESULT_MAX_BYTES: Final = 200 * 1024
"""Maximum size of `result` in a record."""

_CUT_FIRST: Final = ("outputs", "warnings", "texts")
"""Keys that are removed from a result that is too large, in this order. `.out` has all of them."""


def truncations(result: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a result, then shorter and shorter versions. The caller uses the first one that fits.

    Args:
        result: as described in the module's docstring.
    """
    left = dict(result)
    yield left
    for name in _CUT_FIRST:
        if name in left:
            left = {key: value for key, value in left.items() if key != name}
            yield left
