"""What a handful of rows may not decide."""

from __future__ import annotations

import numpy as np
import pytest

from propensity.model.calibration import Beta, Platt
from propensity.model.classifier import PropensityClassifier


@pytest.mark.parametrize("kind", [Platt, Beta])
def test_a_few_margins_that_hardly_differ_make_no_cliff(kind):
    rng = np.random.default_rng(2)
    margin = rng.uniform(2.47, 2.49, 50)
    # By chance the higher margins convert more often: maximum likelihood would find a slope of hundreds.
    y = (margin + rng.normal(0, 0.004, 50) > 2.478).astype(int)
    found = kind.fit(margin, y)
    assert found.transform(margin).mean() == pytest.approx(y.mean(), abs=0.03)
    assert 0.01 < found.transform([1.0])[0] < found.transform([2.48])[0] < 0.99


def test_many_rows_drown_the_prior():
    rng = np.random.default_rng(3)
    margin = rng.normal(-2, 1, 50_000)
    y = (rng.random(50_000) < 1 / (1 + np.exp(-(0.4 * margin - 1)))).astype(int)
    assert Platt.fit(margin, y).slope == pytest.approx(0.4, abs=0.03)


def test_forward_folds_that_hold_a_few_rows_give_way_to_shuffled_ones():
    rng = np.random.default_rng(4)
    rows = 1_000
    X = rng.normal(size=(rows, 4))
    y = (rng.random(rows) < 0.5).astype(int)
    day = np.linspace(0, 150, rows)
    assert PropensityClassifier(max_trees=5).fit(X, y, as_of=day, gap=20).recipe_ == "forward"
    # A gap nearly as long as the history leaves but the last rows to validate on.
    assert PropensityClassifier(max_trees=5).fit(X, y, as_of=day, gap=125).recipe_ == "shuffled"
