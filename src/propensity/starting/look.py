"""A look at a folder: every file opened by the engine, every column counted by it. No row passes through Python."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from propensity.config.tables import CsvOptions
from propensity.engines import ROW, Source
from propensity.engines.untyped import Table, Value
from propensity.errors import PropensityError, SourceError, UsageError
from propensity.sources.parsing import Reading, as_text
from propensity.starting.kinds import Column, Counts, kind_of
from propensity.starting.meanings import NO, NULL_WORDS, YES
from propensity.starting.names import tokens
from propensity.starting.times import LIKE_A_TIME, times_of

if TYPE_CHECKING:
    from propensity.engines import Engine

MOST_ROWS = 100_000
"""Larger files are looked at in evenly spaced rows, at most so many."""
_MOST_VALUES = 100
_AT_A_TIME = 20
_WIDE = 1e6
_TEXTS = (".csv", ".tsv", ".txt")
_COMPRESSED = (".gz", ".zst", ".bz2", ".xz")
_DATABASES = (".duckdb", ".ddb")
_EMAIL = r"^[^@\s]+@[^@\s]+\.[^@\s]+$"
_PHONE = r"^\+?[\d\s()./-]{7,25}$"
_BAND = r"^[^\d<>]*[<>]?\s*\d[\d.,' ]*(?:(?:-|\x{2013}| to | bis )\s*\d[\d.,' ]*|\+)\D{0,20}$"
_COMMA = r"^[-+]?\d{1,3}(?:\.?\d{3})*,\d{1,4}$"
_IDENTITY = ("id", "guid", "uuid", "key", "nr", "number", "nummer", "code")


@dataclass(frozen=True)
class File:
    """A file, or a table of a database: what is in it.

    `name` is its file name (or the table's), `table` the database's table or None, `encoding` what it was read in,
    `rejected` how many of its lines are no rows, `step` that every so-manieth row was looked at.
    """

    name: str
    path: Path
    table: str | None
    encoding: str
    source: Source
    rows: int
    step: int
    columns: tuple[Column, ...]
    rejected: int

    @property
    def seen(self) -> Table:
        """The rows that were looked at."""
        table: Any = self.source.table
        return table if self.step == 1 else table.filter(table[ROW] % self.step == 0)

    def column(self, name: str) -> Column:
        """The column of that name."""
        return next(column for column in self.columns if column.name == name)

    def text(self, column: Column, table: Table | None = None) -> Value:
        """A column's values as the mapping will read them: trimmed text, null words null."""
        rows: Any = self.source.table if table is None else table
        return as_text(rows[f"c{column.place}"], Reading(null_words=column.null_words))


@dataclass(frozen=True, slots=True)
class Folder:
    """What a folder holds: the files that could be read, and the others with the reason."""

    path: Path
    files: tuple[File, ...]
    unread: tuple[tuple[str, str], ...]


def look(engine: Engine, folder: Path) -> Folder:
    """Open and count every data file of a folder, in the order of their names.

    Raises
    ------
    UsageError
        The folder is missing, or no folder.
    SourceError
        It holds no file that could be read.
    """
    try:
        if not folder.is_dir():
            found = "is a file" if folder.exists() else "does not exist"
            raise UsageError(
                f"{folder} {found}. Give the folder that holds your exports: propensity init DIR."
            )
        entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        raise UsageError(
            f"{folder} cannot be read ({error.strerror}). Give a folder that you may read."
        ) from error
    files: list[File] = []
    unread: list[tuple[str, str]] = []
    for entry in entries:
        for table in _tables(engine, entry, unread):
            try:
                files.append(_look_at(engine, entry, table))
            except PropensityError as error:
                unread.append((entry.name if table is None else f"{entry.name}: {table}", str(error)))
    if not files:
        listed = "; ".join(f"{name}: {why}" for name, why in unread) or "it is empty"
        raise SourceError(
            f"{folder} holds no table that can be read ({listed}). Put CSV or Parquet exports there: one file of leads "
            "is enough to begin with."
        )
    return Folder(folder, tuple(files), tuple(unread))


def _tables(engine: Engine, entry: Path, unread: list[tuple[str, str]]) -> list[str | None]:
    """What to open of a directory entry: [None] for a file that is one table, a database's tables, nothing else."""
    ending = entry.suffix.lower()
    if entry.is_dir():
        if any(entry.glob("*.parquet")) and ending == ".parquet":
            return [None]
        unread.append((entry.name, "a folder inside the folder is not looked into"))
        return []
    if ending in _DATABASES:
        try:
            return list(engine.tables_of(entry))
        except PropensityError as error:
            unread.append((entry.name, str(error)))
            return []
    if ending == ".parquet" or is_text(entry):
        return [None]
    unread.append(
        (entry.name, f"files that end in {ending or 'nothing'!r} are not read: export as CSV or Parquet")
    )
    return []


def is_text(path: Path) -> bool:
    """Whether the name says delimited text, perhaps compressed."""
    endings = [ending.lower() for ending in path.suffixes]
    if endings and endings[-1] in _COMPRESSED:
        return len(endings) == 1 or endings[-2] in _TEXTS
    return bool(endings) and endings[-1] in _TEXTS


def _look_at(engine: Engine, path: Path, name: str | None) -> File:
    encoding = "utf-8"
    if name is not None:
        source = engine.read_database(path, name)
    elif path.is_dir():
        source = engine.read_parquet(path / "*.parquet")
    elif path.suffix.lower() == ".parquet":
        source = engine.read_parquet(path)
    else:
        source, encoding = _read_text(engine, path)
    table: Any = source.table
    rows = int(engine.collect(table.aggregate(n=table.count()))["n"][0].as_py())
    step = -(-rows // MOST_ROWS) if rows else 1
    seen = table if step == 1 else table.filter(table[ROW] % step == 0)
    return File(
        name or path.name,
        path,
        name,
        encoding,
        source,
        rows,
        step,
        _columns(engine, seen, source),
        _lines(engine, source),
    )


def _read_text(engine: Engine, path: Path) -> tuple[Source, str]:
    """UTF-8 as a rule; UTF-16 where the file says so, and Windows' Western alphabet where it is no UTF-8."""
    try:
        source = engine.read_csv(path, CsvOptions())
    except SourceError as error:
        if "utf-16" in str(error):
            return engine.read_csv(path, CsvOptions(encoding="utf-16")), "utf-16"
        if "csv.encoding" not in str(error):
            raise
        return engine.read_csv(path, CsvOptions(encoding="cp1252")), "cp1252"
    if source.rejected is not None:
        rejected: Any = source.rejected
        bad = rejected.filter(rejected["why"].contains("UTF-8"))
        if engine.collect(bad.aggregate(n=bad.count()))["n"][0].as_py():
            return engine.read_csv(path, CsvOptions(encoding="cp1252")), "cp1252"
    return source, "utf-8"


def _lines(engine: Engine, source: Source) -> int:
    if source.rejected is None:
        return 0
    rejected: Any = source.rejected
    return int(
        engine.collect(rejected.aggregate(n=rejected["lines"].sum().cast("int64")))["n"][0].as_py() or 0
    )


def _columns(engine: Engine, seen: Table, source: Source) -> tuple[Column, ...]:
    """Count in passes of twenty columns: one query for three hundred columns would take longer to plan than to run."""
    places = range(1, len(source.columns) + 1)
    found: list[Column] = []
    for start in range(0, len(source.columns), _AT_A_TIME):
        part = places[start : start + _AT_A_TIME]
        unknown = _null_words(engine, seen, part)
        counted = engine.collect(
            seen.aggregate(
                **{
                    f"{name}_{place}": value
                    for place in part
                    for name, value in _counts(seen[f"c{place}"], unknown.get(place, ())).items()
                }
            )
        ).to_pylist()[0]
        for place in part:
            row = {
                name.removesuffix(f"_{place}"): value
                for name, value in counted.items()
                if name.endswith(f"_{place}")
            }
            found.append(_column(engine, seen, source.columns[place - 1], place, row, unknown.get(place, ())))
    return tuple(found)


def _null_words(engine: Engine, seen: Table, places: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """The words for unknown that stand in each column, as they are written there."""
    texts = {place: seen[f"c{place}"].strip() for place in places if seen[f"c{place}"].type().is_string()}
    if not texts:
        return {}
    hits = engine.collect(
        seen.aggregate(**{f"n_{place}": text.lower().isin(NULL_WORDS).sum() for place, text in texts.items()})
    ).to_pylist()[0]
    words: dict[int, tuple[str, ...]] = {}
    for place, text in texts.items():
        if hits[f"n_{place}"]:
            spelt = seen.select(word=text).filter(lambda t: t["word"].lower().isin(NULL_WORDS)).distinct()
            words[place] = tuple(engine.collect(spelt.order_by("word"))["word"].to_pylist())
    return words


def _counts(column: Value, null_words: tuple[str, ...]) -> dict[str, Value]:
    """The aggregates behind `Counts`, and how many values look like times."""
    text = as_text(column, Reading(null_words=null_words))
    number = text.try_cast("float64")
    finite = number.notnull() & ~number.isinf() & ~number.isnan()
    value = finite.ifelse(number, None)
    return {
        "rows": text.isnull().count(),
        "known": text.count(),
        "distinct": text.nunique(),
        "numbers": finite.sum(),
        "whole": (finite & (number == number.floor())).sum(),
        "commas": text.re_search(_COMMA).sum(),
        "booleans": text.lower().isin(sorted({*YES, *NO} - {"won", "lost", "x"})).sum(),
        "emails": text.re_search(_EMAIL).sum(),
        "phones": text.re_search(_PHONE).sum(),
        "bands": text.re_search(_BAND).sum(),
        "spaced": text.contains(" ").sum(),
        "longest": text.length().max(),
        "low": value.min(),
        "high": value.max(),
        "times": text.re_search(LIKE_A_TIME).sum(),
    }


def _column(
    engine: Engine, seen: Table, name: str, place: int, row: dict[str, Any], null_words: tuple[str, ...]
) -> Column:
    raw = seen[f"c{place}"]
    timely = int(row.pop("times") or 0)
    counts = Counts(
        **{key: value if key in ("low", "high") else int(value or 0) for key, value in row.items()}
    )
    typed = raw.type().is_timestamp() or raw.type().is_date()
    times = None
    if counts.known and (typed or timely >= counts.known / 2):
        times = times_of(engine, seen, raw, null_words)
    kind = kind_of(counts, times, wide=(counts.low or 0) >= _WIDE)
    if raw.type().is_boolean():
        kind = "yes/no" if counts.known else "empty"
    if kind == "number" and counts.whole == counts.known and counts.unique >= 1 and _names_rows(name):
        kind = "id"
    values: tuple[tuple[str, int], ...] = ()
    if kind in ("category", "yes/no", "band"):
        text = as_text(raw, Reading(null_words=null_words))
        groups = seen.select(value=text).filter(lambda t: t["value"].notnull()).group_by("value")
        top = groups.aggregate(n=lambda t: t.count()).order_by(lambda t: t["n"].desc(), "value")
        values = tuple(
            (each["value"], each["n"]) for each in engine.collect(top.limit(_MOST_VALUES)).to_pylist()
        )
    return Column(name, place, kind, counts, times, null_words, values)


def _names_rows(name: str) -> bool:
    words = tokens(name)
    return bool(set(_IDENTITY) & set(words)) or bool(words and re.search(r"(?:id|nr)$", words[-1]))
