"""What a person should know of the data beyond broken rows. Counted, never guessed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from propensity.schema import TableName
from propensity.sources.mapping import Mapped
from propensity.sources.report import Finding

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from propensity.config import Config
    from propensity.engines import Engine

_MOST_NAMED = 8
_LATE_QUANTILE = 0.99
_SECONDS_A_DAY = 86_400


def find(
    engine: Engine, config: Config, tables: Mapping[TableName, ir.Table], mapped: Mapping[TableName, Mapped]
) -> tuple[Finding, ...]:
    """Look for what may surprise: unused columns, unknown words, amounts without a rate, lags, empty tables."""
    findings: list[Finding] = []
    for name, table in mapped.items():
        if table.unused:
            findings.append(
                Finding("info", name, f"columns that nothing reads: {_named(list(table.unused))}")
            )
        if _scalar(engine, tables[name].count()) == 0:
            findings.append(Finding("warning", name, f"{table.origin} holds no usable row"))
    findings += _time_findings(config, mapped)
    findings += _activity_findings(engine, config, tables)
    findings += _stage_findings(engine, config, tables)
    findings += _reference_findings(engine, tables)
    return tuple(findings)


def _time_findings(config: Config, mapped: Mapping[TableName, Mapped]) -> list[Finding]:
    findings: list[Finding] = []
    leads = mapped["leads"]
    if "created_at" not in leads.present and config.tables["leads"].order_by is None:
        findings.append(
            Finding(
                "warning",
                "leads",
                "there is neither created_at nor order_by: train and test are split at random, so the figures say "
                "nothing of the future. Set tables.leads.order_by if a column, or the file's order, is time",
            )
        )
    if "accounts" in mapped and "valid_from" not in mapped["accounts"].present:
        findings.append(
            Finding(
                "warning", "accounts", "without valid_from, account attributes are taken as never changed"
            )
        )
    return findings


def _activity_findings(engine: Engine, config: Config, tables: Mapping[TableName, ir.Table]) -> list[Finding]:
    if "activities" not in tables:
        return []
    acts = tables["activities"]
    findings: list[Finding] = []
    unknown = acts.filter(acts["type"].notin(list(config.features.types)))
    kinds = engine.collect(
        unknown.group_by("type").aggregate(rows=unknown.count()).order_by("type")
    ).to_pylist()
    if kinds:
        named = _named([f"{row['type']} ({row['rows']:,})" for row in kinds])
        findings.append(
            Finding(
                "warning",
                "activities",
                f"types without features of their own: {named}. Map them under tables.activities.values.type, or add "
                "them under features.add_activity_types",
            )
        )
    odd = _scalar(engine, acts["direction"].notin(["inbound", "outbound"]).sum())
    if odd:
        findings.append(Finding("warning", "activities", f"{odd:,} rows are neither inbound nor outbound"))
    return findings


def _stage_findings(engine: Engine, config: Config, tables: Mapping[TableName, ir.Table]) -> list[Finding]:
    if "stages" not in tables:
        return []
    stages = tables["stages"]
    names = engine.collect(stages.select("stage").distinct().order_by("stage"))["stage"].to_pylist()
    if not set(names) & set(config.outcome.converting):
        return [
            Finding(
                "warning",
                "stages",
                f"no lead ever entered {_named(list(config.outcome.converting))}; found {_named(names)}. "
                "Set outcome.stage, or map the words under tables.stages.values.stage",
            )
        ]
    ends = stages.filter(
        stages["stage"].isin([*config.outcome.converting, *config.outcome.disqualified_stages])
    )
    lag = (ends["recorded_at"].epoch_seconds() - ends["entered_at"].epoch_seconds()).cast(
        "float64"
    ) / _SECONDS_A_DAY
    late = _scalar(engine, lag.quantile(_LATE_QUANTILE))
    if late is not None and late > config.outcome.recording_lag_days:
        return [
            Finding(
                "warning",
                "stages",
                f"one in a hundred is recorded more than {late:.1f} days late, but outcome.recording_lag_days is "
                f"{config.outcome.recording_lag_days:g}: late conversions of the newest snapshots would count as none",
            )
        ]
    return []


def _reference_findings(engine: Engine, tables: Mapping[TableName, ir.Table]) -> list[Finding]:
    findings: list[Finding] = []
    if "accounts" in tables:
        leads, accounts = tables["leads"], tables["accounts"]
        known = accounts.select("account_id").distinct()
        orphans = leads.filter(leads["account_id"].notnull()).anti_join(known, "account_id").count()
        if count := _scalar(engine, orphans):
            findings.append(Finding("warning", "leads", f"{count:,} leads name an account that is not there"))
    for name, amount in (("budgets", "amount"), ("accounts", "annual_revenue"), ("products", "price")):
        if name in tables:
            table = tables[name]
            lost = _scalar(engine, (table["currency"].notnull() & table[amount].isnull()).sum())
            if name != "accounts" and lost:
                findings.append(
                    Finding(
                        "warning",
                        name,
                        f"{lost:,} amounts are in a currency without a rate: map tables.rates",
                    )
                )
    return findings


def _scalar(engine: Engine, value: ir.Scalar) -> int | float | None:
    return engine.collect(value.as_table()).column(0)[0].as_py()


def _named(names: list[str]) -> str:
    shown = ", ".join(names[:_MOST_NAMED])
    return shown if len(names) <= _MOST_NAMED else f"{shown} and {len(names) - _MOST_NAMED} more"
