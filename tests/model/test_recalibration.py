"""Moving a map: as far as the newest rows say, and it stays a rising one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from propensity.model.calibration import Beta, Isotonic, Platt, calibrator_from_dict
from propensity.model.recalibration import Shift, applied, fit_shift, shifted

MAPS = [
    Platt(0.8, -1.0),
    Beta(1.2, 0.7, -0.5),
    Isotonic((-3.0, -1.0, 0.5, 2.0), (0.01, 0.05, 0.05, 0.4)),
]


def drawn(rows, *, level=0.0, slope=1.0, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(-2.5, 1, rows)
    truth = 1 / (1 + np.exp(-(slope * x + level)))
    return 1 / (1 + np.exp(-x)), rng.random(rows) < truth


def test_many_conversions_move_it_as_far_as_they_tell():
    found = fit_shift(*drawn(60_000, level=0.7), kind="intercept")
    assert found.slope == 1
    assert found.intercept == pytest.approx(0.7, abs=0.05)
    both = fit_shift(*drawn(60_000, level=0.5, slope=0.7), kind="slope")
    assert (both.slope, both.intercept) == pytest.approx((0.7, 0.5), abs=0.1)


def test_few_conversions_move_it_little():
    p, _ = drawn(20)
    none = fit_shift(p, np.zeros(20), kind="intercept")
    assert -1.2 < none.intercept < 0
    assert fit_shift([], [], kind="slope") == Shift()


def test_the_level_meets_the_stationary_point_of_its_posterior():
    p, y = drawn(500, level=-0.4)
    found = fit_shift(p, y, kind="intercept")
    assert (applied(found, p) - y).sum() + found.intercept == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("calibrator", MAPS, ids=["platt", "beta", "isotonic"])
@settings(max_examples=30, deadline=None)
@given(slope=st.floats(0, 3), intercept=st.floats(-8, 8))
def test_a_moved_map_still_rises_and_reads_back(calibrator, slope, intercept):
    moved = shifted(calibrator, Shift(slope, intercept))
    margins = np.linspace(-6, 6, 200)
    p = moved.transform(margins)
    assert (np.diff(p) >= 0).all()
    assert ((p > 0) & (p < 1)).all()
    assert calibrator_from_dict(moved.to_dict()) == moved


@pytest.mark.parametrize("calibrator", MAPS, ids=["platt", "beta", "isotonic"])
def test_the_moved_map_says_what_moving_its_probabilities_says(calibrator):
    shift = Shift(0.9, 0.6)
    at = np.array([-3.0, -1.0, 0.5, 2.0])
    assert shifted(calibrator, shift).transform(at) == pytest.approx(applied(shift, calibrator.transform(at)))


def test_no_move_is_no_change():
    assert [shifted(one, Shift()) for one in MAPS[:2]] == MAPS[:2]
