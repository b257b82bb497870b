"""Without drift nothing is said, whatever the seed; a shift is found where it is; what runs with the clock does not cry wolf."""

from __future__ import annotations

import numpy as np
import pytest

from monitoring.made import laws, night, reference
from propensity.config import MonitoringConfig
from propensity.monitoring.drift import effects, shifts
from propensity.monitoring.history import recent

RULES = MonitoringConfig()
SHARES = laws()


def nights(seed, *, before=4, last=SHARES, **more):
    """A night and the weeks before it, all of one law but for the last."""
    rng = np.random.default_rng(seed)
    known = reference(rng, SHARES, **more)
    earlier = [night(rng, 7 * week, SHARES, known) for week in range(before)]
    return night(rng, 7 * before, last, known), earlier


def shifted(name):
    """The same laws, but for a feature whose first half of the bins loses most of its rows to the others."""
    law = SHARES[name].copy()
    half = len(law) // 2
    law[half:] += 0.8 * law[:half].sum() / (len(law) - half)
    law[:half] *= 0.2
    return {**SHARES, name: law}


def test_without_drift_there_is_no_alarm_and_hardly_a_warning():
    found = [shift for seed in range(60) for shift in shifts(*nights(seed), RULES) if shift.level]
    assert not [shift for shift in found if shift.level == "alarm"]
    assert len(found) <= 2


def test_a_shift_is_found_on_both_sides_where_it_is_and_nowhere_else():
    for seed in range(10):
        found = shifts(*nights(seed, last=shifted("engagement_acts_3")), RULES)
        alarms = {(one.feature, one.population, one.against) for one in found if one.level == "alarm"}
        wanted = {("engagement_acts_3", "open", "training"), ("engagement_acts_3", "open", "recent")}
        assert wanted <= alarms <= wanted | {("engagement_acts_3", "new", "recent")}
        assert found[0].feature == "engagement_acts_3"


def test_what_runs_with_the_clock_warns_beside_the_training_and_alarms_where_it_jumps():
    tonight, earlier = nights(1, last=shifted("engagement_acts_3"), units={"engagement_acts_3": "days"})
    levels = {
        one.against: one.level
        for one in shifts(tonight, earlier, RULES)
        if (one.feature, one.population) == ("engagement_acts_3", "open")
    }
    assert levels == {"training": "warning", "recent": "alarm"}


@pytest.mark.parametrize("pattern", ["engagement_acts_3", "engagement_*_3"])
def test_what_is_expected_to_move_is_noted_and_no_more(pattern):
    rules = MonitoringConfig(expected_to_move=(pattern,))
    found = shifts(*nights(1, last=shifted("engagement_acts_3")), rules)
    assert {one.level for one in found if one.feature == "engagement_acts_3"} <= {"note", ""}
    assert "note" in {one.level for one in found}


def test_few_leads_are_not_compared():
    tonight, earlier = nights(2)
    rules = MonitoringConfig(smallest_sample=46)
    assert {one.population for one in shifts(tonight, earlier, rules)} == {"open"}


def test_without_a_reference_nothing_is_compared():
    rng = np.random.default_rng(0)
    assert shifts(night(rng, 0, SHARES, None), [], RULES) == ()


def test_the_bin_that_moved_most_is_said_in_words():
    found = shifts(*nights(0, last=shifted("engagement_acts_0")), RULES)[0]
    assert found.most.split(":")[0].startswith(("over ", "0 or less", "unknown"))
    assert "% to " in found.most


def test_a_push_moves_the_mean_probability_in_proportion():
    rng = np.random.default_rng(0)
    known = reference(rng, SHARES)
    earlier = [night(rng, 0, SHARES, known, push=0.2), night(rng, 7, SHARES, known, push=0.3)]
    tonight = night(rng, 14, SHARES, known, push=0.6)
    found = {(one.concept, one.against): one for one in effects(tonight, earlier)}
    assert found["acts 0", "training"].moves == pytest.approx((0.6 - 0.1) * 0.045)
    assert found["acts 0", "recent"].was == pytest.approx(0.25)
    assert found["acts 1", "recent"].moves == 0


def test_recent_nights_are_of_the_same_weekday_a_week_apart_and_of_the_same_model():
    rng = np.random.default_rng(0)
    known = reference(rng, SHARES)
    every = [night(rng, day, SHARES, known) for day in range(30) if day != 16]
    every[2] = night(rng, 2, SHARES, known, model={"name": "demo", "version": "2", "digest": "e" * 64})
    found = [one.as_of[:10] for one in recent(every, every[-1])]
    # 30 days: tonight is day 29; 22, 15, 8 and 1 lie whole weeks back.
    assert found == ["2026-03-24", "2026-03-17", "2026-03-10", "2026-03-03"]
    tonight = night(rng, 30, SHARES, known)
    # Day 16 is missing and day 2 was another model's: no other weekday stands in.
    assert [one.as_of[:10] for one in recent(every, tonight)] == ["2026-03-25", "2026-03-11"]
