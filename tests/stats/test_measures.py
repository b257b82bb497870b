from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from propensity import stats
from propensity.stats.calibration import weighted_line
from propensity.stats.clusters import holm, mean_test
from propensity.stats.measures import AT_CAPACITY, calibration_slope, conversions_at, probability_ratio
from propensity.stats.metrics import scorer

LISTS = st.lists(
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 3)), min_size=1, max_size=5), min_size=1, max_size=3
)


def oracle(lists, count):
    """Mean over lists, and over every order that the ties allow, of the conversions among the first `count`."""
    means = []
    for rows in lists:
        tops = [
            sum(y for y, _ in sorted(order, key=lambda row: -row[1])[:count]) for order in permutations(rows)
        ]
        means.append(sum(tops) / len(tops))
    return sum(means) / len(means)


@given(LISTS, st.integers(1, 6))
def test_conversions_at_a_count_are_those_of_every_order_that_ties_allow(lists, count):
    y, p = np.array([row for rows in lists for row in rows], dtype=float).T
    cohort = np.repeat(np.arange(len(lists)), [len(rows) for rows in lists])
    s, ones = scorer(y, p, cohort=cohort)
    assert conversions_at(count=count).of(s, ones) == pytest.approx(oracle(lists, count))


def test_a_weight_is_as_many_copies():
    y, p, w = np.array([1.0, 0, 1, 0, 1]), np.array([0.9, 0.9, 0.4, 0.3, 0.1]), np.array([2, 1, 0, 3, 1])
    s, weights = scorer(y, p, w)
    copies, ones = scorer(np.repeat(y, w), np.repeat(p, w))
    for measure in (conversions_at(count=4), conversions_at(share=0.5), probability_ratio()):
        assert measure.of(s, weights) == pytest.approx(measure.of(copies, ones))


def test_a_share_is_of_each_cohort():
    y, p = np.array([1, 0, 0, 0, 1, 1]), np.array([0.9, 0.1, 0.2, 0.3, 0.9, 0.8])
    s, ones = scorer(y, p, cohort=[0, 0, 0, 0, 1, 1])
    assert conversions_at(share=0.5).of(s, ones) == 1.0


def test_a_challenger_that_is_worse_at_capacity_only_is_found_on_the_same_resamples():
    rng = np.random.default_rng(0)
    truth = rng.beta(1, 4, 4_000)
    y = (rng.random(4_000) < truth).astype(int)
    top = truth > np.quantile(truth, 0.8)
    flat_top, flat_rest = np.where(top, truth[top].mean(), truth), np.where(top, truth, truth[~top].mean())
    found = stats.paired(
        y, flat_rest, flat_top, seed=1, resamples=100, metrics=["log_loss", conversions_at(count=200)]
    )
    assert found["log_loss"].better
    assert found[AT_CAPACITY].worse


def test_neither_direction_is_better_and_nonsense_is_refused():
    with pytest.raises(ValueError, match="cannot be compared"):
        stats.paired([0, 1], [0.1, 0.2], [0.1, 0.2], seed=0, metrics=[probability_ratio()])
    for wrong in ({}, {"count": 0}, {"share": 1.5}, {"count": 1, "share": 0.5}):
        with pytest.raises(ValueError, match="count"):
            conversions_at(**wrong)


def test_slope_and_ratio_have_intervals_that_hold_the_truth():
    rng = np.random.default_rng(2)
    margin = rng.normal(-1, 1, 3_000)
    y = (rng.random(3_000) < 1 / (1 + np.exp(-margin))).astype(int)
    extreme = 1 / (1 + np.exp(-2 * margin))
    wanted = (probability_ratio(), calibration_slope(stats.calibration_line(y, extreme)))
    found = stats.bootstrap(y, extreme, seed=0, resamples=100, metrics=wanted)
    assert found["calibration_slope"].low < 0.5 < found["calibration_slope"].high < 0.6
    assert found["probability_ratio"].value == pytest.approx(extreme.mean() / y.mean())


def test_a_start_does_not_move_the_line():
    rng = np.random.default_rng(3)
    p = rng.uniform(0.05, 0.9, 500)
    y, w = (rng.random(500) < p).astype(float), rng.integers(0, 3, 500).astype(float)
    cold = weighted_line(y, p, w)
    warm = weighted_line(y, p, w, start=stats.CalibrationLine(1.4, 0.3))
    copies = stats.calibration_line(np.repeat(y, w.astype(int)), np.repeat(p, w.astype(int)))
    assert (warm.slope, warm.intercept) == pytest.approx((cold.slope, cold.intercept))
    assert (copies.slope, copies.intercept) == pytest.approx((cold.slope, cold.intercept))


def test_the_mean_test_of_single_rows_is_students():
    from scipy.stats import ttest_1samp  # noqa: PLC0415 - slow to import, and only the oracle

    x = np.random.default_rng(4).normal(0.2, 1, 60)
    expected = ttest_1samp(x, 0, alternative="greater")
    found = mean_test(x, np.arange(60))
    assert (found.value, found.p_value) == pytest.approx((x.mean(), expected.pvalue))


def test_copies_within_a_cluster_add_no_evidence():
    x = np.random.default_rng(5).normal(0.3, 1, 40)
    found = mean_test(np.repeat(x, 10), np.repeat(np.arange(40), 10))
    assert found.p_value == pytest.approx(mean_test(x, np.arange(40)).p_value)
    assert mean_test(x, np.zeros(40)).p_value == 1.0


def test_holm_alarms_no_more_often_than_its_level_over_all():
    rng = np.random.default_rng(6)
    alarms = sum(bool((holm(rng.random(30)) < 0.05).any()) for _ in range(1_000))
    assert alarms < 75
    assert holm([]).size == 0
