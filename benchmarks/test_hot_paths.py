"""The hot paths at small size: `make bench`. Compare with a run of your own, on the same machine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from predicting import grown, least
from training_memory import made

from propensity.config.file import load_config
from propensity.demo.world import simulate, write
from propensity.engines.duckdb import DuckDBEngine
from propensity.features.frame import features_of
from propensity.model.encoding import Encoder
from propensity.scoring.reasons import explain
from propensity.selection.training import train_and_judge
from propensity.sources.canonical import Canonical, load
from propensity.timeline.snapshots import scoring_spine, training_spine

ROOT = Path(__file__).parent.parent
LEADS = 5_000


@pytest.fixture(scope="module")
def canonical(tmp_path_factory: pytest.TempPathFactory):
    """A checked world of 5,000 leads and about 105,000 activities."""
    folder = tmp_path_factory.mktemp("bench")
    write(simulate(leads=LEADS, seed=7), folder)
    config = load_config(
        ROOT / "configs" / "demo.yaml", [f"data.folder={folder}", f"paths.quarantine={folder / 'quarantine'}"]
    )
    with DuckDBEngine() as engine:
        yield load(engine, config)


def test_reading_and_checking(benchmark, canonical: Canonical) -> None:
    """All tables, from files to checked tables."""

    def read() -> int:
        with DuckDBEngine() as engine:
            return load(engine, canonical.config).report.tables["leads"].kept

    assert benchmark.pedantic(read, rounds=3) > 0


def test_scoring_features_by_ranges(benchmark, canonical: Canonical) -> None:
    """The same features a thousand leads at a time."""
    spine = scoring_spine(canonical, canonical.config.data.through)
    query = features_of(canonical, spine, leads_a_range=1_000)
    assert benchmark.pedantic(lambda: sum(part.num_rows for part in query.stream(50_000)), rounds=3) == LEADS


def test_scoring_features(benchmark, canonical: Canonical) -> None:
    """All features of every lead at one as_of."""
    query = features_of(canonical, scoring_spine(canonical, canonical.config.data.through))
    assert benchmark(lambda: sum(part.num_rows for part in query.stream(50_000))) == LEADS


def test_training_features(benchmark, canonical: Canonical) -> None:
    """All features of every matured monthly snapshot."""
    query = features_of(canonical, training_spine(canonical, canonical.config.data.through))
    assert len(benchmark.pedantic(query.collect, rounds=3)) > LEADS


def test_predicting_and_explaining(benchmark, canonical: Canonical) -> None:
    """Margins and reasons of 2,000 rows."""
    frame = features_of(canonical, training_spine(canonical, canonical.config.data.through)).collect()
    trained = train_and_judge(frame, canonical.config, dated=True, lineage={}, parameters={})
    rows = frame.table.slice(0, 2_000)
    told = benchmark.pedantic(lambda: explain(trained.final, frame.features, rows, threads=1), rounds=3)
    assert told.num_rows == rows.num_rows


def test_predicting_beside_raw_lightgbm(benchmark) -> None:
    """From an Arrow table of 20,000 rows and 100 features, checks and encoding included."""
    frame = made(20_000, 100, share=0.05)
    booster, bundle = grown(frame, 10_000, 300)
    matrix = np.ascontiguousarray(Encoder.learn(frame.values).encode(frame.values))
    raw = least(lambda: booster.predict(matrix, raw_score=True, num_threads=1), 5)
    ours = least(lambda: bundle.margin(frame.values, threads=1), 5)
    # 1.05 is the goal on an idle machine; the rest is for one that is not.
    assert ours <= 1.2 * raw
    assert len(benchmark.pedantic(lambda: bundle.margin(frame.values, threads=1), rounds=3)) == 20_000
