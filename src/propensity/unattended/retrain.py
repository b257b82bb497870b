"""Training without anybody beside it: when enough has matured, a challenger, and the gate decides."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import IO, TYPE_CHECKING, Any

from propensity.errors import PromotionRefused
from propensity.results import shown
from propensity.session import open_session
from propensity.timeline.snapshots import matured_since
from propensity.tracking.registry import Registry, Version
from propensity.tracking.store import Store
from propensity.unattended.retry import persisted
from propensity.unattended.run import Run, unattended
from propensity.workflow import promote, train

if TYPE_CHECKING:
    from propensity.config import Config
    from propensity.results import TrainResult
    from propensity.session import Progress
    from propensity.unattended.summary import Told


@dataclass(frozen=True)
class News:
    """What has matured since the newest model learned.

    Attributes
    ----------
    version : the newest model; None where there is none.
    learned_to : its last snapshot; None where it does not say, or there is none.
    matured_to : the newest snapshot whose outcome is known.
    conversions : of snapshots after `learned_to`, up to `matured_to`.
    """

    version: Version | None
    learned_to: datetime | None
    matured_to: datetime | None
    conversions: int

    @property
    def days(self) -> float:
        """From the one to the other."""
        if self.learned_to is None or self.matured_to is None:
            return 0.0
        return (self.matured_to - self.learned_to) / timedelta(days=1)


def retrain(
    config: Config,
    *,
    now: datetime | None = None,
    strict: bool = False,
    progress: Progress | None = None,
    echo: IO[str] | None = None,
) -> Told:
    """Train on what has matured, and let the gate decide whether the challenger becomes champion.

    Nothing is trained, and the run ends with 0, where less than `nightly.retrain` asks for has matured since the newest
    model, be it champion or a challenger that was refused. Without any model it trains.

    Returns
    -------
    How it ended. Exit code 7 where the gate refused: the champion stays, the challenger is registered.
    """
    return unattended("retrain", config, _retrain, now=now, strict=strict, progress=progress, echo=echo)


def _retrain(run: Run) -> None:
    with run.step("check") as facts:
        news = persisted(lambda: _news(run), run.config.nightly.retry, run.log, what="check")
        run.facts |= _told(news)
        facts.update(_told(news))
    missing = _missing(run.config, news)
    if missing is not None:
        run.facts["trained"] = False
        run.facts["why_not"] = missing
        return
    with run.step("train") as facts:
        trained = persisted(
            lambda: train(run.config, run.progress, clock=run.clock),
            run.config.nightly.retry,
            run.log,
            what="train",
        )
        run.warn(*trained.warnings)
        run.facts |= {"trained": True, **_of(trained)}
        facts.update(_of(trained))
    with run.step("promote") as facts:
        _promote(run, trained.registered.version, facts)


def _promote(run: Run, version: str, facts: dict[str, Any]) -> None:
    try:
        found = persisted(
            lambda: promote(run.config, version=version, progress=run.progress, clock=run.clock),
            run.config.nightly.retry,
            run.log,
            what="promote",
        )
    except PromotionRefused:
        run.facts["promoted"] = False
        facts["note"] = "refused"
        raise
    run.facts |= {"promoted": True, "former": None if found.former is None else found.former.number}
    facts["note"] = f"version {version} is champion"


def _news(run: Run) -> News:
    registry = Registry(Store.from_config(run.config.tracking), run.config.paths.models)
    known = [version for version in (registry.champion(), registry.challenger()) if version is not None]
    newest = max(known, key=lambda version: int(version.number), default=None)
    learned_to = None
    if newest is not None:
        # The model as it was judged and then refitted: its snapshots end where the data had matured.
        edges = registry.bundle(newest).metadata.get("as_of")
        learned_to = None if edges is None else datetime.fromisoformat(edges[1])
    session = open_session(run.config, run.clock)
    try:
        run.facts["data_through"] = shown(session.through)
        matured_to, conversions = matured_since(session.canonical, session.through, learned_to)
    finally:
        session.canonical.engine.close()
    return News(newest, learned_to, matured_to, conversions)


def _missing(config: Config, news: News) -> str | None:
    """What there is too little of to train again; None where there is enough, or no model to compare with."""
    wanted = config.nightly.retrain
    if news.version is None or news.learned_to is None:
        return None
    lacking: list[str] = []
    if news.conversions < wanted.min_new_conversions:
        lacking.append(f"{news.conversions:,} new matured conversions of {wanted.min_new_conversions:,}")
    if news.days < wanted.min_days:
        lacking.append(f"{news.days:g} new matured days of {wanted.min_days:g}")
    if not lacking:
        return None
    return f"{' and '.join(lacking)} since version {news.version.number} (nightly.retrain)"


def _told(news: News) -> dict[str, Any]:
    return {
        "newest_version": None if news.version is None else news.version.number,
        "learned_to": shown(news.learned_to),
        "matured_to": shown(news.matured_to),
        "new_conversions": news.conversions,
        "new_days": round(news.days, 2),
    }


def _of(trained: TrainResult) -> dict[str, Any]:
    return {
        "model": trained.registered.name,
        "version": trained.registered.version,
        "evidence": None if trained.evidence is None else str(trained.evidence),
    }
