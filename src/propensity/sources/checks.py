"""The contract's checks: bad rows go to quarantine with the reason, and too many of them stop the run."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import ibis
import pyarrow.csv as pacsv

from propensity.errors import ContractError, SourceError
from propensity.schema import TABLES, TableName
from propensity.sources.mapping import FOUND, ROW, RULE, Mapped
from propensity.sources.report import Broken, TableReport

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from propensity.engines import Engine

EXAMPLES = 3
LEAD_SET_ASIDE = "its lead was set aside"
_REFERS_TO_LEADS = frozenset({"activities", "stages", "budgets"})
_LONGEST_EXAMPLE = 80
NOT_A_ROW = "the line is no row"


def check_table(
    engine: Engine, mapped: Mapped, leads: ir.Table | None, rejected: Sequence[tuple[int, str]]
) -> tuple[ir.Table, TableReport]:
    """Flag every row of a mapped table with the first rule that it breaks.

    Parameters
    ----------
    engine
        Where the flagged table is kept.
    mapped
        The table as `map_table` gives it.
    leads
        The flagged leads, to which activities, stages and budgets refer; None while checking leads themselves.
    rejected
        Lines of the source that were no rows: line number and what was wrong.

    Returns
    -------
    The flagged table (canonical columns, `_row`, `_rule`, `_found`) and the report.
    """
    table = _with_duplicates(mapped)
    if mapped.name in _REFERS_TO_LEADS and leads is not None:
        table = _with_references(table, mapped.name, leads)
    flagged = engine.materialise(table, f"checked_{mapped.name}")
    counts = engine.collect(flagged.group_by(RULE).aggregate(rows=flagged.count()).order_by(RULE)).to_pylist()
    broken = [
        Broken(
            row[RULE], row["rows"], _examples(engine, flagged, row[RULE]), counts=row[RULE] != LEAD_SET_ASIDE
        )
        for row in counts
        if row[RULE] is not None
    ]
    if rejected:
        examples = tuple(f"line {line}: {text}"[:_LONGEST_EXAMPLE] for line, text in rejected[:EXAMPLES])
        broken.append(Broken(NOT_A_ROW, len(rejected), examples))
    rows = sum(row["rows"] for row in counts) + len(rejected)
    kept = sum(row["rows"] for row in counts if row[RULE] is None)
    if mapped.name == "leads" and rows == 0:
        raise SourceError(f"{mapped.origin} holds no rows: tables.leads needs at least one lead.")
    return flagged, TableReport(mapped.origin, rows, kept, tuple(broken))


def refuse_bad_tables(
    reports: Mapping[TableName, TableReport], *, max_share: float, quarantine: Path
) -> None:
    """Stop when a table has more bad rows than the configuration allows.

    Raises
    ------
    ContractError
        Names every such table with file, rule, count, share and three examples.
    """
    lines: list[str] = []
    for name, report in reports.items():
        bad = sum(broken.rows for broken in report.broken if broken.counts)
        if bad <= max_share * report.rows:
            continue
        lines.append(
            f"{name} ({report.origin}): {bad:,} of {report.rows:,} rows ({bad / report.rows:.1%}) break a rule"
        )
        lines += [
            f"  {broken.rule}: {broken.rows:,} rows, for example {'; '.join(broken.examples)}"
            for broken in report.broken
            if broken.counts
        ]
    if lines:
        raise ContractError(
            "\n".join(lines)
            + f"\nAt most {max_share:.1%} may (checks.max_quarantined_share). The rows are in {quarantine}; "
            "mend them, or the mapping, and run `propensity check` again."
        )


def write_quarantine(
    engine: Engine, flagged: Mapping[TableName, ir.Table], folder: Path
) -> dict[TableName, Path]:
    """Write each table's bad rows with `_row`, `_rule` and `_found`, one CSV a table; remove files of clean tables."""
    written: dict[TableName, Path] = {}
    for name, table in flagged.items():
        path = folder / f"{name}.csv"
        bad = engine.collect(table.filter(table[RULE].notnull()).order_by(ROW))
        if bad.num_rows == 0:
            path.unlink(missing_ok=True)
            continue
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = path.with_suffix(".csv.partial")
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
            pacsv.write_csv(bad, out)
        partial.replace(path)
        written[name] = path
    return written


def _with_duplicates(mapped: Mapped) -> ir.Table:
    """Of rows with the same key all but one break a rule; which one stays does not depend on the rows' order."""
    key = TABLES[mapped.name].key
    table = mapped.table
    if not key:
        return table
    others = [table[column] for column in table.columns if column not in (*key, ROW, RULE, FOUND)]
    place = ibis.row_number().over(
        group_by=[*key, table[RULE].isnull()], order_by=[column.asc(nulls_first=False) for column in others]
    )
    duplicate = table[RULE].isnull() & (place > 0)
    table = table.mutate(_duplicate=duplicate)
    name = " and ".join(column for column in key if column != "valid_from")
    return table.mutate(
        **{
            RULE: ibis.cases((table["_duplicate"], f"{name} is there more than once"), else_=table[RULE]),
            FOUND: ibis.cases((table["_duplicate"], table[key[0]]), else_=table[FOUND]),
        }
    ).drop("_duplicate")


def _with_references(table: ir.Table, name: TableName, leads: ir.Table) -> ir.Table:
    """Facts of leads that are not there, or that were set aside."""
    known = leads.group_by("lead_id").aggregate(_kept=leads[RULE].isnull().any())
    joined = table.left_join(known, "lead_id")
    joined = joined.drop(*(column for column in joined.columns if column.endswith("_right")))
    rules: list[tuple[ir.BooleanValue, str]] = [
        (joined[RULE].notnull(), joined[RULE]),
        (joined["lead_id"].notnull() & joined["_kept"].isnull(), "lead_id is no known lead"),
        (joined["lead_id"].notnull() & ~joined["_kept"], LEAD_SET_ASIDE),
    ]
    if name == "budgets":
        rules.append(
            (joined["lead_id"].isnull() & joined["account_id"].isnull(), "neither lead_id nor account_id")
        )
    rule = ibis.cases(*rules, else_=ibis.null("string"))
    return joined.mutate(**{RULE: rule, FOUND: ibis.coalesce(joined[FOUND], joined["lead_id"])}).drop("_kept")


def _examples(engine: Engine, flagged: ir.Table, rule: str) -> tuple[str, ...]:
    rows = engine.collect(
        flagged.filter(flagged[RULE] == rule).order_by(ROW).limit(EXAMPLES).select(ROW, FOUND)
    )
    return tuple(f"row {row[ROW]}: {row[FOUND]!r}"[:_LONGEST_EXAMPLE] for row in rows.to_pylist())
