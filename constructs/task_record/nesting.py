"""How deeply a JSON value is nested.

Python's JSON reader and writer are no guard: how deep they go before they raise RecursionError differs by thousands of
levels from one version of Python to the next, and what they took may be too deep for the next reader.
"""


def is_deeper_than(value: object, depth: int) -> bool:
    """Whether objects and lists are nested in more than `depth` levels, the value itself counted; without recursion."""
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
