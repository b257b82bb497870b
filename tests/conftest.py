"""What the tests share: one small world, simulated once, and a training on it."""

from __future__ import annotations

from pathlib import Path

import pytest

from propensity.config import Config
from propensity.configfile import load_config
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


def small_config(world: Path, place: Path, *more: str) -> Config:
    """The demo's configuration over a small world, with everything that is written below `place`, and a small model."""
    return load_config(
        CONFIG,
        [
            f"data.folder={world}",
            f"tracking.uri=sqlite:///{place / 'mlflow.db'}",
            f"paths.models={place / 'models'}",
            f"paths.out={place / 'out'}",
            f"paths.quarantine={place / 'quarantine'}",
            "model.params={max_trees: 60}",
            "model.resamples=50",
            *more,
        ],
    )
