"""Wiring: check, train, backtest, score, promote, roll back. Each takes a configuration and gives a result that prints itself.

`score` is in `serving`, which loads nothing of what training needs.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from propensity import __version__
from propensity.audit.leakage import hold_court
from propensity.audit.profile import profile
from propensity.delivery.figures import write_figures
from propensity.errors import ModelError, RegistryError
from propensity.features.catalogue import parameters
from propensity.listing import messages
from propensity.recording import (
    evidence_of,
    facts_of,
    left_evidence,
    lineage_of,
    promotion_of,
    reason_to_force,
    recipe_warnings,
    standing_of,
    training_of,
    with_reference,
    with_verdicts,
)
from propensity.results import (
    BacktestResult,
    CheckResult,
    PromoteResult,
    RollbackResult,
    Standing,
    TrainResult,
)
from propensity.scoring.score import refuse_other_features
from propensity.scoring.surprises import FILLED
from propensity.selection.backtest import backtest as make_past_lists
from propensity.selection.gate import Champion, examine
from propensity.selection.training import train_and_judge
from propensity.serving import load_model, publish, registry_of, score
from propensity.session import Progress, opened, training_frame, wall_clock
from propensity.tracking.experiment import log_training
from propensity.tracking.registry import Registry, Version
from propensity.tracking.store import Store

if TYPE_CHECKING:
    from propensity.config import Config

__all__ = ["BACKTEST", "backtest", "check", "load_model", "promote", "publish", "rollback", "score", "train"]

BACKTEST = "backtest.json"


def check(config: Config, progress: Progress | None = None, *, profiled: bool = True) -> CheckResult:
    """Read, map and check every table; unless `profiled` is False, say what they hold and which columns may leak."""
    progress = progress or Progress()
    with opened(config, progress) as session:
        held = court = None
        if profiled:
            progress.step("Looking at what the data hold")
            held = profile(session.canonical, session.through)
            progress.step("Asking of each column whether it knows the outcome")
            court = hold_court(session.canonical, session.through, candidates=True)
        return CheckResult(session.canonical.report, session.through, held, court)


def train(
    config: Config, progress: Progress | None = None, *, clock: Callable[[], datetime] = wall_clock
) -> TrainResult:
    """Train, judge forward in time, log to MLflow and register as challenger; `clock` says which times lie in the future."""
    progress = progress or Progress()
    with opened(config, progress, clock) as session:
        progress.step("Deriving features as they were known at each snapshot")
        said: list[str] = []
        frame = training_frame(session, said.append)
        progress.step("Asking of each column whether it knows the outcome")
        court = hold_court(session.canonical, session.through, frame)
        progress.step(f"Training on {len(frame):,} snapshots and judging forward in time")
        lineage = {**lineage_of(session), FILLED: frame.filled}
        shaped = parameters(session.canonical)
        trained = train_and_judge(
            frame, config, dated=session.canonical.dated, lineage=lineage, parameters=shaped
        )
        trained = with_reference(with_verdicts(trained, court), frame, config.monitoring)
        progress.step("Writing the evidence pack")
        facts = facts_of(session, trained, court)
        page = evidence_of(facts)
        progress.step("Logging to MLflow and registering")
        record = training_of(config, frame, trained, lineage, court, page)
        registered = log_training(Store.from_config(config.tracking), record)
        evidence, unwritten = left_evidence(config, trained, page)
        report = session.canonical.report
        warnings = (*messages(report), *said, *recipe_warnings(trained), *court.warnings, *unwritten)
        leads = report.tables["leads"].kept
        return TrainResult(
            trained, registered, report, session.through, leads, warnings, court, evidence, facts.practices
        )


def backtest(config: Config, progress: Progress | None = None) -> BacktestResult:
    """Make the lists of past dates with what was known then, count what came of them, and write `paths.reports`."""
    progress = progress or Progress()
    with opened(config, progress) as session:
        progress.step("Standing at past dates: training on what was known, and listing")
        found = make_past_lists(session.canonical, session.through)
        warnings = (*messages(session.canonical.report), *found.warnings)
        path = config.paths.reports / BACKTEST
        result = BacktestResult(found, lineage_of(session), path, warnings)
        write_figures(path, {"propensity": __version__, **result.figures()}, setting="paths.reports")
        return result


def promote(
    config: Config,
    *,
    version: str | None = None,
    force: bool = False,
    reason: str | None = None,
    progress: Progress | None = None,
    clock: Callable[[], datetime] = wall_clock,
) -> PromoteResult:
    """Make the challenger champion, unless a check of the gate speaks against it; what was asked is kept with it.

    Parameters
    ----------
    config
        The configuration that the challenger was trained with.
    version
        A registered version; the challenger by default.
    force
        Promote although checks fail. A model that cannot score, is damaged or is not there is refused all the same.
    reason
        Why it is forced, in at least three words; kept with the version and its run.
    progress
        Told what happens.
    clock
        Says which recorded times lie in the future.

    Raises
    ------
    UsageError
        `force` without a reason, or a reason without `force`.
    RegistryError, BundleError, FeatureMismatch
        The challenger is not there, is damaged, or wants other features than the data and the configuration give.
    PromotionRefused
        A check failed; with all of them.
    HistoryError
        There are no rows to compare it with the champion on.
    """
    progress = progress or Progress()
    why = reason_to_force(reason, force=force)
    progress.step("Fetching champion and challenger")
    registry = registry_of(config)
    challenger, champion = _challenger(registry, config, version), registry.champion()
    if champion is not None and champion.number == challenger.number:
        # Nothing moves; a challenger alias that an earlier, killed promotion left on it goes.
        registry.promote(challenger)
        return PromoteResult(challenger, None, None)
    final, judged = registry.bundle(challenger), registry.judged(challenger)
    rival = None if champion is None else _rival(registry, champion)
    with opened(config, progress, clock) as session:
        progress.step("Putting the gate's questions on the newest matured snapshots")
        frame = training_frame(session)
        refuse_other_features(final, frame.features, frame.spec_hash, parameters(session.canonical))
        gate = examine(challenger.number, judged, rival, frame, config, dated=session.canonical.dated)
    if not force:
        gate.refuse()
    former = registry.promote(challenger, promotion_of(gate, why))
    return PromoteResult(challenger, former, gate, why)


def _challenger(registry: Registry, config: Config, version: str | None) -> Version:
    found = registry.version(version) if version is not None else registry.challenger()
    if found is None:
        raise RegistryError(
            f"model {config.tracking.model_name!r} has no challenger. Run `propensity train` with the same --config."
        )
    return found


def _rival(registry: Registry, champion: Version) -> Champion:
    try:
        return Champion(champion.number, registry.judged(champion))
    except ModelError as error:
        return Champion(champion.number, None, error)


def rollback(config: Config, progress: Progress | None = None) -> RollbackResult:
    """Give the former champion its place back, once its files are found intact.

    Raises
    ------
    RegistryError
        There is no champion, or none before it that was not deleted.
    BundleError
        The former champion is damaged; the present one stays.
    """
    (progress or Progress()).step("Fetching the former champion")
    registry = registry_of(config)
    leaving, (former, deleted) = registry.in_use(), registry.former()
    back = standing_of(registry.bundle(former), registry.promotion(former))
    try:
        gone = standing_of(registry.bundle(leaving), registry.promotion(leaving))
    except ModelError as error:
        # That it cannot be read may be why it has to go.
        gone = Standing(problem=str(error))
    restored, replaced = registry.rollback()
    return RollbackResult(restored, replaced, back, gone, deleted)
