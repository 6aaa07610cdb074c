"""What a server's own words on a failure mean: the task's fault, too little memory, or a broken GPU."""

import re
from typing import Any, Final

from queue_agent.errors import GpuFaultError, TaskFailedError

WORDS: Final = 2000
"""How much of a server's words is kept, in characters."""

_OUT_OF_MEMORY: Final = re.compile(
    r"out of memory|OutOfMemoryError|Allocation on device|CUBLAS_STATUS_ALLOC_FAILED|CUDNN_STATUS_ALLOC_FAILED"
    r"|can't allocate memory|not enough memory",
    re.IGNORECASE,
)
# CUDA's errors break the context of the process: each later call fails until the server is restarted.
# https://docs.nvidia.com/cuda/cuda-runtime-api/group__CUDART__TYPES.html
_GPU_FAULT: Final = re.compile(
    r"CUDA (?:driver |unknown |runtime )?error\b|\bcudaError\w*|CUDA_ERROR_\w+|device-side assert"
    r"|CUDNN_STATUS_(?:EXECUTION_FAILED|INTERNAL_ERROR|NOT_INITIALIZED|MAPPING_ERROR)"
    r"|CUBLAS_STATUS_(?:EXECUTION_FAILED|INTERNAL_ERROR|NOT_INITIALIZED|MAPPING_ERROR)"
    r"|no CUDA-capable device|Found no NVIDIA driver|unspecified launch failure|uncorrectable ECC"
    r"|\bXid\b|fallen off the bus|GPU is lost"
)
# These say that what was asked for cannot be computed, and leave the context as it was.
_HARMLESS: Final = re.compile(
    r"CUDA error: (?:invalid argument|invalid configuration argument|operation not supported)"
    r"|CUBLAS_STATUS_(?:INVALID_VALUE|NOT_SUPPORTED)"
)
_QUOTING: Final = frozenset(
    {
        "AssertionError",
        "HTTPException",
        "JSONDecodeError",
        "KeyError",
        "RequestValidationError",
        "TypeError",
        "ValueError",
    }
)
"""Errors that quote what they were given, so that a prompt could speak of CUDA."""


def failure(words: str, *, kind: str = "", **details: Any) -> TaskFailedError | GpuFaultError:  # noqa: ANN401 (any JSON value)
    """The error for a server's words.

    Args:
        words: what it says.
        kind: class of its exception, where it says so; with or without a module.
        details: JSON values for whoever reads the failure.
    """
    said = words.strip()[:WORDS] or kind or "the runtime failed without a word"
    if kind.rpartition(".")[2] not in _QUOTING:
        if _OUT_OF_MEMORY.search(f"{kind} {said}"):
            return TaskFailedError("out_of_memory", said, **details)
        if _GPU_FAULT.search(said) and not _HARMLESS.search(said):
            return GpuFaultError(said)
    return TaskFailedError("runtime_error", said, **details)
