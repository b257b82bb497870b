"""Choose a rung on the past, judge it on what came after, then refit the same recipe on everything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from propensity.errors import HistoryError
from propensity.model.bundle import Bundle, FeatureColumn, Tiers, assembled
from propensity.model.intervals import Intervals
from propensity.selection.attention import WITHOUT, learned_without
from propensity.selection.ladder import Ladder, climb, horizon_in_order, relearn
from propensity.selection.recalibration import Clock, Recalibration, based, choose, moved
from propensity.selection.rehearsal import on_the_test
from propensity.selection.stability import Stability, stability
from propensity.stats.calibration import perfect_calibration_error_quantile
from propensity.stats.evaluation import Evaluation, evaluate, json_safe
from propensity.timeline.splits import Split, forward_split, random_split

if TYPE_CHECKING:
    import numpy.typing as npt

    from propensity.config import Config
    from propensity.features.frame import FeatureFrame
    from propensity.model.rungs import Learned

_MOST_ROWS_FOR_IMPORTANCE = 2_000
_PROCESSES_FROM_ROWS = 100_000
"""Below this many rows, starting processes for the bootstrap costs more than it saves."""


@dataclass(frozen=True)
class Trained:
    """A training's result: the model that was judged, the one to use, and how the first did.

    judged
        Trained on the past only; the evaluations are of it.
    final
        The same recipe refitted on all matured snapshots.
    evaluations
        `model` and each rung that was tried, by name, all on the same test rows; `model` is the chosen rung, and
        `without_outbound`, where it was asked for, that rung without the features of what reps did. Empty where
        the rows are too few for a test that holds both classes.
    test
        The rows that were judged; `probability` (float64, shape (rows,)) what the judged model said.
    split
        Which rows are the past, which the test; of the kind `none` where a short history has no test.
    importance
        Concept to mean absolute contribution to the margin.
    ladder
        Which rungs were tried on the past, and why this one is the model.
    stability
        How `probability` does by month, by segment, for new leads and unseen accounts; None where `evaluations` are empty.
    recalibration
        Whether the map to probabilities is refitted on the newest matured months, why, and what that gives on the test.
    """

    judged: Bundle
    final: Bundle
    evaluations: Mapping[str, Evaluation]
    test: FeatureFrame
    probability: npt.NDArray[np.float64]
    split: Split
    importance: Mapping[str, float]
    ladder: Ladder
    stability: Stability | None = None
    recalibration: Recalibration | None = None


def split_frame(frame: FeatureFrame, config: Config, *, dated: bool) -> Split:
    """Split forward in time with a gap; at random by account or lead where there is no time."""
    order = frame.time_order
    if order is None:
        return random_split(
            frame.groups.tolist(), test_share=config.snapshots.test_share, seed=config.model.seed
        )
    return forward_split(
        order, test_share=config.snapshots.test_share, gap=horizon_in_order(config, dated=dated)
    )


def train_and_judge(
    frame: FeatureFrame,
    config: Config,
    *,
    dated: bool,
    lineage: Mapping[str, Any],
    parameters: Mapping[str, Any],
) -> Trained:
    """Run the recipe of one training.

    Parameters
    ----------
    frame
        All matured snapshots with labels.
    config
        The configuration.
    dated
        Whether time is real, so that a horizon has a length.
    lineage
        What the data were (JSON types); kept in the bundles.
    parameters
        The part of the configuration that shapes the features' values (JSON types); kept in the bundles.

    Raises
    ------
    ConfigError
        A parameter or a rule of the scorecard does not fit; the scorecard is the only rung, and none of its features is
        here; or tuning is asked for, and Optuna is not installed.
    HistoryError
        There is enough to learn from, but it cannot be split, or the test holds one class only; or the snapshots of so
        many leads hold one class only that a wrong word in the configuration is likelier than chance.
    """
    _refuse_one_outcome(frame, config)
    split = _split_or_none(frame, config, dated=dated)
    past, test = _part(frame, split.past), _part(frame, split.test)
    ladder = climb(past, config, dated=dated)
    judgeable = _judgeable(test, ladder)
    fits = _learn_twice(ladder, frame, past, split, config, dated=dated, judgeable=judgeable)
    ladder = replace(ladder, learned={**ladder.learned, ladder.chosen: fits.judged})
    facts = {
        "data": dict(lineage),
        "parameters": dict(parameters),
        "split": _described(split, past, test),
        "ladder": json_safe(ladder.to_dict()),
        "recalibration": fits.recalibration.to_dict(),
    }
    tiers = _tiers(fits.final, frame, config)
    judged = bundle_of(fits.judged, past, config, tiers, {**facts, "use": "judged"})
    probability = judged.probability(judged.margin(test.values))
    evaluations = _evaluations(ladder, past, test, probability, config, dated=dated) if judgeable else {}
    metrics = evaluations["model"].metrics if judgeable else {}
    figures = {name: metric.value for name, metric in metrics.items()}
    final = bundle_of(fits.final, frame, config, tiers, {**facts, "use": "final", "forward_metrics": figures})
    held = stability(past, test, probability, dated=dated) if judgeable else None
    importance = _importance(final, frame)
    return Trained(
        judged, final, evaluations, test, probability, split, importance, ladder, held, fits.recalibration
    )


@dataclass(frozen=True)
class _Fits:
    """The chosen rung, learned twice by one recipe, each time with the map to probabilities that was decided for.

    judged
        From the past alone, its map as it could be when the test began.
    final
        From all matured snapshots.
    recalibration
        How the map was decided; with what rolling gives on the test, where there is one.
    """

    judged: Learned
    final: Learned
    recalibration: Recalibration


def _learn_twice(
    ladder: Ladder,
    frame: FeatureFrame,
    past: FeatureFrame,
    split: Split,
    config: Config,
    *,
    dated: bool,
    judgeable: bool,
) -> _Fits:
    """Decide on the past how margins become probabilities, and fit the chosen rung so: to be judged, and to be used."""
    clock = Clock.of(frame, config, dated=dated)
    earlier = None if clock is None else clock.take(split.past)
    static = ladder.learned[ladder.chosen]
    rolling = choose(static, past, earlier, config)
    static = based(static, rolling)
    judged = moved(static, past.y, earlier, rolling, at=split.boundary or 0)
    final = based(relearn(ladder, frame, config, dated=dated), rolling)
    # Every snapshot of the frame has matured by now, so that none is too new to move the map in use.
    final = moved(final, frame.y, clock, rolling, at=np.iinfo(np.int64).max)
    if judgeable:
        rolling = on_the_test(rolling, static, frame, split, clock, config)
    return _Fits(judged, final, rolling)


def _part(frame: FeatureFrame, rows: npt.NDArray[np.bool_]) -> FeatureFrame:
    """The rows where `rows` is true; not copied where they lie side by side, as in the order of time they do."""
    place = np.flatnonzero(rows)
    if place.size and place[-1] - place[0] + 1 == place.size:
        return replace(frame, table=frame.table.slice(int(place[0]), place.size))
    return frame.take(rows)


def _split_or_none(frame: FeatureFrame, config: Config, *, dated: bool) -> Split:
    """As `split_frame`; where nothing could be learned from the rows anyway, a history too short for a test has none."""
    try:
        return split_frame(frame, config, dated=dated)
    except HistoryError:
        conversions = int(frame.y.sum())
        if min(conversions, len(frame) - conversions) >= config.checks.min_conversions:
            raise
        everything = np.ones(len(frame), dtype=np.bool_)
        return Split(everything, ~everything, 0, "none", None)


def _refuse_one_outcome(frame: FeatureFrame, config: Config) -> None:
    """Few leads of one class are a young company's; as many as would suffice to learn from are a mistyped stage."""
    conversions, leads = int(frame.y.sum()), len(frame.table["lead_id"].unique())
    few = leads < config.checks.min_conversions
    if 0 < conversions < len(frame) or few or set(config.model.rungs) <= {"base_rate", "scorecard"}:
        return
    raise HistoryError(
        f"one class only: {conversions:,} conversions in {len(frame):,} snapshots of {leads:,} leads. Check the words of "
        f"outcome.stage, {config.outcome.stage!r} (or leads.outcome and its values), and outcome.horizon_days, "
        f"{config.outcome.horizon_days}. If it is so, and points shall order the leads meanwhile, set model.rungs: [scorecard]."
    )


