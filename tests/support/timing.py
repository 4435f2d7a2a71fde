"""Processor time, for tests that tell linear from quadratic by the ratio of two sizes."""

import time
from collections.abc import Callable


def least_seconds(call: Callable[[], object], times: int = 3) -> float:
    """Make the call so often; return the processor time of the quickest, the least disturbed."""
    found = []
    for _ in range(times):
        start = time.process_time()
        call()
        found.append(time.process_time() - start)
    return min(found)
