"""Who may be called, and in which order, on tables made by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from propensity.config.file import parse_config
from propensity.engines.duckdb import DuckDBEngine
from propensity.scoring.gate import gate
from propensity.scoring.persons import persons
from propensity.scoring.rank import PLACE, ranked
from propensity.scoring.score import tie_breaks
from propensity.sources.canonical import Canonical, load

AS_OF = datetime(2026, 6, 1, tzinfo=UTC)
BEFORE, AT, AFTER = AS_OF - timedelta(microseconds=1), AS_OF, AS_OF + timedelta(days=1)
STAGES = [
    ("open", "contacted", BEFORE, BEFORE),
    ("converted", "prospect", BEFORE, BEFORE),
    ("beyond", "customer", BEFORE, BEFORE),
    ("lost", "disqualified", BEFORE, BEFORE),
    ("lost_then_won", "disqualified", BEFORE, BEFORE),
    ("lost_then_won", "prospect", BEFORE, BEFORE),
    ("at_as_of", "prospect", AT, AT),
    ("recorded_late", "prospect", BEFORE, AFTER),
    ("blocked_and_won", "prospect", BEFORE, BEFORE),
]
LEADS = [
    "open",
    "converted",
    "beyond",
    "lost",
    "lost_then_won",
    "at_as_of",
    "recorded_late",
    "blocked",
    "blocked_and_won",
]


@pytest.fixture(scope="module")
def canonical(tmp_path_factory) -> Any:
    folder: Path = tmp_path_factory.mktemp("gate")
    pq.write_table(
        pa.table({
            "lead_id": LEADS,
            "created_at": [AS_OF - timedelta(days=30)] * len(LEADS),
            "do_not_contact": [lead.startswith("blocked") for lead in LEADS],
            "deal_value": [100.0] * (len(LEADS) - 1) + [None],
        }),
        folder / "leads.parquet",
    )  # fmt: skip
    names = ("lead_id", "stage", "entered_at", "recorded_at")
    pq.write_table(
        pa.table(dict(zip(names, zip(*STAGES, strict=True), strict=True))), folder / "stages.parquet"
    )
    tables = {"leads": {"path": "leads.parquet"}, "stages": {"path": "stages.parquet"}}
    tree = {"data": {"folder": str(folder)}, "tables": tables, "paths": {"quarantine": str(folder / "q")}}
    with DuckDBEngine() as engine:
        yield load(engine, parse_config(tree, base=folder))


def test_each_cause_and_both_clocks(canonical: Canonical):
    rows = canonical.engine.collect(gated(canonical)).to_pylist()
    assert {row["lead_id"]: row["removed"] for row in rows} == {
        "open": None,
        "converted": "already_converted",
        "beyond": "already_converted",
        "lost": "disqualified",
        "lost_then_won": "already_converted",
        "at_as_of": None,
        "recorded_late": None,
        "blocked": "do_not_contact",
        "blocked_and_won": "do_not_contact",
    }


def scores(canonical: Canonical, probability: list[float], margin: list[float]) -> Any:
    table = pa.table({
        "lead_id": LEADS,
        "account_id": pa.nulls(len(LEADS), pa.string()),
        "as_of": pa.array([AS_OF] * len(LEADS), pa.timestamp("us", tz="UTC")),
        "margin": margin,
        "probability_low": probability,
        "probability_high": probability,
        "evidence": ["enough"] * len(LEADS),
        "probability": probability,
        "tier": ["A"] * len(LEADS),
        "tie": pa.array(tie_breaks(pa.chunked_array([LEADS]))),
    })  # fmt: skip
    return canonical.engine.register("scores", table)


def gated(canonical: Canonical) -> Any:
    return gate(canonical, AS_OF, people=persons(canonical))


def collect(canonical: Canonical, probability: list[float], margin: list[float]) -> list[dict]:
    table = ranked(canonical, scores(canonical, probability, margin), gated(canonical))
    return canonical.engine.collect(table.order_by(PLACE)).to_pylist()


def test_order_is_probability_then_margin_then_hash(canonical):
    same = [0.5] * len(LEADS)
    margins = [0.0] * len(LEADS)
    margins[LEADS.index("recorded_late")] = 1.0
    rows = collect(canonical, same, margins)
    ranks = {row["lead_id"]: row["rank"] for row in rows if row["rank"] is not None}
    assert ranks["recorded_late"] == 1
    ties = dict(zip(LEADS, tie_breaks(pa.chunked_array([LEADS])).tolist(), strict=True))
    assert ties["open"] != ties["at_as_of"]
    first, second = sorted(("open", "at_as_of"), key=ties.__getitem__)
    assert (ranks[first], ranks[second]) == (2, 3)


def test_removed_leads_have_no_rank_and_do_not_count(canonical):
    probability = np.linspace(0.1, 0.9, len(LEADS)).tolist()
    rows = collect(canonical, probability, probability)
    assert [row["rank"] for row in rows if row["removed"] is None] == [1, 2, 3]
    assert all(row["rank"] is None for row in rows if row["removed"] is not None)
    assert [row["lead_id"] for row in rows[:3]] == ["recorded_late", "at_as_of", "open"]


def test_expected_value_is_null_without_a_deal_value(canonical):
    rows = {row["lead_id"]: row for row in collect(canonical, [0.25] * len(LEADS), [0.0] * len(LEADS))}
    assert rows["open"]["expected_value"] == 25.0
    assert rows["blocked_and_won"]["expected_value"] is None


def test_the_tie_break_is_sha256_and_nothing_of_the_machine():
    assert tie_breaks(pa.chunked_array([["L000001"]])).tolist() == [0x3EFBB0725C4B2629]
