from datetime import timedelta
from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from propensity.model.folds import forward_folds, shuffled_folds, time_axis

TIMES = st.lists(st.integers(0, 60), min_size=1, max_size=80)


@given(TIMES, st.integers(0, 40), st.integers(1, 6))
def test_no_training_label_window_reaches_the_validation(times, gap, n_folds):
    time = np.array(times)
    folds = forward_folds(time, n_folds=n_folds, gap=gap)
    assert len(folds) <= n_folds
    for fold in folds:
        # A label looks ahead over [t, t + gap).
        assert (time[fold.train] + gap).max() <= time[fold.valid].min()
        assert time[fold.train].max() < time[fold.valid].min()


@given(TIMES, st.integers(0, 40), st.integers(1, 6))
def test_folds_expand_do_not_overlap_and_reach_the_end(times, gap, n_folds):
    time = np.array(times)
    folds = forward_folds(time, n_folds=n_folds, gap=gap)
    for before, after in pairwise(folds):
        assert set(before.train) <= set(after.train)
        assert time[before.valid].max() < time[after.valid].min()
    if folds:
        first = time[folds[0].valid].min()
        assert sorted(np.concatenate([f.valid for f in folds])) == np.flatnonzero(time >= first).tolist()


@given(TIMES, st.integers(0, 40), st.integers(1, 6))
def test_there_are_folds_whenever_one_time_lies_a_gap_after_another(times, gap, n_folds):
    time = np.array(times)
    possible = time.max() - time.min() >= max(gap, 1)
    assert bool(forward_folds(time, n_folds=n_folds, gap=gap)) == possible


def test_folds_use_every_month_where_there_are_enough():
    time = np.repeat(np.arange(12), 50)
    folds = forward_folds(time, n_folds=4, gap=2)
    assert len(folds) == 4
    assert folds[0].train.size >= 0.3 * time.size


def test_time_axis_reads_every_kind_of_time_alike():
    stamps = pd.Series(pd.date_range("2025-01-30", periods=3, tz="UTC"))
    expected = stamps.astype("int64").to_numpy() // (1000 if stamps.dt.unit == "ns" else 1)
    naive = stamps.dt.tz_localize(None).to_numpy()
    for as_of in (
        stamps,
        naive,
        stamps.dt.tz_convert("Asia/Tokyo"),
        pa.array(stamps.tolist()),
        [d.date() for d in stamps],
    ):
        axis, width = time_axis(as_of, timedelta(days=1))
        assert axis.tolist() == expected.tolist()
        assert width == 86_400_000_000
    assert time_axis([3, 1, 2])[1] == 0


@pytest.mark.parametrize(
    ("as_of", "gap", "message"),
    [
        ([1, 2], timedelta(days=1), "gap must be a number"),
        (pd.to_datetime(["2025-01-01"]), 3, "gap must be a timedelta"),
        ([1, None], None, "null in 1 of 2"),
        ([1, 2], -1, "not be negative"),
    ],
)
def test_what_does_not_fit_is_refused(as_of, gap, message):
    with pytest.raises(ValueError, match=message):
        time_axis(as_of, gap)


def test_shuffled_folds_keep_groups_whole_and_are_fewer_where_a_class_is_rare():
    y = np.array([0, 1] * 30)
    groups = np.repeat(np.arange(15), 4)
    folds = shuffled_folds(y, groups, n_folds=4, seed=0)
    assert len(folds) == 4
    assert all(not set(groups[f.train]) & set(groups[f.valid]) for f in folds)
    assert len(shuffled_folds(np.array([0] * 20 + [1, 1, 1]), None, n_folds=5, seed=0)) == 3
    assert shuffled_folds(np.array([0] * 20 + [1]), None, n_folds=5, seed=0) == ()
