"""What a training leaves behind: the run's record, the verdicts with the models, and the warnings."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from propensity.audit.pack import backtest_on, gathered, name_of, pack_of
from propensity.audit.report import render
from propensity.delivery.reports import leave_report
from propensity.errors import DeliveryError, UsageError
from propensity.results import Standing, shown
from propensity.scoring.profile import REFERENCE, reference_of
from propensity.tracking.experiment import RungRun, Training
from propensity.tracking.promotions import Promotion, plain

if TYPE_CHECKING:
    from pathlib import Path

    from propensity.audit.leakage import Court
    from propensity.audit.sections.facts import Facts
    from propensity.config import Config, MonitoringConfig
    from propensity.features.frame import FeatureFrame
    from propensity.model.bundle import Bundle
    from propensity.selection.gate import GateResult
    from propensity.selection.ladder import Step
    from propensity.selection.training import Trained
    from propensity.session import Session

EXAMPLE_ROWS = 5
FEWEST_WORDS = 3
MOST_LETTERS = 1_000


def with_verdicts(trained: Trained, court: Court) -> Trained:
    """Keep the verdicts with both models: the gate reads them there, wherever the model goes."""
    judged, final = (
        replace(bundle, metadata={**bundle.metadata, "court": court.to_dict()})
        for bundle in (trained.judged, trained.final)
    )
    return replace(trained, judged=judged, final=final)


def with_reference(trained: Trained, frame: FeatureFrame, rules: MonitoringConfig) -> Trained:
    """Keep with the model to use what its newest snapshots looked like, as counts: drift is measured against it."""
    reference = reference_of(frame, trained.final, rules)
    return replace(
        trained,
        final=replace(trained.final, metadata={**trained.final.metadata, REFERENCE: reference}),
    )


def recipe_warnings(trained: Trained) -> tuple[str, ...]:
    """Say where the data did not carry the full recipe."""
    found: list[str] = []
    recipe, conversions = trained.judged.metadata["recipe"], trained.judged.metadata["conversions"]
    if trained.ladder.scarce:
        found.append(trained.ladder.reason)
    elif recipe == "fixed":
        found.append(
            f"only {conversions} conversions to learn from: the number of trees and the calibration are not learned"
        )
    elif recipe == "shuffled" and trained.split.kind == "forward":
        found.append(
            "the history is too short for folds forward in time: the recipe was learned on shuffled ones"
        )
    if not trained.evaluations:
        found.append(
            f"there is no forward test: {int(trained.test.y.sum()):,} conversions among its {len(trained.test):,} snapshots; "
            "nothing says how good this model is"
        )
    sample = trained.final.metadata.get("sampled")
    if sample is not None:
        found.append(
            f"the model learned from {sample['rows']:,} of {sample['of']:,} snapshots ({sample['conversions']:,} of "
            f"{sample['of_conversions']:,} conversions), weighted so that they stand for all; calibration and the forward test "
            "saw every snapshot"
        )
    if trained.split.kind == "random":
        found.append("train and test were split at random: the figures say nothing of the future")
    return tuple(found)


def lineage_of(session: Session) -> dict[str, Any]:
    """Which data a training read (JSON types): how far they reach, and rows and SHA-256 of each table."""
    tables = session.canonical.report.tables
    return {
        "data_through": shown(session.through),
        "tables": {name: {"rows": t.rows, "kept": t.kept, "sha256": t.sha256} for name, t in tables.items()},
    }


def facts_of(session: Session, trained: Trained, court: Court) -> Facts:
    """What the evidence pack of one training tells; a backtest with these features and data is among it."""
    return gathered(
        session.canonical,
        trained,
        court,
        through=session.through,
        warnings=recipe_warnings(trained),
        backtest=backtest_on(session.canonical.config.paths.reports, trained),
    )


def evidence_of(facts: Facts) -> str:
    """The evidence pack as HTML."""
    return render(pack_of(facts))


def left_evidence(config: Config, trained: Trained, page: str) -> tuple[Path | None, tuple[str, ...]]:
    """Write the evidence pack to paths.reports; where that fails, say so: the training stands, and has the page in MLflow."""
    try:
        return leave_report(config.paths.reports, name_of(trained), page), ()
    except DeliveryError as error:
        return None, (f"the evidence pack is only in MLflow: {error}",)


def training_of(
    config: Config,
    frame: FeatureFrame,
    trained: Trained,
    lineage: dict[str, Any],
    court: Court,
    evidence: str,
) -> Training:
    """The record of one training, for MLflow."""
    metadata = trained.final.metadata
    params = {
        "horizon_days": config.outcome.horizon_days,
        "snapshots_every": config.snapshots.every or "",
        "test_share": config.snapshots.test_share,
        "seed": config.model.seed,
        "features": len(frame.features),
        "snapshots": metadata["rows"],
        "conversions": metadata["conversions"],
        "rung": metadata["rung"],
        **({"trees": metadata["n_trees"]} if "n_trees" in metadata else {}),
        "recipe": metadata["recipe"],
        "calibration": type(trained.final.calibrator).__name__.lower(),
        **{f"model.{key}": str(value) for key, value in config.model.params.items()},
    }
    return Training(
        params=params,
        evaluations=trained.evaluations,
        importance=trained.importance,
        config=config.to_dict(),
        features=[feature.describe() for feature in frame.features],
        lineage={**lineage, "as_of": metadata["as_of"], "split": metadata["split"]},
        judged=trained.judged,
        final=trained.final,
        example=frame.values.slice(0, EXAMPLE_ROWS),
        tags={
            "propensity": version("propensity"),
            "rung": trained.ladder.chosen,
            "why": trained.ladder.reason,
        },
        court=court.to_dict(),
        evidence=evidence,
        stability={} if trained.stability is None else trained.stability.to_dict(),
        rungs=[_rung(step, trained) for step in trained.ladder.steps],
    )


def reason_to_force(reason: str | None, *, force: bool) -> str | None:
    """Return the reason in one line, without secrets; None where nothing is forced.

    Raises
    ------
    UsageError
        `force` without a reason of a few words, a reason without `force`, or one that is too long to be kept.
    """
    if not force:
        if reason is not None:
            raise UsageError(
                "--reason says why a promotion is forced: give it together with --force, or leave it out."
            )
        return None
    why = plain(reason or "")
    words = [word for word in why.split() if any(letter.isalnum() for letter in word)]
    if len(words) < FEWEST_WORDS or len(why) > MOST_LETTERS:
        raise UsageError(
            f"--force needs --reason with {FEWEST_WORDS} words or more, in at most {MOST_LETTERS:,} letters: it is kept with "
            f'the model; found {len(words)} words, {len(why):,} letters. Such as --reason "new product line, old model blind '
            'to it".'
        )
    return why


def promotion_of(gate: GateResult, reason: str | None) -> Promotion:
    """The record of a promotion, for MLflow; `reason` where it was forced."""
    overridden = () if reason is None else tuple(check.name for check in gate.failed)
    return Promotion(gate.champion, reason, overridden, gate.table(), gate.to_dict())


def standing_of(bundle: Bundle, promotion: Promotion | None) -> Standing:
    """What a champion is, from its files and from what was kept at its promotion."""
    known = bundle.metadata
    edges = known.get("as_of")
    return Standing(
        rung=known.get("rung"),
        as_of=None if edges is None else (edges[0], edges[1]),
        rows=known.get("rows"),
        conversions=known.get("conversions"),
        metrics=dict(known.get("forward_metrics", {})),
        why=None if promotion is None else promotion.sentence,
    )


def _rung(step: Step, trained: Trained) -> RungRun:
    """One rung of the ladder as a run of its own."""
    found = trained.evaluations.get(step.rung)
    figures = {"log_loss": step.log_loss, "gain": step.gain, "gain_low": step.low, "gain_high": step.high}
    return RungRun(
        name=step.rung,
        params=dict(step.facts or {}),
        metrics={f"validation_{key}": value for key, value in figures.items() if value is not None},
        evaluation=found,
        tags={
            "rung": step.rung,
            "chosen": str(step.rung == trained.ladder.chosen).lower(),
            "why": step.reason,
            "against": step.against or "",
        },
    )
