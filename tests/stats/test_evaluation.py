import json
import subprocess
import sys

import numpy as np
import pytest

from propensity import stats


def world(seed=0, n=600):
    rng = np.random.default_rng(seed)
    p = rng.beta(1, 4, n)
    return (rng.random(n) < p).astype(int), p, rng.integers(0, 200, n), rng.integers(0, 4, n)


def test_evaluation_agrees_with_the_metrics():
    y, p, cluster, cohort = world()
    e = stats.evaluate(y, p, cluster=cluster, cohort=cohort, seed=0, resamples=50)
    assert list(e.metrics) == [
        "roc_auc",
        "average_precision",
        "log_loss",
        "brier",
        "calibration_error",
        "lift_top_decile",
    ]
    assert e.metrics["roc_auc"].value == stats.roc_auc(y, p)
    assert e.metrics["lift_top_decile"].value == stats.lift_top_decile(y, p, cohort)
    assert e.metrics["log_loss"].low <= e.metrics["log_loss"].value <= e.metrics["log_loss"].high
    assert (e.rows, e.conversions, e.cohorts, e.cohorts_left_out) == (600, y.sum(), 4, 0)
    assert e.clusters == np.unique(cluster).size
    assert e.base_rate == y.mean()


def test_gains_rise_from_nothing_to_all():
    y, p, _, cohort = world()
    gains = stats.evaluate(y, p, cohort=cohort, seed=0, resamples=2).gains
    assert (gains.captured[0], gains.captured[-1]) == (0, pytest.approx(1))
    assert np.all(np.diff(gains.captured) >= 0)
    top = gains.captured[gains.share.index(0.1)]
    assert top * 10 == pytest.approx(stats.lift_top_decile(y, p, cohort))


def test_to_dict_is_json_without_nan():
    y, p = np.array([0, 1, 0, 1]), np.full(4, 0.5)
    found = stats.evaluate(y, p, seed=0, resamples=2).to_dict()
    assert found["calibration_slope"] is None
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_evaluating_one_class_is_refused():
    with pytest.raises(ValueError, match="Only one class"):
        stats.evaluate([0, 0], [0.1, 0.2], seed=0)


def test_at_capacity_counts_the_calls_of_each_list():
    y = np.array([1, 0, 0, 1, 0, 0])
    p = np.array([0.9, 0.5, 0.1, 0.2, 0.8, 0.7])
    cohort = np.array([1, 1, 1, 2, 2, 2])
    found = stats.at_capacity(y, p, 2, cohort=cohort)
    assert (found.conversions, found.precision) == (0.5, 0.25)
    assert found.lift == pytest.approx((1 / (2 / 3) + 0) / 2)
    assert stats.at_capacity(y, p, 99, cohort=cohort).lift == pytest.approx(1)
    with pytest.raises(ValueError, match="at least 1"):
        stats.at_capacity(y, p, 0)


def test_importing_stats_loads_neither_pandas_nor_scikit_learn():
    code = "import sys, propensity.stats; print([m for m in ('pandas', 'sklearn', 'lightgbm', 'pyarrow') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert out.stdout.strip() == "[]"
