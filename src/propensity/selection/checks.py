"""The gate's checks, each a figure, its bound and a sentence. What chance may do is always taken off first."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from propensity.selection.promotion import blocking_verdicts, capacity_in_words, step_for
from propensity.selection.training import cohorts
from propensity.stats.bootstrap import Difference, Metric, bootstrap
from propensity.stats.calibration import calibration_line
from propensity.stats.evaluation import json_safe
from propensity.stats.measures import AT_CAPACITY, calibration_slope, probability_ratio

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from propensity.config import Config
    from propensity.features.frame import FeatureFrame
    from propensity.model.bundle import Bundle
    from propensity.selection.promotion import Comparison
    from propensity.selection.segments import Segment

_MOST_NAMED = 3


@dataclass(frozen=True)
class Check:
    """One question to a challenger, and its answer.

    Attributes
    ----------
    name : of the question.
    passed : whether it speaks for the promotion.
    sentence : the answer in plain words, with its figures.
    value, low, high : the figure that decided, with its 95 % interval; None where there is none.
    bound : what the interval must not lie beyond.
    sure : False where it passed only because too little speaks either way.
    step : what to do where it failed; may be empty.
    """

    name: str
    passed: bool
    sentence: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    bound: float | None = None
    sure: bool = True
    step: str = ""

    @property
    def verdict(self) -> str:
        """`passed`, `unsure` (passed for want of evidence) or `failed`."""
        return "failed" if not self.passed else "passed" if self.sure else "unsure"

    def to_dict(self) -> dict[str, Any]:
        """JSON types."""
        found: dict[str, Any] = json_safe({**asdict(self), "verdict": self.verdict})
        return found


def court_check(challenger: Bundle, config: Config) -> Check:
    """Whether the leakage court's verdicts let the challenger pass."""
    name, blocking = "leakage court", blocking_verdicts(challenger, config)
    if blocking is None:
        return Check(
            name,
            passed=False,
            sentence="the challenger was trained before there was a leakage court: nothing says whether its columns know "
            "the outcome",
            step="Run `propensity train` again.",
        )
    excuse = str(challenger.metadata["court"].get("excuse", ""))
    if excuse:
        learned = not challenger.metadata.get("ladder", {}).get("too_few_conversions", False)
        return Check(
            name,
            passed=not learned,
            sure=False,
            sentence=f"the court did not sit: {excuse}",
            step="Bring more history, or set model.rungs: [scorecard] and train again." if learned else "",
        )
    if not blocking:
        return Check(name, passed=True, sentence="no column of it may know the outcome", value=0, bound=0)
    named = "\n".join(f"  {v['column']}: {v['verdict']}. {v['reasons'][0]['sentence']}" for v in blocking)
    return Check(
        name,
        passed=False,
        sentence=f"{len(blocking)} {'column' if len(blocking) == 1 else 'columns'} of the challenger may know the outcome:\n{named}",
        value=len(blocking),
        bound=0,
        step="\n".join(dict.fromkeys(step_for(verdict) for verdict in blocking)),
    )


def loss_check(comparison: Comparison) -> Check:
    """Whether the challenger's log loss is not above the champion's, beyond noise."""
    found = comparison.differences["log_loss"]
    said = f"{found.challenger:.4f} nats against the champion's {found.champion:.4f}: {_signed(found)}"
    return _not_worse("log loss", found, said)


def capacity_check(comparison: Comparison, config: Config, rows: FeatureFrame) -> Check:
    """Whether as many leads convert among those that a list holds, beyond noise."""
    found = comparison.differences[AT_CAPACITY]
    each = "" if cohorts(rows) is None else " of each as_of"
    said = (
        f"{found.challenger:.2f} conversions in {capacity_in_words(config)}{each} against the champion's "
        f"{found.champion:.2f}: {_signed(found)}"
    )
    return _not_worse("conversions at capacity", found, said)


def base_rate_check(comparison: Comparison, challenger: Bundle, config: Config) -> Check:
    """Without a champion: whether the challenger beats the same probability for everyone.

    Where it is no better beyond noise, it is refused only if there were conversions enough to tell, and to learn from.
    """
    found = comparison.differences["log_loss"]
    said = f"{found.challenger:.4f} nats against {found.champion:.4f} for the same probability for everyone: {_signed(found)}"
    scarce = bool(challenger.metadata.get("ladder", {}).get("too_few_conversions", False))
    few = scarce or _rarer(comparison) < config.checks.min_conversions
    if found.worse:
        sentence, passed = f"{said}, worse beyond noise", False
    elif found.better:
        sentence, passed = f"{said}, better beyond noise", True
    elif few:
        why = "the past held" if scarce else "these rows hold"
        sentence, passed = f"{said}, no better beyond noise; but {why} too few conversions to tell", True
    else:
        sentence, passed = f"{said}, no better beyond noise", False
    return Check(
        "base rate",
        passed,
        sentence,
        found.value,
        found.low,
        found.high,
        0.0,
        sure=found.better,
        step="" if passed else "It sorts no better than chance: bring more history or more columns.",
    )