def _judgeable(test: FeatureFrame, ladder: Ladder) -> bool:
    """Whether the test holds both classes; where it does not though there was enough to learn from, that is refused."""
    conversions = int(test.y.sum())
    if not 0 < conversions < len(test) and not ladder.scarce:
        raise HistoryError(
            f"the test holds one class only: {conversions:,} conversions in {len(test):,} rows. Figures need both. Raise "
            "snapshots.test_share, or bring a longer history."
        )
    return 0 < conversions < len(test)


def _tiers(learned: Learned, frame: FeatureFrame, config: Config) -> Tiers:
    """As configured, else so that fixed shares of the out-of-fold probabilities reach A, B and C.

    Where everyone has the same probability nobody stands out: all are D.
    """
    if config.model.tiers is not None:
        return Tiers(*config.model.tiers)
    known = learned.probability(frame.values) if learned.forecast is None else learned.forecast
    return Tiers(1.0, 1.0, 1.0) if np.ptp(known) == 0 else Tiers.from_probabilities(known)


def bundle_of(
    learned: Learned,
    frame: FeatureFrame,
    config: Config,
    tiers: Tiers,
    facts: Mapping[str, Any],
) -> Bundle:
    """The bundle of a rung that learned from `frame`; `facts` (JSON types) join its metadata."""
    columns = [
        FeatureColumn(f.name, f.family, f.concept, f.unit, f.sentence, f.kind, f.direction)
        for f in frame.features
    ]
    metadata = {
        **facts,
        **learned.facts,
        "rung": learned.name,
        "recipe": learned.recipe,
        "seed": config.model.seed,
        "rows": len(frame),
        "conversions": int(frame.y.sum()),
        "as_of": _as_of_range(frame),
    }
    return assembled(
        learned.core,
        learned.calibrator,
        learned.encoder,
        columns,
        tiers=tiers,
        horizon_days=config.outcome.horizon_days,
        spec_hash=frame.spec_hash,
        metadata=metadata,
        intervals=_intervals(learned, frame, config),
    )


