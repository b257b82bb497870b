"""The search for parameters: bounded, repeatable, and taken up again. The budget is a clock of the test's own."""

from __future__ import annotations

import sys

import numpy as np
import pyarrow as pa
import pytest

from propensity.errors import ConfigError
from propensity.model.rungs import Lesson
from propensity.model.tuning import SPACE, folds_to_tune_on, tune

FIXED = {"random_state": 0, "max_trees": 15, "patience": 5}


@pytest.fixture(scope="module")
def lesson():
    pytest.importorskip("optuna")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 3))
    y = (rng.random(400) < 1 / (1 + np.exp(-2 * x[:, 0] * x[:, 1]))).astype(int)
    rows = pa.table({f"x{i}": x[:, i] for i in range(3)})
    return Lesson.of(rows, y, time=np.arange(400), gap=None, groups=np.arange(400).astype(str), threads=1)


def search(lesson, study, trials, **more):
    return tune(lesson, FIXED, seconds=1e9, trials=trials, study=study, seed=3, **more)


def test_two_halves_find_what_one_whole_finds(lesson, tmp_path):
    whole = search(lesson, tmp_path / "a" / "tuning.db", 6)
    first = search(lesson, tmp_path / "b.db", 3)
    again = search(lesson, tmp_path / "b.db", 6)
    assert (first.trials, again.trials) == (3, 6)
    assert again == whole
    assert again.log_loss <= first.log_loss
    assert set(whole.params) == set(SPACE)
    assert search(lesson, tmp_path / "b.db", 6) == whole


def test_the_defaults_are_the_first_trial(lesson, tmp_path):
    found = search(lesson, tmp_path / "t.db", 1)
    assert found.params["num_leaves"] == 10
    assert found.params["learning_rate"] == 0.05


def test_the_search_ends_in_the_middle_of_a_trial_when_the_time_is_over(lesson, tmp_path):
    ticks = iter(range(1000))
    found = tune(
        lesson, FIXED, seconds=20, trials=1000, study=tmp_path / "t.db", seed=0, clock=lambda: next(ticks)
    )
    assert found is None
    assert next(ticks) <= 24


def test_other_rows_begin_a_study_of_their_own(lesson, tmp_path):
    search(lesson, tmp_path / "t.db", 2)
    other = tune(lesson, {**FIXED, "num_leaves": 7}, seconds=1e9, trials=1, study=tmp_path / "t.db", seed=3)
    assert other.trials == 1
    assert "num_leaves" not in other.params


def test_the_newest_fold_is_kept_for_the_comparison(lesson):
    assert folds_to_tune_on(lesson) == lesson.folds[:-1]


def test_without_optuna_the_message_says_what_to_install(lesson, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ConfigError, match=r"pip install 'propensity\[tune\]'"):
        search(lesson, tmp_path / "t.db", 1)
