"""Which features there are for what a company has, and that each of them means what it says wherever it stands."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from oracles import worlds
from oracles.bench import differences, open_world, rows_of
from oracles.canonical import Crm, World
from oracles.people import department, seniority
from propensity.errors import ConfigError
from propensity.features.catalogue import feature_specs
from propensity.features.frame import features_of
from propensity.timeline.snapshots import scoring_spine, training_spine

DAY = worlds.DAY
LEAD = {
    "lead_id": "a",
    "created_at": worlds.BASE,
    "account_id": "A",
    "outcome": True,
    "title": "CTO",
    "product": "crm",
}
ROWS: dict[str, list[dict[str, Any]]] = {
    "leads": [LEAD, {**LEAD, "lead_id": "b", "title": "Geb\u00fchr", "created_at": worlds.BASE + DAY}],
    "accounts": [{"account_id": "A", "annual_revenue": 7.0, "employee_count": 2.0, "heat": 3.0}],
    "activities": [
        {"lead_id": "a", "occurred_at": worlds.BASE - DAY, "type": "call", "value": 1e17, "channel": "phone"}
    ],
    "stages": [{"lead_id": "a", "stage": "working", "entered_at": worlds.BASE}],
    "budgets": [
        {"account_id": "A", "lead_id": "a", "amount": 5.0, "recorded_at": worlds.BASE, "kind": "stated"}
    ],
    "products": [{"product": "crm", "price": 4.0}],
}
HEAT = {"accounts": {"extra": {"heat": {"type": "number", "static": True}}}}


def world_of(without: tuple[str, ...] = (), **tables: tuple[str, ...] | None) -> World:
    """The named tables; of each the named columns, or all of them; of leads without `without`."""
    columns = {
        name: chosen or tuple(column for column in ROWS[name][0] if name != "leads" or column not in without)
        for name, chosen in tables.items()
    }
    rows = {
        name: [{column: row[column] for column in columns[name]} for row in ROWS[name]] for name in tables
    }
    return World(rows, columns)


@contextmanager
def opened(world: World, **tree: Any):
    with TemporaryDirectory() as folder:
        needy = ("ideal_customer", "fiscal_year_ends")
        few = {name: value for name, value in worlds.TREE["features"].items() if name not in needy}
        few |= tree.get("features", {})
        canonical = open_world(world, {**tree, "features": few}, Path(folder))
        try:
            yield canonical
        finally:
            canonical.engine.close()


@pytest.mark.parametrize(
    ("world", "tree"),
    [
        (world_of(leads=("lead_id", "created_at"), stages=None), {}),
        (world_of(leads=("lead_id", "created_at"), stages=None, activities=None), {}),
        (
            world_of(("account_id", "outcome"), leads=None, stages=None, accounts=None, budgets=None),
            {"tables": HEAT},
        ),
        (
            world_of(
                ("account_id", "outcome"),
                leads=None,
                stages=None,
                budgets=("account_id", "amount", "recorded_at"),
            ),
            {},
        ),
        (
            world_of(("lead_id_",), leads=None, budgets=None, products=None, accounts=None, stages=None),
            {"tables": HEAT},
        ),
        (
            world_of(leads=None, stages=None, budgets=None, products=None),
            {"features": {"exclude": ["budget_latest_amount", "budget_product_price"]}},
        ),
    ],
)
def test_any_choice_of_tables_gives_what_the_oracle_says(world, tree):
    with opened(world, **tree) as canonical:
        query = features_of(canonical, scoring_spine(canonical, worlds.BASE + 9 * DAY))
        names = [feature.name for feature in query.features]
        assert differences(Crm(world, canonical.config), rows_of(query), names) == []


@pytest.mark.parametrize("dated", [True, False])
def test_flat_data_give_what_the_oracle_says(dated):
    """At its own creation a lead has no age, no colleagues, and what it did before."""
    without = () if dated else ("created_at",)
    tables = {"leads": None, "accounts": None, "budgets": None, "products": None}
    world = world_of(without, **tables, **({"activities": None} if dated else {}))
    with opened(world, tables=HEAT) as canonical:
        query = features_of(canonical, training_spine(canonical, worlds.BASE + 99 * DAY if dated else None))
        rows = rows_of(query)
        assert len(rows) == 2
        assert (
            differences(Crm(world, canonical.config), rows, [feature.name for feature in query.features])
            == []
        )


def test_a_feature_that_the_oracle_does_not_know_is_reported():
    with opened(world_of(leads=None, stages=None)) as canonical:
        rows = rows_of(features_of(canonical, scoring_spine(canonical, worlds.BASE + DAY)))
        crm = Crm(world_of(leads=None, stages=None), canonical.config)
        names = [feature.name for feature in feature_specs(canonical)]
    assert differences(crm, rows, names) == []
    assert "new_feature" in differences(crm, rows, [*names, "new_feature"])[0]
    assert names[0] in differences(crm, rows, names[1:])[0]


def test_a_wrong_value_is_reported():
    with opened(world_of(leads=None, stages=None)) as canonical:
        rows = rows_of(features_of(canonical, scoring_spine(canonical, worlds.BASE + DAY)))
        crm = Crm(world_of(leads=None, stages=None), canonical.config)
        names = [feature.name for feature in feature_specs(canonical)]
    for name in names:
        wrong = None if rows[0][name] is not None else "x" if name.endswith("department") else 0.0
        assert differences(crm, [{**rows[0], name: wrong}], names), name


@pytest.mark.parametrize(
    "features",
    [
        {"channels": ["web", "Web"]},
        {"add_activity_types": {"Call": {"phrase": "called"}}},
        {"add_activity_types": {"inbound": {"phrase": "came"}}},
        {"budget_kinds": ["latest"]},
    ],
)
def test_features_whose_names_an_engine_takes_for_the_same_are_refused(features):
    world = world_of(leads=None, stages=None, activities=None, budgets=None)
    with (
        opened(world, features=features) as canonical,
        pytest.raises(ConfigError, match="named twice"),
    ):
        feature_specs(canonical)


def test_an_excluded_feature_that_is_none_is_refused_with_the_nearest():
    with (
        opened(world_of(leads=None, stages=None), features={"exclude": ["firmographic_titel"]}) as canonical,
        pytest.raises(ConfigError, match="no feature 'firmographic_titel'"),
    ):
        feature_specs(canonical)


TITLES = {
    "Chief Technology Officer": (5, "IT"),
    "Assistant to the CEO": (1, "general management"),
    "Vice President Marketing": (4, "marketing"),
    "Head of IT": (4, "IT"),
    "Einkaufsleiter": (4, "procurement"),
    "Direktorin Einkauf": (3, "procurement"),
    "Geb\u00fchr": (1, "other"),
    "Pr\u00e9sales": (1, "other"),
    "HR/Recruiting": (1, "people"),
    "Praktikantin": (0, "other"),
    "": (None, None),
}


def test_titles_are_read_as_whole_words_of_any_script():
    assert {title: (seniority(title or None), department(title or None)) for title in TITLES} == TITLES
    columns = world_of(leads=None, stages=None)
    leads = [{**LEAD, "lead_id": f"a{number}", "title": title} for number, title in enumerate(TITLES)]
    with opened(World({"leads": leads, "stages": []}, columns.columns)) as canonical:
        rows = rows_of(features_of(canonical, scoring_spine(canonical, worlds.BASE + DAY)))
    found = {
        row["lead_id"]: (row["firmographic_seniority_rank"], row["firmographic_department"]) for row in rows
    }
    assert found == {f"a{number}": expected for number, expected in enumerate(TITLES.values())}
