"""Trees and slopes that learn from a sample, and probabilities that hold for all."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from propensity.model.columns import Columns
from propensity.model.encoding import Encoder
from propensity.model.rungs import Lesson, learn_lightgbm, learn_logistic
from propensity.model.sampling import places_of, sampled
from propensity.stats.calibration import calibration_line
from propensity.stats.metrics import log_loss, roc_auc

ROWS = 24_000
LEARN = {
    "logistic": learn_logistic,
    "lightgbm": lambda lesson: learn_lightgbm(lesson, {"max_trees": 150, "learning_rate": 0.1}),
}


def world(seed):
    """Snapshots in time of which 3 in 100 convert, and their true probabilities."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(5, ROWS))
    source = rng.choice(["web", "fair", "call"], ROWS)
    truth = 1 / (1 + np.exp(4.3 - 1.2 * x[0] - 0.8 * x[1] - 0.9 * (source == "web")))
    rows = pa.table({**{f"x{i}": column for i, column in enumerate(x)}, "source": source})
    return rows, (rng.random(ROWS) < truth).astype(np.int64), truth


def lesson(most):
    rows, y, _ = world(0)
    keys = [f"L{i}" for i in range(ROWS)]
    return Lesson.of(
        rows, y, time=np.arange(ROWS), gap=10, groups=keys, threads=1, most_rows=most, places=places_of(keys)
    )


@pytest.mark.parametrize("rung", LEARN)
def test_after_strong_sampling_the_probabilities_are_those_of_all_rows(rung):
    rows, y, truth = world(1)
    whole, few = (LEARN[rung](lesson(most)) for most in (None, 2_400))
    assert "sampled" not in whole.facts
    told = few.facts["sampled"]
    assert told["conversions"] == told["of_conversions"]
    assert 2_200 < told["rows"] < 2_600
    assert told["of"] == ROWS
    said = few.probability(rows)
    # Where the folds saw fewer conversions than the last model did, the map is off for all rows as it is for a sample.
    assert said.mean() == pytest.approx(whole.probability(rows).mean(), rel=0.08)
    assert said.mean() == pytest.approx(truth.mean(), rel=0.15)
    assert calibration_line(y, said).slope == pytest.approx(1, abs=0.15)
    # The core alone, before any calibration, stands at the level of all rows too.
    core = 1 / (1 + np.exp(-few.core.margin(few.encoder.columns(rows))))
    assert core.mean() == pytest.approx(truth.mean(), rel=0.06)
    assert roc_auc(y, said) > roc_auc(y, whole.probability(rows)) - 0.02
    assert log_loss(y, said) < log_loss(y, whole.probability(rows)) + 0.003
    # Held out were all rows, not those of the sample.
    assert few.held_out.rows.tolist() == whole.held_out.rows.tolist()


def test_the_same_rows_are_drawn_whatever_stands_beside_them_and_the_model_is_the_same():
    keys = [f"L{i}" for i in range(1_000)]
    assert np.array_equal(places_of(keys)[::-1], places_of(keys[::-1]))
    first, second = (LEARN["lightgbm"](lesson(2_000)) for _ in range(2))
    assert first.core == second.core


@given(st.lists(st.integers(0, 1), min_size=3, max_size=200), st.integers(2, 150), st.integers(0, 2**31 - 1))
def test_weights_of_a_sample_add_up_to_the_rows_of_each_class(labels, most, seed):
    y = np.array(labels)
    places = np.random.default_rng(seed).random(y.size)
    found = sampled(y, places, most)
    assert (found is None) == (y.size <= most)
    if found is None:
        return
    for label in (0, 1):
        assert found.weights[y == label].sum() == pytest.approx((y == label).sum())
    rarer = int((y == 1).sum() > (y == 0).sum()) ^ 1
    if (y == rarer).sum() <= most // 2:
        assert (found.weights[y == rarer] == 1).all()


def test_rows_by_column_are_those_of_the_matrix_and_share_the_table_s_memory():
    table = pa.table(
        {
            "a": pa.chunked_array([[1.0, None], [float("nan"), 4.0]]),
            "whole": pa.array([1, None, 3, 2**60], pa.int64()),
            "small": pa.array([1.5, 2.5, None, 0.1], pa.float32()),
            "flag": pa.array([True, None, False, True]),
            "text": ["x", None, "y", "x"],
        }
    )
    encoder = Encoder.learn(table)
    columns, matrix = encoder.columns(table), encoder.encode(table)
    assert columns.shape == matrix.shape
    for i in range(5):
        np.testing.assert_array_equal(columns[:, i], matrix[:, i])
    for picked in ([1, 2], [0, 3], [3, 1], []):
        rows = np.array(picked, dtype=np.int64)
        taken = columns.take(rows)
        assert taken.shape == (rows.size, 5)
        np.testing.assert_array_equal(
            np.vstack([np.empty((0, 5)), *(block.copy() for _, block in taken.blocks(1))]), matrix[rows]
        )
    assert columns.table.column(0).chunk(0).buffers()[1].address == table["a"].chunk(0).buffers()[1].address
    with pytest.raises(ValueError, match="infinity"):
        encoder.columns(table.set_column(0, "a", pa.array([1.0, float("-inf"), None, 2.0])))
    assert Columns.of([], 3).shape == (3, 0)
