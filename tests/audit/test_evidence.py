"""The court's statistics against plain counting."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import roc_auc_score

from propensity.audit.evidence import gain_error, separation, strongest_decider
from propensity.audit.exhibits import BLANK, column_of
from propensity.audit.timing import partial_rank_correlation


def test_separation_is_the_area_under_the_curve():
    rng = np.random.default_rng(0)
    y, score = rng.integers(0, 2, 500), rng.integers(0, 9, 500).astype(float)
    assert separation(y, score).auc == pytest.approx(roc_auc_score(y, score))


def test_the_error_of_an_auc_is_that_of_drawing_again():
    rng = np.random.default_rng(1)
    y = rng.integers(0, 2, 400)
    score = y + rng.normal(0, 2, 400)
    drawn = [rng.integers(0, 400, 400) for _ in range(300)]
    spread = np.std([roc_auc_score(y[rows], score[rows]) for rows in drawn])
    assert separation(y, score).error(np.arange(400)) == pytest.approx(spread, rel=0.15)


def test_rows_of_one_account_count_once_in_the_error():
    rng = np.random.default_rng(2)
    y = rng.integers(0, 2, 200)
    score = y + rng.normal(0, 2, 200)
    alone = separation(y, score).error(np.arange(200))
    doubled = separation(np.repeat(y, 4), np.repeat(score, 4)).error(np.repeat(np.arange(200), 4))
    assert doubled == pytest.approx(alone)


def test_the_same_score_gains_nothing_for_sure():
    y, score = np.array([0, 1, 0, 1, 1]), np.array([0.1, 0.4, 0.2, 0.3, 0.2])
    assert gain_error(separation(y, score), separation(y, score), np.arange(5)) == 0


def test_a_value_that_only_converted_leads_have_decides():
    y = np.r_[np.ones(60), np.zeros(240)].astype(np.int64)
    column = column_of("note", pa.chunked_array([["x"] * 40 + [None] * 260]))
    found = strongest_decider(column, y, np.full(300, 0.2), np.arange(300), 1e-4)
    assert (found.level, found.rows, found.conversions, found.more) == ("x", 40, 40, True)
    assert found.odds > 8


def test_forty_leads_of_one_account_decide_less_than_forty_accounts():
    y = np.r_[np.ones(60), np.zeros(240)].astype(np.int64)
    column = column_of("note", pa.chunked_array([["x"] * 40 + [None] * 260]))
    together = np.r_[np.zeros(40), np.arange(1, 261)].astype(np.int64)
    found = strongest_decider(column, y, np.full(300, 0.2), together, 1e-4)
    assert found.odds < 4


def test_text_that_reads_as_numbers_or_times_becomes_such_and_an_id_its_number():
    assert column_of("n", pa.chunked_array([["1", "2.5", None]]), text=True).kind == "number"
    assert column_of("t", pa.chunked_array([["2024-01-02", "2024-02-03"]]), text=True).kind == "time"
    code = column_of("c", pa.chunked_array([[f"LD-{i:03d}" for i in range(50)]]))
    assert code.nearly_unique
    assert code.matrix[:, 1].tolist() == list(range(50))


def test_a_blank_is_a_level_of_its_own():
    column = column_of("n", pa.chunked_array([[1.0, None, 3.0]]))
    assert column.levels[column.codes[1]] == BLANK
    assert column.known.tolist() == [True, False, True]


def test_a_number_given_in_order_of_conversion_goes_with_it_beyond_creation():
    rng = np.random.default_rng(3)
    created = np.sort(rng.random(300))
    ended = created + rng.random(300)
    assert partial_rank_correlation(ended.argsort().argsort(), ended, created) > 0.99
    assert abs(partial_rank_correlation(created.argsort().argsort(), ended, created)) < 0.01
