"""The split of a change into new facts, time and model: exact, and what plain Python makes of the same rows."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oracles import worlds
from oracles.bench import Bench, open_world
from oracles.canonical import Crm, World
from oracles.features import feature_values
from propensity.scoring.changed import PARTS, News, Parts, changes, sentence, split
from propensity.scoring.ledger import Night
from propensity.scoring.trend import with_trend

BEFORE, NOW = worlds.BASE + 31 * worlds.DAY, worlds.BASE + 41 * worlds.DAY
probabilities = st.floats(0, 1)


class Model:
    """Any function of all features does, as long as plain Python can compute it too."""

    digest = "today's"

    def __init__(self, names: list[str]) -> None:
        self.names = names

    def of(self, values: dict[str, Any]) -> float:
        """The probability of one lead."""
        total = 0.0
        for place, name in enumerate(self.names):
            value = values[name]
            number = (
                len(value) if isinstance(value, str) else -0.5 if value is None else math.tanh(value / 10)
            )
            total += number * math.cos(place)
        return 1 / (1 + math.exp(-total / 5))

    def margin(self, batch: pa.Table, *, threads: int) -> np.ndarray:
        del threads
        return np.array([self.of(row) for row in batch.select(self.names).to_pylist()])

    def probability(self, margin: np.ndarray) -> np.ndarray:
        return margin


def known_by(world: World, at: Any) -> World:
    """What was known strictly before `at`, by the rows alone."""

    def facts(table: str, happened: str) -> list[dict[str, Any]]:
        return [
            row
            for row in world.rows(table)
            if max(row[happened], row.get("recorded_at") or row[happened]) < at
        ]

    def hidden(rows: list[Any], extra: str) -> list[dict[str, Any]]:
        clock = f"{extra}__known_at"
        return [
            {**row, clock: row[clock] if row[clock] is not None and row[clock] < at else None} for row in rows
        ]

    accounts = [row for row in world.rows("accounts") if row["valid_from"] is None or row["valid_from"] < at]
    return world.with_rows(
        leads=hidden([row for row in world.rows("leads") if row["created_at"] < at], "score"),
        accounts=hidden(accounts, "heat"),
        activities=facts("activities", "occurred_at"),
        stages=facts("stages", "entered_at"),
        budgets=facts("budgets", "recorded_at"),
    )


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    canonical = open_world(worlds.seed_world(), worlds.TREE, tmp_path_factory.mktemp("changed"))
    yield Bench(canonical, worlds.THROUGH)
    canonical.engine.close()


@settings(
    max_examples=2, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
@given(worlds.many_worlds, st.sampled_from(["today's", "another"]))
def test_the_parts_are_what_plain_python_says_and_add_up(bench, drawn, digest):
    crm = bench.put(worlds.side_by_side(drawn))
    model = Model(bench.names)
    old = Crm(known_by(crm.world, BEFORE), crm.config)
    listed = [row["lead_id"] for row in crm.world.rows("leads") if row["created_at"] < NOW]
    now = {lead: model.of(feature_values(crm, lead, NOW)) for lead in listed}
    before = {lead: 0.1 + 0.01 * place if lead in old.leads else None for place, lead in enumerate(listed)}
    rows = pa.table({"lead_id": listed, "probability": [now[lead] for lead in listed], "previous_probability": pa.array([before[lead] for lead in listed], pa.float64())})  # fmt: skip
    night = Night(BEFORE, Path(), {"digest": digest}, len(listed))
    found = changes(bench.canonical, model, night, rows, NOW, threads=1).to_pylist()
    assert {row["lead_id"] for row in found} == set(old.leads)
    assert found
    for row in found:
        lead = row["lead_id"]
        then = model.of(feature_values(crm, lead, BEFORE))
        assert then == pytest.approx(model.of(feature_values(old, lead, BEFORE)), abs=1e-12)
        without_news = model.of(feature_values(old, lead, NOW))
        by_model = then - before[lead]
        same = digest == "today's"
        expected = (
            now[lead] - without_news + (by_model if same else 0),
            without_news - then,
            0 if same else by_model,
        )
        assert [row[name] for name in PARTS] == pytest.approx(expected, abs=1e-9), lead
        assert sum(row[name] for name in PARTS) == pytest.approx(now[lead] - before[lead], abs=1e-12)


@given(probabilities, probabilities, probabilities, probabilities, st.booleans())
def test_the_split_adds_up_and_the_same_model_has_no_part(before, then, without_news, now, same):
    parts = split(before, then, without_news, now, same_model=same)
    assert parts.facts + parts.time + parts.model == pytest.approx(now - before, abs=1e-12)
    assert not same or parts.model == 0


@given(probabilities)
def test_where_nothing_moved_every_part_is_zero(p):
    assert split(p, p, p, p, same_model=False) == Parts(0, 0, 0) == split(p, p, p, p, same_model=True)


@pytest.mark.parametrize(
    ("before", "now", "parts", "news", "said"),
    [
        (0.12, 0.31, Parts(0.2, -0.01, 0), News(("asked for a quote", "visited pricing", "third")), "Up from 12 % to 31 % since 2026-05-25: asked for a quote; visited pricing"),
        (0.31, 0.12, Parts(0.01, -0.2, 0), News(silence="24 days without an answer"), "Down from 31 % to 12 % since 2026-05-25: time passing: 24 days without an answer"),
        (0.12, 0.031, Parts(0, 0, -0.089), News(("asked for a quote",)), "Down from 12 % to 3.1 % since 2026-05-25: a new model"),
        (0.2, 0.1, Parts(0.3, -0.2, -0.2), News(("asked",)), "Down from 20 % to 10 % since 2026-05-25: time passing"),
        (0.1, 0.2, Parts(0.1, 0, 0), News(budget=True), "Up from 10 % to 20 % since 2026-05-25: a budget became known"),
        (0.1, 0.2, Parts(0.1, 0, 0), News(), "Up from 10 % to 20 % since 2026-05-25: news of their company and of leads like them"),
        (0.201, 0.203, Parts(0.002, 0, 0), News(("asked",)), None),
    ],
)  # fmt: skip
def test_a_sentence_in_a_reps_words(before, now, parts, news, said):
    if said is not None and said.endswith("time passing"):
        parts = Parts(0.3, -0.25, -0.15)
    assert sentence(before, now, parts, news, "2026-05-25") == said


def test_the_trend_is_the_change_of_the_log_odds(bench):
    night = SimpleNamespace(
        as_of=BEFORE,
        rows=lambda _: pa.table({"lead_id": ["a", "b", "c", "d"], "probability": [0.2, 0.2, 0.2, 0.0]}),
    )
    now = {"a": 0.21, "b": 0.22, "c": 0.18, "d": 0.0, "new": 0.5}
    table = bench.engine.register(
        "trend_now", pa.table({"lead_id": list(now), "probability": list(now.values())})
    )
    rows = {
        row["lead_id"]: row
        for row in bench.engine.collect(with_trend(bench.canonical, table, night)).to_pylist()
    }
    assert {lead: row["trend"] for lead, row in rows.items()} == {
        "a": "steady",
        "b": "improving",
        "c": "declining",
        "d": "steady",
        "new": None,
    }
    assert rows["a"]["previous_as_of"] == BEFORE
    assert (rows["new"]["previous_probability"], rows["new"]["previous_as_of"]) == (None, None)
    nobody = bench.engine.collect(with_trend(bench.canonical, table, None))
    assert nobody["trend"].null_count == len(now)
    assert str(nobody.schema.field("previous_as_of").type) == "timestamp[us, tz=UTC]"
