"""Spark, on this machine, through all of a life: a training, and nights in a row with what reps reported between them.

This takes minutes, nearly all of it Spark's planning, so that it is apart from the suite: `make spark`.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from conftest import scoring_config, small_config
from oracles.alike import differences
from propensity import workflow
from propensity.demo.world import simulate, write
from propensity.scoring.feedback import DO_NOT_CALL, QUALIFIED, Feedback, Report
from propensity.session import Progress, opened, training_frame

WHOLE = "PROPENSITY_SPARK_WHOLE"
# PySpark leaves the sockets of its own results to the garbage collector.
pytestmark = [
    pytest.mark.skipif(
        WHOLE not in os.environ, reason=f"this takes Spark minutes: `make spark`, which sets {WHOLE}"
    ),
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.usefixtures("application"),
]
KINDS = ("duckdb", "spark")
DRAWN = 300


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("few")
    write(simulate(leads=150, months=24, seed=7), folder)
    return folder


@pytest.fixture(scope="module")
def nights(world, champion_place, tmp_path_factory):
    """Two nights on both engines, and what reps reported of the first."""
    found: dict[str, tuple[Any, Any]] = {}
    for kind in KINDS:
        place = tmp_path_factory.mktemp(kind)
        more = (f"engine={{kind: {kind}, threads: 2}}", "lists.rep_capacity=20")
        config = scoring_config(world, champion_place, place, *more)
        with opened(config, Progress()) as session:
            through = session.through
        before = workflow.score(config, as_of=through - timedelta(days=14))
        listed = pq.read_table(before.out / "list.parquet")["lead_id"].to_pylist()
        told = [
            Report(lead, before.as_of, None, outcome, before.as_of + timedelta(days=1), None, "s", line)
            for line, (lead, outcome) in enumerate(zip(listed, (QUALIFIED, DO_NOT_CALL), strict=False), 1)
        ]
        assert Feedback(config.paths.ledger).add(told) == 2
        found[kind] = before, workflow.score(config)
    return found


@pytest.mark.parametrize("file", ["scores", "list", "qualification"])
@pytest.mark.parametrize("night", [0, 1])
def test_nights_in_a_row_give_the_same_rows(nights, file, night):
    ours, theirs = (pq.read_table(found[night].out / f"{file}.parquet") for found in nights.values())
    assert ours.num_rows
    assert differences(ours, theirs) == []


def test_the_second_night_says_what_changed_asks_and_heeds_what_reps_said(nights):
    for _, after in nights.values():
        listed = pq.read_table(after.out / "list.parquet")
        assert listed["changed"].null_count < listed.num_rows
        assert listed["question"].null_count < listed.num_rows
        assert after.removed["reported_qualified"] == 1
    assert nights["spark"][1].removed == nights["duckdb"][1].removed
    assert nights["spark"][1].warnings == nights["duckdb"][1].warnings


def test_a_training_learns_from_the_same_drawn_snapshots(world, tmp_path):
    found = []
    for kind in KINDS:
        place = tmp_path / kind
        config = small_config(
            world, place, f"engine={{kind: {kind}, threads: 2, spark: {{training_rows: {DRAWN}}}}}"
        )
        with opened(config, Progress()) as session:
            engine: Any = session.canonical.engine
            assert engine.training_rows == (DRAWN if kind == "spark" else None)
            engine.training_rows = DRAWN
            said: list[str] = []
            found.append(training_frame(session, said.append))
            assert f"about {DRAWN:,} are learned from" in said[0]
    ours, theirs = found
    assert DRAWN / 2 < len(ours) < 2 * DRAWN
    assert ours.spec_hash == theirs.spec_hash
    assert differences(ours.table, theirs.table) == []


def test_a_training_registers_the_same_model(world, tmp_path):
    found = []
    for kind in KINDS:
        config = small_config(
            world, tmp_path / kind, f"engine={{kind: {kind}, threads: 2}}", "model.params={max_trees: 5}"
        )
        found.append(workflow.train(config))
    ours, theirs = found
    mine, other = ours.to_dict(), theirs.to_dict()
    assert set(mine["metrics"]) == set(other["metrics"])
    for name, metric in mine["metrics"].items():
        assert other["metrics"][name] == pytest.approx(metric, rel=1e-9), name
    for name in ("snapshots", "conversions", "data_through", "trees", "court", "warnings"):
        assert other[name] == mine[name], name
