"""The population stability index by an oracle in plain Python, its noise, and the test beside it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from propensity.stats.drift import benjamini_hochberg, design_effect, divergence, psi

COUNTS = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=1, max_size=12).filter(
    lambda pairs: sum(a for a, _ in pairs) > 0 and sum(b for _, b in pairs) > 0
)


def oracle(expected, found):
    """The definition, bin by bin."""
    bins, total = len(expected), 0.0
    for a, b in zip(expected, found, strict=True):
        p = (a + 0.5) / (sum(expected) + 0.5 * bins)
        q = (b + 0.5) / (sum(found) + 0.5 * bins)
        total += (q - p) * math.log(q / p)
    return total


@given(COUNTS)
def test_the_index_is_that_of_its_definition(pairs):
    expected, found = zip(*pairs, strict=True)
    assert psi(expected, found) == pytest.approx(oracle(expected, found), abs=1e-12)


@given(COUNTS)
def test_it_is_never_negative_and_has_no_direction(pairs):
    expected, found = zip(*pairs, strict=True)
    assert psi(expected, found) >= -1e-15
    assert psi(expected, found) == pytest.approx(psi(found, expected))
    assert psi(expected, expected) == 0


def test_its_noise_is_what_chance_gives_on_average():
    rng, law = np.random.default_rng(0), np.full(10, 0.1)
    found = [divergence(rng.multinomial(1000, law), rng.multinomial(400, law)) for _ in range(2_000)]
    assert np.mean([one.psi for one in found]) == pytest.approx(found[0].noise, rel=0.05)
    assert found[0].noise == pytest.approx(9 * (1 / 1000 + 1 / 400))


def test_its_test_keeps_its_level_also_where_bins_are_sparse():
    rng, law = np.random.default_rng(1), np.array([0.6, 0.2, 0.1, 0.05, 0.02, 0.01, 0.01, 0.01])
    found = [divergence(rng.multinomial(300, law), rng.multinomial(40, law)).p_value for _ in range(4_000)]
    assert np.mean(np.array(found) < 0.01) < 0.015
    assert np.mean(np.array(found) < 0.05) < 0.065


def test_the_test_is_chi_squared_where_no_bin_is_sparse():
    table = np.array([[120, 80, 60], [100, 120, 70]])
    wanted = scipy_stats.chi2_contingency(table, correction=False).pvalue
    assert divergence(*table).p_value == pytest.approx(wanted)


def test_rows_that_are_alike_count_less():
    alone, alike = (divergence([500, 500], [60, 40], design_effect=effect) for effect in (1.0, 4.0))
    assert alike.psi == alone.psi
    assert alike.noise == pytest.approx(4 * alone.noise)
    assert alike.p_value > alone.p_value


def test_a_shift_is_found():
    found = divergence([500, 300, 200], [200, 300, 500])
    assert found.beyond > 0.25
    assert found.p_value < 1e-6


def test_the_distance_of_ordered_bins_is_that_of_the_cumulative_shares():
    assert divergence([50, 50, 0, 0], [0, 50, 50, 0], ordered=True).distance == pytest.approx(0.5)
    assert divergence([40, 60, 0, 0], [10, 60, 30, 0]).distance == pytest.approx(0.3)
    assert divergence([90, 0, 10], [50, 0, 50], ordered=True).distance == pytest.approx(0.4)


def test_one_bin_says_nothing():
    found = divergence([100, 0], [50, 0])
    assert (found.beyond, found.p_value) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("expected", "found"), [([1], [1, 2]), ([], []), ([0, 0], [1, 2]), ([1, -1], [1, 1])]
)
def test_what_cannot_be_compared_is_refused(expected, found):
    with pytest.raises(ValueError, match=r"bins|negative"):
        psi(expected, found)


def test_rows_of_one_account_that_are_the_same_multiply_the_variance():
    rng = np.random.default_rng(2)
    which, cluster = np.repeat(rng.integers(0, 3, 2_000), 4), np.repeat(np.arange(2_000), 4)
    assert design_effect(which, 3, cluster) == pytest.approx(4, rel=0.1)
    assert design_effect(which, 3, np.arange(which.size)) == pytest.approx(1)
    assert design_effect(np.zeros(10, int), 3, np.arange(10)) == 1
    assert design_effect(np.zeros(0, int), 3, np.zeros(0, int)) == 1


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_adjusted_p_values_are_those_of_scipy(values):
    assert benjamini_hochberg(values) == pytest.approx(scipy_stats.false_discovery_control(values))
