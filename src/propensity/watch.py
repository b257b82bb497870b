"""Monitoring, wired: the nights that lie on disk, the ledger, the data where labels have matured, and the page."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

from propensity.delivery.reports import leave_report
from propensity.errors import UsageError
from propensity.monitoring.history import History, left_nights
from propensity.monitoring.judge import MonitorResult, caught_up, judged
from propensity.monitoring.outcomes import (
    COLUMNS,
    Pooled,
    matured,
    outcome_of,
    pooled,
    shown,
    to_pool,
    with_outcomes,
)
from propensity.monitoring.page import page_of
from propensity.scoring.ledger import Ledger
from propensity.session import Progress, Session, opened

if TYPE_CHECKING:
    from propensity.config import Config

PAGE = "monitor.html"


def monitor(
    config: Config, progress: Progress | None = None, *, session: Session | None = None
) -> MonitorResult:
    """Judge the newest night that `score` left, take it into the history, and write `paths.reports`/monitor.html.

    Nothing is scored again: each night left its counts in `profile.json`.

    Parameters
    ----------
    config
        The configuration of the nights.
    progress
        Told what happens.
    session
        Open data, where the caller has them; else they are opened, and only if the ledger holds nights.

    Raises
    ------
    UsageError
        There is no night with a profile.
    DeliveryError
        The history or the page cannot be written, or a file of the history cannot be read.
    """
    progress = progress or Progress()
    progress.step("Comparing tonight's leads with those before")
    history, rules = History(config.paths.reports), config.monitoring
    nights = caught_up(history, left_nights(config.paths.out), rules)
    if not nights:
        raise UsageError(
            f"{config.paths.out} holds no night with a profile. Run `propensity score` with the same --config first."
        )
    together = _outcomes(config, history, progress, session)
    found = judged(nights[-1], nights, together, rules)
    history.add_verdict(found.verdict())
    outcomes = history.outcomes()
    progress.step("Writing the page")
    text = page_of(found, nights, history.verdicts(), outcomes, together, rules)
    page = leave_report(config.paths.reports, PAGE, text)
    return MonitorResult(found, outcomes, together, len(nights), page)


def _outcomes(config: Config, history: History, progress: Progress, session: Session | None) -> Pooled | None:
    """Add what came of nights that matured since; return the newest ones together."""
    listed = {night.as_of: night for night in Ledger(config.paths.ledger).nights()}
    if not listed:
        return None
    with nullcontext(session) if session is not None else opened(config, progress) as data:
        progress.step("Counting what came of past lists")
        known = history.outcomes()
        for at in matured(data.canonical, data.through, list(listed)):
            if shown(at) not in known:
                found = outcome_of(with_outcomes(data.canonical, listed[at].rows(list(COLUMNS)), at))
                if found is not None:
                    history.add_outcome(found.to_dict())
        chosen = set(to_pool(history.outcomes(), config.monitoring))
        rows = [
            with_outcomes(data.canonical, listed[at].rows(list(COLUMNS)), at)
            for at in listed
            if shown(at) in chosen
        ]
        return pooled(rows)
