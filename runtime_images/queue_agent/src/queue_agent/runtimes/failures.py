"""Classifies the error message of a server: failed task, out of memory, or failed GPU."""

import re
from typing import Any, Final

from queue_agent.errors import GpuFaultError, TaskFailedError

MAX_MESSAGE_LENGTH: Final = 2000
"""Longer messages of a server are truncated, in characters."""

_OUT_OF_MEMORY: Final = re.compile(
    r"out of memory|OutOfMemoryError|Allocation on device|CUBLAS_STATUS_ALLOC_FAILED|CUDNN_STATUS_ALLOC_FAILED"
    r"|can't allocate memory|not enough memory",
    re.IGNORECASE,
)
# A CUDA error corrupts the context of the process: all later calls fail until the server is restarted.
# https://docs.nvidia.com/cuda/cuda-runtime-api/group__CUDART__TYPES.html
_GPU_FAULT: Final = re.compile(
    r"CUDA (?:driver |unknown |runtime )?error\b|\bcudaError\w*|CUDA_ERROR_\w+|device-side assert"
    r"|CUDNN_STATUS_(?:EXECUTION_FAILED|INTERNAL_ERROR|NOT_INITIALIZED|MAPPING_ERROR)"
    r"|CUBLAS_STATUS_(?:EXECUTION_FAILED|INTERNAL_ERROR|NOT_INITIALIZED|MAPPING_ERROR)"
    r"|no CUDA-capable device|Found no NVIDIA driver|unspecified launch failure|uncorrectable ECC"
    r"|\bXid\b|fallen off the bus|GPU is lost"
)
# The request cannot be computed, but the context stays valid.
_HARMLESS: Final = re.compile(
    r"CUDA error: (?:invalid argument|invalid configuration argument|operation not supported)"
    r"|CUBLAS_STATUS_(?:INVALID_VALUE|NOT_SUPPORTED)"
)
_QUOTING_EXCEPTIONS: Final = frozenset(
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
"""Exceptions that quote their input: a prompt in them could mention CUDA."""


def failure(words: str, *, kind: str = "", **details: Any) -> TaskFailedError | GpuFaultError:  # noqa: ANN401 (any JSON value)
    """The error for a server's message.

    Args:
        words: the message.
        kind: class of the exception, if it is known, with or without a module.
        details: JSON values for the caller.
    """
    said = words.strip()[:MAX_MESSAGE_LENGTH] or kind or "the runtime failed without a message"
    if kind.rpartition(".")[2] not in _QUOTING_EXCEPTIONS:
        if _OUT_OF_MEMORY.search(f"{kind} {said}"):
            return TaskFailedError("out_of_memory", said, **details)
        if _GPU_FAULT.search(said) and not _HARMLESS.search(said):
            return GpuFaultError(said)
    return TaskFailedError("runtime_error", said, **details)
