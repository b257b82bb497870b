"""What the tests share: one small world, simulated once, and a training on it."""

from __future__ import annotations

import gc
import signal
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from propensity import workflow
from propensity.config import Config
from propensity.config.file import load_config
from propensity.demo.world import simulate, write
from propensity.tracking import _mlflow
from propensity.tracking.store import Store
from shared import once_a_run, written_to

SMALL_LEADS = 500
CONFIG = Path(__file__).parent.parent / "configs" / "demo.yaml"
REAL_DATA = Path(__file__).parent.parent.parent / "shared" / "data"

# In the background, or by nohup, a process begins with Ctrl-C ignored, and so does what it begins: what stops on it would be tested
# on something that cannot hear.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

LONGEST_FIRST = (
    "cli/test_bad_input", "test_workflow", "test_real_data", "scoring/test_question", "notebook/test_notebooks", "cli/test_commands",
    "test_tour", "cli/test_stopped", "hostile/test_mutations", "security/test_personal_data", "starting/test_exports", "starting/test_folders",
    "notebook/test_steps", "monitoring/test_watch", "audit/test_leakage", "unattended/test_nightly", "sources/test_shapes",
    "delivery/test_night", "test_nights", "engines/test_spark", "postgres/test_night", "test_ranges_killed",
)  # fmt: skip
"""Files that take longest, in that order: what begins last should be short, or one worker waits for the other."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the longest files begin first; the others stay in their order."""
    place = {Path(__file__).parent / f"{name}.py": number for number, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: place.get(item.path, len(place)))


def pytest_collection_finish() -> None:
    """What was imported stays: the garbage collector need not look through it again in each of many hundred tests."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.fixture(scope="session", autouse=True)
def shared_folders_stay_as_they_are() -> Iterator[None]:
    """A test that writes to what it shares with others would make them depend on its turn."""
    yield
    assert written_to() == []


@pytest.fixture(scope="session")
def small_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a simulated CRM of 500 leads, as `propensity demo` writes it. Read, never written."""
    return once_a_run(
        tmp_path_factory,
        "small-world",
        lambda folder: write(simulate(leads=SMALL_LEADS, months=24, seed=7), folder),
    )


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real files; the test is skipped where they are not."""
    if not REAL_DATA.is_dir():
        pytest.skip(f"the real files are not here: {REAL_DATA}")
    return REAL_DATA


@cache
def _empty_store() -> bytes:
    """A tracking store as MLflow makes it: its migrations take seconds, so that they run once a process."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "mlflow.db")
        with _mlflow.opened(Store(f"sqlite:///{path}", None, "none", "none")) as client:
            client.search_experiments()
        return path.read_bytes()


def tracked(place: Path) -> str:
    """The setting for a tracking store in `place`, which is there, empty, if it was not."""
    path = place / "mlflow.db"
    if not path.exists():
        place.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_empty_store())
    return f"tracking.uri=sqlite:///{path}"


UNASKED = "lists.questions=0"
"""For nights whose questions nobody looks at: they are a third of a small night."""


def small_config(world: Path, place: Path, *more: str) -> Config:
    """The demo's configuration over a small world, with everything that is written below `place`, and a small model."""
    return load_config(
        CONFIG,
        [
            f"data.folder={world}",
            tracked(place),
            f"paths.models={place / 'models'}",
            f"paths.out={place / 'out'}",
            f"paths.quarantine={place / 'quarantine'}",
            f"paths.ledger={place / 'ledger'}",
            f"paths.reports={place / 'reports'}",
            f"paths.cache={place / 'cache'}",
            "model.params={max_trees: 60}",
            "model.resamples=50",
            *more,
        ],
    )


@pytest.fixture(scope="session")
def champion_place(small_world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place whose registry holds a champion of the small world. Score from it with `scoring_config`; train elsewhere."""

    def make(place: Path) -> None:
        config = small_config(small_world, place)
        workflow.train(config)
        workflow.promote(config)

    return once_a_run(tmp_path_factory, "champion", make)


def scoring_config(world: Path, champion_place: Path, place: Path, *more: str) -> Config:
    """The configuration of the champion, with everything that scoring and what follows it write below `place`."""
    written = {name: place / name for name in ("out", "quarantine", "ledger", "reports")}
    return small_config(
        world, champion_place, *(f"paths.{name}={path}" for name, path in written.items()), *more
    )
