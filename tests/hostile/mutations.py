"""What can be wrong with an export and its configuration: each mutation says what a message about it may name."""

from __future__ import annotations

import gzip
from typing import Any

from hypothesis import strategies as st

from hostile.company import FEEDS, Company, as_csv

CELLS = [
    "", " ", "\u00a0", "\u200b", "\u3000\u202e", "nan", "NaN", "inf", "-Infinity", "1e308", "1e400", "-0", "0x1F", "1,5", "1.5",
    "\u0661\u0662\u0663", "\uff17", "7.0", " 7", "7\u00a0", "\ufeff7", "-1", "10001", "1" * 400, "9" * 19, "9" * 40,
    "2024-02-30", "2023-02-29", "2024-02-29", "05/01/2024", "2024-01-05", "1900-01-01", "0000-01-01", "9999-12-31",
    "2200-01-01", "2016-12-31 23:59:60", "2024-03-31 02:30", "2024-10-27 02:30", "2024-01-05T10:00:00+99:99", "infinity",
    "now", "=cmd|' /C calc'!A0", "<script>alert(1)</script>", "\u202eevil\u202c", "\U0001f4a9", "a\u2028b", "a\x0bb", "a\x00b",
    'a"b', '"', '""', "a\nb", "a\r\nb", "a\rb", "'; DROP TABLE leads; --", "\\", "%s{0}", "NULL", "None", "Won ", "won",
    "x" * 100_000, "(unknown)", "1-5 Mio", "-5", "1e5", "5 Mio", "e\u0301", "\u00e9",
]  # fmt: skip
NAMES = [
    "",
    " ",
    "No",
    "no",
    "lead_id",
    "x" * 10_000,
    '"; DROP TABLE x; --',
    "a\nb",
    "_row",
    "c1",
    "\u200bNo",
    "select",
]
VALUES: list[Any] = [
    None, True, -1, 10**18, 10**400, float("inf"), float("nan"), 1.5, "", " ", "x", "'; DROP TABLE leads; --", "a\x00b", "\ud800", "x" * 5_000,
    [], ["x"], {}, {"x": "y"}, [[]], [{}], "%Q", "%H:%M", "../..", "/dev/null", "no.csv", "leads.xlsx", b"x",
]  # fmt: skip
BYTES = [
    b'"',
    b"\x00",
    b"\xff",
    b"\r",
    b"\n",
    b"\r\n",
    b",",
    b";",
    b'","',
    b"\n\n",
    b'"\n',
    b"\xef\xbb\xbf",
    b"\xe2\x80\xa8",
    b"#",
    b"\\",
]


def table_of(file: str) -> str:
    """The table that a file feeds."""
    return next(table for table, files in FEEDS.items() if file in files)


def spoil_cell(draw: st.DrawFn, export: Company, file: str) -> set[str]:
    """Another text in one cell below the header."""
    rows = export.cells[file]
    if len(rows) < 2:
        return {file}
    row = draw(st.integers(1, len(rows) - 1))
    column = draw(st.integers(0, len(rows[0]) - 1))
    rows[row][column] = draw(st.sampled_from(CELLS))
    return {file, rows[0][column]}


def spoil_rows(draw: st.DrawFn, export: Company, file: str) -> set[str]:
    """Rows twice, gone, all gone, or in another order."""
    rows = export.cells[file]
    how = draw(st.sampled_from(["twice", "gone", "none", "one", "turned", "blank"]))
    if how == "none" or len(rows) < 3:
        del rows[1:]
    elif how == "one":
        del rows[2:]
    elif how == "turned":
        rows[1:] = rows[:0:-1]
    elif how == "blank":
        rows.append([" "] * len(rows[0]))
    else:
        place = draw(st.integers(1, len(rows) - 1))
        rows[place : place + 1] = [list(rows[place]), list(rows[place])] if how == "twice" else []
    return {file}


def spoil_column(draw: st.DrawFn, export: Company, file: str) -> set[str]:
    """A column gone, renamed, twice, empty, or many new ones of the same names."""
    rows = export.cells[file]
    column = draw(st.integers(0, len(rows[0]) - 1))
    name = rows[0][column]
    how = draw(st.sampled_from(["gone", "renamed", "twice", "empty", "many"]))
    if how == "renamed":
        rows[0][column] = draw(st.sampled_from(NAMES))
    for place, row in enumerate(rows):
        if how == "gone":
            del row[column]
        elif how == "twice":
            row.append(row[column])
        elif how == "many":
            row += [f"more{n}" for n in range(40)]
        elif how == "empty" and place:
            row[column] = ""
    return {file, name}


def spoil_bytes(draw: st.DrawFn, export: Company, file: str) -> set[str]:
    """The file's bytes: cut, with something put in between, in another encoding, packed, or empty."""
    data = export.raw.get(file, as_csv(export.cells[file]))
    how = draw(
        st.sampled_from(
            [
                "put",
                "put",
                "put",
                "cut",
                "torn",
                "utf-16",
                "utf-16-le",
                "utf-8-sig",
                "crlf",
                "old",
                "empty",
                "gz",
                "pk",
            ]
        )
    )
    place = draw(st.integers(0, len(data)))
    if how == "put":
        data = data[:place] + draw(st.sampled_from(BYTES)) + data[place:]
    elif how == "cut":
        data = data[:place]
    elif how == "torn":
        data = data[:place] + data[place + draw(st.integers(1, 30)) :]
    elif how.startswith("utf"):
        data = data.decode("utf-8", "replace").encode(how)
    elif how in ("crlf", "old"):
        data = data.replace(b"\n", b"\r\n" if how == "crlf" else b"\r")
    else:
        data = {"empty": b"", "gz": gzip.compress(data, mtime=0), "pk": b"PK\x03\x04" + data}[how]
    export.raw[file] = data
    return {file}


def spoil_tree(draw: st.DrawFn, export: Company) -> set[str]:
    """A key that is misspelled or gone, or a value that is something else."""
    node: Any = export.tree
    way: list[str] = []
    while True:
        keys = list(range(len(node))) if isinstance(node, list) else sorted(node)
        key = draw(st.sampled_from(keys))
        way.append(str(key))
        inner = node[key]
        if not isinstance(inner, dict | list) or not inner or draw(st.integers(0, 3)) == 0:
            break
        node = inner
    how = draw(st.sampled_from(["key", "value", "value", "gone"]))
    if how == "value" or isinstance(node, list):
        node[key] = draw(st.sampled_from(VALUES))
    elif how == "gone":
        del node[key]
    else:
        wrong = draw(
            st.sampled_from(
                [f"{key}s", f"{key}"[::-1], f"{key}".upper(), f"{key}"[:-1] or "x", "on", "2024-01-01"]
            )
        )
        node[wrong] = node.pop(key)
        way.append(wrong)
    # A message speaks of the key, of what is around it, or of the file that the mapping leads to.
    return {part for part in way if not part.isdigit()} | set(export.cells)
