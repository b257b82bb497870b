"""Two things at once: results in order, and failures as if one had been done after the other."""

from __future__ import annotations

import threading

import pytest

from propensity.scoring.ahead import ahead, meanwhile


def test_what_is_fetched_ahead_comes_in_order_and_its_failure_comes_after_what_came_before():
    def items():
        yield from (1, 2)
        raise KeyError("third")

    found = ahead(items())
    assert [next(found), next(found)] == [1, 2]
    with pytest.raises(KeyError, match="third"):
        next(found)


def test_both_run_at_once():
    met = threading.Barrier(2, timeout=10)
    with meanwhile(met.wait) as found:
        met.wait()
        assert found() in (0, 1)


def test_the_failure_of_what_was_to_come_first_is_the_one_that_is_raised():
    def missing():
        raise LookupError("no model")

    with pytest.raises(LookupError, match="no model"), meanwhile(missing):
        raise ValueError("no data")
    with pytest.raises(ValueError, match="no data"), meanwhile(lambda: 1):
        raise ValueError("no data")
    with pytest.raises(LookupError, match="no model"), meanwhile(missing) as found:
        found()


def test_who_is_interrupted_is_not_told_of_anything_else():
    def missing():
        raise LookupError("no model")

    with pytest.raises(KeyboardInterrupt), meanwhile(missing):
        raise KeyboardInterrupt
