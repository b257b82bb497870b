"""The page in five sentences, the verdict first."""

from __future__ import annotations

import math

from propensity.audit.report import plain
from propensity.audit.sections.facts import Facts, amount, percent, told, with_interval
from propensity.audit.sections.practice import at_capacity
from propensity.audit.sections.trust import limits_of
from propensity.selection.ladder import WORDS
from propensity.selection.practice import MODEL, PRACTICES, RANDOM, Practice


def summary(facts: Facts) -> tuple[str, ...]:
    """How good, how sure, can the probabilities be trusted, against what, and what to mind."""
    if facts.judged is None:
        why = facts.trained.ladder.reason
        return (
            "There is no forward test: nothing says how good this model is.",
            told(why),
            *(told(line) for line in limits_of(facts)[:1]),
        )
    return (_good(facts), _sure(facts), _calibrated(facts), _against(facts), _mind(facts))


def _good(facts: Facts) -> str:
    """The verdict, and what the tops held."""
    judged, blocking = facts.judged, facts.court.blocking
    if judged is None:
        return ""
    lift = judged.metrics["lift_top_decile"]
    if blocking:
        head = f"Do not use this model yet: {len(blocking):,} of its columns may know the outcome, and the figures may be too good."
    elif math.isfinite(lift.low) and lift.low > 1:
        head = "The model tells better leads from worse ones beyond chance."
    else:
        head = "The test does not show that the model is better than chance."
    return head if facts.practices is None else f"{head} {at_capacity(facts.practices, facts.happened)}"


def _sure(facts: Facts) -> str:
    judged = facts.judged
    if judged is None:
        return ""
    auc = judged.metrics["roc_auc"]
    lists = judged.cohorts + judged.cohorts_left_out
    across = f" on {lists:,} dates" if lists > 1 else ""
    when = (
        "after its training period"
        if facts.trained.split.kind == "forward"
        else "drawn at random, not of the future"
    )
    return (
        f"How sure: it was judged on {judged.rows:,} snapshots{across} {when}, of {judged.clusters:,} accounts or leads, with "
        f"{judged.conversions:,} conversions; the ROC-AUC is {with_interval(auc, 2).replace('(', '(95 % ', 1)}."
    )


def _calibrated(facts: Facts) -> str:
    judged = facts.judged
    if judged is None:
        return ""
    error = judged.metrics["calibration_error"].value
    right = error <= facts.perfect_error
    stable = facts.trained.stability
    parts = (
        ""
        if stable is None or not stable.verdicts
        else f", but are off in {len(stable.verdicts):,} parts of the test"
    )
    said = "agree with what happened, within noise" if right else "are off beyond noise"
    return (
        f"The probabilities {said}{parts if right else ''} (calibration error {error:.4f}; perfect ones stay below "
        f"{facts.perfect_error:.4f}); on average they say {percent(float(facts.trained.probability.mean()))}, and "
        f"{percent(judged.base_rate)} converted."
    )


def _against(facts: Facts) -> str:
    chosen = WORDS[facts.trained.ladder.chosen]
    # Where the scorecard is the model, it is no practice to compare it with.
    itself = {MODEL, RANDOM, facts.trained.ladder.chosen}
    every = () if facts.practices is None else facts.practices.practices
    rivals = [practice for practice in every if practice.name not in itself]
    if not rivals:
        return f"The model is {chosen}; none of today's practices could be compared with it."
    best = max(rivals, key=lambda each: each.conversions.value)
    return f"The model is {chosen}; the best of today's practices, {PRACTICES[best.name]}, {_beside(best)}."


def _beside(best: Practice) -> str:
    held = f"held {amount(best.conversions.value)} a list"
    gain = best.gain
    if gain is None or not math.isfinite(gain.low):
        return held
    if gain.low > 0:
        return f"{held}: the model found {amount(gain.value)} more (95 % {amount(gain.low)} to {amount(gain.high)})"
    if gain.high < 0:
        return f"{held}: more than the model's list"
    return f"{held}: the difference is within noise"


def _mind(facts: Facts) -> str:
    lines = limits_of(facts)
    return f"To mind: {plain(lines[0]).rstrip('.')}." if lines else ""
