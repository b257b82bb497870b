"""Which companies are suspects, and where the data say that leads stand."""

from __future__ import annotations

import pytest

from oracles import worlds
from propensity.scoring.gate import positions
from propensity.scoring.suspects import COLUMNS, suspects
from scoring.conftest import AS_OF, company

IDEAL = {"industry": "Steel", "employee_count": 5.0, "annual_revenue": 900.0}
OFFLINE = {"source": "event", "country": "DE"}


def act(**more):
    return {"type": "call", "occurred_at": AS_OF - worlds.DAY, "direction": "inbound", **more}


CASES = {
    "fits, and nobody has acted": (company(OFFLINE, account=IDEAL), True),
    "was only called": (company(OFFLINE, account=IDEAL, activities=[act(direction="outbound")]), True),
    "acted by as_of": (company(OFFLINE, account=IDEAL, activities=[act()]), False),
    "acted at as_of": (company(OFFLINE, account=IDEAL, activities=[act(occurred_at=AS_OF)]), True),
    "met us": (company(OFFLINE, account=IDEAL, activities=[act(type="meeting", direction=None)]), False),
    "came by the web": (company({"source": "web"}, account=IDEAL), False),
    "came we know not how": (company({}, account=IDEAL), False),
    "came by the web at as_of": (
        company(OFFLINE, {"source": "web", "created_at": AS_OF}, account=IDEAL),
        True,
    ),
    "another industry": (company(OFFLINE, account={**IDEAL, "industry": "glass"}), False),
    "industry unknown": (company(OFFLINE, account={**IDEAL, "industry": None}), False),
    "not a company yet": (company(OFFLINE, account={**IDEAL, "valid_from": AS_OF}), False),
}


@pytest.fixture(scope="module")
def found(desk):
    desk.rows([world for world, _ in CASES.values()])
    facts = desk.bench.engine._backend.table("qualify_facts")
    table = suspects(desk.canonical, facts, AS_OF)
    assert table is not None
    return desk.canonical.engine.collect(table)


@pytest.mark.parametrize("name", CASES)
def test_a_suspect_fits_and_has_shown_nothing(found, name):
    account = f"{list(CASES).index(name)}-A0"
    assert (account in found["account_id"].to_pylist()) == CASES[name][1]


def test_suspects_come_in_the_order_of_their_ids(found):
    accounts = found["account_id"].to_pylist()
    assert accounts == sorted(accounts)
    assert found.column_names == list(COLUMNS)


def test_a_lead_stands_at_the_furthest_stage_that_was_known(desk):
    def stages(*names, at=AS_OF - worlds.DAY, recorded=None):
        rows = [{"lead_id": "L0", "stage": name, "entered_at": at, "recorded_at": recorded} for name in names]
        return company(stages=rows)

    parts = [
        stages(), stages("new", "working"), stages("customer", "prospect"), stages("disqualified", "prospect"),
        stages("disqualified"), stages("prospect", at=AS_OF), stages("prospect", recorded=AS_OF),
    ]  # fmt: skip
    desk.rows(parts)
    table = desk.canonical.engine.collect(positions(desk.canonical, AS_OF)).to_pylist()
    where = {row["lead_id"]: row["position"] for row in table}
    assert [where[f"{place}-L0"] for place in range(len(parts))] == [
        "lead", "lead", "customer", "prospect", "disqualified", "lead", "lead",
    ]  # fmt: skip
