"""Other tables joined to a source on a key, so that their columns can be mapped: dirty keys found, none guessed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from propensity.config.tables import lookup_order
from propensity.engines import ROW
from propensity.engines.naming import LONGEST_NAME, named, nearest
from propensity.engines.untyped import Table, Value
from propensity.errors import ContractError, SchemaError
from propensity.sources.parsing import WHOLE, Reading, as_text
from propensity.sources.report import Finding

if TYPE_CHECKING:
    from propensity.config.tables import LookupConfig, SourceConfig
    from propensity.schema import TableName
    from propensity.sources.opening import Opened, Opener

_EXAMPLES = 3
_LOOSE = r"[^\p{L}\p{N}]"
Said = tuple[Literal["info", "warning"], str]
"""How much it matters, and what there is to say."""


@dataclass(frozen=True)
class Scope:
    """What column names mean: those of a source, and `LOOKUP.column` of what was joined to it.

    Attributes
    ----------
    table
        The source's rows with the columns of its lookups, under names of the engine.
    origin
        What messages call the source.
    where
        Its place in the configuration.
    columns
        Per lookup (`""`: the source itself), its column names in order; the engine calls them `<prefix>c1`, ...
    prefixes
        Per lookup, that prefix.
    origins
        Per lookup, what messages call it.
    used
        The source's own columns that were asked for so far.
    """

    table: Table
    origin: str
    where: str
    columns: Mapping[str, tuple[str, ...]]
    prefixes: Mapping[str, str]
    origins: Mapping[str, str]
    used: set[str] = field(default_factory=set[str])

    def split(self, name: str) -> tuple[str, str]:
        """The lookup that a name speaks of (`""`: the source itself), and the column in it."""
        lookup, dot, column = name.partition(".")
        return (lookup, column) if dot and lookup in self.columns and lookup else ("", name)

    def has(self, name: str) -> bool:
        """Whether there is such a column."""
        lookup, column = self.split(name)
        return column in self.columns[lookup]

    def value(self, name: str) -> Value:
        """The column of that name; `_row` is the row's number unless the source has such a column.

        Raises
        ------
        SchemaError
            There is none, or there are several.
        """
        lookup, column = self.split(name)
        columns, origin = self.columns[lookup], self.origins[lookup]
        places = [place for place, found in enumerate(columns, 1) if found == column]
        if name == ROW and not places:
            return self.table[ROW]
        if not places:
            near = nearest(column, columns)
            raise SchemaError(
                f"{origin} has no column {column[:LONGEST_NAME]!r}, which {self.where} names"
                f"{'.' if near is None else f'; do you mean {near!r}?'} Found: {named(columns)}."
            )
        if len(places) > 1:
            raise SchemaError(
                f"{origin} has {len(places)} columns called {column[:LONGEST_NAME]!r} (columns "
                f"{', '.join(str(place) for place in places)}), and {self.where} reads it. Give each its own name."
            )
        if not lookup:
            self.used.add(column)
        return self.table[f"{self.prefixes[lookup]}c{places[0]}"]


def open_scope(
    opener: Opener, source: SourceConfig, table: TableName, where: str
) -> tuple[Scope, Opened, list[Finding]]:
    """Open a source and join its lookups.

    Returns
    -------
    The scope, the source as it was opened, and what there is to say of the lookups.

    Raises
    ------
    SourceError, SchemaError
        A file, a table or a key column is missing, or a lookup finds nothing at all.
    ContractError
        More keys of a lookup than `checks.max_quarantined_share` allows are there more than once.
    """
    opened = opener.open(source, where)
    scope = Scope(
        opened.source.table, opened.name, where, {"": opened.source.columns}, {"": ""}, {"": opened.name}
    )
    findings: list[Finding] = []
    for place, name in enumerate(lookup_order(source.lookups), 1):
        scope, found = _joined(opener, scope, source, name, f"l{place}_")
        findings += [Finding(severity, table, message) for severity, message in found]
    return scope, opened, findings


def _joined(
    opener: Opener, scope: Scope, source: SourceConfig, name: str, prefix: str
) -> tuple[Scope, list[Said]]:
    lookup = source.lookups[name]
    where = f"{scope.where}.lookups.{name}"
    opened = opener.open(lookup, where)
    there = Scope(
        opened.source.table, opened.name, where, {"": opened.source.columns}, {"": ""}, {"": opened.name}
    )
    words = source.null_words
    keys = [f"{prefix}key{place}" for place, _ in enumerate(lookup.on, 1)]
    ours = {
        key: _key(scope.value(column), lookup, words) for key, column in zip(keys, lookup.on, strict=True)
    }
    theirs = {
        key: _key(there.value(column), lookup, words)
        for key, column in zip(keys, lookup.on.values(), strict=True)
    }
    columns = {f"{prefix}c{place}": f"c{place}" for place, _ in enumerate(opened.source.columns, 1)}
    rows: Table = _keyed(there.table.select(**columns, **theirs), keys)
    left = scope.table.mutate(**ours)
    known = opener.keep(rows.group_by(keys).aggregate(same=rows.count()))
    asking = _keyed(left, keys)
    asked = opener.keep(asking.group_by(keys).aggregate(rows=asking.count()))
    found = rows if lookup.many else rows.semi_join(known.filter(known["same"] == 1), keys)
    table = left.left_join(found, keys).drop(*(key + "_right" for key in keys))
    join = _Join(opener, scope.origin, opened, lookup, where, keys, known, asked)
    said = [*join.no_rows(), *join.ambiguous(), *join.unmatched()]
    return (
        replace(
            scope,
            table=table.drop(*keys),
            columns={**scope.columns, name: opened.source.columns},
            prefixes={**scope.prefixes, name: prefix},
            origins={**scope.origins, name: f"{opened.name} (lookup {name})"},
        ),
        said,
    )


def _keyed(table: Table, keys: Sequence[str]) -> Table:
    return table.filter(*(table[key].notnull() for key in keys))


def _key(column: Value, lookup: LookupConfig, null_words: Sequence[str]) -> Value:
    """A key as it is compared: trimmed text, 7.0 as 7; letters and digits alone where the match is loose."""
    text = as_text(column, Reading(null_words=null_words)).re_replace(WHOLE, r"\1")
    return text.lower().re_replace(_LOOSE, "").nullif("") if lookup.match == "loose" else text


@dataclass(frozen=True)
class _Join:
    """A lookup that was made, and what a person should know of it.

    `known` holds the keys that are there, and in `same` how many rows share each; `asked` those that the source's rows
    have, and in `rows` how many.
    """

    opener: Opener
    origin: str
    opened: Opened
    lookup: LookupConfig
    where: str
    keys: Sequence[str]
    known: Table
    asked: Table

    def ambiguous(self) -> list[Said]:
        """Keys that are there more than once: which row is meant is not guessed."""
        several: Table = self.known.filter(self.known["same"] > 1)
        keys, twice = self._sums(self.known, self.known.count(), several=self.known["same"] > 1)
        if not twice or self.lookup.many:
            return []
        message = (
            f"{self.where}: {twice:,} of {keys:,} keys are there more than once in {self.opened.name}, and rows that "
            f"name them find nothing, for example {self._examples(several)}"
        )
        return self._within_share(
            twice / keys,
            message,
            "A lookup needs a table with one row a key, or `many: true` if each of them is meant.",
        )

    def unmatched(self) -> list[Said]:
        """Rows whose key is not there."""
        found = self.known if self.lookup.many else self.known.filter(self.known["same"] == 1)
        missed: Table = self.asked.anti_join(found, list(self.keys))
        (rows,) = self._sums(self.asked, self.asked["rows"].sum())
        (lost,) = self._sums(missed, missed["rows"].sum())
        if not rows:
            keys = ", ".join(self.lookup.on)
            severity = "info" if self.lookup.optional else "warning"
            return [
                (severity, f"{self.where}: no row of {self.origin} has a {keys}, so nothing is looked up")
            ]
        if not lost:
            return []
        message = (
            f"{self.where}: {lost:,} of {rows:,} rows of {self.origin} name a {', '.join(self.lookup.on)} that "
            f"{self.opened.name} does not have, for example {self._examples(missed)}"
        )
        if lost == rows and not self.lookup.optional:
            there = self._examples(self.known)
            loose = ", or compare with match: loose" if self.lookup.match == "exact" else ""
            raise SchemaError(f"{message}; there it is {there or 'empty'}. Check `on`{loose}.")
        return [("info" if self.lookup.optional else "warning", message)]

    def no_rows(self) -> list[Said]:
        """Lines of the file that are no rows: what they hold cannot be found."""
        rejected: Table | None = self.opened.source.rejected
        lines = 0 if rejected is None else self._one(rejected["lines"].sum()) or 0
        if rejected is None or not lines:
            return []
        total = lines + self._one(self.opened.source.table.count())
        first = self.opener.engine.collect(rejected.order_by("file", "line").limit(1)).to_pylist()[0]
        message = (
            f"{self.where}: {lines:,} of {total:,} lines of {self.opened.name} are no rows, for example line "
            f"{first['line'] or '?'}: {first['text'][:LONGEST_NAME]!r} ({first['why']})"
        )
        return self._within_share(lines / total, message, "Mend the file, or its csv options.")

    def _within_share(self, share: float, message: str, advice: str) -> list[Said]:
        """A warning, or an error where more are bad than the configuration allows."""
        most = self.opener.config.checks.max_quarantined_share
        if share > most:
            raise ContractError(
                f"{message}. At most {most:.1%} may be (checks.max_quarantined_share). {advice}"
            )
        return [("warning", message)]

    def _one(self, value: Value) -> int:
        return self.opener.engine.collect(value.as_table()).column(0)[0].as_py()

    def _sums(self, table: Table, total: Value, **where: Value) -> tuple[int, ...]:
        """A total, and how many rows fit each condition."""
        counts = {name: fits.sum() for name, fits in where.items()}
        found = self.opener.engine.collect(table.aggregate(total=total, **counts)).to_pylist()[0]
        return tuple(int(value or 0) for value in found.values())

    def _examples(self, table: Table) -> str:
        some = table.select(*self.keys).order_by(list(self.keys)).limit(_EXAMPLES)
        found = self.opener.engine.collect(some).to_pylist()
        return "; ".join(" + ".join(repr(part[:LONGEST_NAME]) for part in key.values()) for key in found)
