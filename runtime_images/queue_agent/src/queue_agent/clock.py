"""The two clocks: the event loop's monotonic clock for durations, and the wall clock for timestamps.

All other modules read the clocks through these functions, so that a test can run hours of the protocol in milliseconds.
"""

import asyncio
import time


def monotonic_s() -> float:
    """Time of the event loop's monotonic clock, in seconds."""
    return asyncio.get_running_loop().time()


def now_ms() -> int:
    """Epoch milliseconds."""
    return time.time_ns() // 1_000_000
