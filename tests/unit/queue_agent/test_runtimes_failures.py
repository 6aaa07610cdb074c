"""The classification of error messages. The messages are from real servers."""

import pytest

from queue_agent.errors import GpuFaultError, TaskFailedError
from queue_agent.runtimes.failures import MAX_MESSAGE_LENGTH, failure

DETAILS = "\nCUDA kernel errors might be asynchronously reported at some other API call.\n"


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (f"CUDA error: device-side assert triggered{DETAILS}", "RuntimeError"),
        (f"CUDA error: an illegal memory access was encountered{DETAILS}", "torch.AcceleratorError"),
        ("CUDA error: unspecified launch failure", "RuntimeError"),
        ("CUDA error: uncorrectable ECC error encountered", "RuntimeError"),
        ("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasGemmEx(...)`", "RuntimeError"),
        ("CUDA driver error: unknown error", "RuntimeError"),
        ("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED", "RuntimeError"),
        ("Search for `cudaErrorIllegalAddress' in the documentation", "torch.AcceleratorError"),
        ("CUDA_ERROR_ILLEGAL_ADDRESS: an illegal memory access", "CUDADriverError"),
        ("CUDA unknown error - this may be due to an incorrectly set up environment", "RuntimeError"),
        ("no CUDA-capable device is detected", "RuntimeError"),
        ("Found no NVIDIA driver on your system.", "RuntimeError"),
        ("Unable to determine the device handle for GPU 0000:00:1E.0: GPU is lost.", "Exception"),
        ("NVRM: Xid (PCI:0000:00:1e): 79, GPU has fallen off the bus.", ""),
    ],
)
def test_a_gpu_failure_is_detected(words: str, kind: str) -> None:
    error = failure(words, kind=kind)
    assert isinstance(error, GpuFaultError)
    assert str(error) == words.strip()


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 14.56 GiB", "OutOfMemoryError"),
        ("Allocation on device 0 would exceed allowed memory. (out of memory)", "torch.OutOfMemoryError"),
        ("Allocation on device", "torch.OutOfMemoryError"),
        ("CUDA error: out of memory\nSearch for `cudaErrorMemoryAllocation'", "torch.AcceleratorError"),
        ("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`", "RuntimeError"),
        ("[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory", "RuntimeError"),
        ("", "torch.cuda.OutOfMemoryError"),
    ],
)
def test_out_of_memory_is_detected(words: str, kind: str) -> None:
    error = failure(words, kind=kind)
    assert isinstance(error, TaskFailedError)
    assert error.code == "out_of_memory"


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("mat1 and mat2 shapes cannot be multiplied (77x768 and 1024x320)", "RuntimeError"),
        ("CUDA error: invalid configuration argument", "RuntimeError"),
        ("CUDA error: CUBLAS_STATUS_NOT_SUPPORTED when calling `cublasGemmEx(...)`", "RuntimeError"),
        ("could not convert string to float: 'CUDA error: out of memory'", "ValueError"),
        ("'CUDA error: device-side assert triggered'", "builtins.KeyError"),
        ("always on script CUDA error: not found", "HTTPException"),
        ("An image of the Xidi province", "RuntimeError"),
    ],
)
def test_all_other_messages_fail_the_task(words: str, kind: str) -> None:
    error = failure(words, kind=kind)
    assert isinstance(error, TaskFailedError)
    assert error.code == "runtime_error"


def test_messages_are_truncated_and_never_empty() -> None:
    assert len(str(failure("x" * 99_999))) == MAX_MESSAGE_LENGTH
    assert str(failure("", kind="SomeError")) == "SomeError"
    assert str(failure(" ")) == "the runtime failed without a message"