def _intervals(learned: Learned, frame: FeatureFrame, config: Config) -> Intervals | None:
    """How sure the probabilities are, by the rows that were held out; None where none were, or of one class."""
    held = learned.held_out
    if held is None or learned.forecast is None:
        return None
    y = frame.y[held.rows]
    if not 0 < y.sum() < y.size:
        return None
    cluster = np.unique(frame.groups[held.rows].astype(str), return_inverse=True)[1].astype(np.int64)
    dated = frame.time_order is not None and not frame.table["as_of"].null_count
    clock = Clock.of(frame, config, dated=dated)
    period = held.fold if clock is None else clock.period[held.rows]
    return Intervals.fit(held.margin, learned.forecast, y, cluster, period)


def _described(split: Split, past: FeatureFrame, test: FeatureFrame) -> dict[str, Any]:
    return {
        "kind": split.kind,
        "boundary": split.boundary,
        "past_rows": len(past),
        "test_rows": len(test),
        "gap_rows": split.gap,
        "past_as_of": _as_of_range(past),
        "test_as_of": _as_of_range(test),
    }


def _as_of_range(frame: FeatureFrame) -> list[str] | None:
    known = frame.table["as_of"].drop_null()
    if len(known) == 0:
        return None
    instants = known.to_numpy()
    return [f"{np.datetime_as_string(edge, unit='s')}Z" for edge in (instants.min(), instants.max())]


def _evaluations(
    ladder: Ladder,
    past: FeatureFrame,
    test: FeatureFrame,
    probability: npt.NDArray[np.float64],
    config: Config,
    *,
    dated: bool,
) -> dict[str, Evaluation]:
    """Of the model, of each rung that learned, and where asked for of the model without what reps did."""
    found = {"model": evaluate_on(test, probability, config)}
    for name, learned in ladder.learned.items():
        found[name] = (
            found["model"]
            if name == ladder.chosen
            else evaluate_on(test, learned.probability(test.values), config)
        )
    if config.model.without_outbound:
        found |= _without_outbound(ladder, past, test, config, dated=dated)
    return found


def _without_outbound(
    ladder: Ladder, past: FeatureFrame, test: FeatureFrame, config: Config, *, dated: bool
) -> dict[str, Evaluation]:
    found = learned_without(ladder, past, config, dated=dated)
    if found is None:
        return {}
    learned, _ = found
    return {WITHOUT: evaluate_on(test, learned.probability(test.values), config)}


def evaluate_on(frame: FeatureFrame, probability: npt.NDArray[np.float64], config: Config) -> Evaluation:
    """Evaluate probabilities (float64, shape (rows,)) on a frame's labels, clustered by account, else lead."""
    return evaluate(
        frame.y,
        probability,
        seed=config.model.seed,
        cluster=frame.groups,
        cohort=cohorts(frame),
        resamples=config.model.resamples,
        n_jobs=-1 if len(frame) > _PROCESSES_FROM_ROWS else 1,
    )


def perfect_error(trained: Trained, config: Config) -> float:
    """The calibration error that perfect probabilities on the test of a training stay below 95 % of the time; NaN without a test.

    Whoever tells it asks here: by another seed, or another number of draws, one training would have two of them.
    """
    if "model" not in trained.evaluations:
        return float("nan")
    return perfect_calibration_error_quantile(trained.probability, seed=config.model.seed)


def cohorts(frame: FeatureFrame) -> npt.NDArray[np.int64] | None:
    """The as_of that a row shares with others; None where each lead has a time of its own (flat data, a fixed age)."""
    order = frame.time_order
    if order is None or len(np.unique(order)) > len(order) / 2:
        return None
    return order


def _importance(bundle: Bundle, frame: FeatureFrame) -> dict[str, float]:
    step = max(1, len(frame) // _MOST_ROWS_FOR_IMPORTANCE)
    rows = frame.values.take(np.arange(0, len(frame), step))
    sums = bundle.by_concept(bundle.contributions(rows))
    return {concept: float(np.abs(values).mean()) for concept, values in sums.items()}
