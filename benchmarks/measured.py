"""The memory of this process, as the benchmarks ask for it."""

from __future__ import annotations

import resource
import sys
from pathlib import Path


def peak_mb() -> float:
    """The peak of the resident memory since the process began, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
        1 << 20 if sys.platform == "darwin" else 1 << 10
    )


def reset_peak() -> None:
    """Let the high-water mark begin anew; nothing where the system knows no way."""
    if sys.platform == "linux":
        Path("/proc/self/clear_refs").write_text("5")


def own_peak_mb() -> float:
    """The peak since the last reset, in MB."""
    if sys.platform != "linux":
        return peak_mb()
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
