"""The two clocks: the event loop's, for how long things take, and the wall clock, for what is written.

Both are asked here alone, so that a test can run hours of the protocol in a moment.
"""

import asyncio
import time


def monotonic_s() -> float:
    """Seconds of the event loop's clock, which never goes back."""
    return asyncio.get_running_loop().time()


def now_ms() -> int:
    """Epoch milliseconds."""
    return time.time_ns() // 1_000_000
