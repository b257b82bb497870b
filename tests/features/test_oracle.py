"""Every feature, recomputed in plain Python from what it means."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from oracles import worlds
from oracles.bench import differences, open_world, rows_of
from oracles.canonical import Crm
from oracles.demo import demo_world
from oracles.nasty import AS_OF, THROUGH, TREE, nasty_world
from oracles.spine import training
from propensity.errors import HistoryError
from propensity.features.frame import features_of
from propensity.timeline.snapshots import scoring_spine, training_spine


@pytest.fixture(scope="module")
def nasty(tmp_path_factory):
    canonical = open_world(nasty_world(), TREE, tmp_path_factory.mktemp("nasty"))
    yield canonical, Crm(nasty_world(), canonical.config)
    canonical.engine.close()


def test_nasty_world_trains_on_what_the_oracle_says(nasty):
    canonical, crm = nasty
    query = features_of(canonical, training_spine(canonical, THROUGH))
    rows = rows_of(query)
    assert [(row["as_of"], row["lead_id"], row["label"]) for row in rows] == [
        (snapshot.as_of, snapshot.lead_id, snapshot.label) for snapshot in training(crm, THROUGH)
    ]
    assert differences(crm, rows, [feature.name for feature in query.features]) == []


def test_nasty_world_scores_what_the_oracle_says(nasty):
    canonical, crm = nasty
    query = features_of(canonical, scoring_spine(canonical, AS_OF))
    rows = rows_of(query)
    assert {row["lead_id"] for row in rows} == {
        name for name, lead in crm.leads.items() if lead["created_at"] < AS_OF
    }
    assert differences(crm, rows, [feature.name for feature in query.features]) == []


NEW = (
    "firmographic_has_authority", "firmographic_fits_industry", "firmographic_fits_country", "firmographic_fits_region",
    "firmographic_fits_employee_count", "firmographic_fits_annual_revenue", "firmographic_fits_seniority",
    "firmographic_fits_score", "firmographic_fits_copy_right", "firmographic_ideal_customer_share",
    "firmographic_source_past_rate", "firmographic_industry_past_rate", "firmographic_account_past_rate",
    "engagement_median_response_hours", "budget_capacity_amount", "budget_covers_price", "budget_days_to_fiscal_year_end",
)  # fmt: skip


def test_features_of_few_rows_take_several_values_in_the_nasty_world(nasty):
    canonical, _ = nasty
    rows = rows_of(features_of(canonical, scoring_spine(canonical, AS_OF)))
    assert [name for name in NEW if len({row[name] for row in rows} - {None}) < 2] == []


@settings(max_examples=9, deadline=None, suppress_health_check=list(HealthCheck))
@given(drawn=worlds.many_worlds)
def test_drawn_worlds_train_on_what_the_oracle_says(bench, drawn):
    crm = bench.put(worlds.side_by_side(drawn))
    expected = [
        (snapshot.as_of, snapshot.lead_id, snapshot.label) for snapshot in training(crm, worlds.THROUGH)
    ]
    try:
        rows = bench.training()
    except HistoryError:
        assert expected == []
        return
    assert sorted((row["as_of"], row["lead_id"], row["label"]) for row in rows) == expected
    assert differences(crm, rows, bench.names) == []


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(drawn=worlds.many_worlds, as_of=worlds.later_times)
def test_drawn_worlds_score_what_the_oracle_says(bench, drawn, as_of):
    crm = bench.put(worlds.side_by_side(drawn))
    rows = bench.scoring(as_of)
    assert len(rows) == sum(lead["created_at"] < as_of for lead in crm.leads.values())
    assert differences(crm, rows, bench.names) == []


def test_demo_world_is_what_the_oracle_says(demo, demo_frame, small_world):
    crm = Crm(demo_world(small_world), demo.canonical.config)
    expected = [
        (snapshot.as_of, snapshot.lead_id, snapshot.label) for snapshot in training(crm, demo.through)
    ]
    rows = demo_frame.table.to_pylist()
    assert [(row["as_of"], row["lead_id"], row["label"]) for row in rows] == expected
    assert differences(crm, rows[::3], demo_frame.names) == []
