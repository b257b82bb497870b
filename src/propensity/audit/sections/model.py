"""The ladder, gains, reliability and drivers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from propensity.audit.charts import Bar, Curve, Interval, bars, curves, intervals
from propensity.audit.drivers import FeatureEffect
from propensity.audit.report import Block, Drawing, Fold, Grid, Section, Words, plain, quoted
from propensity.audit.sections.facts import Facts, percent, short_percent, told, with_interval
from propensity.selection.ladder import WORDS, Step

if TYPE_CHECKING:
    from propensity.stats.evaluation import Evaluation, GainsCurve

NO_TEST: Final = "There was no test that holds both outcomes, so this part says nothing."
_METRICS: Final = {
    "roc_auc": ("ROC-AUC", 3, "chance that a lead that converted ranks above one that did not; 0.5 is chance"),
    "average_precision": ("average precision", 3, "precision averaged over the ranking; the conversion rate is chance"),
    "log_loss": ("log loss", 4, "error of the probabilities in nats; lower is better"),
    "brier": ("Brier score", 4, "squared error of the probabilities; lower is better"),
    "calibration_error": ("calibration error", 4, "mean gap between probability and rate; lower is better"),
    "lift_top_decile": ("lift, top tenth", 2, "how many times as many conversions as at random in the top tenth of each list"),
}  # fmt: skip


def ladder(facts: Facts) -> Section:
    """Which rungs were tried, and why this one is the model."""
    climbed, tested = facts.trained.ladder, facts.trained.evaluations
    rows = [
        (
            WORDS[step.rung] + (" (the model)" if step.rung == climbed.chosen else ""),
            "-" if step.log_loss is None else f"{step.log_loss:.4f}",
            "-" if step.gain is None else f"{step.gain:+.4f} ({step.low:+.4f} to {step.high:+.4f})",
            "taken" if step.took else "left",
            _why(step),
        )
        for step in climbed.steps
    ]
    blocks: list[Block] = [
        Words(told(climbed.reason.partition(" Tried and left:")[0])),
        Words(
            "Each rung must beat the best simpler one beyond noise, on validation parts of the past. The test took no part "
            "in the choice.",
            "note",
        ),
        Grid(
            "The ladder, from the simplest model on",
            ("rung", "log loss, validation", "gain over the best so far (95 %)", "decision", "why"),
            tuple(rows),
            "lrrll",
        ),
    ]
    rungs = {WORDS[name]: found for name, found in tested.items() if name in WORDS}
    return Section("ladder", "The ladder: why this model", (*blocks, *(_on_the_test(rungs) if rungs else ())))


def _on_the_test(rungs: Mapping[str, Evaluation]) -> tuple[Block, ...]:
    """How each rung did on the test: a drawing of the lifts, and all figures folded away."""
    lifts = [
        Interval(name, m.value, m.low, m.high, f"{m.value:.2f}")
        for name, found in rungs.items()
        for m in (found.metrics["lift_top_decile"],)
    ]
    says = "Lift in the top tenth by rung: " + "; ".join(f"{row.label} {row.shown}" for row in lifts)
    drawn = intervals(
        lifts,
        says=says,
        tick=lambda v: f"{v:g}",
        reference=1.0,
        axis="lift in the top tenth of each list",
    )
    drawing = Drawing(drawn, "Each rung on the test, with its 95 % interval. The dotted line, 1, is chance.")
    head = ("on the test", *rungs)
    figures = tuple(
        (title, *(with_interval(found.metrics[key], decimals) for found in rungs.values()))
        for key, (title, decimals, _) in _METRICS.items()
    )
    meanings = tuple((title, meaning) for title, _, meaning in _METRICS.values())
    return (
        drawing,
        Fold(
            "All figures of all rungs, with 95 % intervals",
            (
                Grid(
                    "Figures on the test, with 95 % intervals clustered by account",
                    head,
                    figures,
                    "l" + "r" * len(rungs),
                ),
                Grid("What the figures mean", (), meanings, "ll"),
            ),
        ),
    )


def _why(step: Step) -> str:
    """The reason without the figures, which have columns of their own."""
    head, _, rest = step.reason.partition(": log loss")
    _, _, tail = rest.partition("; ")
    return plain(f"{head}; {tail}" if tail else head)


def gains(facts: Facts) -> Section:
    """How many of the conversions lie in the top of the lists."""
    found = facts.judged
    if found is None:
        return Section("gains", "Gains and lift", (Words(NO_TEST, "note"),))
    curve, lift = found.gains, found.metrics["lift_top_decile"]
    rows = tuple(
        (percent(s), percent(c), f"{c / s:.1f}" if s else "-")
        for s, c in zip(curve.share, curve.captured, strict=True)
        if s > 0
    )
    sentence = (
        f"The top tenth of each list holds {percent(_captured(curve, 0.1))} of its conversions, "
        f"{with_interval(lift, 1).replace('(', '(95 % ', 1)} times as many as a tenth picked at random. Leads at the top did "
        "convert, whoever called them: this is no measure of what calling causes."
    )
    return Section(
        "gains",
        "Gains and lift",
        (
            Words(sentence),
            _gains_drawn(facts, curve),
            Fold(
                "The curve in numbers",
                (Grid("Gains", ("top of the list", "of the conversions", "lift"), rows, "rrr"),),
            ),
        ),
    )


def _gains_drawn(facts: Facts, curve: GainsCurve) -> Drawing:
    """The model's gains beside those of the rungs that it is measured by, and how far the capacity reaches."""
    rivals = {
        name: facts.trained.evaluations[name].gains
        for name in ("scorecard", "lightgbm")
        if name in facts.trained.evaluations and name != facts.trained.ladder.chosen
    }
    series = [
        Curve("the model", curve.share, curve.captured),
        *(Curve(WORDS[name], rival.share, rival.captured) for name, rival in rivals.items()),
    ]
    reach = _reach_of_capacity(facts)
    drawn = curves(
        series,
        says=f"Gains curve: the top tenth of each list holds {percent(_captured(curve, 0.1))} of the conversions, "
        f"the top half {percent(_captured(curve, 0.5))}",
        tick=short_percent,
        x_title="share of the list that is called, from the top",
        y_title="called at random",
        x_line=None if reach is None else (reach, f"capacity ({percent(reach)})"),
    )
    return Drawing(
        drawn, "Share of the conversions (upright) found in the top of the lists, mean over the test's lists."
    )


