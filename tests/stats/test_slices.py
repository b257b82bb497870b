"""Parts of the rows against their probabilities: oracles in plain Python, and how often they err."""

from __future__ import annotations

import math

import numpy as np
import pytest

from propensity.stats.slices import beyond_noise, level_test, rate, slope_test


def plain_rate(y, cluster):
    """Wilson at the effective number of rows, by hand."""
    n, value = len(y), sum(y) / len(y)
    sums = {}
    for label, account in zip(y, cluster, strict=True):
        sums[account] = sums.get(account, 0.0) + label - value
    k = len(sums)
    effect = max(1.0, sum(s * s for s in sums.values()) * k / (k - 1) / (value * (1 - value) * n))
    m, z = n / effect, 1.959963984540054
    centre = (value + z * z / (2 * m)) / (1 + z * z / m)
    half = z * math.sqrt(value * (1 - value) / m + z * z / (4 * m * m)) / (1 + z * z / m)
    return value, centre - half, centre + half


def test_a_rate_agrees_with_plain_python():
    rng = np.random.default_rng(0)
    y, cluster = rng.integers(0, 2, 60), rng.integers(0, 9, 60)
    found = rate(y, cluster)
    assert (found.value, found.low, found.high) == pytest.approx(plain_rate(y.tolist(), cluster.tolist()))


def test_rows_of_one_account_that_agree_count_as_one():
    y = np.repeat(np.arange(40) % 4 == 0, 10).astype(int)
    alone, together = rate(y), rate(y, np.repeat(np.arange(40), 10))
    assert together.high - together.low > 2.5 * (alone.high - alone.low)
    once = rate(y[::10])
    assert together.high == pytest.approx(once.high, abs=0.01)


def test_a_rate_without_conversions_still_has_an_interval():
    found = rate(np.zeros(50), np.arange(50))
    assert (found.value, found.low) == (0, 0)
    assert 0.05 < found.high < 0.1


def test_level_agrees_with_the_exact_poisson_tail_where_conversions_are_few():
    # 22 where 10 were expected: the chance of as many is .0007 (Poisson), twice that two-sided.
    y = np.r_[np.ones(22), np.zeros(978)]
    found = level_test(y, np.full(1000, 0.01))
    tail = 1 - sum(math.exp(-10) * 10**k / math.factorial(k) for k in range(22))
    assert found.expected == pytest.approx(10)
    assert 2 * tail * 0.5 < found.p_value < 2 * tail * 3


def test_probabilities_that_are_right_are_seldom_called_off():
    rng = np.random.default_rng(1)
    p = np.full(2_000, 0.01)
    called = sum(level_test(rng.random(p.size) < p, p).p_value < 0.05 for _ in range(400))
    assert 2 <= called <= 30


def test_accounts_whose_leads_convert_together_do_not_look_like_a_shift():
    rng = np.random.default_rng(2)
    cluster, p = np.repeat(np.arange(300), 8), np.full(2_400, 0.1)
    worlds = [np.repeat(rng.random(300) < 0.1, 8) for _ in range(100)]
    naive = sum(level_test(y, p).p_value < 0.05 for y in worlds)
    clustered = sum(level_test(y, p, cluster).p_value < 0.05 for y in worlds)
    assert naive > 30
    assert clustered < 13


def test_slope_and_its_interval_hold_a_planted_one():
    rng = np.random.default_rng(3)
    x = rng.normal(-1, 1, 8_000)
    y = rng.random(x.size) < 1 / (1 + np.exp(-(0.2 + 0.6 * x)))
    found = slope_test(y, 1 / (1 + np.exp(-x)))
    assert found.slope.low < 0.6 < found.slope.high < 1
    assert found.p_value < 1e-6


def test_a_slope_is_not_defined_for_one_probability():
    assert slope_test([0, 1, 0], [0.3, 0.3, 0.3]) is None


def test_holm_stops_at_the_first_that_may_be_noise():
    assert beyond_noise([0.01, 0.04, 0.03, 0.001]) == [True, False, False, True]
    assert beyond_noise([]) == []
