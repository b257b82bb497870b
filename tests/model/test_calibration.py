import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from propensity import stats
from propensity.model.calibration import Beta, Isotonic, Platt, calibrator_from_dict, fit_calibrator

METHODS = ["platt", "beta", "isotonic"]
ROWS = st.lists(
    st.tuples(st.floats(-30, 30), st.integers(0, 1), st.integers(0, 3)), min_size=2, max_size=60
).filter(lambda rows: len({y for _, y, w in rows if w}) == 2)


def drawn(seed=0, n=4000, slope=0.6, intercept=0.3, mean=-2.0):
    rng = np.random.default_rng(seed)
    margin = rng.normal(mean, 1.5, n)
    truth = 1 / (1 + np.exp(-(slope * margin + intercept)))
    return margin, (rng.random(n) < truth).astype(int), truth


@pytest.mark.parametrize("method", METHODS)
@given(rows=ROWS, seen=st.lists(st.floats(-40, 40), min_size=2, max_size=40))
def test_every_map_never_falls_and_never_reaches_0_or_1(method, rows, seen):
    margin, y, weights = zip(*rows, strict=True)
    calibrator = fit_calibrator(margin, y, method=method, weights=weights)
    p = calibrator.transform(np.sort(np.r_[seen, margin]))
    assert np.all(np.diff(p) >= 0)
    assert p.min() > 0
    assert p.max() < 1


@pytest.mark.parametrize("method", METHODS)
def test_a_probability_does_not_depend_on_its_batch(method):
    margin, y, _ = drawn()
    calibrator = fit_calibrator(margin, y, method=method)
    whole = calibrator.transform(margin)
    assert np.array_equal(
        whole, np.concatenate([calibrator.transform(part) for part in np.array_split(margin, 7)])
    )
    assert whole[5] == calibrator.transform(margin[5:6])[0]


@pytest.mark.parametrize("method", [*METHODS, "auto"])
def test_calibration_repairs_margins_that_are_too_extreme(method):
    margin, y, _ = drawn()
    test_margin, _, truth = drawn(seed=1)
    p = fit_calibrator(margin, y, method=method).transform(test_margin)
    raw = 1 / (1 + np.exp(-test_margin))
    assert np.abs(p - truth).mean() < 0.02 < np.abs(raw - truth).mean()


def test_platt_finds_slope_and_intercept():
    margin, y, _ = drawn(n=40000)
    found = Platt.fit(margin, y)
    assert found.slope == pytest.approx(0.6, abs=0.03)
    assert found.intercept == pytest.approx(0.3, abs=0.06)


def test_reversed_margins_give_a_level_map_instead_of_a_falling_one():
    margin, y, _ = drawn()
    assert Platt.fit(-margin, y).slope == 0
    beta = Beta.fit(-margin, y)
    assert (beta.a, beta.b) == (0, 0)
    assert Platt.fit(-margin, y).transform([0.0])[0] == pytest.approx(y.mean(), abs=0.001)


def test_isotonic_leaves_few_ties_between_its_ends_and_a_finite_loss():
    margin, y, _ = drawn(n=6000, slope=1.0)
    isotonic = Isotonic.fit(margin, y)
    inside = (margin > isotonic.margins[0]) & (margin < isotonic.margins[-1])
    p = isotonic.transform(margin)
    # A pooled step that equals its neighbour after shrinking stays level.
    assert np.unique(p[inside]).size > 0.9 * inside.sum()
    assert p.min() > 0
    assert p.max() < 1
    assert np.isfinite(stats.log_loss(1 - y, p))


def test_isotonic_of_separated_classes_stays_uncertain():
    p = Isotonic.fit([-1, -0.5, 0.5, 1], [0, 0, 1, 1]).transform([-9, 9])
    assert p.tolist() == pytest.approx([0.25, 0.75])


@pytest.mark.parametrize("method", METHODS)
def test_weights_count_as_copies(method):
    margin, y, _ = drawn(n=300)
    w = np.random.default_rng(0).integers(0, 4, 300)
    a = fit_calibrator(margin, y, method=method, weights=w).transform(margin)
    b = fit_calibrator(np.repeat(margin, w), np.repeat(y, w), method=method).transform(margin)
    assert a == pytest.approx(b, abs=1e-5)


def test_auto_takes_steps_where_a_thousand_of_the_rarer_class_show_that_no_line_holds():
    rng = np.random.default_rng(0)
    margin = rng.normal(0, 2, 8000)
    y = (rng.random(8000) < np.where(np.abs(margin) < 2, 0.4, np.where(margin > 0, 0.5, 0.02))).astype(int)
    assert isinstance(fit_calibrator(margin, y), Isotonic)
    assert isinstance(fit_calibrator(-margin, 1 - y), Isotonic)
    few = np.flatnonzero(y == 1)[:999]
    rows = np.sort(np.r_[few, np.flatnonzero(y == 0)])
    assert not isinstance(fit_calibrator(margin[rows], y[rows]), Isotonic)


def test_auto_keeps_the_line_where_it_holds_however_many_rows_there_are():
    margin, y, _ = drawn(n=20_000)
    assert y.sum() > 1000
    assert isinstance(fit_calibrator(margin, y), Platt)


def test_auto_prefers_platt_unless_beta_is_clearly_better():
    margin, y, _ = drawn(n=3000, mean=-3)
    assert isinstance(fit_calibrator(margin, y), Platt)
    rng = np.random.default_rng(0)
    margin = rng.normal(0, 3, 1900)
    bent = np.where(margin > 0, 0.1 * margin, 2 * margin)
    y = (rng.random(1900) < 1 / (1 + np.exp(-bent))).astype(int)
    assert isinstance(fit_calibrator(margin, y), Beta)


@pytest.mark.parametrize("method", METHODS)
def test_json_keeps_every_bit(method):
    margin, y, _ = drawn(n=500)
    calibrator = fit_calibrator(margin, y, method=method)
    assert calibrator_from_dict(json.loads(json.dumps(calibrator.to_dict()))) == calibrator


def test_equal_margins_give_the_base_rate():
    for method in METHODS:
        p = fit_calibrator(np.zeros(1000), np.arange(1000) % 4 == 0, method=method).transform([0.0])
        assert p[0] == pytest.approx(0.25, abs=0.002)


@pytest.mark.parametrize(
    "found",
    [
        {"method": "magic"},
        {"method": "platt", "slope": 1.0},
        {"method": "platt", "slope": -1.0, "intercept": 0.0},
        {"method": "isotonic", "margins": [0.0, 1.0], "probabilities": [0.4, 0.2]},
        {"method": "isotonic", "margins": [], "probabilities": []},
        {"method": "isotonic", "margins": [0.0], "probabilities": [1.0]},
        {},
    ],
)
def test_a_damaged_calibrator_is_refused(found):
    with pytest.raises(ValueError, match=r"calibrat"):
        calibrator_from_dict(found)


@pytest.mark.parametrize(
    ("margin", "y", "message"),
    [([0, 1], [1, 1], "both classes"), ([np.nan, 1], [0, 1], "finite"), ([1], [0, 1], "Lengths")],
)
def test_what_cannot_be_calibrated_is_refused(margin, y, message):
    with pytest.raises(ValueError, match=message):
        fit_calibrator(margin, y)
