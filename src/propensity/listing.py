"""One night: score, rank and explain every lead, and leave the list in its place; wiring only."""

from __future__ import annotations

from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from propensity.delivery.figures import write_figures
from propensity.delivery.folders import staged_beside
from propensity.delivery.lists import NAMES, deliver
from propensity.delivery.night import Written, night_of, write_night
from propensity.errors import UsageError
from propensity.features.catalogue import parameters
from propensity.features.frame import features_of
from propensity.features.ranges import leads_a_range
from propensity.monitoring.night import PROFILE, night_profile
from propensity.results import ScoreResult, shown
from propensity.scoring.lists import Ranking, rank_leads
from propensity.scoring.score import refuse_emptied, refuse_other_features
from propensity.timeline.snapshots import scoring_spine

if TYPE_CHECKING:
    from propensity.config import Config
    from propensity.model.bundle import Bundle
    from propensity.nights import Nights
    from propensity.session import Progress, Session
    from propensity.sources.report import CheckReport
    from propensity.tracking.registry import Version

STALE_AFTER = timedelta(days=1)
"""A list that stands further than this beyond the data gets a warning."""


def list_night(
    session: Session,
    model: Version,
    bundle: Bundle,
    nights: Nights,
    *,
    out: Path | None = None,
    as_of: datetime | None = None,
    delivers: bool = True,
    progress: Progress,
) -> ScoreResult:
    """Make the list of one night on data that are open, and put it in its place.

    Recording it and writing it to a database are the caller's. Nights that were delivered and not recorded are recorded first;
    `delivers` is False for a list that is only kept, where its place cannot be written: what lies in `out` is then no delivery.
    """
    config = session.canonical.config
    moment = as_of if as_of is not None else session.through
    if as_of is not None and not session.canonical.dated:
        raise UsageError("--as-of needs leads with dates; these have none. Leave it out.")
    refuse_emptied(bundle, session.canonical.report)
    progress.step("Scoring, ranking and explaining")
    spine = scoring_spine(session.canonical, moment)
    together = leads_a_range(config.engine.memory_gb)
    query = features_of(session.canonical, spine, leads_a_range=together)
    refuse_other_features(bundle, query.features, query.spec_hash, parameters(session.canonical))
    folder = out if out is not None else night_folder(config, moment)
    if delivers:
        nights.catch_up(folder)
    with (
        staged_beside(folder, taking=NAMES) as scratch,
        rank_leads(
            query,
            bundle,
            moment,
            threads=config.engine.threads,
            before=nights.before(moment),
            progress=progress.advance,
        ) as ranking,
    ):
        progress.step("Writing the lists")
        written = _write(session, ranking, scratch, moment, model, folder)
        rows = {**written.rows, **_profiled(session, moment, model, bundle, ranking, scratch)}
        manifest = deliver(scratch, folder, _manifest(session, moment, model, bundle, ranking, written), rows)
    return _scored(session, moment, model, ranking, folder, manifest)


def night_folder(config: Config, moment: datetime | None) -> Path:
    """Where the list of one instant belongs."""
    return config.paths.out / (f"{moment:%Y-%m-%d}" if moment else "list")


def messages(report: CheckReport) -> tuple[str, ...]:
    """The warnings of a check, in sentences."""
    return tuple(f"{finding.table}: {finding.message}" for finding in report.warnings)


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
        *messages(session.canonical.report),
        *stale(moment, session.through),
        *ranking.surprises.warnings(max_share=most),
    )
    listed = ranking.counts.get("listed", 0)
    return ScoreResult(
        moment, ranking.scored, listed, ranking.removed, folder, manifest, model.name, model.number, warnings,
        ranking.qualification(), ranking.holdout, _later(session, ranking),
    )  # fmt: skip


def _later(session: Session, ranking: Ranking) -> int:
    """Leads that had not been created when the list stands."""
    return session.canonical.report.tables["leads"].kept - ranking.scored


def stale(as_of: datetime | None, through: datetime | None) -> tuple[str, ...]:
    """A warning where as_of lies far beyond the data; else nothing."""
    if as_of is None or through is None or as_of - through <= STALE_AFTER:
        return ()
    return (
        f"as_of {shown(as_of)} lies {(as_of - through).days} days beyond the data, which reach {shown(through)}",
    )


def _write(
    session: Session, ranking: Ranking, scratch: Path, moment: datetime | None, model: Version, folder: Path
) -> Written:
    config = session.canonical.config
    night = night_of(config, ranking, moment, model=f"{model.name} version {model.number}")
    nights = folder.resolve().parent
    return write_night(scratch, session.canonical.engine, ranking, night, config=config, nights=nights)


def _profiled(
    session: Session, moment: datetime | None, model: Version, bundle: Bundle, ranking: Ranking, scratch: Path
) -> dict[str, int]:
    """Leave what monitoring reads: counts alone."""
    if ranking.profile is None:
        return {}
    found = night_profile(
        session.canonical,
        bundle,
        as_of=shown(moment),
        moment=moment,
        data_through=shown(session.through),
        model={"name": model.name, "version": model.number, "digest": bundle.digest},
        profile=ranking.profile,
        surprises=ranking.surprises,
    )
    write_figures(scratch / PROFILE, found, setting="paths.out", indent=None)
    return {PROFILE: 1}


def _manifest(
    session: Session,
    moment: datetime | None,
    model: Version,
    bundle: Bundle,
    ranking: Ranking,
    written: Written,
) -> dict[str, Any]:
    """What led to a list; no run time, no host and no absolute path, so that the same inputs give the same bytes."""
    return {
        "propensity": version("propensity"),
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
            "later": _later(session, ranking),
            "listed": ranking.counts.get("listed", 0),
            "removed": ranking.removed,
        },
        **({} if ranking.holdout is None else {"holdout": ranking.holdout}),
        "qualification": ranking.qualification(),
        "reps": written.reps(),
        "surprises": {"empty": list(ranking.surprises.empty), "new": ranking.surprises.new},
    }
