"""What a night's figures mean, as sentences: what is wrong, and what to do."""

from __future__ import annotations

import numpy as np
import pytest

from monitoring.made import FIRST, arrived, laws, night, reference
from propensity.config import MonitoringConfig
from propensity.monitoring.findings import behind, findings
from propensity.monitoring.judge import judged
from propensity.monitoring.outcomes import Pooled

RULES = MonitoringConfig()
SHARES = laws()
RNG = np.random.default_rng(0)
KNOWN = reference(RNG, SHARES)


def of_tables(*days, reaches=63, before=None):
    tonight = night(RNG, 1, SHARES, KNOWN, tables={"leads": arrived(days, reaches=reaches)})
    earlier = [] if before is None else [night(RNG, 0, SHARES, KNOWN, tables={"leads": before})]
    return [(one.severity, one.what) for one in findings(tonight, earlier, [], (), (), None, RULES)]


def of_outcomes(**more):
    usual = {
        "nights": ("2026-01-01T00:00:00Z", "2026-01-08T00:00:00Z"), "model_version": "3", "conversions": 90,
        "expected": 90.0, "ratio": 1.0, "ratio_low": 0.8, "ratio_high": 1.25, "slope": 1.0, "slope_low": 0.8,
        "slope_high": 1.2,
    }  # fmt: skip
    tonight = night(RNG, 1, SHARES, KNOWN)
    found = findings(tonight, [], [], (), (), Pooled(**{**usual, **more}), RULES)
    return [(one.severity, one.about) for one in found]


def test_a_usual_week_is_nothing_to_tell():
    assert of_tables(9, 11, 10) == []
    assert of_tables(*[0, 3, 0, 0, 2, 1, 4] * 9) == []


def test_silence_is_told_once_it_is_longer_than_ever():
    assert of_tables(0, 10) == []
    [(level, said)] = of_tables(0, 0, 10)
    assert (level, said.split(" (")[0]) == ("warning", "leads: nothing new for 2 days")
    assert of_tables(0, 0, 0, 0, 10)[0][0] == "alarm"


def test_a_table_that_is_often_silent_may_be_so_again():
    assert of_tables(*[0, 0, 0, 5, 0, 0, 5] * 9) == []


def test_what_lies_before_the_first_row_is_no_silence():
    assert of_tables(0, 0, 3, 4, 0, reaches=3)[0][0] == "warning"


@pytest.mark.parametrize(("day", "level"), [(25, "warning"), (50, "alarm"), (4, "warning"), (1, "alarm")])
def test_volume_far_from_a_usual_week_is_told(day, level):
    [(found, said)] = of_tables(*[day] * 7, 10)
    assert found == level
    assert f"{7 * day:,} rows in the last 7 days, against 70 in a usual week" in said


def test_volume_that_swings_as_it_always_did_is_not():
    weeks = [300, 100, 280, 90, 310, 110, 290, 100, 300]
    assert of_tables(*[rows // 7 for rows in weeks for _ in range(7)]) == []


def test_a_history_that_shrinks_is_told():
    before = arrived([10])
    [(level, said)] = of_tables(*[10] * 20, 9, before=before)
    assert (level, said.split(" (")[0]) == ("alarm", "leads holds 43 rows fewer than on the night before")


def test_a_column_that_fell_silent_is_an_alarm_and_new_values_warn():
    surprises = {
        "empty": ["size", "age", "rank", "more"],
        "new": {
            "source": {"values": {"expo": 40}, "others": 3},
            "country": {"values": {"XX": 3}, "others": 0},
        },
    }
    found = findings(night(RNG, 0, SHARES, KNOWN, surprises=surprises), [], [], (), (), None, RULES)
    assert [(one.severity, one.about) for one in found] == [("alarm", "surprises"), ("warning", "surprises")]
    assert "size, age, rank and 1 more" in found[0].what
    assert "source has values that the model has never seen, for 43 leads: expo (40)" in found[1].what


@pytest.mark.parametrize(("probability", "level"), [(0.052, None), (0.066, "warning"), (0.02, "alarm")])
def test_the_mean_probability_is_held_against_recent_nights(probability, level):
    before = [night(RNG, 0, SHARES, KNOWN)]
    found = findings(
        night(RNG, 7, SHARES, KNOWN, probability=probability), before, before, (), (), None, RULES
    )
    assert [one.severity for one in found if one.about == "score"] == ([] if level is None else [level])


def test_a_concept_that_moves_the_list_is_told_though_no_distribution_was_called_different():
    before = night(RNG, 0, SHARES, KNOWN)
    found = judged(night(RNG, 7, SHARES, KNOWN, push=0.5), [before], None, RULES)
    assert [one.about for one in found.findings if one.severity == "warning"] == ["drift", "drift"]
    assert "acts 0 moves the mean probability by +1.80 points" in found.findings[0].what


def test_several_features_of_a_concept_are_one_finding():
    law = {name: np.roll(share, 3) for name, share in SHARES.items()}
    known = {**KNOWN, "concepts": dict.fromkeys(SHARES, "acts 0")}
    before = night(RNG, 0, SHARES, known)
    found = judged(night(RNG, 7, law, known), [before], None, RULES).findings
    assert [one.concepts for one in found if one.severity == "alarm"] == [("acts 0",)]
    assert "38 more of its features" in found[0].what


def test_calibration_is_an_alarm_where_its_interval_lies_beyond_the_bound():
    assert of_outcomes() == []
    assert of_outcomes(ratio=1.5, ratio_low=1.2, ratio_high=1.9) == []
    assert of_outcomes(ratio=1.6, ratio_low=1.3, ratio_high=1.9) == [("alarm", "calibration")]
    assert of_outcomes(ratio=0.6, ratio_low=0.5, ratio_high=0.7) == [("alarm", "calibration")]
    assert of_outcomes(slope=0.4, slope_low=0.3, slope_high=0.5) == [("alarm", "calibration")]
    assert of_outcomes(slope=float("nan"), slope_low=float("nan"), slope_high=float("nan")) == []
    assert of_outcomes(conversions=19, ratio=3.0, ratio_low=2.0, ratio_high=4.0) == []


def test_a_model_without_a_reference_is_said_plainly():
    [found] = findings(night(RNG, 0, SHARES, None), [], [], (), (), None, RULES)
    assert found.severity == "note"
    assert "keeps no reference" in found.what
    assert "Train again" in found.do


def test_the_alarms_come_first():
    surprises = {"empty": ["size"], "new": {}}
    tonight = night(RNG, 0, SHARES, None, surprises=surprises, tables={"leads": arrived([0, 0, 10])})
    found = findings(tonight, [], [], (), (), None, RULES)
    assert [one.severity for one in found] == ["alarm", "warning", "note"]


def test_how_far_the_data_lie_behind():
    assert behind(night(RNG, 1, SHARES, KNOWN, data_through=FIRST.isoformat())).days == 1
    assert behind(night(RNG, 1, SHARES, KNOWN, data_through=None)) is None
