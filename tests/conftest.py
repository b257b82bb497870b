"""What the tests share: one small world, simulated once, and a training on it."""

from __future__ import annotations

from pathlib import Path

import pytest

from propensity.demo.world import simulate, write

SMALL_LEADS = 500
CONFIG = Path(__file__).parent.parent / "configs" / "demo.yaml"
REAL_DATA = Path(__file__).parent.parent.parent / "shared" / "data"


@pytest.fixture(scope="session")
def small_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a simulated CRM of 500 leads, as `propensity demo` writes it. Read, never written."""
    folder = tmp_path_factory.mktemp("world")
    write(simulate(leads=SMALL_LEADS, months=24, seed=7), folder)
    return folder


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real files; the test is skipped where they are not."""
    if not REAL_DATA.is_dir():
        pytest.skip(f"the real files are not here: {REAL_DATA}")
    return REAL_DATA
