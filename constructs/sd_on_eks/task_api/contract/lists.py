"""Lists of words in a sentence."""

from collections.abc import Sequence


def listed(words: Sequence[str], conjunction: str) -> str:
    """Words such as `a, b or c`."""
    *first, last = words
    return f"{', '.join(first)} {conjunction} {last}" if first else last
