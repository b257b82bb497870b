import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from propensity import stats


def drawn(seed=0, n=5000):
    rng = np.random.default_rng(seed)
    p = rng.beta(1, 6, n)
    return (rng.random(n) < p).astype(int), p


def test_reliability_bins_hold_all_rows_and_agree_with_plain_means():
    y, p = drawn()
    curve = stats.reliability_curve(y, p)
    assert [b.rows for b in curve] == [500] * 10
    lowest = np.argsort(p)[:500]
    assert curve[0].predicted == pytest.approx(p[lowest].mean())
    assert curve[0].observed == pytest.approx(y[lowest].mean())
    assert all(b.low <= b.observed <= b.high for b in curve)


def test_reliability_curve_keeps_ties_together():
    curve = stats.reliability_curve([0, 1, 0, 1], [0.2, 0.2, 0.2, 0.9])
    assert [(b.rows, b.predicted) for b in curve] == [(3, pytest.approx(0.2)), (1, pytest.approx(0.9))]


def test_wilson_against_published_figures():
    # Newcombe (1998), table I: 81 of 263 and 0 of 20.
    low, high = stats.wilson([81, 0], [263, 20])
    assert low == pytest.approx([0.2553, 0.0], abs=5e-5)
    assert high == pytest.approx([0.3662, 0.1611], abs=5e-5)


def test_calibration_line_is_the_logistic_regression_on_the_logit():
    y, p = drawn()
    line = stats.calibration_line(y, np.clip(p, 1e-9, 1) ** 2)
    x = np.log(np.clip(p, 1e-9, 1) ** 2 / (1 - np.clip(p, 1e-9, 1) ** 2))[:, None]
    reference = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(x, y)
    assert line.slope == pytest.approx(reference.coef_[0, 0], rel=1e-4)
    assert line.intercept == pytest.approx(reference.intercept_[0], abs=1e-3)


def test_calibration_line_of_perfect_predictions_is_near_one_and_zero():
    y, p = drawn(n=50000)
    line = stats.calibration_line(y, p)
    assert line.slope == pytest.approx(1, abs=0.05)
    assert line.intercept == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize(
    ("y", "p"), [([0, 1], [0.5, 0.5]), ([1, 1], [0.2, 0.6]), ([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9])]
)
def test_calibration_line_is_nan_where_undefined(y, p):
    line = stats.calibration_line(y, p)
    assert np.isnan([line.slope, line.intercept]).all()


@given(st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1)), min_size=1, max_size=30))
def test_calibration_line_never_crashes(rows):
    y, p = zip(*rows, strict=True)
    line = stats.calibration_line(y, p)
    assert np.isnan(line.slope) == np.isnan(line.intercept)


def test_perfect_predictions_stay_below_their_own_quantile_19_times_in_20():
    p = drawn(n=800)[1]
    limit = stats.perfect_calibration_error_quantile(p, seed=1, simulations=400)
    rng = np.random.default_rng(2)
    below = [stats.calibration_error((rng.random(p.size) < p).astype(int), p) <= limit for _ in range(300)]
    assert 0.91 <= np.mean(below) <= 0.985
    assert stats.perfect_calibration_error_quantile(p, seed=1, simulations=400) == limit


def test_quantile_with_tied_predictions_uses_the_metrics_bins():
    limit = stats.perfect_calibration_error_quantile([0.5] * 4, q=1, seed=0, simulations=200)
    assert limit == pytest.approx(0.5)