def _captured(curve: GainsCurve, share: float) -> float:
    """The share of the conversions in the top `share` of a list, which is one of the curve's points."""
    return curve.captured[curve.share.index(share)]


def _reach_of_capacity(facts: Facts) -> float | None:
    """The share of a list that the capacity calls, at most 1; None where no list was called."""
    if facts.practices is None or facts.practices.whole.leads <= 0:
        return None
    return min(facts.practices.capacity / facts.practices.whole.leads, 1.0)


def reliability(facts: Facts) -> Section:
    """Whether leads that were given 20 % convert 20 % of the time."""
    found = facts.judged
    if found is None:
        return Section("reliability", "Can the probabilities be trusted?", (Words(NO_TEST, "note"),))
    bins = found.reliability
    error = found.metrics["calibration_error"]
    fine = error.value <= facts.perfect_error
    verdict = (
        f"The calibration error is {error.value:.4f}. Perfect probabilities on a test of this size show up to "
        f"{facts.perfect_error:.4f} (95 % of the time): "
        + (
            "there is no evidence that the probabilities are off."
            if fine
            else "the probabilities are off beyond noise."
        )
    )
    says = "Reliability: " + "; ".join(
        f"predicted {percent(b.predicted)}, observed {percent(b.observed)}" for b in bins
    )
    drawn = curves(
        [Curve("the test, with 95 % intervals", [b.predicted for b in bins], [b.observed for b in bins],
               [(b.low, b.high) for b in bins], joined=False)],
        says=says, tick=short_percent, x_title="probability that the model gave", y_title="perfect",
    )  # fmt: skip
    rows = [
        (percent(b.predicted), percent(b.observed), f"{percent(b.low)} to {percent(b.high)}", f"{b.rows:,}")
        for b in bins
    ]
    return Section(
        "reliability",
        "Can the probabilities be trusted?",
        (
            Words(verdict),
            Words(_slope(facts, found.calibration_slope)),
            Drawing(
                drawn,
                "Conversion rate (upright) against the probability given. On the dotted line, 20 % means 20 %.",
            ),
            Grid(
                "Bins of equal size",
                ("predicted", "observed", "95 % interval", "snapshots"),
                tuple(rows),
                "rrrr",
            ),
        ),
    )


