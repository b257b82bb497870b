"""The evidence pack of a training: gathers the facts, and lays out the sections in the order in which people ask."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from propensity.audit.drivers import drivers_of
from propensity.audit.funnel import funnel_of
from propensity.audit.report import Pack, quoted
from propensity.audit.sections import data, model, practice, steady, trust
from propensity.audit.sections.facts import Facts, day, hidden_features
from propensity.audit.sections.summary import summary
from propensity.selection.backtest import DEFAULT_CAPACITY
from propensity.selection.ladder import WORDS
from propensity.selection.orders import lists_of, todays_orders
from propensity.selection.practice import Practices, compare_practices
from propensity.selection.training import perfect_error

if TYPE_CHECKING:
    from datetime import datetime

    import numpy.typing as npt

    from propensity.audit.leakage import Court
    from propensity.selection.training import Trained
    from propensity.sources.canonical import Canonical

BACKTEST: Final = "backtest.json"
_RESAMPLES: Final = 200
_DIGITS: Final = 12


def gathered(
    canonical: Canonical,
    trained: Trained,
    court: Court,
    *,
    through: datetime | None,
    warnings: tuple[str, ...],
    backtest: Mapping[str, Any] | None = None,
) -> Facts:
    """What the page tells, measured where the training did not: the funnel, today's practices, the drivers.

    Parameters
    ----------
    canonical
        The checked tables, with their engine open.
    trained, court
        Of the training.
    through
        How far the data reach (UTC); None without dates.
    warnings
        Where the data did not carry the full recipe, in plain words.
    backtest
        JSON of a backtest with these features and data.
    """
    tested = "model" in trained.evaluations
    practices, notes = _practices(canonical, trained) if tested else (None, ())
    history = None
    if "accounts" in canonical.tables:
        history = "valid_from" in canonical.present["accounts"]
    return Facts(
        config=canonical.config,
        trained=trained,
        court=court,
        report=canonical.report,
        through=through,
        flat=canonical.flat,
        account_history=history,
        funnel=funnel_of(canonical, through),
        practices=practices,
        practice_notes=notes,
        drivers=drivers_of(trained.judged, trained.test, hidden=hidden_features(trained)) if tested else None,
        perfect_error=perfect_error(trained, canonical.config),
        warnings=warnings,
        backtest=backtest,
    )


def pack_of(facts: Facts) -> Pack:
    """The page of a training: for a sales manager first, for a data scientist after."""
    name = quoted(facts.config.tracking.model_name)
    return Pack(
        title=f"Evidence for the model {name}",
        facts=(
            f"model {facts.trained.final.digest[:_DIGITS]}",
            WORDS[facts.trained.ladder.chosen],
            f"data through {day(facts.through)}" if facts.through is not None else "data without dates",
            f"propensity {version('propensity')}",
        ),
        summary=summary(facts),
        sections=(
            data.outcome(facts),
            data.data(facts),
            data.funnel(facts),
            data.split(facts),
            model.ladder(facts),
            model.gains(facts),
            practice.practice(facts),
            model.reliability(facts),
            steady.steady(facts),
            model.drivers(facts),
            trust.court(facts),
            practice.backtest(facts),
            trust.limits(facts),
            trust.reproduce(facts),
        ),
    )


def name_of(trained: Trained) -> str:
    """The page's file name: it names the registered model, and nothing of when or where."""
    return f"evidence-{trained.final.digest[:_DIGITS]}.html"


def backtest_on(folder: Path, trained: Trained) -> Mapping[str, Any] | None:
    """The backtest in `folder`, if it is one with these features on these data; else None."""
    try:
        found = json.loads((folder / BACKTEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(found, dict):
        return None
    tables = trained.final.metadata["data"].get("tables", {})
    theirs = (found.get("data") or {}).get("tables", {})
    same = {n: t["sha256"] for n, t in tables.items()} == {n: t.get("sha256") for n, t in theirs.items()}
    alike = found.get("spec_hash") == trained.final.spec_hash
    # A backtest of flat data has no horizon.
    horizon = found.get("horizon_days") in (None, trained.final.horizon_days)
    return found if same and alike and horizon else None


def _practices(canonical: Canonical, trained: Trained) -> tuple[Practices, tuple[str, ...]]:
    """The test's lists by each practice, at the reps' capacity; where none is configured, at a tenth of a list at most."""
    config, test = canonical.config, trained.test
    orders, lists = todays_orders(canonical, test), lists_of(test, config)
    mean = np.bincount(lists.number).mean()
    capacity = (
        config.backtest.capacity or config.lists.places or max(1, min(DEFAULT_CAPACITY, int(mean / 10)))
    )
    found = compare_practices(
        test.y,
        lists,
        orders.with_model(trained.probability, _among_equals(trained)),
        capacity=capacity,
        seed=config.model.seed,
        cluster=test.groups,
        resamples=min(config.model.resamples, _RESAMPLES),
        skipped=orders.skipped,
    )
    return found, orders.notes


def _among_equals(trained: Trained) -> npt.NDArray[np.float64]:
    """The margin of test rows that share their probability with others, by which lists rank them; 0 for the rest."""
    _, place, counts = np.unique(trained.probability, return_inverse=True, return_counts=True)
    tied = counts[place] > 1
    margin = np.zeros(len(tied))
    if tied.any():
        margin[tied] = trained.judged.margin(trained.test.take(tied).values)
    return margin
