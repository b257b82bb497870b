"""`pytest benchmarks` runs the guards of the hot paths alone: the others are programs, and some want what is not installed."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
# The guards borrow from the programs beside them.
sys.path.insert(0, str(HERE))


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out what is no test."""
    return True if collection_path.suffix == ".py" and not collection_path.name.startswith("test_") else None
