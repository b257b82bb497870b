import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from propensity import stats
from propensity.stats.arrays import codes
from propensity.stats.metrics import equal_mass_bins

ROWS = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 8), st.integers(0, 3)), min_size=2, max_size=60
).filter(lambda rows: len({y for y, _, w in rows if w}) == 2)


def arrays(rows):
    y, p, w = (np.array(column) for column in zip(*rows, strict=True))
    return y, p / 8, w


@given(ROWS)
def test_ranking_metrics_agree_with_scikit_learn_under_weights_and_ties(rows):
    y, p, w = arrays(rows)
    assert stats.roc_auc(y, p, w) == pytest.approx(sk.roc_auc_score(y, p, sample_weight=w))
    assert stats.average_precision(y, p, w) == pytest.approx(
        sk.average_precision_score(y, p, sample_weight=w)
    )


@given(ROWS)
def test_losses_agree_with_scikit_learn_under_weights(rows):
    y, p, w = arrays(rows)
    assert stats.log_loss(y, p, w) == pytest.approx(sk.log_loss(y, p, sample_weight=w, labels=[0, 1]))
    assert stats.brier(y, p, w) == pytest.approx(sk.brier_score_loss(y, p, sample_weight=w))


@given(ROWS)
def test_a_weight_of_k_equals_k_copies(rows):
    y, p, w = arrays(rows)
    again = np.repeat(np.arange(y.size), w)
    for metric in (
        stats.roc_auc,
        stats.average_precision,
        stats.log_loss,
        stats.brier,
        stats.calibration_error,
    ):
        assert metric(y, p, w) == pytest.approx(metric(y[again], p[again]))
    assert stats.lift_top_decile(y, p, weights=w) == pytest.approx(stats.lift_top_decile(y[again], p[again]))


@given(ROWS, st.randoms(use_true_random=False))
def test_no_metric_depends_on_the_order_of_rows(rows, random):
    shuffled = list(rows)
    random.shuffle(shuffled)
    (y, p, w), (y2, p2, w2) = arrays(rows), arrays(shuffled)
    for metric in (stats.roc_auc, stats.average_precision, stats.calibration_error):
        assert metric(y, p, w) == pytest.approx(metric(y2, p2, w2), abs=1e-12)
    assert stats.lift_top_decile(y, p, weights=w) == pytest.approx(stats.lift_top_decile(y2, p2, weights=w2))


@given(ROWS)
def test_brier_decomposition_adds_up_and_has_no_negative_part(rows):
    y, p, w = arrays(rows)
    d = stats.brier_decomposition(y, p, w)
    assert d.brier == pytest.approx(d.reliability - d.resolution + d.uncertainty)
    assert min(d.reliability, d.resolution, d.uncertainty) >= 0


def test_brier_decomposition_of_perfect_and_of_constant_predictions():
    y = np.array([0, 0, 1, 1])
    perfect = stats.brier_decomposition(y, y)
    assert (perfect.reliability, perfect.resolution) == (0, 0.25)
    constant = stats.brier_decomposition(y, np.full(4, 0.5))
    assert (constant.reliability, constant.resolution) == (0, 0)


def plain_lift(y, p, cohort, share=0.1):
    """Give the expected lift under random tie-breaking, row by row in plain Python."""
    lifts = []
    for c in sorted(set(cohort)):
        rows = [(pi, yi) for pi, yi, ci in zip(p, y, cohort, strict=True) if ci == c]
        conversions, left, caught = sum(yi for _, yi in rows), share * len(rows), 0.0
        if not conversions:
            continue
        for score in sorted({pi for pi, _ in rows}, reverse=True):
            tied = [yi for pi, yi in rows if pi == score]
            part = min(1.0, left / len(tied))
            caught += part * sum(tied)
            left = max(0.0, left - len(tied))
        lifts.append(caught / (share * len(rows)) / (conversions / len(rows)))
    return sum(lifts) / len(lifts)


@given(ROWS)
def test_lift_agrees_with_plain_python(rows):
    y, p, cohort = arrays(rows)
    assert stats.lift_top_decile(y, p, cohort) == pytest.approx(
        plain_lift(y.tolist(), p.tolist(), cohort.tolist())
    )


def test_lift_leaves_out_and_counts_cohorts_without_a_conversion():
    y, p, cohort = [1, 0, 0, 0], [0.9, 0.1, 0.5, 0.4], ["a", "a", "b", "b"]
    assert stats.cohort_lift(y, p, cohort) == stats.CohortLift(2.0, 1, 1)


def test_lift_of_all_tied_predictions_is_one():
    assert stats.lift_top_decile([1, 0, 0, 0, 1], [0.3] * 5) == pytest.approx(1)


def test_each_cohort_counts_once_whatever_its_size():
    y = np.r_[[1] + [0] * 9, np.tile([1, 0], 500)]
    p = np.r_[[1.0] + [0.0] * 9, np.full(1000, 0.5)]
    assert stats.lift_top_decile(y, p, np.r_[np.zeros(10), np.ones(1000)]) == pytest.approx((10 + 1) / 2)


def test_bins_hold_equal_mass_and_never_split_ties():
    assert sorted(np.bincount(equal_mass_bins(np.ones(95))).tolist()) == [9] * 5 + [10] * 5
    assert np.bincount(equal_mass_bins(np.ones(100))).tolist() == [10] * 10
    assert equal_mass_bins(np.array([1.0, 98, 1])).tolist() == [0, 5, 9]


def test_calibration_error_of_constant_predictions_is_their_distance_from_the_base_rate():
    assert stats.calibration_error([0, 0, 0, 1], [0.4] * 4) == pytest.approx(0.15)


@pytest.mark.parametrize(
    "metric",
    [
        stats.roc_auc,
        stats.average_precision,
        stats.log_loss,
        stats.brier,
        stats.calibration_error,
        stats.lift_top_decile,
    ],
)
def test_no_rows_are_refused(metric):
    with pytest.raises(ValueError, match="no rows"):
        metric([], [])


@pytest.mark.parametrize("metric", [stats.roc_auc, stats.average_precision])
@pytest.mark.parametrize("label", [0, 1])
def test_one_class_is_refused(metric, label):
    with pytest.raises(ValueError, match="Only one class"):
        metric([label] * 3, [0.1, 0.2, 0.3])


@pytest.mark.parametrize(
    ("y", "p", "w", "message"),
    [
        ([0, 2], [0.1, 0.2], None, "Labels must be 0 or 1"),
        ([0, 1], [0.1, math.nan], None, "finite"),
        ([0, 1], [0.1], None, "Lengths differ"),
        ([0, 1], [0.1, 0.2], [1, -1], "not negative"),
        ([0, 1], [0.1, 0.2], [0, 0], "All weights are 0"),
        ([0, 1], [0.1, 1.2], None, "Probabilities must lie"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_sentence(y, p, w, message):
    with pytest.raises(ValueError, match=message):
        stats.log_loss(y, p, w)


def test_null_cluster_is_refused_and_ids_of_different_types_stay_apart():
    with pytest.raises(ValueError, match="holds nulls"):
        codes(np.array(["a", None], dtype=object), 2, "cluster")
    assert codes(np.array([1, "1", 1], dtype=object), 3, "cluster").tolist() == [0, 1, 0]
