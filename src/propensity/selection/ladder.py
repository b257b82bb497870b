"""The ladder: rungs from a constant to tuned trees, each of which must beat the best below it beyond noise.

All rungs learn from the same rows and folds and are calibrated alike. A rung is compared with the best so far on the
rows that neither had seen (the folds' validation parts), by paired bootstrap of the log loss over accounts, else leads.
Beyond noise means by more than one standard error, as where trees are pruned (Breiman et al., 1984, section 3.4.3): at
95 % the better rung would mostly be refused where conversions are few. The test takes no part.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from propensity.errors import ConfigError
from propensity.model.classifier import PropensityClassifier
from propensity.model.rungs import (
    LOGISTIC_ROWS,
    N_FOLDS,
    Learned,
    Lesson,
    learn_base_rate,
    learn_lightgbm,
    learn_logistic,
    learn_naive_bayes,
    learn_scorecard,
)
from propensity.model.sampling import places_of
from propensity.model.scorecard import DEFAULT, Scorecard
from propensity.model.tuning import folds_to_tune_on, tune
from propensity.stats.bootstrap import Difference, paired
from propensity.stats.metrics import log_loss

if TYPE_CHECKING:
    import numpy.typing as npt

    from propensity.config import Config
    from propensity.features.frame import FeatureFrame

HORIZON_UNIT_US: Final = 86_400_000_000
TUNED: Final = "tuned"
STUDY: Final = "tuning.db"
WORDS: Final = {
    "base_rate": "base rate",
    "scorecard": "scorecard",
    "naive_bayes": "naive Bayes",
    "logistic": "logistic regression",
    "lightgbm": "LightGBM",
    TUNED: "tuned LightGBM",
}
"""The rungs in their order, as people call them."""
DECISIVE: Final = "log_loss"


@dataclass(frozen=True)
class Step:
    """One rung, and what was decided.

    Attributes
    ----------
    rung : its name.
    took : whether it became the best so far.
    reason : why, in plain words.
    log_loss : calibrated, on the validation folds, in nats; None where it was not compared.
    against : the best so far that it met; None for the first.
    gain, low, high : log loss of `against` less its own with the interval at the level model.noise; above 0 is
        better.
    rows : that the comparison rests on.
    facts : what the rung chose (JSON).
    """

    rung: str
    took: bool
    reason: str
    log_loss: float | None = None
    against: str | None = None
    gain: float | None = None
    low: float | None = None
    high: float | None = None
    rows: int = 0
    facts: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Ladder:
    """How the ladder was climbed.

    Attributes
    ----------
    steps : one a rung, from the simplest on.
    chosen : the rung that is the model.
    scarce : whether there was too little to compare by, so that nothing was learned but a scale.
    reason : the choice in one sentence.
    learned : the rungs that learned from the past, by name.
    """

    steps: tuple[Step, ...]
    chosen: str
    scarce: bool
    reason: str
    learned: Mapping[str, Learned]

    def to_dict(self) -> dict[str, Any]:
        """JSON types: `chosen`, `reason`, `too_few_conversions`, and `steps`."""
        return {
            "chosen": self.chosen,
            "reason": self.reason,
            "too_few_conversions": self.scarce,
            "steps": [{**asdict(step), "facts": dict(step.facts or {})} for step in self.steps],
        }


def horizon_in_order(config: Config, *, dated: bool) -> int:
    """One horizon in units of `time_order`: microseconds, or 0 where positions stand for time."""
    return config.outcome.horizon_days * HORIZON_UNIT_US if dated else 0


def lesson_of(frame: FeatureFrame, config: Config, *, dated: bool) -> Lesson:
    """The rows of a frame, and its folds, for every rung."""
    order, params = frame.time_order, recipe_params(frame, config)
    gap = horizon_in_order(config, dated=dated) if order is not None else None
    return Lesson.of(
        frame.values,
        frame.y,
        time=order,
        gap=gap or None,
        groups=frame.groups,
        n_folds=int(params.get("n_folds", N_FOLDS)),
        seed=int(params["random_state"]),
        threads=config.engine.threads or 0,
        calibration=params.get("calibration", "auto"),
        most_rows=config.model.most_rows,
        places=places_in(frame) if len(frame) > min(LOGISTIC_ROWS, config.model.most_rows) else None,
    )


def places_in(frame: FeatureFrame) -> npt.NDArray[np.float64]:
    """Where each snapshot (rows,) stands in the line of those that are sampled: by lead and time, wherever it lies."""
    times = frame.table["time_order"].to_pylist()
    leads = frame.table["lead_id"].to_pylist()
    return places_of(f"{lead}\x1f{time}" for lead, time in zip(leads, times, strict=True))


def recipe_params(frame: FeatureFrame, config: Config) -> dict[str, Any]:
    """Parameters of the classifier: the seed, the features' directions, and what the configuration says.

    Raises
    ------
    ConfigError
        model.params names what the classifier does not have.
    """
    directions = {feature.name: feature.direction for feature in frame.features if feature.direction}
    params = {
        "random_state": config.model.seed, "monotone_constraints": directions or None, **config.model.params,
    }  # fmt: skip
    try:
        PropensityClassifier().set_params(**params)
    except ValueError as error:
        raise ConfigError(f"model.params: {error}") from error
    return params


def scorecard_of(config: Config) -> Scorecard:
    """The scorecard of the configuration, else the one that ships."""
    chosen = config.model.scorecard
    if chosen.rules is None:
        return Scorecard(DEFAULT.rules, float(chosen.points_to_double_odds))
    rules = [rule.model_dump(mode="json") for rule in chosen.rules]
    return Scorecard.from_dict({"rules": rules, "points_to_double_odds": chosen.points_to_double_odds})


def climb(frame: FeatureFrame, config: Config, *, dated: bool) -> Ladder:
    """Try the rungs on the snapshots before the test, and choose.

    Raises
    ------
    ConfigError
        A parameter or a rule of the scorecard does not fit; the scorecard is the only rung, and none of its features is
        here; or tuning is asked for, and Optuna is not installed.
    """
    lesson = lesson_of(frame, config, dated=dated)
    least = config.checks.min_conversions
    conversions = int(frame.y.sum())
    fewest = min(conversions, len(frame) - conversions)
    rungs: list[str] = list(config.model.rungs)
    if fewest < least:
        return _scarce(
            lesson,
            frame,
            config,
            f"{conversions:,} conversions and {len(frame) - conversions:,} others to learn from, and checks.min_conversions "
            f"is {least:,} of each",
        )
    # LightGBM alone has a recipe for so few rows, and needs no comparison.
    if not lesson.folds and rungs != ["lightgbm"]:
        return _scarce(
            lesson, frame, config, f"{fewest:,} rows of the rarer class are too few to validate on"
        )
    return _contest(lesson, frame, config, rungs)


def relearn(ladder: Ladder, frame: FeatureFrame, config: Config, *, dated: bool) -> Learned:
    """Learn the chosen rung once more, from other rows, by the same recipe.

    Where the past was too scarce, it stays so: only the scale is learned again.
    """
    lesson = lesson_of(frame, config, dated=dated)
    tuned = ladder.learned[ladder.chosen].facts.get("params", {})
    return _learner(ladder.chosen, frame, config, tuned)(lesson)


def _scarce(lesson: Lesson, frame: FeatureFrame, config: Config, why: str) -> Ladder:
    """The scorecard rules, or the base rate where none of its features is here."""
    card = scorecard_of(config)
    base = learn_base_rate(lesson)
    if card.blind(frame.names):
        reason = f"too little to learn from: {why}. None of the scorecard's features is here, so everyone has the base rate."
        return Ladder(
            (Step("base_rate", took=True, reason=reason),), "base_rate", True, reason, {"base_rate": base}
        )
    points = _learner("scorecard", frame, config, {})(lesson)
    scale = (
        "its points were put on the scale of probabilities by the few conversions there are"
        if 0 < frame.y.sum() < len(frame)
        else "points are no probabilities, and as long as one class alone is known, everyone has the base rate, under a "
        "prior of half a conversion, and the points only order the leads. If both kinds are in the data, check the words of "
        "outcome.stage (or leads.outcome and its values)"
    )
    reason = f"the scorecard rules: {why}; {scale}."
    steps = (
        Step("base_rate", took=False, reason="too little to compare by", facts=base.facts),
        Step("scorecard", took=True, reason=reason, facts=points.facts),
    )
    return Ladder(steps, "scorecard", True, reason, {"base_rate": base, "scorecard": points})


def _contest(lesson: Lesson, frame: FeatureFrame, config: Config, rungs: list[str]) -> Ladder:
    card = scorecard_of(config)
    # As whole numbers, since text is slow to compare and each comparison sorts it anew.
    codes = np.unique(frame.groups, return_inverse=True)[1]
    clusters = codes[lesson.held_out] if lesson.folds else codes
    learned: dict[str, Learned] = {}
    steps: list[Step] = []
    best: Learned | None = None
    reserve = 0.0
    for rung in rungs:
        if rung == "scorecard" and card.blind(frame.names):
            steps.append(Step(rung, took=False, reason="not tried: none of its features is here"))
            continue
        began = time.monotonic()
        found = _learner(rung, frame, config, {})(lesson)
        reserve = time.monotonic() - began
        step = _compared(best, found, lesson, clusters, config)
        learned[rung] = found
        steps.append(step)
        best = found if step.took else best
    if config.model.tuning.seconds > 0 and len(lesson.folds) > 1:
        tuned, step = _tuned(best, lesson, frame, config, clusters, reserve)
        steps.append(step)
        learned |= {} if tuned is None else {TUNED: tuned}
        best = tuned if step.took else best
    if best is None:
        raise ConfigError(
            "model.rungs names the scorecard alone, and none of its features is here. Add another rung, or rules over "
            "features that there are (docs of the features: propensity check)."
        )
    chosen = next(step for step in reversed(steps) if step.took)
    return Ladder(tuple(steps), best.name, False, _said(chosen, steps), learned)


def _tuned(
    best: Learned | None,
    lesson: Lesson,
    frame: FeatureFrame,
    config: Config,
    clusters: npt.NDArray[Any],
    reserve: float,
) -> tuple[Learned | None, Step]:
    """Tune, learn with what was found, compare; of the time, `reserve` seconds are kept for the learning."""
    tuning = config.model.tuning
    found = tune(
        lesson,
        recipe_params(frame, config),
        seconds=max(tuning.seconds - reserve, tuning.seconds / 2),
        trials=tuning.trials,
        study=config.paths.models / STUDY,
        seed=config.model.seed,
    )
    if found is None:
        reason = f"not one trial ended within {tuning.seconds:g} seconds; raise model.tuning.seconds"
        return None, Step(TUNED, took=False, reason=reason)
    learned = _learner(TUNED, frame, config, found.params)(lesson)
    learned = replace(learned, facts={**learned.facts, "trials": found.trials})
    step = _compared(best, learned, lesson, clusters, config)
    return learned, replace(step, reason=f"{step.reason}; on the newest fold, which tuning had not seen")


def _learner(
    rung: str, frame: FeatureFrame, config: Config, tuned: Mapping[str, Any]
) -> Callable[[Lesson], Learned]:
    def scorecard(lesson: Lesson) -> Learned:
        try:
            return learn_scorecard(lesson, scorecard_of(config))
        except ValueError as error:
            raise ConfigError(f"model.scorecard.rules: {error}") from error

    def boosted(lesson: Lesson) -> Learned:
        params = {**recipe_params(frame, config), **tuned}
        facts = {"params": dict(tuned)} if tuned else {}
        try:
            return learn_lightgbm(lesson, params, name=rung, facts=facts)
        except ValueError as error:
            raise ConfigError(f"model.params: {error}") from error

    makers: dict[str, Callable[[Lesson], Learned]] = {
        "base_rate": learn_base_rate,
        "scorecard": scorecard,
        "naive_bayes": learn_naive_bayes,
        "logistic": learn_logistic,
    }
    return makers.get(rung, boosted)


def _compared(
    best: Learned | None,
    found: Learned,
    lesson: Lesson,
    clusters: npt.NDArray[Any],
    config: Config,
) -> Step:
    if found.forecast is None:
        return Step(found.name, took=True, reason="the only rung that was asked for", facts=found.facts)
    loss = log_loss(lesson.y_held_out, found.forecast)
    if best is None or best.forecast is None:
        reason = "the first rung: what the others must beat"
        return Step(found.name, True, reason, loss, rows=loss_rows(lesson), facts=found.facts)
    rows = _unseen(found.name, lesson)
    difference = paired(
        lesson.y_held_out[rows],
        best.forecast[rows],
        found.forecast[rows],
        seed=config.model.seed,
        cluster=clusters[rows],
        resamples=config.model.resamples,
        metrics=(DECISIVE,),
        level=config.model.noise,
    )[DECISIVE]
    took = bool(difference.better)
    return Step(
        rung=found.name,
        took=took,
        reason=_reason(best.name, difference, config.model.noise),
        log_loss=loss,
        against=best.name,
        gain=-difference.value,
        low=-difference.high,
        high=-difference.low,
        rows=int(rows.sum()),
        facts=found.facts,
    )


def loss_rows(lesson: Lesson) -> int:
    """Rows in the validation parts."""
    return int(lesson.held_out.size)


def _unseen(rung: str, lesson: Lesson) -> npt.NDArray[np.bool_]:
    """Rows of `held_out` to compare on: what tuning has looked at cannot judge it, so it is judged on the newest fold."""
    number = lesson.fold_numbers
    if rung == TUNED and len(folds_to_tune_on(lesson)) < len(lesson.folds):
        return number == len(lesson.folds) - 1
    return np.ones(number.size, dtype=np.bool_)


def _reason(against: str, found: Difference, level: float) -> str:
    """A decision in plain words, with its figures."""
    figures = f"log loss {found.challenger:.4f} against {found.champion:.4f}, gain {-found.value:+.4f} ({100 * level:g} % {-found.high:+.4f} to {-found.low:+.4f})"
    other = WORDS[against]
    if found.better:
        return f"better than the {other} beyond noise: {figures}"
    if found.worse:
        return f"worse than the {other}: {figures}"
    if found.value < 0:
        return f"better than the {other} only within noise, so the simpler one stays: {figures}"
    return f"no better than the {other}: {figures}"


def _said(chosen: Step, steps: list[Step]) -> str:
    name = WORDS[chosen.rung]
    above = [step for step in steps[steps.index(chosen) + 1 :] if step.against is not None]
    said = f"{name} is the model: {chosen.reason}."
    if above:
        said += " Tried and left: " + "; ".join(f"{WORDS[step.rung]}, {step.reason}" for step in above) + "."
    return said
