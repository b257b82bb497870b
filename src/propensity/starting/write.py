"""The plan as commented YAML. Every guess and doubt stands beside its line; no value of a person is written."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from propensity.errors import ConfigError
from propensity.schema import TABLES, TableName
from propensity.starting.kinds import Column
from propensity.starting.look import File
from propensity.starting.names import tokens
from propensity.starting.plan import Left, Lookup, Mapped, Part, Plan, TablePlan

_PLAIN = re.compile(r"^[A-Za-z_][A-Za-z0-9_./-]*(?: [A-Za-z0-9_./]+)*$")
_RESERVED = frozenset({"position", "snapshot_id", "as_of", "label", "time_order", "outcome"})
_OTHER_KINDS = frozenset({"true", "false", "null", "nan", "inf"})
_NOTE_COLUMN = 44
_MOST_SHOWN = 4
_PEOPLE = re.compile(r"^[A-ZÄÖÜ][\w'-]+(?: [A-ZÄÖÜ][\w'-]+){1,2}$")
_LONGEST_VALUE = 30
_WIDEST = 112
_TYPES: Mapping[str, tuple[str, ...]] = {
    "number": ("type: number",),
    "decimal comma": ("type: number", 'decimal: ","'),
    "band": ("type: number", "band: middle"),
    "yes/no": ("type: boolean",),
}


def yaml_text(plan: Plan, *, folder: Path, out: Path) -> str:
    """The configuration as YAML text; paths in it are relative to where `out` lies."""
    return "\n".join(line.rstrip() for line in _lines(plan, folder, out)) + "\n"


def write(text: str, out: Path, *, force: bool) -> None:
    """Write the file whole or not at all.

    Raises
    ------
    ConfigError
        It exists and `force` is not given, or cannot be written.
    """
    refuse_existing(out, force=force)
    partial = out.with_name(f".{out.name}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(out)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise ConfigError(
            f"{out} cannot be written ({error.strerror}). Give another place with --out."
        ) from error


def refuse_existing(out: Path, *, force: bool) -> None:
    """Refuse a file that is there already, or a place where none can be."""
    if out.is_dir() or not out.parent.is_dir():
        what = "is a folder" if out.is_dir() else f"cannot be written: there is no folder {out.parent}"
        raise ConfigError(f"{out} {what}. Give the file to write with --out FILE.")
    if out.exists() and not force:
        raise ConfigError(f"{out} is there already. Give another --out, or --force to replace it.")


def _lines(plan: Plan, folder: Path, out: Path) -> Iterator[str]:
    base = out.resolve().parent
    yield "# Written by `propensity init` from what it saw in the files. `guess:` says what a line rests on, `doubt:` what"
    yield "# to look at first. Every key is explained in docs/configuration.md. Next: propensity check."
    yield "data:"
    yield f"  folder: {scalar(os.path.relpath(folder.resolve(), base))}"
    databases = sorted(
        {source.file.path for table in plan.tables.values() for source in table if source.file.table}
    )
    if databases:
        yield f"  database: {scalar(os.path.relpath(databases[0].resolve(), base))}"
    naive = f"doubt: {_some(plan.naive_times)} say no zone; is it this one?" if plan.naive_times else ""
    yield _noted("  timezone: UTC", naive)
    if plan.currency is None:
        yield _noted("  currency: EUR", "doubt: no column says a currency")
    else:
        yield _noted(
            f"  currency: {scalar(plan.currency)}",
            "guess: the most frequent; amounts in others need tables.rates",
        )
    yield "tables:"
    for name, sources in plan.tables.items():
        yield f"  {name}:"
        for source in sources:
            lines = list(_source(name, source))
            if len(sources) == 1:
                yield from (f"    {line}" for line in lines)
            else:
                yield f"    - {lines[0]}"
                yield from (f"      {line}" for line in lines[1:])
    if plan.left_out:
        yield "  # Files that feed no table:"
        yield from (f"  #   {_line(name)}: {_line(why)}" for name, why in plan.left_out)
    yield from _settings(plan)
    slug = "-".join(tokens(folder.resolve().name)) or "propensity"
    yield "tracking:"
    yield f"  experiment: {scalar(slug)}"
    yield f"  model_name: {scalar(slug)}"


def _settings(plan: Plan) -> Iterator[str]:
    if plan.quarantined_share is not None:
        yield "checks:"
        yield from (f"  # doubt: {_line(line)}" for line in plan.bad_rows)
        yield _noted(
            f"  max_quarantined_share: {plan.quarantined_share:g}",
            "doubt: raised so that check runs; 0.01 once explained",
        )
    lag = plan.recording_lag_days
    if lag:
        yield "outcome:"
        yield _noted(
            f"  recording_lag_days: {lag}", "guess: 99 of 100 stages are recorded within so many days"
        )


def _source(name: TableName, plan: TablePlan) -> Iterator[str]:
    yield _noted(f"{_place(plan.file)}", plan.guess)
    if plan.file.encoding != "utf-8":
        yield _noted(f"csv: {{encoding: {plan.file.encoding}}}", "guess: the file is no UTF-8 text")
    if plan.null_words:
        yield _noted(f"null_words: {_list(plan.null_words)}", "guess: they stand where nothing is known")
    if plan.order_by is not None:
        yield from _explained(f"order_by: {scalar(plan.order_by.source)}", plan.order_by)
    elif name == "leads" and "created_at" not in plan.columns:
        yield "# order_by: file      # doubt: if the file is in the order of time, say so; else the test is drawn at random"
    if plan.when_known is not None:
        yield from _explained(f"when_known: {_list((plan.when_known.source,))}", plan.when_known)
    if plan.lookups:
        yield "lookups:                # by letters and digits alone, in one case: the keys are typed by hand"
        yield from (f"  {lookup.name}: {_lookup(lookup)}" for lookup in plan.lookups)
    yield "columns:"
    for canonical, mapped in (
        (name, plan.columns[name]) for name in TABLES[name].names if name in plan.columns
    ):
        yield from (f"  {line}" for line in _explained(f"{canonical}: {_mapping(mapped)}", mapped))
    yield from _parts(plan)
    yield from _values(plan)
    yield from _extras(name, plan)


def _place(file: File) -> str:
    return f"table: {scalar(file.table)}" if file.table else f"path: {scalar(file.name)}"


def _lookup(lookup: Lookup) -> str:
    encoding = f", csv: {{encoding: {lookup.file.encoding}}}" if lookup.file.encoding != "utf-8" else ""
    on = f"{{{scalar(lookup.column)}: {scalar(lookup.key)}}}"
    return f"{{{_place(lookup.file)}{encoding}, on: {on}, match: loose}}"


def _mapping(mapped: Mapped) -> str:
    """A column name alone where that says enough."""
    options = dict(mapped.options)
    if not options:
        return scalar(mapped.source)
    if not {"constant", "join", "column"} & set(options):
        options = {"column": mapped.source, **options}
    words = (
        f"{key}: {scalar(value) if isinstance(value, str) else _list(value)}"
        for key, value in options.items()
    )
    return f"{{{', '.join(words)}}}"


def _parts(plan: TablePlan) -> Iterator[str]:
    if plan.parts:
        yield "rows:                   # each lead becomes a row for each of these that it has"
    for part in plan.parts:
        yield from _part(part)


def _part(part: Part) -> Iterator[str]:
    columns = f"columns: {{stage: {{constant: {part.stage}}}, entered_at: {_mapping(part.entered_at)}}}"
    where = "".join(f", where: {{{scalar(name)}: {_list(words)}}}" for name, words in part.where.items())
    yield f"  # guess: {part.entered_at.source}: {_line(part.entered_at.guess)}"
    yield f"  - {{{columns}{where}, when_known: {_list((part.entered_at.source,))}}}"


def _list(words: Sequence[str]) -> str:
    return f"[{', '.join(scalar(word) for word in words)}]"


def _values(plan: TablePlan) -> Iterator[str]:
    if plan.values:
        yield "values:"
    for canonical, words in plan.values.items():
        yield f"  {canonical}:"
        for word, means in words.items():
            unknown = word in plan.unknown_words.get(canonical, ())
            note = (
                "doubt: not understood, taken as unknown"
                if unknown
                else "guess: still open"
                if not means
                else ""
            )
            yield _noted(f"    {scalar(word)}: {scalar(means)}", note)
    for canonical, unknown in plan.unknown_words.items():
        left = [word for word in unknown if word not in plan.values.get(canonical, {})]
        if left:
            yield f"# doubt: words of {canonical} that are not understood: {_line(', '.join(left))}"


def _extras(name: TableName, plan: TablePlan) -> Iterator[str]:
    if plan.extras:
        who = "lead was created" if name == "leads" else "account came to be known"
        yield "# doubt: since when these are known. Uncomment `extra:` and those that were known when the"
        yield f"# {who} and never changed since; else say `known_at: <column with that time>` for `static: true`."
        yield "# extra:"
        used = {known.casefold() for known in (*TABLES[name].names, *_RESERVED)}
        for left in plan.extras:
            yield from _extra(left.column, _extra_name(left.column.name, used))
    if plan.late:
        yield "# Not mapped, because it may be filled in after the outcome; a model that reads it would be worth nothing:"
        yield from _listed(plan.late)
    if plan.unused:
        yield "# Not mapped:"
        yield from _listed(plan.unused)


def _extra(column: Column, name: str) -> Iterator[str]:
    options = [f"column: {scalar(column.name)}", *_TYPES.get(column.kind, ()), "static: true"]
    line = f"#   {name}: {{{', '.join(options)}}}"
    note = _line(_seen(column))
    if len(line) + len(note) > _WIDEST:
        yield f"#   # {note}"
        yield line
    else:
        yield _noted(line, note)


def _listed(columns: Sequence[Left]) -> Iterator[str]:
    yield from (f"#   {_line(left.column.name) or '(no name)'}: {_line(left.why)}" for left in columns)


def _explained(line: str, mapped: Mapped) -> Iterator[str]:
    """The line with its guess beside it, and its doubt beside it or, where both are long, above it."""
    both = f"guess: {mapped.guess}" + (f"; doubt: {mapped.doubt}" if mapped.doubt else "")
    if len(line) + len(both) <= _WIDEST or not mapped.doubt:
        yield _noted(line, both)
    else:
        yield f"# doubt: {_line(mapped.doubt)}"
        yield _noted(line, f"guess: {mapped.guess}")


def _seen(column: Column) -> str:
    counts = column.counts
    said = f"{column.kind}, {counts.filled:.0%} filled"
    if column.kind == "number" and counts.low is not None and counts.high is not None:
        return f"{said}, {counts.low:g} to {counts.high:g}"
    shown = [value for value, _ in column.values]
    if sum(bool(_PEOPLE.match(value)) for value in shown) > len(shown) / 2:
        return f"{said}, {counts.distinct} values"
    return f"{said}, {counts.distinct} values: {_some([value[:_LONGEST_VALUE] for value in shown])}"


def _some(names: Sequence[str]) -> str:
    more = ", ..." if len(names) > _MOST_SHOWN else ""
    return ", ".join(names[:_MOST_SHOWN]) + more


def _extra_name(name: str, used: set[str]) -> str:
    """A name that an extra column may have: an identifier that no other column has."""
    base = "_".join(tokens(name)) or "column"
    base = base if base[0].isalpha() else f"column_{base}"
    found, number = base, 1
    while found.casefold() in used:
        number += 1
        found = f"{base}_{number}"
    used.add(found.casefold())
    return found


def _noted(line: str, note: str) -> str:
    return f"{line.ljust(_NOTE_COLUMN - 1)} # {_line(note)}" if note else line


def _line(text: str) -> str:
    """On one line, without what YAML or a terminal would not print."""
    return "".join(sign if sign.isprintable() else " " for sign in text).strip()


def scalar(text: str) -> str:
    """A text as YAML that is read back as that text, in any place where a value or a key may stand."""
    if _PLAIN.match(text) and text.lower() not in _OTHER_KINDS:
        return text
    # JSON's strings are YAML's, but for signs that YAML wants escaped.
    escaped = json.dumps(text, ensure_ascii=False)
    return "".join(sign if sign.isprintable() else f"\\U{ord(sign):08x}" for sign in escaped)
