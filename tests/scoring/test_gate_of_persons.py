"""Who is the same person, what holds for all of a person's leads, open deals and calls, on a company made by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from propensity.config.file import parse_config
from propensity.engines.duckdb import DuckDBEngine
from propensity.scoring.gate import gate, silenced
from propensity.scoring.persons import persons
from propensity.scoring.rank import ranked
from propensity.sources.canonical import Canonical, load

AS_OF = datetime(2026, 6, 1, tzinfo=UTC)
SWITCHBOARD = "+49 30 1000"
PEOPLE = {
    # lead: (account, e-mail, phone, asked not to be contacted)
    "ada": ("A", " Ada@Example.com\u200b", None, False),
    "ada again": ("A", "ada@example.com", "0030 555 0100 1", False),
    "ada by phone": (None, None, "+30 (555) 0100-1", False),
    "bob": ("B", "bob@example.com", None, True),
    "bob again": ("B", "BOB@example.com", None, False),
    "cy": ("C", "cy@example.com", None, False),
    "cy again": ("C", "cy@example.com ", None, False),
    "deal": ("D", "deal@example.com", None, False),
    "deal's colleague": ("D", "other@example.com", None, False),
    "won": ("E", "won@example.com", None, False),
    "lost deal": ("F", "lost@example.com", None, False),
    "lost and back": ("F", "LOST@example.com", None, False),
    "called": ("G", "called@example.com", None, False),
    "called again": ("G", "called@example.com", None, False),
    "called long ago": ("H", "long@example.com", None, False),
    "called tomorrow": ("H", "tomorrow@example.com", None, False),
    "mailed": ("H", "mailed@example.com", None, False),
    "no address": ("H", "none", "12 34", False),
    "no address either": ("H", "none", "12 34", False),
    **{f"reception {n}": ("I", None, SWITCHBOARD, n == 0) for n in range(4)},
}
DAY = timedelta(days=1)
STAGES = [
    ("cy", "prospect", AS_OF - DAY),
    ("deal", "prospect", AS_OF - 9 * DAY),
    ("deal", "opportunity", AS_OF - 8 * DAY),
    ("won", "opportunity", AS_OF - 8 * DAY),
    ("won", "customer", AS_OF - 7 * DAY),
    ("lost deal", "opportunity", AS_OF - 8 * DAY),
    ("lost deal", "disqualified", AS_OF - 7 * DAY),
]
CALLS = [
    ("called", "call", "outbound", "phone", AS_OF - DAY),
    ("called long ago", "call", "outbound", "phone", AS_OF - 2 * DAY - timedelta(microseconds=1)),
    ("called tomorrow", "call", "outbound", "phone", AS_OF),
    ("mailed", "email_sent", "outbound", "email", AS_OF - DAY),
]


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    folder: Path = tmp_path_factory.mktemp("persons")
    accounts, emails, phones, silent = zip(*PEOPLE.values(), strict=True)
    tables = {
        "leads": {
            "lead_id": list(PEOPLE), "created_at": [AS_OF - 60 * DAY] * len(PEOPLE), "account_id": accounts, "email": emails,
            "phone": phones, "do_not_contact": silent,
        },
        "stages": dict(zip(("lead_id", "stage", "entered_at"), zip(*STAGES, strict=True), strict=True)),
        "activities": dict(zip(("lead_id", "type", "direction", "channel", "occurred_at"), zip(*CALLS, strict=True), strict=True)),
    }  # fmt: skip
    for name, columns in tables.items():
        pq.write_table(pa.table(columns), folder / f"{name}.parquet")
    tree: dict[str, Any] = {
        "data": {"folder": str(folder)},
        "tables": {name: {"path": f"{name}.parquet"} for name in tables},
        "paths": {"quarantine": str(folder / "q")},
        "lists": {"same_person_most": 3},
    }

    def opened(**lists: Any) -> Canonical:
        engine = DuckDBEngine()
        engines.append(engine)
        return load(
            engine,
            parse_config({**tree, "lists": {**tree["lists"], **lists}}, base=folder),
        )

    engines: list[DuckDBEngine] = []
    yield opened
    for engine in engines:
        engine.close()


@pytest.fixture(scope="module")
def canonical(company) -> Canonical:
    return company()


def removed(canonical: Canonical, **more: Any) -> dict[str, str | None]:
    table = gate(canonical, AS_OF, people=persons(canonical), **more)
    return {row["lead_id"]: row["removed"] for row in canonical.engine.collect(table).to_pylist()}


def test_an_address_or_a_number_makes_one_person_however_it_is_spelled(canonical):
    rows = canonical.engine.collect(persons(canonical)).to_pylist()
    people = {row["lead_id"]: row["person"] for row in rows}
    assert people["ada"] == people["ada again"] == people["ada by phone"] == "ada"
    assert people["bob"] == people["bob again"]
    assert not people.keys() & {"no address", "no address either", "reception 0", "deal", "deal's colleague"}


def test_what_holds_for_one_lead_of_a_person_holds_for_the_others(canonical):
    found = removed(canonical)
    assert {name: cause for name, cause in found.items() if cause is not None} == {
        "bob": "do_not_contact",
        "bob again": "do_not_contact",
        "cy": "already_converted",
        "cy again": "already_converted",
        "deal": "open_deal",
        "won": "already_converted",
        "lost deal": "already_converted",
        "lost and back": "already_converted",
        "called": "cool_down",
        "called again": "cool_down",
        "reception 0": "do_not_contact",
    }


def test_a_switchboard_that_nobody_limits_silences_all_who_share_it(company):
    found = removed(company(same_person_most=10))
    assert [found[f"reception {n}"] for n in range(4)] == ["do_not_contact"] * 4


def test_an_open_deal_may_keep_the_whole_account_away(company):
    found = removed(company(open_deals="account"))
    assert (found["deal"], found["deal's colleague"]) == ("open_deal", "open_deal")


def test_a_longer_cool_down_reaches_further_back(company):
    found = removed(company(cool_down_days=3))
    assert (found["called long ago"], found["called tomorrow"], found["mailed"]) == ("cool_down", None, None)


def test_what_reps_reported_holds_for_the_person_and_the_gravest_counts(canonical):
    said = {
        "lead_id": ["ada", "ada by phone", "mailed"],
        "reported": ["cool_down", "do_not_contact", "not_now"],
    }
    found = removed(canonical, reported=canonical.engine.register("reported", pa.table(said)))
    assert [found[name] for name in ("ada", "ada again", "ada by phone", "mailed")] == [
        *["do_not_contact"] * 3,
        "not_now",
    ]


def test_of_one_person_only_the_best_is_ranked(canonical):
    ids = list(PEOPLE)
    rows = {
        "lead_id": ids, "account_id": [PEOPLE[lead][0] for lead in ids], "as_of": pa.array([AS_OF] * len(ids), pa.timestamp("us", tz="UTC")),
        "margin": [0.0] * len(ids), "probability": [0.9 if lead == "ada again" else 0.5 for lead in ids], "probability_low": [0.1] * len(ids),
        "probability_high": [0.9] * len(ids), "evidence": [""] * len(ids), "tier": ["A"] * len(ids), "tie": list(range(len(ids))),
    }  # fmt: skip
    scores = canonical.engine.register("person_scores", pa.table(rows))
    table = ranked(canonical, scores, gate(canonical, AS_OF, people=persons(canonical)))
    found = {row["lead_id"]: row for row in canonical.engine.collect(table).to_pylist()}
    assert found["ada again"]["rank"] == 1
    assert [(found[lead]["removed"], found[lead]["same_as"]) for lead in ("ada", "ada by phone")] == [
        ("same_person", "ada again")
    ] * 2
    ranks = sorted(row["rank"] for row in found.values() if row["rank"] is not None)
    assert ranks == list(range(1, len(ranks) + 1))


def test_who_asked_under_another_lead_counts_as_having_asked_everywhere(canonical):
    known = silenced(canonical, gate(canonical, AS_OF, people=persons(canonical)))
    leads = known.tables["leads"]
    rows = canonical.engine.collect(leads.filter(leads["do_not_contact"]).select("lead_id", "email"))
    assert sorted(rows["lead_id"].to_pylist()) == ["bob", "bob again", "reception 0"]
    assert canonical.engine.collect(leads.count().as_table()).column(0)[0].as_py() == len(PEOPLE)
