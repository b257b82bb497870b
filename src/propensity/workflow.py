"""Wiring: check, train, backtest, score, promote, roll back. Each takes a configuration and gives a result that prints itself."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from propensity import __version__
from propensity.audit.leakage import hold_court
from propensity.audit.profile import profile
from propensity.delivery.exports import write_exports
from propensity.delivery.figures import write_figures
from propensity.delivery.lists import LIST, LIST_CSV, SCORES, deliver, staged, write_csv, write_parquet
from propensity.errors import ModelError, RegistryError, UsageError
from propensity.features.catalogue import parameters
from propensity.features.frame import features_of
from propensity.features.ranges import LEADS_A_RANGE
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
    with_verdicts,
)
from propensity.results import (
    BacktestResult,
    CheckResult,
    PromoteResult,
    RollbackResult,
    ScoreResult,
    Standing,
    TrainResult,
    shown,
)
from propensity.scoring.lists import Ranking, rank_leads
from propensity.scoring.score import refuse_other_features
from propensity.scoring.surprises import FILLED
from propensity.selection.backtest import backtest as make_past_lists
from propensity.selection.gate import Champion, examine
from propensity.selection.training import train_and_judge
from propensity.session import Progress, Session, opened, training_frame
from propensity.timeline.snapshots import scoring_spine
from propensity.tracking.experiment import log_training
from propensity.tracking.registry import Registry, Version
from propensity.tracking.store import Store

if TYPE_CHECKING:
    from propensity.config import Config
    from propensity.model.bundle import Bundle
    from propensity.sources.report import CheckReport

STALE_AFTER = timedelta(days=1)
"""A list that stands further than this beyond the data gets a warning."""
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


def train(config: Config, progress: Progress | None = None) -> TrainResult:
    """Train, judge forward in time, log to MLflow and register as challenger."""
    progress = progress or Progress()
    with opened(config, progress) as session:
        progress.step("Deriving features as they were known at each snapshot")
        frame = training_frame(session)
        progress.step("Asking of each column whether it knows the outcome")
        court = hold_court(session.canonical, session.through, frame)
        progress.step(f"Training on {len(frame):,} snapshots and judging forward in time")
        lineage = {**lineage_of(session), FILLED: frame.filled}
        shaped = parameters(session.canonical)
        trained = train_and_judge(
            frame, config, dated=session.canonical.dated, lineage=lineage, parameters=shaped
        )
        trained = with_verdicts(trained, court)
        progress.step("Writing the evidence pack")
        facts = facts_of(session, trained, court)
        page = evidence_of(facts)
        progress.step("Logging to MLflow and registering")
        record = training_of(config, frame, trained, lineage, court, page)
        registered = log_training(Store.from_config(config.tracking), record)
        evidence, unwritten = left_evidence(config, trained, page)
        report = session.canonical.report
        warnings = (*_messages(report), *recipe_warnings(trained), *court.warnings, *unwritten)
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
        warnings = (*_messages(session.canonical.report), *found.warnings)
        path = config.paths.reports / BACKTEST
        result = BacktestResult(found, lineage_of(session), path, warnings)
        write_figures(path, {"propensity": __version__, **result.figures()}, setting="paths.reports")
        return result


def score(
    config: Config,
    *,
    out: Path | None = None,
    as_of: datetime | None = None,
    version: str | None = None,
    progress: Progress | None = None,
) -> ScoreResult:
    """Score every lead, rank those who may be called, and leave the list in `out`.

    Parameters
    ----------
    config
        The configuration that the model was trained with.
    out
        Folder of the list; `paths.out`/<as_of> by default. Earlier files of the same names are replaced once the new
        ones are whole.
    as_of
        The instant to stand at (UTC); how far the data reach by default.
    version
        A registered version; the champion by default.
    progress
        Told what happens.
    """
    progress = progress or Progress()
    model, bundle = load_model(config, version, progress)
    with opened(config, progress) as session:
        moment = as_of if as_of is not None else session.through
        if as_of is not None and not session.canonical.dated:
            raise UsageError("--as-of needs leads with dates; these have none. Leave it out.")
        progress.step("Scoring, ranking and explaining")
        spine = scoring_spine(session.canonical, moment)
        query = features_of(session.canonical, spine, leads_a_range=LEADS_A_RANGE)
        refuse_other_features(bundle, query.features, query.spec_hash, parameters(session.canonical))
        folder = out if out is not None else config.paths.out / (f"{moment:%Y-%m-%d}" if moment else "list")
        with (
            staged(folder) as scratch,
            rank_leads(
                query,
                bundle,
                moment,
                threads=config.engine.threads,
                progress=progress.advance,
            ) as ranking,
        ):
            rows = _write(session, ranking, scratch)
            manifest = deliver(scratch, folder, _manifest(session, moment, model, bundle, ranking), rows)
        return _scored(session, moment, model, ranking, folder, manifest)


def _scored(
    session: Session,
    moment: datetime | None,
    model: Version,
    ranking: Ranking,
    folder: Path,
    manifest: Path,
) -> ScoreResult:
    most = session.canonical.config.checks.max_quarantined_share
    warnings = (
        *_messages(session.canonical.report),
        *stale(moment, session.through),
        *ranking.surprises.warnings(max_share=most),
    )
    listed = ranking.counts.get("listed", 0)
    return ScoreResult(
        moment, ranking.scored, listed, ranking.removed, folder, manifest, model.name, model.number, warnings,
        ranking.qualification(),
    )  # fmt: skip


def load_model(config: Config, version: str | None, progress: Progress) -> tuple[Version, Bundle]:
    """The champion, or the version asked for, through the verified local cache."""
    progress.step("Fetching the model")
    registry = _registry(config)
    found = registry.version(version) if version is not None else registry.champion()
    if found is None:
        raise RegistryError(
            f"model {config.tracking.model_name!r} has no champion. Run `propensity train`, then `propensity promote`, "
            "with the same --config."
        )
    return found, registry.bundle(found)


def promote(
    config: Config,
    *,
    version: str | None = None,
    force: bool = False,
    reason: str | None = None,
    progress: Progress | None = None,
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
    registry = _registry(config)
    challenger = registry.version(version) if version is not None else registry.challenger()
    champion = registry.champion()
    if challenger is None:
        raise RegistryError(
            f"model {config.tracking.model_name!r} has no challenger. Run `propensity train` with the same --config."
        )
    if champion is not None and champion.number == challenger.number:
        # Nothing moves; a challenger alias that an earlier, killed promotion left on it goes.
        registry.promote(challenger)
        return PromoteResult(challenger, None, None)
    final, judged = registry.bundle(challenger), registry.judged(challenger)
    rival = None if champion is None else _rival(registry, champion)
    with opened(config, progress) as session:
        progress.step("Putting the gate's questions on the newest matured snapshots")
        frame = training_frame(session)
        refuse_other_features(final, frame.features, frame.spec_hash, parameters(session.canonical))
        gate = examine(challenger.number, judged, rival, frame, config, dated=session.canonical.dated)
    if not force:
        gate.refuse()
    former = registry.promote(challenger, promotion_of(gate, why))
    return PromoteResult(challenger, former, gate, why)


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
    registry = _registry(config)
    leaving, (former, deleted) = registry.in_use(), registry.former()
    back = standing_of(registry.bundle(former), registry.promotion(former))
    try:
        gone = standing_of(registry.bundle(leaving), registry.promotion(leaving))
    except ModelError as error:
        # That it cannot be read may be why it has to go.
        gone = Standing(problem=str(error))
    restored, replaced = registry.rollback()
    return RollbackResult(restored, replaced, back, gone, deleted)


def _messages(report: CheckReport) -> tuple[str, ...]:
    return tuple(f"{finding.table}: {finding.message}" for finding in report.warnings)


def stale(as_of: datetime | None, through: datetime | None) -> tuple[str, ...]:
    """A warning where as_of lies far beyond the data; else nothing."""
    if as_of is None or through is None or as_of - through <= STALE_AFTER:
        return ()
    return (
        f"as_of {shown(as_of)} lies {(as_of - through).days} days beyond the data, which reach {shown(through)}",
    )


def _registry(config: Config) -> Registry:
    return Registry(Store.from_config(config.tracking), config.paths.models)


def _write(session: Session, ranking: Ranking, scratch: Path) -> dict[str, int]:
    engine, batch = session.canonical.engine, session.canonical.config.lists.batch_rows
    schema = ranking.scores.schema().to_pyarrow()
    scored = write_parquet(scratch / SCORES, engine.stream(ranking.scores, batch), schema)
    listed = engine.collect(ranking.listed)
    write_parquet(scratch / LIST, listed.to_batches(), listed.schema)
    write_csv(scratch / LIST_CSV, listed)
    more = write_exports(scratch, engine, ranking.exports, batch_rows=batch)
    return {SCORES: scored, LIST: listed.num_rows, LIST_CSV: listed.num_rows, **more}


def _manifest(
    session: Session, moment: datetime | None, model: Version, bundle: Bundle, ranking: Ranking
) -> dict[str, Any]:
    """What led to a list; no run time, no host and no absolute path, so that the same inputs give the same bytes."""
    return {
        "propensity": __version__,
        "as_of": shown(moment),
        "data_through": shown(session.through),
        "model": {
            "name": model.name,
            "version": model.number,
            "digest": bundle.digest,
            "spec_hash": bundle.spec_hash,
            "horizon_days": bundle.horizon_days,
        },
        "inputs": session.canonical.report.to_dict()["tables"],
        "counts": {
            "scored": ranking.scored,
            "listed": ranking.counts.get("listed", 0),
            "removed": ranking.removed,
        },
        "qualification": ranking.qualification(),
        "surprises": {"empty": list(ranking.surprises.empty), "new": ranking.surprises.new},
    }
