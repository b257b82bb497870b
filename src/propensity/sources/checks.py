"""The contract's checks: bad rows go to quarantine with the reason, and too many of them stop the run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import ibis
import pyarrow.csv as pacsv

from propensity.engines import ROW, Distributed
from propensity.engines.untyped import Table, Value
from propensity.errors import ConfigError, ContractError, SourceError
from propensity.schema import TABLES, TableName
from propensity.sources.acts import DERIVED, KIND, LEAD_NUMBER, unworded
from propensity.sources.mapping import BOOKKEEPING, FOUND, RULE, SOURCE, Mapped
from propensity.sources.report import Broken, TableReport

if TYPE_CHECKING:
    from propensity.engines import Engine

EXAMPLES = 3
LEAD_SET_ASIDE = "its lead was set aside"
_REFERS_TO_LEADS = frozenset({"activities", "stages", "budgets"})
_LONGEST_EXAMPLE = 80
_BATCH_ROWS = 50_000
NOT_A_ROW = "the line is no row"
NO_KNOWN_LEAD = "lead_id is no known lead"
_FORMULA = r"^\s*[=+\-@\x{FF1D}\x{FF0B}\x{FF0D}\x{FF20}]|^[\t\r\n]"
_SIGNED_NUMBER = r"^\s*[+\-]?[\d.,:]+$"


def check_table(engine: Engine, mapped: Mapped, leads: Table | None) -> tuple[Table, TableReport]:
    """Flag every row of a mapped table with the first rule that it breaks.

    Parameters
    ----------
    engine
        Where the flagged table is kept.
    mapped
        The table as `map_table` gives it.
    leads
        The flagged leads, to which activities, stages and budgets refer; None while checking leads themselves.

    Returns
    -------
    The flagged table (canonical columns, `_row`, `_rule`, `_found`) and the report.
    """
    table = mapped.table
    if mapped.name == "leads" and not isinstance(engine, Distributed):
        table = _numbered(table)
    if mapped.name in _REFERS_TO_LEADS and leads is not None:
        table = _with_references(table, mapped.name, leads)
    if KIND in table.columns:
        table = unworded(table, table[RULE].isnull())
    flagged = engine.materialise(table, f"checked_{mapped.name}")
    key = TABLES[mapped.name].key
    if key and _repeats(engine, flagged, key):
        flagged = engine.materialise(_with_duplicates(flagged, key), f"checked_{mapped.name}")
    counts = engine.collect(flagged.group_by(RULE).aggregate(rows=flagged.count()).order_by(RULE)).to_pylist()
    broken = [
        Broken(
            row[RULE],
            row["rows"],
            _examples(engine, flagged, row[RULE], several=len(mapped.origins) > 1),
            counts=row[RULE] != LEAD_SET_ASIDE,
        )
        for row in counts
        if row[RULE] is not None
    ]
    lines = 0
    if mapped.rejected is not None:
        lines, examples = _rejected(engine, mapped.rejected)
        if lines:
            broken.append(Broken(NOT_A_ROW, lines, examples))
    rows = sum(row["rows"] for row in counts) + lines
    kept = sum(row["rows"] for row in counts if row[RULE] is None)
    if mapped.name == "leads" and rows == 0:
        why = "; ".join(mapped.left_out)
        raise SourceError(
            f"{mapped.origin} holds no rows: tables.leads needs at least one lead."
            if not why
            else f"no row is a lead: {why}. Check `where`, `when_known` and `repeat` of tables.leads."
        )
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
    leads_refused, waiting = False, list[str]()
    for name, report in reports.items():
        counted = [broken for broken in report.broken if broken.counts]
        if leads_refused and any(broken.rule == NO_KNOWN_LEAD for broken in counted):
            # Of leads that could not be read nothing is known: their facts are not to blame.
            counted = [broken for broken in counted if broken.rule != NO_KNOWN_LEAD]
            waiting.append(name)
        bad = sum(broken.rows for broken in counted)
        if bad == 0 or bad / report.rows <= max_share:
            continue
        leads_refused = leads_refused or name == "leads"
        lines.append(
            f"{name} ({report.origin}): {bad:,} of {report.rows:,} rows ({bad / report.rows:.1%}) break a rule"
        )
        lines += [
            f"  {broken.rule}: {broken.rows:,} rows, for example {'; '.join(broken.examples)}"
            for broken in counted
        ]
    if waiting:
        lines.append(f"Whether the leads of {', '.join(waiting)} are known shows when leads are right.")
    if lines:
        raise ContractError(
            "\n".join(lines)
            + f"\nAt most {max_share:.1%} may (checks.max_quarantined_share). The rows are in {quarantine}; "
            "mend them, or the mapping, and run `propensity check` again."
        )


def write_quarantine(
    engine: Engine,
    flagged: Mapping[TableName, Table],
    folder: Path,
    rejected: Mapping[TableName, Table],
    reports: Mapping[TableName, TableReport],
) -> dict[TableName, Path]:
    """Write each table's bad rows with `_row`, `_rule` and `_found`, one CSV a table; remove files of clean tables.

    Lines that were no rows come last: `_row` is empty, `_found` holds the line, or the first of several that belong
    together. People open these files in a spreadsheet: an apostrophe stands before what would run there.

    Raises
    ------
    ConfigError
        The folder cannot be written.
    """
    written: dict[TableName, Path] = {}
    try:
        for name, table in flagged.items():
            path = folder / f"{name}.csv"
            if not reports[name].broken:
                # The rows were counted: a query for none costs a clean company a fifth of its checks.
                _forget(path)
                continue
            bad = table.filter(table[RULE].notnull()).order_by(SOURCE, ROW)
            bad = bad.drop(*(column for column in DERIVED if column in bad.columns))
            lines = rejected.get(name)
            parts = [bad] if lines is None else [bad, _as_rows(lines, bad.schema())]
            if _write(engine, [_harmless(part) for part in parts], path):
                written[name] = path
    except OSError as error:
        raise ConfigError(f"paths.quarantine {folder} cannot be written: {error.strerror}.") from error
    return written


def _write(engine: Engine, parts: list[Table], path: Path) -> bool:
    """Write the rows of all parts under `path` at once, or remove what an earlier run left there when there is none."""
    batches = (batch for part in parts for batch in engine.stream(part, _BATCH_ROWS) if batch.num_rows)
    first = next(batches, None)
    if first is None:
        _forget(path)
        return False
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = path.with_suffix(".csv.partial")
    partial.unlink(missing_ok=True)
    with (
        os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out,
        pacsv.CSVWriter(out, first.schema) as writer,
    ):
        writer.write_batch(first)
        for batch in batches:
            writer.write_batch(batch.cast(first.schema))
    partial.replace(path)
    return True


def _forget(path: Path) -> None:
    """Remove what an earlier run left."""
    if path.parent.is_dir():
        path.unlink(missing_ok=True)


def _harmless(table: Table) -> Table:
    """Texts that a spreadsheet would run, kept from it; signed numbers are none of them."""
    texts = {name: table[name] for name, kind in table.schema().items() if kind.is_string()}
    return table.mutate(
        **{
            name: ibis.cases(
                (text.re_search(_FORMULA) & ~text.re_search(_SIGNED_NUMBER), ibis.literal("'") + text),
                else_=text,
            )
            for name, text in texts.items()
        }
    )


def _as_rows(rejected: Table, schema: ibis.Schema) -> Table:
    """Lines that were no rows, in the shape of those that were."""
    first, lines = rejected["line"], rejected["lines"]
    place: Value = ibis.cases(
        (first.isnull(), lines.cast("string") + " lines"),
        (
            lines > 1,
            ibis.literal("lines ") + first.cast("string") + " to " + (first + lines - 1).cast("string"),
        ),
        else_=ibis.literal("line ") + first.cast("string"),
    )
    known = {
        RULE: ibis.literal(f"{NOT_A_ROW}: ") + rejected["why"],
        FOUND: place + ": " + rejected["text"],
    }
    columns = {name: known.get(name, ibis.null(kind)) for name, kind in schema.items()}
    return rejected.order_by("file", "line").select(**columns)


def _rejected(engine: Engine, rejected: Table) -> tuple[int, tuple[str, ...]]:
    """How many lines were no rows, and three of them."""
    total = engine.collect(rejected.aggregate(lines=rejected["lines"].sum().cast("int64")))["lines"][
        0
    ].as_py()
    if total is None:
        return 0, ()
    found = (
        rejected.order_by("file", "line").limit(EXAMPLES).mutate(text=rejected["text"].left(_LONGEST_EXAMPLE))
    )
    return total, tuple(
        f"line {row['line'] or '?'}: {row['text']!r}"[:_LONGEST_EXAMPLE] + f" ({row['why']})"
        for row in engine.collect(found).to_pylist()
    )


def _numbered(leads: Table) -> Table:
    """Leads with their LEAD_NUMBER: the places of the ids alone, since to sort whole rows took over twice as long."""
    ids = leads.select("lead_id").distinct()
    places = ids.mutate(**{LEAD_NUMBER: ibis.row_number().over(order_by="lead_id")})
    numbered = leads.left_join(places, "lead_id")
    return numbered.drop("lead_id_right")


def _repeats(engine: Engine, table: Table, key: tuple[str, ...]) -> bool:
    """Whether rows that broke no rule so far have a key in common."""
    good = table.filter(table[RULE].isnull())
    keys = good.group_by(list(key)).aggregate(_rows=good.count())
    several = keys.filter(keys["_rows"] > 1).count()
    return bool(engine.collect(several.as_table()).column(0)[0].as_py())


def _with_duplicates(table: Table, key: tuple[str, ...]) -> Table:
    """Of rows with the same key all but one break a rule; which one stays does not depend on the rows' order."""
    others = [table[column] for column in table.columns if column not in (*key, *BOOKKEEPING)]
    others += [table[SOURCE], table[ROW]]  # among rows that are equal in all else
    place: Value = ibis.row_number().over(
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


def _with_references(table: Table, name: TableName, leads: Table) -> Table:
    """Facts of leads that are not there, or that were set aside."""
    known = {"_kept": leads[RULE].isnull().any()}
    if name == "activities" and LEAD_NUMBER in leads.columns:
        known[LEAD_NUMBER] = leads[LEAD_NUMBER].min(where=leads[RULE].isnull())
    known = leads.group_by("lead_id").aggregate(**known)
    joined = table.left_join(known, "lead_id")
    joined = joined.drop(*(column for column in joined.columns if column.endswith("_right")))
    rules: list[tuple[Value, str]] = [
        (joined[RULE].notnull(), joined[RULE]),
        (joined["lead_id"].notnull() & joined["_kept"].isnull(), NO_KNOWN_LEAD),
        (joined["lead_id"].notnull() & ~joined["_kept"], LEAD_SET_ASIDE),
    ]
    if name == "budgets":
        rules.append(
            (joined["lead_id"].isnull() & joined["account_id"].isnull(), "neither lead_id nor account_id")
        )
    rule = ibis.cases(*rules, else_=ibis.null("string"))
    # Of good rows nothing is kept: it would be the ids once more, the most expensive column to store.
    found = ibis.cases(
        (rule.notnull(), ibis.coalesce(joined[FOUND], joined["lead_id"])), else_=ibis.null("string")
    )
    return joined.mutate(**{RULE: rule, FOUND: found}).drop("_kept")


def _examples(engine: Engine, flagged: Table, rule: str, *, several: bool) -> tuple[str, ...]:
    rows = engine.collect(
        flagged.filter(flagged[RULE] == rule)
        .order_by(SOURCE, ROW)
        .limit(EXAMPLES)
        .select(ROW, SOURCE, found=flagged[FOUND].left(_LONGEST_EXAMPLE))
    )
    return tuple(
        f"row {row[ROW]}{f' of {row[SOURCE]}' if several else ''}: {row['found']!r}"[:_LONGEST_EXAMPLE]
        for row in rows.to_pylist()
    )
