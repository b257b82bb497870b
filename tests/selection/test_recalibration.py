"""Rolling recalibration: chosen only where the past says so, and blind to what had not matured."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from propensity.model.calibration import Beta, Platt
from propensity.selection.recalibration import choose
from propensity.selection.rolling import PERIODS, Clock, newest_level, newest_matured, rolled
from propensity.selection.training import train_and_judge
from selection.test_ladder import DAY, config, frame_of, noise

HORIZON = 30 * DAY
ROWS = 6_000


def clock_of(days, delay_days=35):
    order = np.sort(np.asarray(days, dtype=np.int64)) * DAY
    return Clock(order, order // (30 * DAY), delay_days * DAY)


@settings(max_examples=60, deadline=None)
@given(
    days=st.lists(st.integers(0, 720), min_size=40, max_size=120),
    at=st.integers(0, 720),
    months=st.integers(1, 12),
)
def test_a_map_learns_from_matured_rows_of_the_newest_months_alone(days, at, months):
    clock = clock_of(days)
    learned = newest_matured(clock, at * DAY, months=months)
    matured = clock.order + 35 * DAY <= at * DAY
    assert not (learned & ~matured).any()
    assert len(set(clock.period[learned].tolist())) <= months
    left_out = matured & ~learned
    if left_out.any():
        assert clock.period[left_out].max() < clock.period[learned].min()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), kind=st.sampled_from(["intercept", "slope"]))
def test_a_label_that_had_not_matured_changes_no_probability(seed, kind):
    rng = np.random.default_rng(seed)
    clock = clock_of(rng.integers(0, 720, 300))
    p, y = rng.uniform(0.02, 0.5, 300), rng.integers(0, 2, 300)
    targets = clock.order >= 500 * DAY
    before, _ = rolled(clock, p, y, targets, kind=kind, months=3)
    period = rng.choice(np.unique(clock.period[targets]))
    here = targets & (clock.period == period)
    start = clock.order[here].min()
    other = np.where(clock.order + clock.delay > start, 1 - y, y)
    after, _ = rolled(clock, p, other, targets, kind=kind, months=3)
    assert np.array_equal(before[here], after[here])


def test_an_order_without_dates_says_what_is_assumed_of_maturity():
    frame = frame_of({"x": noise(400)[0]}, np.arange(400) % 4 == 0)
    order = frame.table.set_column(4, "time_order", [np.arange(400)])
    clock = Clock.of(replace(frame, table=order), config(), dated=False)
    assert clock.delay == 1
    assert len(set(clock.period.tolist())) == PERIODS
    assert "labels are taken to be known when the next begins" in clock.assumed


def swinging(seed, *, swing):
    """A world whose base rate wanders from quarter to quarter while the order of leads stays as it is."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=ROWS)
    quarter = np.arange(ROWS) * 12 // ROWS // 3
    level = np.array([-2.0, -2.0, -2.0 + swing, -2.0 + 2 * swing])[quarter]
    return frame_of({"x": x}, rng.random(ROWS) < 1 / (1 + np.exp(-(level + x))))


def recipe(**model):
    return config(rungs=["base_rate", "logistic"], **model)


@pytest.fixture(scope="module")
def moving():
    return train_and_judge(swinging(0, swing=0.9), recipe(), dated=True, lineage={}, parameters={})


def test_where_the_base_rate_wanders_the_map_follows(moving):
    found = moving.recalibration
    assert found.chosen == "intercept"
    assert found.gain > 0
    assert found.low > 0
    assert all(month.slope == 1 for month in found.by_month)
    facts = moving.final.metadata
    assert facts["recalibration"]["chosen"] == "intercept"
    assert facts["moved"]["rows"] > 0
    assert facts["moved"]["intercept"] != 0


def test_a_level_that_moved_only_lately_is_followed():
    rng = np.random.default_rng(3)
    x = rng.normal(size=ROWS)
    level = np.where(np.arange(ROWS) < 0.715 * ROWS, -2.0, -0.5)
    frame = frame_of({"x": x}, rng.random(ROWS) < 1 / (1 + np.exp(-(level + x))))
    found = train_and_judge(frame, recipe(), dated=True, lineage={}, parameters={})
    assert found.recalibration.chosen == "intercept"


def test_the_newest_fold_alone_says_whether_the_level_has_moved():
    rng = np.random.default_rng(0)
    p, fold = np.full(720, 0.2), np.arange(720) // 180
    steady = (rng.random(720) < 0.2).astype(int)
    before = np.where(fold == 1, 1, steady)
    lately = np.where(fold == 3, (rng.random(720) < 0.5).astype(int), steady)
    assert newest_level(fold, p, before, np.arange(720)).p_value > 0.05
    found = newest_level(fold, p, lately, np.arange(720))
    assert found.p_value < 0.001
    assert found.expected == pytest.approx(0.2 * 180)
    assert found.observed == lately[540:].sum()


def test_following_changes_no_order(moving):
    frame = moving.test
    margin = moving.judged.margin(frame.values)
    order = np.argsort(margin, kind="stable")
    assert (np.diff(moving.probability[order]) >= 0).all()
    assert moving.evaluations["model"] is moving.evaluations["logistic"]


def test_the_intervals_follow_the_moved_map(moving):
    low, high = moving.final.intervals.of(moving.probability)
    assert (low <= moving.probability).all()
    assert (moving.probability <= high).all()
    assert moving.final.intervals.rows == moving.final.metadata["moved"]["rows"]


def test_a_steady_world_keeps_its_map():
    chosen = [
        train_and_judge(
            swinging(seed, swing=0), recipe(), dated=True, lineage={}, parameters={}
        ).recalibration.chosen
        for seed in range(1, 6)
    ]
    assert chosen.count("off") >= 4


def test_what_is_asked_for_is_done_and_off_is_off():
    frame = swinging(0, swing=0)
    asked = train_and_judge(
        frame, recipe(recalibration="slope", recalibration_months=3), dated=True, lineage={}, parameters={}
    )
    assert (asked.recalibration.chosen, asked.recalibration.months) == ("slope", 3)
    assert asked.final.metadata["moved"]["kind"] == "slope"
    off = train_and_judge(frame, recipe(recalibration="off"), dated=True, lineage={}, parameters={})
    assert (off.recalibration.chosen, off.recalibration.by_month) == ("off", ())
    assert "moved" not in off.final.metadata


def test_without_time_the_map_stays(moving):
    past = frame_of({"x": noise(400)[0]}, np.arange(400) % 4 == 0)
    learned = moving.ladder.learned["logistic"]
    assert choose(learned, past, None, recipe()).chosen == "off"


def test_a_margin_that_is_right_is_taken_at_its_word_and_a_wrong_one_is_not():
    frame = swinging(4, swing=0)
    plain = train_and_judge(frame, recipe(recalibration="off"), dated=True, lineage={}, parameters={})
    assert plain.recalibration.base == "margin"
    assert "no better beyond noise" in plain.recalibration.base_reason
    assert plain.final.calibrator == Platt()
    twice = frame_of({"x": frame.table["x"], "again": frame.table["x"]}, frame.y)
    naive = train_and_judge(
        twice, config(rungs=["naive_bayes"], recalibration="off"), dated=True, lineage={}, parameters={}
    )
    # Naive Bayes counts the same evidence twice, so that its margins lie too far apart.
    assert naive.recalibration.base == "calibrated"
    asked = recipe(recalibration="off", params={"calibration": "beta"})
    named = train_and_judge(frame, asked, dated=True, lineage={}, parameters={})
    assert named.recalibration.base == "calibrated"
    assert isinstance(named.final.calibrator, Beta)
