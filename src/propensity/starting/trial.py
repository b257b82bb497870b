"""A trial of the plan: the real reading and checking, so that what is written loads and runs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from propensity.config.file import load_config
from propensity.errors import PropensityError
from propensity.schema import TableName
from propensity.scratch import Scratch
from propensity.sources.canonical import Canonical, load
from propensity.starting.plan import Plan, TablePlan
from propensity.starting.write import yaml_text

if TYPE_CHECKING:
    from propensity.engines import Engine

_DEFAULT_SHARE = 0.01
_TOO_MANY = 0.5
_LATE_QUANTILE = 0.99
_SECONDS_A_DAY = 86_400


def tried(engine: Engine, plan: Plan, folder: Path, out: Path) -> Plan:
    """The same plan, less the tables that cannot be read with it, with the settings that its bad rows call for.

    A table of which more than half the rows break a rule is left out, with the rule; else
    `checks.max_quarantined_share` is raised to what the rows need.

    Raises
    ------
    PropensityError
        The leads cannot be read.
    """
    while True:
        try:
            canonical = _load(engine, plan, folder, out)
        except PropensityError as error:
            culprit = _named_in(str(error), plan)
            if culprit is None:
                raise
            plan = _without(plan, culprit, str(error).split(". ")[0])
            continue
        shares: dict[TableName, float] = {
            name: sum(broken.rows for broken in report.broken if broken.counts) / max(report.rows, 1)
            for name, report in canonical.report.tables.items()
        }
        worst = _worst(shares)
        if worst is None:
            return _settled(plan, canonical, shares)
        rule = max(canonical.report.tables[worst].broken, key=lambda broken: broken.rows)
        plan = _without(plan, worst, f"{shares[worst]:.0%} of its rows break a rule ({rule.rule})")


def _named_in(message: str, plan: Plan) -> TableName | None:
    """The table other than leads that an error speaks of."""
    for name in plan.tables:
        if name != "leads" and f"tables.{name}" in message:
            return name
    return None


def _worst(shares: Mapping[TableName, float]) -> TableName | None:
    """A table other than leads with more bad rows than good ones."""
    for name, share in shares.items():
        if name != "leads" and share > _TOO_MANY:
            return name
    return None


def _load(engine: Engine, plan: Plan, folder: Path, out: Path) -> Canonical:
    with Scratch() as scratch:
        path = scratch.path / out.name
        path.write_text(yaml_text(plan, folder=folder, out=path), encoding="utf-8")
        config = load_config(
            path, ["checks.max_quarantined_share=1", f"paths.quarantine={scratch.path / 'quarantine'}"]
        )
        return load(engine, config)


def _without(plan: Plan, name: TableName, why: str) -> Plan:
    tables: Mapping[TableName, tuple[TablePlan, ...]] = {
        table: found for table, found in plan.tables.items() if table != name
    }
    left = tuple((source.file.name, f"looks like {name}, but {why}") for source in plan.tables[name])
    return replace(plan, tables=tables, left_out=(*plan.left_out, *left))


def _settled(plan: Plan, canonical: Canonical, shares: Mapping[TableName, float]) -> Plan:
    worst = max(shares.values())
    lines = [
        f"{name} ({report.origin}): {broken.rows:,} of {report.rows:,} rows would be set aside: {broken.rule}"
        for name, report in canonical.report.tables.items()
        for broken in report.broken
        if broken.counts and shares[name] > _DEFAULT_SHARE
    ]
    share = min(1.0, math.ceil(worst * 100 + 1e-9) / 100) if worst > _DEFAULT_SHARE else None
    return replace(
        plan, quarantined_share=share, bad_rows=tuple(lines), recording_lag_days=_recording_lag(canonical)
    )


def _recording_lag(canonical: Canonical) -> int | None:
    """Whole days within which 99 of 100 ends of leads are recorded; None where nothing says so."""
    stages: Any = canonical.tables.get("stages")
    outcome = canonical.config.outcome
    if stages is None or "recorded_at" not in canonical.present["stages"]:
        return None
    ends = stages.filter(stages["stage"].isin([*outcome.converting, *outcome.disqualified_stages]))
    seconds = ends["recorded_at"].epoch_seconds() - ends["entered_at"].epoch_seconds()
    lag = canonical.engine.collect(ends.aggregate(lag=seconds.cast("float64").quantile(_LATE_QUANTILE)))[
        "lag"
    ][0].as_py()
    return None if lag is None or lag <= 0 else math.ceil(lag / _SECONDS_A_DAY)
