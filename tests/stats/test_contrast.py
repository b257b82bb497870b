"""Promised counts and contrasts, against enumeration, scipy and simulation."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from propensity.stats import contrast, promised, smallest_difference


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_a_promise_is_what_enumeration_says(chances):
    mass = [0.0] * (len(chances) + 1)
    for outcome in itertools.product((0, 1), repeat=len(chances)):
        mass[sum(outcome)] += math.prod(p if hit else 1 - p for p, hit in zip(chances, outcome, strict=True))
    found = promised(chances)
    assert found.expected == pytest.approx(sum(chances))
    assert sum(mass[: found.low]) <= 0.025 + 1e-9
    assert sum(mass[found.high + 1 :]) <= 0.025 + 1e-9
    assert sum(mass[: found.low + 1]) > 0.025 - 1e-9
    assert sum(mass[found.high :]) > 0.025 - 1e-9


@pytest.mark.parametrize("rows", [100, 3000])
def test_equal_chances_are_binomial(rows):
    found = promised([0.07] * rows)
    assert (found.low, found.high) == tuple(binom.ppf([0.025, 0.975], rows, 0.07))


def test_many_chances_are_near_the_exact_count():
    found = promised([0.07] * 5000)
    exact = binom.ppf([0.025, 0.975], 5000, 0.07)
    assert abs(found.low - exact[0]) <= 1
    assert abs(found.high - exact[1]) <= 1
    assert (promised([]).expected, promised([]).high) == (0.0, 0)


@pytest.mark.parametrize("bad", [[1.1], [-0.1], [float("nan")]])
def test_what_is_no_chance_is_refused(bad):
    with pytest.raises(ValueError, match="must"):
        promised(bad)


def _draw(rng: np.random.Generator, effect: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """150 accounts of one to four leads, a third of them held out; accounts differ."""
    sizes = rng.integers(1, 5, 150)
    account = np.repeat(np.arange(150), sizes)
    treated = (np.arange(150) % 3 > 0)[account]
    chance = np.clip(rng.beta(2, 6, 150)[account] + effect * treated, 0, 1)
    return (rng.random(account.size) < chance).astype(int), treated, account


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(5)
    covered = 0
    for seed in range(60):
        found = contrast(*_draw(rng, 0.1), seed=seed, resamples=200)
        covered += found.low <= 0.1 <= found.high
    low, high = binom.ppf([0.0005, 0.9995], 60, 0.94)
    assert low <= covered <= high


def test_an_arm_without_a_success_still_has_an_interval():
    found = contrast([0] * 40 + [1] * 4 + [0] * 40, [True] * 40 + [False] * 44, np.arange(84), seed=0)
    assert (found.treated, found.others) == (0.0, 4 / 44)
    assert found.low < found.value < found.high
    assert found.high > 0.0


def test_an_empty_arm_compares_with_nothing():
    found = contrast([0, 1], [True, True], ["a", "b"], seed=0)
    assert (found.treated, math.isnan(found.value), math.isnan(found.low)) == (0.5, True, True)


def test_the_smallest_difference_is_seen_four_times_of_five():
    rng = np.random.default_rng(8)
    share, rows = 0.2, 500
    effect = smallest_difference(share, [1] * rows, [1] * rows)
    # Half on each side of the share, as the formula takes both arms to be about the same.
    a = rng.binomial(rows, share + effect / 2, 4000) / rows
    b = rng.binomial(rows, share - effect / 2, 4000) / rows
    error = np.sqrt((a * (1 - a) + b * (1 - b)) / rows)
    assert np.mean((a - b) / error > 1.96) == pytest.approx(0.8, abs=0.025)
    assert smallest_difference(share, [10] * 50, [10] * 50) == pytest.approx(effect * math.sqrt(10))
    assert math.isnan(smallest_difference(share, [], [1]))
