"""How many verdicts the next best question would set right, counted by hand."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa

from propensity.demo.questions import asked
from propensity.demo.world import simulate


def _row(lead, about, verdict="prospect", if_met="prospect", if_not="no prospect"):
    return {
        "lead_id": lead, "account_id": f"A{lead}", "verdict": verdict, "question": None if about is None else "?",
        "question_about": about, "question_verdict_if_met": if_met, "question_verdict_if_not": if_not,
    }  # fmt: skip


LATENT = pa.table(
    {
        "lead_id": ["L1", "L2", "L3", "L4"],
        "means": [False, True, False, True],
        "interest": ["cold", "ready", "evaluating", "ready"],
        "probability": [0.01, 0.3, 0.3, 0.01],
    }
)


def test_true_answers_are_counted_before_and_after():
    rows = [
        _row("L1", "budget"),  # wrong before, right after: no means, and it will not convert
        _row("L2", "budget"),  # right before and after
        _row("L3", "budget"),  # right before, wrong after: no means, yet it would convert
        _row("L4", "need"),  # wrong before and after
        _row("L2", "dialogue"),  # nobody knows whether it would answer
        _row("L2", None),
    ]
    found = asked(pa.Table.from_pylist(rows), LATENT, 0.1, seed=0)
    assert (found.listed, found.with_question, found.judged) == (6, 5, 4)
    assert (found.wrong_before, found.wrong_after) == (2, 2)
    assert found.fewer_low <= 0 <= found.fewer_high


def test_without_a_question_there_is_no_interval_and_json_says_null():
    found = asked(pa.Table.from_pylist([_row("L1", "budget")]).slice(0, 0), LATENT, 0.1, seed=0)
    assert (found.judged, found.wrong_before) == (0, 0)
    assert json.loads(json.dumps(found.to_dict()))["fewer_low"] is None


def test_what_is_hidden_agrees_with_the_truth_on_average_and_shows_who_is_open():
    """The truth is the mean of the hidden probability over what the facts leave open."""
    world = simulate(leads=3_000, seed=5)
    end = world.truth.filter(pa.compute.equal(world.truth["as_of"], pa.compute.max(world.truth["as_of"])))
    both = world.latent.join(end, "lead_id", right_suffix="_told").to_pandas()
    assert len(both) == world.latent.num_rows == end.num_rows
    difference = both["probability"] - both["probability_told"]
    assert abs(difference.mean()) < 4 * difference.std() / np.sqrt(len(both))
    assert both.groupby("means")["probability"].mean().is_monotonic_increasing
