"""Splits: forward with a gap of one horizon, or by whole groups where there is no time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from propensity.errors import HistoryError
from propensity.timeline.splits import forward_split, random_split

orders = st.lists(st.integers(-20, 20), min_size=2, max_size=60).map(
    lambda values: np.array(values, dtype=np.int64)
)
shares = st.floats(0.01, 0.99)


@given(order=orders, share=shares, gap=st.integers(0, 45))
def test_forward_split_keeps_the_past_a_whole_gap_before_the_test(order, share, gap):
    assume(len(np.unique(order)) > 1)
    try:
        split = forward_split(order, test_share=share, gap=gap)
    except HistoryError:
        boundary = forward_split(order, test_share=share, gap=0).boundary
        assert not (order + gap <= boundary).any()
        return
    assert split.kind == "forward"
    assert split.past.any()
    assert split.test.any()
    assert not (split.past & split.test).any()
    assert split.gap == int((~split.past & ~split.test).sum())
    assert (split.test == (order >= split.boundary)).all()
    # A label window [t, t + gap) that ends at the boundary does not reach into it.
    assert (order[split.past] + gap <= split.boundary).all()
    assert (order[~split.past & ~split.test] + gap > split.boundary).all()


@given(order=orders, share=shares)
def test_forward_split_takes_the_boundary_nearest_to_the_share(order, share):
    moments = np.unique(order)
    assume(len(moments) > 1)
    split = forward_split(order, test_share=share, gap=0)
    missed = [abs(int((order >= moment).sum()) - share * len(order)) for moment in moments[1:]]
    assert abs(int(split.test.sum()) - share * len(order)) == min(missed)


@given(order=orders, share=shares)
def test_forward_split_keeps_equal_times_together(order, share):
    assume(len(np.unique(order)) > 1)
    split = forward_split(order, test_share=share, gap=0)
    assert not set(order[split.past]) & set(order[split.test])


@given(order=orders, share=shares, seed=st.integers(0, 2**32 - 1))
def test_forward_split_does_not_depend_on_the_order_of_rows(order, share, seed):
    assume(len(np.unique(order)) > 1)
    places = np.random.default_rng(seed).permutation(len(order))
    there, here = (forward_split(rows, test_share=share, gap=0) for rows in (order[places], order))
    assert (there.test == here.test[places]).all()


def test_forward_split_in_microseconds_of_now_does_not_overflow():
    day = 86_400_000_000
    order = 1_780_000_000_000_000 + np.arange(100, dtype=np.int64) * day
    split = forward_split(order, test_share=0.25, gap=30 * day)
    assert (int(split.past.sum()), split.gap, int(split.test.sum())) == (46, 29, 25)


def test_forward_split_refuses_one_moment():
    with pytest.raises(HistoryError, match="1 moment"):
        forward_split(np.zeros(9, dtype=np.int64), test_share=0.25, gap=0)


def test_forward_split_refuses_a_gap_that_leaves_no_past():
    with pytest.raises(HistoryError, match="whole horizon before the test of 1 rows"):
        forward_split(np.array([0, 1]), test_share=0.5, gap=2)


@given(groups=st.lists(st.sampled_from("abcdefghij"), min_size=30, max_size=60), seed=st.integers(0, 99))
def test_random_split_keeps_groups_whole_and_is_the_same_again(groups, seed):
    try:
        split = random_split(groups, test_share=0.4, seed=seed)
    except HistoryError:
        return
    ours = {group for group, test in zip(groups, split.test, strict=True) if test}
    theirs = {group for group, past in zip(groups, split.past, strict=True) if past}
    assert not ours & theirs
    assert (split.past ^ split.test).all()
    assert (split.kind, split.boundary, split.gap) == ("random", None, 0)
    again = random_split(groups[::-1], test_share=0.4, seed=seed)
    assert (again.test[::-1] == split.test).all()


def test_random_split_puts_about_the_share_into_the_test():
    split = random_split([f"lead {number}" for number in range(5000)], test_share=0.25, seed=0)
    assert 0.22 < split.test.mean() < 0.28


def test_another_seed_splits_another_way():
    groups = [f"lead {number}" for number in range(100)]
    first, second = (random_split(groups, test_share=0.5, seed=seed).test for seed in (0, 1))
    assert (first != second).any()


def test_random_split_refuses_one_group():
    with pytest.raises(HistoryError, match="too few to split"):
        random_split(["account A"] * 50, test_share=0.5, seed=0)
