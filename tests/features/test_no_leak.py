"""What happens or becomes known at or after as_of changes no feature, whatever it is; what was known before does."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oracles import worlds
from oracles.bench import by_key
from oracles.canonical import Row, World
from propensity.timeline import history

AS_OF = worlds.BASE + 31 * worlds.DAY
CLOCKS = {
    "activities": ("occurred_at", "recorded_at"),
    "stages": ("entered_at", "recorded_at"),
    "budgets": ("recorded_at",),
    "accounts": ("valid_from",),
    "leads": ("created_at",),
}
DRAWN = {
    "activities": worlds.act(),
    "stages": worlds.stage(),
    "budgets": worlds.budget(),
    "accounts": worlds.account(worlds.times),
    "leads": st.integers(0, 99).flatmap(lambda number: worlds.lead(f"new {number}", worlds.times)),
}


def was_known(table: str, row: Row) -> bool:
    """Whether every clock of the row was strictly before as_of; a second clock that is not there is the first."""
    return all(row[clock] is None or row[clock] < AS_OF for clock in CLOCKS[table])


@st.composite
def another_future(draw: st.DrawFn, world: World) -> World:
    """The same world up to as_of; each later fact removed, replaced or kept, and others added."""
    tables: dict[str, list[Any]] = {}
    for table in CLOCKS:
        rows = [
            draw(with_another_future(table, row)) if was_known(table, row) else row
            for row in world.rows(table)
        ]
        past = [row for row in rows if was_known(table, row)]
        future = [row for row in rows if not was_known(table, row) and draw(st.booleans())]
        added = [row for row in draw(st.lists(DRAWN[table], max_size=6)) if not was_known(table, row)]
        tables[table] = past + future + added
    return worlds.known_leads_only(world.with_rows(**unique(tables)))


def unique(tables: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """One row a lead, and one an account and valid_from, the first: as checked data have."""
    leads = {row["lead_id"]: row for row in reversed(tables["leads"])}
    accounts = {(row["account_id"], row["valid_from"]): row for row in reversed(tables["accounts"])}
    return {**tables, "leads": list(leads.values()), "accounts": list(accounts.values())}


@st.composite
def with_another_future(draw: st.DrawFn, table: str, row: Row) -> Row:
    """The row with other values where it shows a state of later: overwritten columns, extras known at as_of or after."""
    changed = dict(row)
    if table == "leads":
        changed |= draw(worlds.changing_state())
    for extra in {"leads": ["score"], "accounts": ["heat"]}.get(table, []):
        clock = f"{extra}__known_at"
        if row[clock] is None or row[clock] >= AS_OF:
            changed[extra] = draw(st.sampled_from([None, 7.0, 8.0]))
            changed[clock] = draw(st.sampled_from([None, AS_OF, AS_OF + worlds.US, AS_OF + 9 * worlds.DAY]))
    return changed


pairs = worlds.worlds().flatmap(lambda world: st.tuples(st.just(world), another_future(world)))


def features_at(bench, parts) -> dict[Any, tuple[Any, ...]]:
    bench.put(worlds.side_by_side(parts))
    return by_key(bench.scoring(AS_OF), bench.names)


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(drawn=st.lists(pairs, min_size=8, max_size=12))
def test_another_future_changes_no_feature(bench, drawn):
    """All worlds and all other futures are two runs: past rates are of all leads, so that side by side they would agree."""
    here = features_at(bench, [world for world, _ in drawn])
    there = features_at(bench, [other for _, other in drawn])
    for number, (world, other) in enumerate(drawn):
        for lead in world.rows("leads"):
            if lead["created_at"] < AS_OF:
                key = f"{number}-{lead['lead_id']}", AS_OF
                assert here[key] == there[key], (lead, world, other)


def one_lead(**facts: Any) -> World:
    """A lead with an account and a colleague, and the facts given."""
    leads = [
        {
            "lead_id": name,
            "account_id": "A0",
            "created_at": worlds.BASE,
            "score": 1.0,
            "score__known_at": worlds.BASE,
        }
        for name in ("L0", "L1")
    ]
    rows = {"leads": leads, "accounts": [{"account_id": "A0", "valid_from": None}], **facts}
    whole = {
        name: [{column: row.get(column) for column in columns} for row in rows.get(name, [])]
        for name, columns in worlds.COLUMNS.items()
    }
    return World({**whole, **worlds.STILL}, worlds.COLUMNS)


def fact(table: str, *clocks: Any) -> dict[str, list[dict[str, Any]]]:
    values = {
        "lead_id": "L0",
        "account_id": "A0",
        "type": "call",
        "stage": "working",
        "amount": 1.0,
        "industry": "steel",
    }
    values |= {"direction": "inbound"}
    if table == "leads":
        values["lead_id"] = "new"
    return {table: [{**values, **dict(zip(CLOCKS[table], clocks, strict=True))}]}


BEFORE, AT = AS_OF - worlds.US, AS_OF
SEEN = [(table, (BEFORE,) * len(clocks)) for table, clocks in CLOCKS.items()]
UNSEEN = [
    *((table, (AT,) * len(clocks)) for table, clocks in CLOCKS.items()),
    *((table, clocks) for table in ("activities", "stages") for clocks in ((BEFORE, AT), (AT, BEFORE))),
]


def named(case) -> str:
    table, clocks = case
    return " ".join([table, *("before" if at < AS_OF else "at" for at in clocks)])


def with_fact(table: str, clocks: Any) -> World:
    plain, more = one_lead(), fact(table, *clocks)
    rows = one_lead(**more).rows(table)
    return plain.with_rows(**{table: [*plain.rows(table), *rows]})


def changed_by(bench) -> set[Any]:
    """Of all cases, those whose one fact changes a feature."""
    cases = [*SEEN, *UNSEEN]
    found = features_at(bench, [one_lead(), *(with_fact(*case) for case in cases)])
    return {
        case for number, case in enumerate(cases, 1) if found[f"{number}-L0", AS_OF] != found["0-L0", AS_OF]
    }


@pytest.fixture(scope="module")
def changing(bench):
    return changed_by(bench)


@pytest.mark.parametrize("case", SEEN, ids=named)
def test_a_fact_a_microsecond_before_as_of_changes_a_feature(changing, case):
    assert case in changing


@pytest.mark.parametrize("case", UNSEEN, ids=named)
def test_a_fact_at_as_of_on_either_clock_changes_no_feature(changing, case):
    assert case not in changing


def test_an_extra_counts_from_its_time_on_and_not_before(bench):
    extras = [{"score": 5.0, "score__known_at": at} for at in (BEFORE, AT, None)]
    rows = [{**one_lead().rows("leads")[0], **extra} for extra in extras]
    found = features_at(bench, [one_lead().with_rows(leads=[row]) for row in rows])
    place = bench.names.index("engagement_score")
    assert [found[f"{number}-L0", AS_OF][place] for number in range(3)] == [5.0, None, None]


def leaky(let_in):
    """A cut that is wrong on purpose: `let_in` takes the time of the fact, that of its record, and as_of."""

    def known(facts, spine, clock, happened, *, key="lead_id", keep=("snapshot_id",)):
        columns = [c for c in facts.columns if c not in ("lead_id", "account_id", "_lead_number")]
        left = spine.select(*dict.fromkeys([*keep, "as_of", key]))
        joined = left.join(facts.select(key, *columns), key)
        joined = joined.filter(let_in(joined[happened], joined["recorded_at"], joined["as_of"]))
        aged = joined.mutate(age_us=clock.age_us(joined, happened, joined["as_of"]))
        rest = [column for column in columns if column not in (happened, "recorded_at")]
        return aged.select(*keep, *rest, "age_us")

    return known


LEAKS = {
    "at as_of counts": (
        lambda happened, recorded, as_of: (happened <= as_of) & (recorded <= as_of),
        {(table, clocks) for table, clocks in UNSEEN if table in ("activities", "stages", "budgets")},
    ),
    "the record's time is ignored": (
        lambda happened, _, as_of: happened < as_of,
        {("activities", (BEFORE, AT)), ("stages", (BEFORE, AT))},
    ),
}


@pytest.mark.parametrize(("let_in", "caught"), LEAKS.values(), ids=LEAKS)
def test_a_leaking_cut_is_caught(bench, monkeypatch, let_in, caught):
    monkeypatch.setattr(history, "_known", leaky(let_in))
    monkeypatch.setitem(bench.sql, "scoring", bench.compiled("scoring"))
    assert changed_by(bench) == {*SEEN, *caught}
