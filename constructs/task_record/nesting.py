"""Checks how deeply a JSON value is nested.

RecursionError in Python's `json` is not a reliable limit: the depth differs by thousands of levels between Python
versions, and a value that passes may be too deep for the next consumer.
"""


def is_deeper_than(value: object, depth: int) -> bool:
    """Whether objects and lists are nested more than `depth` levels deep, including the value itself. Not recursive."""
    level = [value]
    for _ in range(depth):
        level = [
            inner
            for one in level
            for inner in (one.values() if isinstance(one, dict) else one if isinstance(one, list) else ())
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True
