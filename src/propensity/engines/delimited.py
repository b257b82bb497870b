"""Delimited text before an engine reads it: whole, in UTF-8, its header and its delimiter known.

Nothing is left for an engine to guess, because guesses lose rows in silence: DuckDB's sniffer skips first lines that do
not fit, takes a sign for a comment, and reads a torn archive up to the tear.
"""

from __future__ import annotations

import bz2
import codecs
import csv
import gzip
import io
import lzma
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

import pyarrow as pa

from propensity.engines.files import unreadable
from propensity.engines.naming import named
from propensity.errors import SchemaError, SourceError

if TYPE_CHECKING:
    from propensity.config import CsvOptions

CANDIDATES = (",", ";", "\t", "|")
_NATIVE_ENCODINGS = frozenset({"utf-8", "ascii", "utf-8-sig"})
_CHUNK_BYTES = 1 << 20
_SAMPLE_BYTES = 1 << 16
_LONGEST_HEADER_BYTES = 1 << 24
_SAMPLE_RECORDS = 200
_DELIMITER_LINE = re.compile(r'^"?sep=(.)"?$', re.IGNORECASE)
_OTHER_KINDS = {
    b"PAR1": "a Parquet file; let its name end in .parquet",
    b"PK\x03\x04": "a workbook or a ZIP archive; save the sheet as CSV",
    b"\x89PNG": "a picture; export the table as CSV",
    b"\xff\xd8\xff": "a picture; export the table as CSV",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook; save the sheet as CSV",
    b"%PDF": "a PDF; export the table as CSV",
    b"\x1f\x8b": "compressed; let its name end in .gz",
    b"\x28\xb5\x2f\xfd": "compressed; let its name end in .zst",
    codecs.BOM_UTF16_LE: "UTF-16 text; set the table's csv.encoding to utf-16",
    codecs.BOM_UTF16_BE: "UTF-16 text; set the table's csv.encoding to utf-16",
}


@dataclass(frozen=True, slots=True)
class Layout:
    """How a delimited file is laid out: its column names in order, its delimiter, and the lines before the header."""

    columns: tuple[str, ...]
    delimiter: str
    skip: int = 0


@dataclass(frozen=True, slots=True)
class Lines:
    """What a reader must account for: physical lines, how many of them are blank, and whether any value is quoted."""

    total: int
    blank: int
    quoted: bool
    end: str


def count_lines(path: Path, quote: str) -> Lines:
    """Count the lines of a plain UTF-8 file, header and all."""
    end = b"\n"
    with path.open("rb") as file:
        if b"\n" not in file.read(_SAMPLE_BYTES) and not _holds(path, b"\n"):
            end = b"\r"
    total = blank = 0
    quoted = False
    last = end  # what stands before the first line
    mark = quote.encode()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            if chunk.endswith(b"\r"):
                chunk += file.read(1)  # never part a pair of CR and LF
            total += chunk.count(end)
            quoted = quoted or (bool(mark) and mark in chunk)
            text = (last + chunk).replace(b"\r\n", b"\n")
            blank += len((_BLANK if end == b"\n" else _BLANK_OF_OLD).findall(text))
            last = chunk[-1:]
    return Lines(total + (last != end), blank, quoted, end.decode())


def _holds(path: Path, sign: bytes) -> bool:
    with path.open("rb") as file:
        return any(sign in chunk for chunk in iter(lambda: file.read(_CHUNK_BYTES), b""))


_BLANK = re.compile(rb"\n(?=\n)")
_BLANK_OF_OLD = re.compile(rb"\r(?=\r)")


def plain(path: Path, encoding: str, scratch: Callable[[], Path]) -> Path:
    """Return a file with the same text, uncompressed, in UTF-8 without a mark: `path` itself where it is that already.

    The mark would hide the quote of a first column name from DuckDB.

    Raises
    ------
    SourceError
        The archive is torn or none, or the text is not in `encoding`.
    """
    native = codecs.lookup(encoding).name in _NATIVE_ENCODINGS
    opener = _OPENERS.get(path.suffix.lower())
    if native and opener is None and not _marked(path):
        return path
    target = scratch()
    decoder = None if native else codecs.getincrementaldecoder(encoding)()
    done = 0
    try:
        with (opener or _open)(path) as source, target.open("wb") as out:
            while chunk := source.read(_CHUNK_BYTES):
                text = chunk if decoder is None else decoder.decode(chunk).encode()
                out.write(text if done else text.removeprefix(codecs.BOM_UTF8))
                done += len(chunk)
            if decoder is not None:
                out.write(decoder.decode(b"", final=True).encode())
    except UnicodeError as error:
        raise SourceError(
            f"{path} is not {encoding} text ({getattr(error, 'reason', error)}, after byte {done:,}). "
            "Set the table's csv.encoding."
        ) from error
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise SourceError(
            f"{path} cannot be read: {error}. Copy or export it again; it may be cut short."
        ) from error
    return target


