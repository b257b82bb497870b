"""What a person should know of the data beyond broken rows. Counted, never guessed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from propensity.engines.naming import named, nearest
from propensity.engines.untyped import Table, Value
from propensity.schema import TableName
from propensity.sources.mapping import RULE, Mapped
from propensity.sources.report import Finding, TableReport

if TYPE_CHECKING:
    from propensity.config import Config
    from propensity.engines import Engine

AMOUNTS: Mapping[TableName, str] = {"accounts": "annual_revenue", "budgets": "amount", "products": "price"}
"""The columns that are in the currency that the column `currency` beside them says."""
_MOST_NAMED = 8
_LATE_QUANTILE = 0.99
_SECONDS_A_DAY = 86_400
_DIGITS = "0123456789"
_WIDE_DIGITS = "".join(chr(0xFF10 + digit) for digit in range(10))


def find(
    engine: Engine,
    config: Config,
    tables: Mapping[TableName, Table],
    flagged: Mapping[TableName, Table],
    mapped: Mapping[TableName, Mapped],
    reports: Mapping[TableName, TableReport],
) -> tuple[Finding, ...]:
    """Look for what may surprise: unused columns, unknown words, amounts without a rate, lags, empty tables."""
    findings: list[Finding] = []
    for name, table in mapped.items():
        findings += table.findings
        for origin, unused in table.unused.items():
            of = f" of {origin}" if len(table.origins) > 1 else ""
            if unused:
                findings.append(
                    Finding("info", name, f"columns{of} that nothing reads: {named(unused, _MOST_NAMED)}")
                )
        if reports[name].kept == 0:
            findings.append(Finding("warning", name, f"{table.origin} holds no usable row"))
    findings += _time_findings(config, mapped)
    findings += _column_findings(config, mapped)
    findings += _activity_findings(engine, config, tables)
    findings += _stage_findings(engine, config, tables)
    findings += _reference_findings(engine, tables)
    findings += _amount_findings(engine, tables)
    findings += _currency_findings(engine, config, flagged)
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
        declared = all(source.static for source in config.tables["accounts"].sources)
        findings.append(
            Finding(
                "info" if declared else "warning",
                "accounts",
                "without valid_from, account attributes are taken as never changed"
                + ("" if declared else " (tables.accounts.static: true, if that is so)"),
            )
        )
    return findings


def _column_findings(config: Config, mapped: Mapping[TableName, Mapped]) -> list[Finding]:
    """Columns of leads without which something that is configured cannot be."""
    findings: list[Finding] = []
    present = mapped["leads"].present
    if config.lists.owners_are_reps and "owner" not in present:
        message = "lists.owners_are_reps needs an owner: map the column under tables.leads.columns. Until then owners have no lists"
        findings.append(Finding("warning", "leads", message))
    if "accounts" in mapped and "account_id" not in present:
        message = "no lead names its account: map account_id under tables.leads.columns. Until then nothing is known of companies"
        findings.append(Finding("warning", "leads", message))
    return findings


def _activity_findings(engine: Engine, config: Config, tables: Mapping[TableName, Table]) -> list[Finding]:
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


def _stage_findings(engine: Engine, config: Config, tables: Mapping[TableName, Table]) -> list[Finding]:
    if "stages" not in tables:
        return []
    stages = tables["stages"]
    names = engine.collect(stages.select("stage").distinct().order_by("stage"))["stage"].to_pylist()
    if not names:
        return []  # that no row is usable is said already
    if not set(names) & set(config.outcome.converting):
        return [
            Finding(
                "warning",
                "stages",
                f"no lead ever entered {_named(list(config.outcome.converting))}; found {_named(names)}. "
                "Set outcome.stage, or map the words under tables.stages.values.stage",
            )
        ]
    findings: list[Finding] = []
    ends = stages.filter(
        stages["stage"].isin([*config.outcome.converting, *config.outcome.disqualified_stages])
    )
    lag = (ends["recorded_at"].epoch_seconds() - ends["entered_at"].epoch_seconds()).cast(
        "float64"
    ) / _SECONDS_A_DAY
    late = _scalar(engine, lag.quantile(_LATE_QUANTILE))
    if late is not None and late > config.outcome.recording_lag_days:
        findings.append(
            Finding(
                "warning",
                "stages",
                f"one in a hundred is recorded more than {late:.1f} days late, but outcome.recording_lag_days is "
                f"{config.outcome.recording_lag_days:g}: late conversions of the newest snapshots would count as none",
            )
        )
    return [*findings, *_unentered(config, names)]


def _unentered(config: Config, names: Sequence[str]) -> list[Finding]:
    """Configured stages that no lead ever entered: a warning where it is the outcome itself, or another word is near."""
    outcome, findings = config.outcome, list[Finding]()
    asked = {
        "stage": (outcome.stage,),
        "later_stages": outcome.later_stages,
        "disqualified_stages": outcome.disqualified_stages,
    }
    configured = {word for words in asked.values() for word in words}
    others = [name for name in names if name not in configured]
    for setting, words in asked.items():
        for word in words:
            if word in names:
                continue
            near = nearest(word, others)
            meant = f"; do you mean {near!r}?" if near else f"; found {_named(names)}"
            severity = "warning" if setting == "stage" or near else "info"
            findings.append(
                Finding(severity, "stages", f"outcome.{setting}: no lead ever entered {word!r}{meant}")
            )
    return findings


def _reference_findings(engine: Engine, tables: Mapping[TableName, Table]) -> list[Finding]:
    findings: list[Finding] = []
    if "accounts" in tables:
        leads, accounts = tables["leads"], tables["accounts"]
        known = accounts.select("account_id").distinct()
        orphans = leads.filter(leads["account_id"].notnull()).anti_join(known, "account_id").count()
        if count := _scalar(engine, orphans):
            findings.append(Finding("warning", "leads", f"{count:,} leads name an account that is not there"))
    for name in ("leads", "accounts"):
        if name in tables:
            findings += _alike(engine, name, tables[name][f"{name.removesuffix('s')}_id"])
    return findings


def _alike(engine: Engine, name: TableName, key: Value) -> list[Finding]:
    """Ids that a person would take for one: they differ in case, or in the width of their digits."""
    ids = key.name("id").as_table().distinct()
    folded = ids.mutate(folded=ids["id"].lower().translate(_WIDE_DIGITS, _DIGITS))
    groups = folded.group_by("folded").aggregate(
        ids=folded.count(), first=folded["id"].min(), last=folded["id"].max()
    )
    twins = groups.filter(groups["ids"] > 1)
    count = _scalar(engine, twins.count())
    if not count:
        return []
    first = engine.collect(twins.order_by("folded").limit(1)).to_pylist()[0]
    return [
        Finding(
            "info",
            name,
            f"{count:,} ids are there in several spellings, such as {first['first']!r} and {first['last']!r}; they are "
            "taken for different ones",
        )
    ]


def _amount_findings(engine: Engine, tables: Mapping[TableName, Table]) -> list[Finding]:
    """Budgets, revenues and prices below nothing: a sign that slipped in, or entries that take back others."""
    findings: list[Finding] = []
    for name, amount in AMOUNTS.items():
        if name in tables and (rows := _scalar(engine, (tables[name][amount] < 0).sum())):
            message = f"{rows:,} rows have {amount} below 0: it counts as it stands. Mend the export, or leave them out with `where`"
            findings.append(Finding("warning", name, message))
    return findings


def _currency_findings(engine: Engine, config: Config, flagged: Mapping[TableName, Table]) -> list[Finding]:
    """Amounts that became null because nobody said what their currency is worth."""
    findings: list[Finding] = []
    for name, amount in AMOUNTS.items():
        if name not in flagged:
            continue
        table = flagged[name]
        table = table.filter(
            table[RULE].isnull()
            & table[amount].notnull()
            & (table["currency"].upper() != config.data.currency.upper())
        )
        if "rates" in flagged:
            rates = flagged["rates"]
            known = known_rates(rates.filter(rates[RULE].isnull()))
            table = table.anti_join(known, table["currency"].upper() == known["rate_currency"])
        kinds = table.group_by("currency").aggregate(rows=table.count()).order_by("currency")
        lost = engine.collect(kinds).to_pylist()
        if lost:
            where = _named([f"{row['currency']} ({row['rows']:,})" for row in lost])
            findings.append(
                Finding(
                    "warning",
                    name,
                    f"{sum(row['rows'] for row in lost):,} rows have {amount} in a currency without a rate: {where}. They "
                    f"are taken as unknown; map tables.rates, or data.currency, which is {config.data.currency}",
                )
            )
    return findings


def known_rates(rates: Table) -> Table:
    """`rate_currency` (the code in capitals) and `rate_to_base`; a code with two different rates has none."""
    table = rates.group_by(rate_currency=rates["currency"].upper()).aggregate(
        rate_to_base=rates["to_base"].min(), kinds=rates["to_base"].nunique()
    )
    return table.filter(table["kinds"] == 1).drop("kinds")


def _scalar(engine: Engine, value: Value) -> int | float | None:
    return engine.collect(value.as_table()).column(0)[0].as_py()


def _named(names: Sequence[str]) -> str:
    return named(names, _MOST_NAMED)
