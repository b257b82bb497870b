"""A desk: drawn and hand-made worlds through the real entry, judged by the criteria, and asked of the oracle."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, NamedTuple

import ibis
import pyarrow as pa
import pytest

from oracles import worlds
from oracles.bench import Bench, open_world
from oracles.canonical import Crm, World
from propensity.scoring.criteria import CRITERIA, Judge, state_names
from propensity.scoring.facts import lead_facts, observed
from propensity.timeline.snapshots import scoring_spine

TREE: dict[str, Any] = {
    **worlds.TREE,
    "qualification": {
        "need": {"within_days": 7},
        "dialogue": {"within_days": 20},
        "budget": {"least_share": 0.5},
    },
}
AS_OF = worlds.BASE + 31 * worlds.DAY


class One(NamedTuple):
    """A judgement of one criterion of one lead."""

    state: str
    evidence: str | None
    on: date | None


class Desk:
    """Worlds in, judgements out."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.canonical = bench, bench.canonical
        self.judge = Judge(self.canonical.config, observed(self.canonical))
        self.table = pa.table({})
        self.sql: dict[str, str] = {}

    def rows(self, parts: Iterable[World], as_of: datetime = AS_OF) -> tuple[Crm, dict[str, dict[str, Any]]]:
        """The worlds side by side: what the oracle is asked of, and what is known of each lead.

        What Ibis makes of `lead_facts` is kept the first time, so that a case costs no compiling.
        """
        crm = self.bench.put(worlds.side_by_side(parts))
        spine, engine = scoring_spine(self.canonical, as_of), self.bench.engine
        if not self.sql:
            kept = engine.materialise

            def keep(expression: Any, name: str) -> Any:
                self.sql[name] = str(ibis.to_sql(expression, dialect="duckdb"))
                return kept(expression, name)

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(engine, "materialise", keep)
                lead_facts(self.canonical, spine)
        con = engine._backend.con
        for name, sql in self.sql.items():
            con.execute(f"CREATE OR REPLACE TABLE {name} AS {sql}")
        self.table = con.execute("FROM qualify_facts").to_arrow_table()
        return crm, {row["lead_id"]: row for row in self.table.to_pylist()}

    def judged(self, parts: Iterable[World]) -> dict[str, dict[str, One]]:
        """Lead to criterion to judgement."""
        self.rows(parts)
        return self.judgements()

    def judgements(self) -> dict[str, dict[str, One]]:
        """The same, of the worlds that were put last."""
        found = self.judge.all(self.judge.facts(self.table))
        by_criterion = {
            name: map(
                One,
                state_names(found.states[name]).to_pylist(),
                found.evidence[name].to_pylist(),
                found.on[name].to_pylist(),
            )
            for name in CRITERIA
        }
        leads = self.table["lead_id"].to_pylist()
        rows = (dict(zip(by_criterion, row, strict=True)) for row in zip(*by_criterion.values(), strict=True))
        return dict(zip(leads, rows, strict=True))


@pytest.fixture(scope="session")
def desk(tmp_path_factory):
    canonical = open_world(worlds.seed_world(), TREE, tmp_path_factory.mktemp("desk"))
    yield Desk(Bench(canonical, worlds.THROUGH))
    canonical.engine.close()


def company(
    *leads: dict[str, Any], account: dict[str, Any] | None = None, **facts: list[dict[str, Any]]
) -> World:
    """Leads of one account, created long before, and the facts given; what is not given is null."""
    people = [
        {"lead_id": f"L{place}", "account_id": "A0", "created_at": worlds.BASE, "product": "crm", **lead}
        for place, lead in enumerate(leads or ({},))
    ]
    accounts = [{"account_id": "A0", **(account or {})}]
    acts = [{"lead_id": "L0", **act} for act in facts.pop("activities", [])]
    budgets = [{"lead_id": "L0", "kind": "stated", **fact} for fact in facts.pop("budgets", [])]
    rows = {"leads": people, "accounts": accounts, "activities": acts, "budgets": budgets, **facts}
    whole = {
        name: [{column: row.get(column) for column in columns} for row in rows.get(name, [])]
        for name, columns in worlds.COLUMNS.items()
    }
    return World({**whole, **worlds.STILL}, worlds.COLUMNS)