def _marked(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8
    except OSError as error:
        raise unreadable(path, error) from error


def layout(path: Path, options: CsvOptions, shown: Path) -> Layout:
    """Find the header and the delimiter of a plain UTF-8 file; `shown` is its name in messages.

    The delimiter is the sign by which the first records agree best with the header on the number of columns; with none
    in the header the file has one column.
    """
    size = _SAMPLE_BYTES
    while True:
        with path.open("rb") as file:
            start = file.read(size + 1)
        _refuse_other_kinds(start, shown)
        whole = len(start) <= size
        text = codecs.decode(start[:size], "utf-8-sig", errors="replace")
        try:
            found = _layout(text, options, whole=whole)
        except csv.Error as error:
            raise SourceError(f"the header of {shown} cannot be read: {error}.") from error
        if found is not None:
            break
        if whole:
            raise SourceError(f"{shown} is empty: it has not even a header.")
        if size >= _LONGEST_HEADER_BYTES:
            raise SourceError(f"the header of {shown} does not end; a quote may be open in its first line.")
        size *= 4
    if any("\x00" in name for name in found.columns):
        raise SourceError(
            f"the header of {shown} holds NUL characters; it may be UTF-16: set the table's csv.encoding."
        )
    if any("\ufffd" in name for name in found.columns):
        raise SourceError(
            f"the header of {shown} is not {options.encoding} text. Set the table's csv.encoding, for example cp1252."
        )
    return found


def _refuse_other_kinds(start: bytes, shown: Path) -> None:
    for magic, kind in _OTHER_KINDS.items():
        if start.startswith(magic):
            raise SourceError(f"{shown} is no delimited text but {kind}.")


def _layout(text: str, options: CsvOptions, *, whole: bool) -> Layout | None:
    """The layout of the file that begins with `text`, or None where its header is not complete."""
    skip, delimiter = 0, options.delimiter
    lines = io.StringIO(text, newline="")
    body = 0
    for line in lines:
        stated = _DELIMITER_LINE.match(line.strip())
        if line.strip() and stated is None:
            break
        if stated is not None and delimiter is None:
            delimiter = stated[1]
        skip, body = skip + 1, body + len(line)
    text = text[body:]
    best: tuple[float, int] = (-1.0, 0)
    found = None
    troubles: list[csv.Error] = []
    candidates = CANDIDATES if delimiter is None else (delimiter,)
    for candidate in candidates:
        try:
            records = list(_records(text, candidate, options.quote, whole=whole))
        except csv.Error as error:  # without its delimiter a wide header is one field that is too long
            troubles.append(error)
            continue
        if not records:
            continue
        width = len(records[0])
        agree = sum(len(record) == width for record in records) / len(records)
        rank = (agree, width) if width > 1 else (-0.5, 1)
        if rank > best:
            best, found = rank, Layout(tuple(name.strip() for name in records[0]), candidate, skip)
    if len(troubles) == len(candidates):
        raise troubles[0]
    return found


def _records(text: str, delimiter: str, quote: str, *, whole: bool) -> Iterator[list[str]]:
    """The first complete records, blank lines left out."""
    quoting = csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, quotechar=quote or None, quoting=quoting
    )
    held: list[str] | None = None
    count = 0
    try:
        for record in reader:
            if not record:
                continue
            if held is not None:
                yield held
                count += 1
            if count == _SAMPLE_RECORDS:
                return
            held = record
    except csv.Error:
        if count == 0 and held is None:
            raise
        whole = False  # what could not be read ends the sample
    if held is not None and whole:
        yield held


def _open(path: Path) -> IO[bytes]:
    return path.open("rb")


def _open_gzip(path: Path) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(path, "rb"))


def _open_bz2(path: Path) -> IO[bytes]:
    return cast("IO[bytes]", bz2.open(path, "rb"))


def _open_xz(path: Path) -> IO[bytes]:
    return cast("IO[bytes]", lzma.open(path, "rb"))


def _open_zstd(path: Path) -> IO[bytes]:
    return cast("IO[bytes]", pa.input_stream(str(path), compression="zstd"))


_OPENERS: dict[str, Callable[[Path], IO[bytes]]] = {
    ".gz": _open_gzip,
    ".bz2": _open_bz2,
    ".xz": _open_xz,
    ".zst": _open_zstd,
}


def same_layout(files: Sequence[Path], layouts: Sequence[Layout]) -> None:
    """Refuse files of one table that are not laid out alike."""
    for file, found in zip(files, layouts, strict=True):
        if found != layouts[0]:
            raise SchemaError(
                f"{file.name} does not have the header of {files[0].name}: {named(found.columns)} (delimiter "
                f"{found.delimiter!r}) instead of {named(layouts[0].columns)} (delimiter {layouts[0].delimiter!r}). "
                "Files of one table must be laid out alike."
            )
