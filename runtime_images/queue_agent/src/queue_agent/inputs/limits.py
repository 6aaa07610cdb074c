"""How much is fetched for a task, and from where."""

from dataclasses import dataclass

from task_record.inputs.sizes import INPUT_MAX_BYTES, INPUTS_MAX_BYTES


class LinkError(Exception):
    """An input cannot be had. The message never holds a link: its query may be a signature."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputLimits:
    """Limits of inputs.

    Attributes:
        input_buckets: buckets that tasks may read from, besides their owner's uploads.
        max_bytes: largest input.
        max_total_bytes: most of a task's inputs together.
        timeout_s: for all inputs of a task, from the first name lookup to the last byte.
        max_redirects: most redirects of a link.
        parallel: how many are fetched at the same time.
    """

    input_buckets: frozenset[str] = frozenset()
    max_bytes: int = INPUT_MAX_BYTES
    max_total_bytes: int = INPUTS_MAX_BYTES
    timeout_s: float = 30.0
    max_redirects: int = 5
    parallel: int = 4


class Budget:
    """What the inputs of one task may still take.

    Args:
        limits: for a task.
    """

    def __init__(self, limits: InputLimits) -> None:
        self._limits = limits
        self._left = limits.max_total_bytes

    def check(self, size: int) -> None:
        """Check the size of one input.

        Raises:
            LinkError: it is too large.
        """
        if size > self._limits.max_bytes:
            raise LinkError(f"is larger than {self._limits.max_bytes} bytes")

    def take(self, size: int) -> None:
        """Take bytes.

        Raises:
            LinkError: the inputs are too large together.
        """
        self._left -= size
        if self._left < 0:
            raise LinkError(
                f"is one too many: the inputs are larger than {self._limits.max_total_bytes} bytes together"
            )
