"""Expected against realised, with intervals that hold."""

from __future__ import annotations

import math

import numpy as np
import pytest

from propensity.stats import calibration_line
from propensity.stats.realised import realised


def drawn(rng, *, accounts=400, leads=3, shift=0.0):
    """Outcomes of leads whose accounts share a fate in part, and the probabilities that they have on average."""
    p = np.repeat(rng.uniform(0.02, 0.3, accounts), leads)
    same = np.repeat(rng.random(accounts), leads)
    own = rng.random(p.size)
    fate = np.where(np.repeat(rng.random(accounts) < 0.5, leads), same, own)
    return (fate < p * math.exp(shift)).astype(float), p, np.repeat(np.arange(accounts), leads)


def test_counts_and_chance_by_hand():
    found = realised([1, 0, 0, 1], [0.5, 0.5, 0.25, 0.25])
    assert (found.rows, found.conversions, found.expected) == (4, 2, 1.5)
    half = 1.959964 * math.sqrt(0.25 + 0.25 + 0.1875 + 0.1875)
    assert (found.low, found.high) == (0.0, pytest.approx(min(1.5 + half, 4)))
    assert found.ratio == pytest.approx(2 / 1.5)


def test_the_intervals_hold_their_level_with_accounts():
    rng = np.random.default_rng(0)
    found = [realised(*drawn(rng)) for _ in range(300)]
    assert 0.9 < np.mean([one.ratio_low <= 1 <= one.ratio_high for one in found]) < 0.99
    assert 0.9 < np.mean([one.slope_low <= 1 <= one.slope_high for one in found]) < 0.99


def test_nights_that_repeat_each_other_make_nobody_surer():
    y, p, cluster = drawn(np.random.default_rng(3))
    once, often = realised(y, p, cluster), realised(np.tile(y, 7), np.tile(p, 7), np.tile(cluster, 7))
    assert often.ratio == pytest.approx(once.ratio)
    assert often.ratio_low == pytest.approx(once.ratio_low, rel=1e-3)
    assert often.slope_high == pytest.approx(once.slope_high, rel=1e-3)


def test_more_conversions_than_expected_are_told():
    found = realised(*drawn(np.random.default_rng(1), shift=0.7))
    assert found.ratio_low > 1.25
    assert found.conversions > found.high


def test_the_slope_is_that_of_the_calibration_line():
    y, p, cluster = drawn(np.random.default_rng(2))
    assert realised(y, p, cluster).slope == calibration_line(y, p).slope


def test_nobody_converted():
    found = realised([0] * 100, [0.05] * 100)
    assert (found.ratio, found.ratio_low) == (0.0, 0.0)
    assert found.ratio_high == pytest.approx(3 / 5)
    assert math.isnan(found.slope)


def test_nothing_expected():
    found = realised([0, 0], [0.0, 0.0])
    assert math.isnan(found.ratio)
    assert math.isnan(found.ratio_high)
