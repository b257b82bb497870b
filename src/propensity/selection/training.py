"""Train on the past, judge on what came after, then refit the same recipe on everything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from propensity.errors import ConfigError, HistoryError
from propensity.model.bundle import Bundle, FeatureColumn, Tiers, bundle_from
from propensity.model.classifier import PropensityClassifier
from propensity.model.scorecard import DEFAULT as DEFAULT_SCORECARD
from propensity.stats.evaluation import Evaluation, evaluate
from propensity.timeline.splits import Split, forward_split, random_split

if TYPE_CHECKING:
    import numpy.typing as npt

    from propensity.config import Config
    from propensity.features.frame import FeatureFrame

HORIZON_UNIT_US = 86_400_000_000
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
        `model`, `base_rate` and, where its features are there, `scorecard`, all on the same test rows.
    test
        The rows that were judged; `probability` (float64, shape (rows,)) what the judged model said.
    importance
        Concept to mean absolute contribution to the margin.
    """

    judged: Bundle
    final: Bundle
    evaluations: Mapping[str, Evaluation]
    test: FeatureFrame
    probability: npt.NDArray[np.float64]
    split: Split
    importance: Mapping[str, float]


def horizon_in_order(config: Config, *, dated: bool) -> int:
    """One horizon in units of `time_order`: microseconds, or 0 where positions stand for time."""
    return config.outcome.horizon_days * HORIZON_UNIT_US if dated else 0


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
    HistoryError
        The frame, the past or the test hold one class only, or cannot be split.
    """
    _refuse_one_class(frame.y, "all matured snapshots")
    split = split_frame(frame, config, dated=dated)
    past, test = frame.take(split.past), frame.take(split.test)
    _refuse_one_class(past.y, "the snapshots before the test")
    _refuse_one_class(test.y, "the test")
    judged_fit, final_fit = (_fit(part, config, dated=dated) for part in (past, frame))
    base = {"data": dict(lineage), "parameters": dict(parameters), "split": _described(split, past, test)}
    tiers = _tiers(final_fit, frame, config)
    judged = _bundle(judged_fit, past, config, tiers, {**base, "use": "judged"})
    probability = judged.probability(judged.margin(test.values))
    evaluations = _evaluations(past, test, probability, config)
    metrics = {name: metric.value for name, metric in evaluations["model"].metrics.items()}
    final = _bundle(final_fit, frame, config, tiers, {**base, "use": "final", "forward_metrics": metrics})
    return Trained(judged, final, evaluations, test, probability, split, _importance(final, frame))


def _refuse_one_class(y: npt.NDArray[np.int8], what: str) -> None:
    conversions = int(y.sum())
    if 0 < conversions < len(y):
        return
    raise HistoryError(
        f"{what} hold one class only: {conversions:,} conversions in {len(y):,} rows. A model needs both. Check the "
        "words of outcome.stage (or leads.outcome and its values), or bring a longer history."
    )


def _fit(frame: FeatureFrame, config: Config, *, dated: bool) -> PropensityClassifier:
    directions = {feature.name: feature.direction for feature in frame.features if feature.direction}
    try:
        classifier = PropensityClassifier(
            random_state=config.model.seed,
            n_jobs=config.engine.threads or -1,
            monotone_constraints=directions or None,
        ).set_params(**config.model.params)
    except ValueError as error:
        raise ConfigError(f"model.params: {error}") from error
    order = frame.time_order
    gap = horizon_in_order(config, dated=dated) if order is not None else None
    return classifier.fit(frame.values, frame.y, as_of=order, groups=frame.groups, gap=gap or None)


def _tiers(classifier: PropensityClassifier, frame: FeatureFrame, config: Config) -> Tiers:
    """As configured, else so that fixed shares of the out-of-fold probabilities reach A, B and C."""
    if config.model.tiers is not None:
        return Tiers(*config.model.tiers)
    if classifier.oof_ is not None:
        return Tiers.from_probabilities(classifier.oof_.after)
    return Tiers.from_probabilities(classifier.predict_proba(frame.values)[:, 1])


def _bundle(
    classifier: PropensityClassifier,
    frame: FeatureFrame,
    config: Config,
    tiers: Tiers,
    facts: Mapping[str, Any],
) -> Bundle:
    columns = [
        FeatureColumn(f.name, f.family, f.concept, f.unit, f.sentence, f.kind, f.direction)
        for f in frame.features
    ]
    metadata = {
        **facts,
        "seed": config.model.seed,
        "rows": len(frame),
        "conversions": int(frame.y.sum()),
        "as_of": _as_of_range(frame),
    }
    return bundle_from(
        classifier,
        columns,
        tiers=tiers,
        horizon_days=config.outcome.horizon_days,
        spec_hash=frame.spec_hash,
        metadata=metadata,
    )


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
    past: FeatureFrame, test: FeatureFrame, probability: npt.NDArray[np.float64], config: Config
) -> dict[str, Evaluation]:
    rate = float(past.y.mean())
    rivals = {"model": probability, "base_rate": np.full(len(test), rate)}
    skipped = DEFAULT_SCORECARD.skipped(past.names)
    if len(skipped) < len({rule.feature for rule in DEFAULT_SCORECARD.rules}):
        rivals["scorecard"] = DEFAULT_SCORECARD.fit(past.values, past.y).probability(test.values)
    return {name: evaluate_on(test, forecast, config) for name, forecast in rivals.items()}


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