def _slope(facts: Facts, slope: float) -> str:
    """The calibration slope, and which way it errs where its interval leaves 1 out."""
    stable = facts.trained.stability
    known = None if stable is None else stable.overall.slope
    if not math.isfinite(slope):
        return "The calibration slope is not defined here."
    if known is None:
        return f"The calibration slope is {slope:.2f} (1 is right); there are too few conversions for an interval."
    said = f"The calibration slope is {known.value:.2f} (95 % {known.low:.2f} to {known.high:.2f})"
    if known.low > 1:
        return f"{said}; 1 is right: the probabilities lie too close together."
    if known.high < 1:
        return f"{said}; 1 is right: the probabilities lie too far apart."
    return f"{said}: 1, which is right, is within it."


def drivers(facts: Facts) -> Section:
    """What moves the probability."""
    found = facts.drivers
    title = "What drives the score"
    if found is None:
        return Section("drivers", title, (Words(NO_TEST, "note"),))
    if not found.concepts:
        return Section(
            "drivers", title, (Words("The model gives everyone the same probability: nothing drives it."),)
        )
    shown = [Bar(quoted(each.concept), each.push, f"{each.push:.2f}") for each in found.concepts]
    says = "Mean absolute push by concept: " + "; ".join(f"{row.label} {row.shown}" for row in shown)
    rows = tuple((row.label, row.shown) for row in shown)
    warning = (
        "This is association, not cause: it says what the model goes by, not what would happen if a lead were made different. "
        "Concepts that tell the same share the push between them."
    )
    return Section(
        "drivers",
        title,
        (
            Words(warning),
            Drawing(bars(shown, says=says), f"Mean absolute push on the log odds, over {found.rows:,} test snapshots."),
            Fold("The pushes in numbers", (Grid("Concepts", ("concept", "mean absolute push"), rows, "lr"),)),
            Words(
                "How the odds go with a value, for the strongest feature of the first concepts. A factor of 2 means twice the "
                "odds of the average lead of the test, as the model weighs this feature alone"
                + (f" (pushes are stretched by {found.stretch:.2f}, which is what calibration does to them on average)." if found.stretch != 1 else ".")
            ),
            *(_effect(effect, _widest(found.effects)) for effect in found.effects),
            _factors(found.effects),
        ),
    )  # fmt: skip


def _widest(effects: Sequence[FeatureEffect]) -> float:
    """The log of the factor furthest from 1: the scale that all effects share."""
    return max(abs(math.log(each.odds)) for effect in effects for each in effect.values)


def _effect(effect: FeatureEffect, widest: float) -> Drawing:
    rows = [
        Bar(f"{each.value}  ({each.rows:,} snapshots)", math.log(each.odds), _factor(each.odds))
        for each in effect.values
    ]
    unit = f", in {quoted(effect.unit)}" if effect.unit else ""
    name = quoted(effect.feature, most=90)
    says = f"Odds by {name}: " + "; ".join(f"{each.value} {_factor(each.odds)}" for each in effect.values)
    caption = f"{quoted(effect.concept)}: {name}{unit}. Filled to the right: likelier than average; hollow to the left: less likely."
    return Drawing(bars(rows, says=says, balanced=True, largest=widest), caption)


def _factors(effects: Sequence[FeatureEffect]) -> Fold:
    rows = tuple(
        (quoted(effect.feature, most=90), each.value, f"{each.rows:,}", f"{each.odds:.2f}")
        for effect in effects
        for each in effect.values
    )
    head = ("feature", "value", "snapshots", "factor on the odds")
    return Fold("The factors in numbers", (Grid("Factors on the odds", head, rows, "llrr"),))


def _factor(odds: float) -> str:
    return f"{odds:.2f} times"
