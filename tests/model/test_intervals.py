"""How sure a probability is: narrow where leads were many, wide where they were few, and honest about both."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from propensity.model.intervals import Intervals


def expit(x):
    return 1 / (1 + np.exp(-x))


def seen(rows, *, seed=0, off=lambda _: 0.0, months=12, swing=0.0):
    """Rows whose true log odds lie `off` the map's, in months that swing around it."""
    rng = np.random.default_rng(seed)
    x = rng.normal(-2, 1.2, rows)
    month = rng.integers(0, months, rows)
    truth = expit(x + off(x) + swing * rng.normal(size=months)[month])
    return x, expit(x), rng.random(rows) < truth, np.arange(rows), month


@pytest.fixture(scope="module")
def table():
    return Intervals.fit(*seen(8_000))


def test_it_contains_its_probability_and_never_falls_or_crosses(table):
    p = np.linspace(1e-5, 1 - 1e-5, 4_001)
    low, high = table.of(p)
    assert (low <= p).all()
    assert (p <= high).all()
    assert (np.diff(low) >= 0).all()
    assert (np.diff(high) >= -1e-15).all()
    assert low.min() >= 0
    assert high.max() <= 1


def test_ties_stay_ties(table):
    low, high = table.of(np.full(5, 0.1234))
    assert len(set(low.tolist())) == len(set(high.tolist())) == 1


def test_more_rows_make_it_narrower(table):
    p = np.array([0.03, 0.1, 0.3])
    few, many = Intervals.fit(*seen(800)), Intervals.fit(*seen(80_000))
    width = [np.subtract(*each.of(p)[::-1]) for each in (few, table, many)]
    assert (width[0] > width[1]).all()
    assert (width[1] > width[2]).all()


def test_it_is_wide_where_leads_were_few_and_says_so(table):
    p = np.array([0.1, 0.95])
    low, high = table.of(p)
    assert (high - low)[1] > 3 * (high - low)[0]
    assert table.enough(np.log(p / (1 - p)), p, widest=0.1).tolist() == [True, False]


def test_beyond_what_was_seen_there_is_not_enough_evidence(table):
    first, last = table.margins
    margins = np.array([first - 0.01, -2.0, last + 0.01])
    assert table.enough(margins, np.full(3, expit(-2.0)), widest=1.0).tolist() == [False, True, False]
    assert table.of(np.array([table.probabilities[-1] + 1e-4]))[1].tolist() == [1.0]


def test_it_covers_the_true_rate_where_the_map_is_right_and_where_it_is_off():
    at = np.linspace(-4, 0.5, 30)
    for off in (lambda _: 0.0, lambda x: 0.35 * np.sin(2 * x)):
        covered = []
        for seed in range(15):
            low, high = Intervals.fit(*seen(5_000, seed=seed, off=off)).of(expit(at))
            truth = expit(at + off(at))
            covered.append(((low <= truth) & (truth <= high)).mean())
        assert np.mean(covered) > 0.9


def test_months_that_swing_make_it_wider_than_their_rows_would():
    p = np.array([0.05, 0.2])
    steady, swinging = (Intervals.fit(*seen(20_000, swing=s)) for s in (0.0, 0.6))
    assert (np.subtract(*swinging.of(p)[::-1]) > 3 * np.subtract(*steady.of(p)[::-1])).all()


def test_leads_of_one_account_count_less():
    margin, p, _, _, month = seen(4_000)
    account = np.arange(4_000) // 8
    together = np.random.default_rng(5).random(500)[account] < p.mean()
    flat = np.full(4_000, p.mean())
    alone = Intervals.fit(margin, flat, together, np.arange(4_000), np.zeros(4_000, dtype=int))
    clustered = Intervals.fit(margin, flat, together, account, np.zeros(4_000, dtype=int))
    width = [np.subtract(*each.of(flat[:1])[::-1])[0] for each in (alone, clustered)]
    assert width[1] > 2 * width[0]
    assert len(alone.probabilities) == 1
    assert month.max() == 11


def test_it_reads_back_from_json_and_refuses_what_falls_or_crosses(table):
    found = json.loads(json.dumps(table.to_dict(), allow_nan=False))
    assert Intervals.from_dict(found) == table
    crossed = replace(table, low=tuple(h + 0.01 for h in table.high))
    with pytest.raises(ValueError, match="fall, cross"):
        Intervals.from_dict(crossed.to_dict())
    with pytest.raises(KeyError):
        Intervals.from_dict({"low": [], "high": [], "margins": [0, 1]})
