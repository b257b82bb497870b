"""Drivers: bins, and factors that are what the model's own contributions say."""

from __future__ import annotations

import numpy as np
import pytest

from propensity.audit.drivers import FEWEST_ROWS, OTHERS, UNKNOWN, _bins, drivers_of


@pytest.fixture(scope="module")
def drivers(facts):
    return drivers_of(facts.trained.judged, facts.trained.test)


def test_pushes_are_the_mean_absolute_contributions_by_concept(facts, drivers):
    bundle, values = facts.trained.judged, facts.trained.test.values
    sums = bundle.by_concept(bundle.contributions(values))
    assert drivers.rows == len(facts.trained.test)
    assert all(each.push == pytest.approx(np.abs(sums[each.concept]).mean()) for each in drivers.concepts)
    assert [each.push for each in drivers.concepts] == sorted(
        (e.push for e in drivers.concepts), reverse=True
    )


def test_the_factors_of_a_feature_are_recomputed_by_hand(facts, drivers):
    bundle, table = facts.trained.judged, facts.trained.test.values
    pushes = bundle.contributions(table)
    effect = next(each for each in drivers.effects if any(value.value == UNKNOWN for value in each.values))
    column = pushes[:, bundle.names.index(effect.feature)]
    unknown = np.array([value is None for value in table[effect.feature].to_pylist()])
    found = next(value for value in effect.values if value.value == UNKNOWN)
    assert found.rows == unknown.sum()
    expected = np.exp(drivers.stretch * (column[unknown].mean() - column.mean()))
    assert found.odds == pytest.approx(expected)


def test_each_effect_counts_every_row_once(drivers):
    assert drivers.effects
    assert all(sum(value.rows for value in effect.values) == drivers.rows for effect in drivers.effects)


def test_a_hidden_feature_shows_no_values(facts, drivers):
    hidden = drivers.effects[0].feature
    again = drivers_of(facts.trained.judged, facts.trained.test, hidden=frozenset({hidden}))
    assert hidden not in {effect.feature for effect in again.effects}
    assert again.concepts == drivers.concepts


def test_rare_words_stand_together(facts, drivers):
    for effect in drivers.effects:
        kinds = {column.name: column.kind for column in facts.trained.judged.features}
        if kinds[effect.feature] == "category":
            named = [value for value in effect.values if value.value not in {OTHERS, UNKNOWN}]
            assert all(value.rows >= FEWEST_ROWS for value in named)


@pytest.mark.parametrize(
    ("numbers", "bounds"),
    [
        ([], []),
        ([3.0], [(3.0, 3.0)]),
        (
            [0.0] * 90 + [float(n) for n in range(1, 11)],
            [(0.0, 0.0), (1.0, 3.0), (4.0, 6.0), (7.0, 9.0), (10.0, 10.0)],
        ),
    ],
)
def test_bins_have_like_mass_and_a_common_value_stands_alone(numbers, bounds):
    assert _bins(np.array(numbers)) == bounds
