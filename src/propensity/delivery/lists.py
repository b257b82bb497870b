"""Scores and lists as files: written aside, hashed, then put in their place together."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from propensity.delivery.folders import MANIFEST, PARTIAL, clear, private, scratch_of, swap
from propensity.errors import DeliveryError

SCORES, LIST, LIST_CSV = "scores.parquet", "list.parquet", "list.csv"
QUALIFICATION, NURTURE_CSV, REFERRALS_CSV, SUSPECTS_CSV = (
    "qualification.parquet", "nurture.csv", "referrals.csv", "suspects.csv",
)  # fmt: skip
NAMES = (SCORES, LIST, LIST_CSV, QUALIFICATION, NURTURE_CSV, REFERRALS_CSV, SUSPECTS_CSV)
"""What every list has beside its pages."""
UNDELIVERED = "undelivered"
"""The folder, in `paths.state`, of lists whose place could not be written."""
CSV_DECIMALS = 4
ROW_GROUP = 50_000
"""Rows in a Parquet row group, whatever the batches that arrive: the same rows give the same bytes."""
# Arrow registers its compute functions at run time: a type checker does not see them.
pc: Any = pyarrow.compute

_FORMULA = r"^[\s]*[=+\-@\x{FF1D}\x{FF0B}\x{FF0D}\x{FF20}]|^[\t\r\n]"
"""The wide signs are what an East Asian keyboard types for the others, and a spreadsheet may take them so."""
_UNSEEN = r"[\x00-\x08\x0B\x0C\x0E-\x1F\x7F]"
"""Signs that command a terminal or end a text, and that nobody sees."""


@contextmanager
def staged(folder: Path) -> Generator[Path]:
    """Give a scratch folder beside the final names, for files that replace one another; it is gone afterwards.

    A whole folder that takes the place of another is staged by `folders.staged_beside`.

    Raises
    ------
    DeliveryError
        The folder cannot be made or written.
    """

    def make() -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob(f"{PARTIAL}*"):
            clear(left)
        return Path(tempfile.mkdtemp(prefix=PARTIAL, dir=folder))

    with scratch_of(folder, make) as scratch:
        yield scratch


def write_parquet(path: Path, batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> int:
    """Write batches as one Parquet file with row groups of fixed size; return the rows."""
    rows = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for table in _regrouped(batches, schema):
            writer.write_table(table, row_group_size=ROW_GROUP)
            rows += table.num_rows
    return rows


def _regrouped(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    held: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        held.append(batch)
        count += batch.num_rows
        while count >= ROW_GROUP:
            table = pa.Table.from_batches(held, schema)
            yield table.slice(0, ROW_GROUP).combine_chunks()
            held = table.slice(ROW_GROUP).to_batches()
            count -= ROW_GROUP
    if count:
        yield pa.Table.from_batches(held, schema).combine_chunks()


def write_csv(path: Path, table: pa.Table) -> None:
    """Write a table as CSV that people open in a spreadsheet.

    Text that begins like a formula gets a quote, so that it is no program, and loses signs that command a terminal; ids keep
    theirs, since they are looked up. Numbers are rounded to four decimals, which the Parquet file has in full.
    """
    pacsv.write_csv(_shown(table), path)


def stream_csv(path: Path, batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> int:
    """Write batches as `write_csv` writes a table, in bounded memory; return the rows."""
    rows = 0
    with pacsv.CSVWriter(path, schema) as writer:
        for batch in batches:
            table = pa.Table.from_batches([batch], schema)
            writer.write_table(_shown(table).cast(schema))
            rows += table.num_rows
    return rows


def _shown(table: pa.Table) -> pa.Table:
    columns = [_for_people(name, table[name]) for name in table.column_names]
    return pa.table(columns, names=table.column_names)


def _for_people(name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_string(column.type):
        seen = column if name.endswith("_id") else pc.replace_substring_regex(column, _UNSEEN, "")
        return neutral(seen)
    return pc.round(column, ndigits=CSV_DECIMALS) if pa.types.is_floating(column.type) else column


def neutral(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Put an apostrophe before text that begins with = + - @ (after blanks) or a tab or line break.

    >>> neutral(pa.chunked_array([["=1+1", "Ada", None]])).to_pylist()
    ["'=1+1", 'Ada', None]
    """
    risky = pc.match_substring_regex(column, _FORMULA)
    return pc.if_else(risky, pc.binary_join_element_wise("'", column, ""), column)


def deliver(scratch: Path, folder: Path, manifest: Mapping[str, Any], rows: Mapping[str, int]) -> Path:
    """Write the manifest over the staged files, and let their folder take its place: whole or not at all.

    Files 0600 and folders 0700: they hold names and addresses.

    Parameters
    ----------
    scratch
        The folder that `folders.staged_beside` gave, with the files of a whole list.
    folder
        Its place; what lies there and is not ours stays.
    manifest
        What led to them; `files` (bytes, rows, SHA-256) is added.
    rows
        Per file (its path in the folder, with `/`) the rows in it.

    Returns
    -------
    The manifest's path.

    Raises
    ------
    DeliveryError
        The folder could not take its place; the one before is there as it was.
    """
    files = {name: file_entry(scratch / name, count) for name, count in sorted(rows.items())}
    (scratch / MANIFEST).write_text(manifest_text({**manifest, "files": files}), encoding="utf-8")
    try:
        private(scratch)
        swap(scratch, folder)
    except OSError as error:
        raise DeliveryError(f"the list could not be moved to {folder}: {error.strerror}.") from error
    return folder / MANIFEST


def file_entry(path: Path, rows: int | None) -> dict[str, Any]:
    """What a manifest says of one of its files."""
    return {"bytes": path.stat().st_size, "rows": rows, "sha256": _sha256(path)}


def manifest_text(manifest: Mapping[str, Any]) -> str:
    """A manifest as it is written."""
    return json.dumps(manifest, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
