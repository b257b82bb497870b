"""Which features tell what reps did, and the model without them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from propensity.selection.attention import of_our_acts
from propensity.selection.training import train_and_judge
from selection.test_ladder import config, frame_of, happens, noise

OURS = "engagement_outbound_count_30d"
THEIRS = "engagement_pricing_view_count_30d"


def names_of(*names):
    return frame_of({name: np.zeros(4) for name in names}, [0, 1, 0, 1]).features


def test_our_acts_and_what_takes_two_are_ours_and_the_leads_own_are_not():
    ours = (OURS, "engagement_email_sent_count_7d", "engagement_meeting_count_7d", "engagement_momentum")
    theirs = (THEIRS, "engagement_email_open_count_7d", "engagement_days_since_inbound", "engagement_stage")
    assert all(of_our_acts(feature, config()) for feature in names_of(*ours))
    assert not any(of_our_acts(feature, config()) for feature in names_of(*theirs))
    elsewhere = replace(names_of(OURS)[0], family="firmographic")
    assert not of_our_acts(elsewhere, config())


def test_a_model_that_lives_on_our_acts_is_worth_nothing_without_them():
    x = noise(1_200)
    rows = frame_of({OURS: x[0], THEIRS: x[1]}, happens(-1 + 2 * x[0]))
    asked = config(rungs=["base_rate", "logistic"], without_outbound=True)
    found = train_and_judge(rows, asked, dated=True, lineage={}, parameters={}).evaluations
    assert found["model"].metrics["roc_auc"].value > 0.8
    assert found["without_outbound"].metrics["roc_auc"].high < 0.65
    assert found["without_outbound"].rows == found["model"].rows