def _not_worse(name: str, found: Difference, said: str) -> Check:
    verdict = "worse beyond noise" if found.worse else "better beyond noise" if found.better else "not worse"
    return Check(name, not found.worse, f"{said}, {verdict}", found.value, found.low, found.high, 0.0)


def _rarer(comparison: Comparison) -> int:
    return min(comparison.conversions, comparison.rows - comparison.conversions)


def calibration_checks(
    rows: FeatureFrame,
    challenger: npt.NDArray[np.float64],
    champion: npt.NDArray[np.float64] | None,
    config: Config,
) -> tuple[Check, Check]:
    """Whether mean probability and observed rate agree, and whether the slope is near 1; within `gate`'s factors."""
    line = calibration_line(rows.y, challenger)
    found = bootstrap(
        rows.y,
        challenger,
        seed=config.model.seed,
        cluster=np.unique(rows.groups, return_inverse=True)[1],
        resamples=config.model.resamples,
        metrics=(probability_ratio(), calibration_slope(line)),
    )
    conversions = int(rows.y.sum())
    few = min(conversions, len(rows) - conversions) < config.checks.min_conversions
    ratio, slope = found["probability_ratio"], found["calibration_slope"]
    rival = "" if champion is None else f"; the champion's is {champion.mean() / rows.y.mean():.2f}"
    level = _within(
        "calibration in the large",
        ratio,
        config.gate.calibration_ratio,
        f"a mean probability of {challenger.mean():.2%} where {rows.y.mean():.2%} converted, a ratio of {_figure(ratio)}{rival}",
        few=few,
    )
    if np.ptp(challenger) == 0:
        said = "everyone has the same probability: there is no slope"
        return level, Check("calibration slope", passed=True, sentence=said, sure=False)
    rival = "" if champion is None else f"; the champion's is {calibration_line(rows.y, champion).slope:.2f}"
    return level, _within(
        "calibration slope", slope, config.gate.calibration_slope, f"{_figure(slope)}{rival}", few=few
    )


def _within(name: str, found: Metric, factor: float, said: str, *, few: bool) -> Check:
    said = f"{said}; allowed {1 / factor:.2f} to {factor:g}"
    if few or found.low != found.low:
        sentence = f"{said}, but there are too few conversions to refuse by"
        return Check(name, True, sentence, found.value, found.low, found.high, factor, sure=False)
    beyond = found.low > factor or found.high < 1 / factor
    sentence = f"{said}, beyond which it is by more than noise" if beyond else said
    step = (
        "The world has moved since the past that it learned from, or its calibration is off: train again on newer data. "
        "Where only the order of the list matters, force it and say so."
    )
    return Check(
        name, not beyond, sentence, found.value, found.low, found.high, factor, step=step if beyond else ""
    )


def segment_check(found: Sequence[Segment], config: Config, *, champion: bool) -> Check:
    """Whether no segment collapsed."""
    rival = "the champion" if champion else "the segment's own rate in the past"
    allowed = f" by more than {config.gate.segment_loss:.0%} of the log loss" if champion else ""
    if not found:
        said = (
            f"no segment holds {config.gate.segment_rows:,} of these snapshots and {config.gate.segment_conversions:,} "
            "conversions: none was looked at"
        )
        return Check("segments", passed=True, sentence=said, bound=0, sure=False)
    collapsed = [segment for segment in found if segment.collapsed]
    bound = f"worse than {rival}{allowed} beyond noise (Holm over {len(found)} segments)"
    if not collapsed:
        said = f"none of {len(found)} is {bound}; the furthest is {_told(found[0])}"
        return Check("segments", passed=True, sentence=said, value=0, bound=0)
    named = "\n".join(f"  {_told(segment)}" for segment in collapsed[:_MOST_NAMED])
    more = f"\n  and {len(collapsed) - _MOST_NAMED} more" if len(collapsed) > _MOST_NAMED else ""
    return Check(
        "segments",
        passed=False,
        sentence=f"{len(collapsed)} of {len(found)} are {bound}:\n{named}{more}",
        value=len(collapsed),
        bound=0,
        step="Look at what changed for these leads between the two trainings: a column that went empty, a new source.",
    )


def _told(segment: Segment) -> str:
    auc = (
        ""
        if segment.rival_auc is None
        else f", ROC-AUC {segment.challenger_auc:.3f} against {segment.rival_auc:.3f}"
    )
    return (
        f"{segment.shown}: log loss {segment.challenger:.4f} against {segment.rival:.4f} ({segment.worse:+.0%}){auc}, "
        f"{segment.rows:,} snapshots, {segment.conversions:,} conversions"
    )


def _signed(found: Difference) -> str:
    return f"{found.value:+.4f} (95 % {found.low:+.4f} to {found.high:+.4f})"


def _figure(found: Metric) -> str:
    return f"{found.value:.2f} (95 % {found.low:.2f} to {found.high:.2f})"
