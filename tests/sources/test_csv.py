"""Delimited files in every shape that exports come in; nothing is lost without being counted."""

from __future__ import annotations

import bz2
import csv
import gzip
import lzma

import pyarrow as pa
import pytest

from propensity.errors import SchemaError, SourceError

TEXT = 'lead_id,created_at,title\n1,2024-01-05 10:00:00,"Head, ""Ops"""\n2,2024-01-06 10:00:00,"two\nlines"\n3,2024-01-07 10:00:00,Größe\n'
TITLES = [("1", 'Head, "Ops"'), ("2", "two\nlines"), ("3", "Größe")]


def zstd(data: bytes) -> bytes:
    return pa.compress(data, codec="zstd", asbytes=True)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(load_tables, delimiter):
    text = delimiter.join(["lead_id", "created_at", "title"]) + "\n"
    text += delimiter.join(["1", "2024-01-05 10:00:00", f'"a{delimiter}b, c; d"']) + "\n"
    assert load_tables({"leads.csv": text}).rows("leads", "lead_id", "title") == [
        ("1", f"a{delimiter}b, c; d")
    ]


def test_the_header_outvotes_the_words_below(load_tables):
    text = "lead_id;created_at;title\n" + "".join(f"{i};2024-01-05 10:00:00;a, b, c, d\n" for i in range(9))
    assert len(load_tables({"leads.csv": text}).rows("leads", "lead_id")) == 9


def test_a_delimiter_that_nobody_guesses_can_be_given(load_tables):
    tables = {"leads": {"path": "leads.txt", "csv": {"delimiter": "^", "quote": "'"}}}
    found = load_tables({"leads.txt": "lead_id^created_at^title\n1^2024-01-05^'a^b'\n"}, tables)
    assert found.rows("leads", "title") == ["a^b"]


@pytest.mark.parametrize("quote", ['"', ""])
def test_without_a_quoting_character_quotes_are_text(load_tables, quote):
    tables = {"leads": {"path": "l.csv", "csv": {"quote": quote}}}
    found = load_tables({"l.csv": 'lead_id,created_at,title\n1,2024-01-05,"x"\n'}, tables)
    assert found.rows("leads", "title") == ["x" if quote else '"x"']


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "latin-1", "utf-16", "utf-16-le"])
def test_encodings(load_tables, encoding):
    tables = {"leads": {"path": "leads.csv", "csv": {"encoding": encoding}}}
    assert (
        load_tables({"leads.csv": TEXT.encode(encoding)}, tables).rows("leads", "lead_id", "title") == TITLES
    )


@pytest.mark.parametrize(
    ("ending", "pack"),
    [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress), ("zst", zstd)],
)
def test_compression(load_tables, ending, pack):
    encoding = "utf-16" if ending in ("gz", "zst") else "utf-8"
    tables = {"leads": {"path": f"leads.csv.{ending}", "csv": {"encoding": encoding}}}
    found = load_tables({f"leads.csv.{ending}": pack(TEXT.encode(encoding))}, tables)
    assert found.rows("leads", "lead_id", "title") == TITLES


@pytest.mark.parametrize(
    ("ending", "pack"),
    [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress), ("zst", zstd)],
)
def test_a_torn_archive_is_refused_not_read_up_to_the_tear(load_tables, ending, pack):
    lines = "".join(f"{i},2024-01-05 10:00:{i % 60:02}\n" for i in range(40_000))
    torn = pack(f"lead_id,created_at\n{lines}".encode())[:-200]
    with pytest.raises(SourceError, match=r"leads\.csv\.\w+ cannot be read.*cut short"):
        load_tables({f"leads.csv.{ending}": torn}, {"leads": {"path": f"leads.csv.{ending}"}})


def test_an_archive_that_is_none(load_tables):
    with pytest.raises(SourceError, match="cannot be read: Not a gzipped file"):
        load_tables({"leads.csv.gz": TEXT}, {"leads": {"path": "leads.csv.gz"}})


@pytest.fixture
def usual_limit():
    """Python's limit of a field, which reading of reports raises for the whole process."""
    before = csv.field_size_limit(131_072)
    yield
    csv.field_size_limit(before)


@pytest.mark.usefixtures("usual_limit")
@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"PAR1....", "Parquet"),
        (b"PK\x03\x04....", "workbook"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "a picture; export the table as CSV"),
        (b"\xd0\xcf\x11\xe0....", "old Excel"),
        (gzip.compress(b"x", mtime=0), r"\.gz"),
        (TEXT.encode("utf-16"), "csv.encoding to utf-16"),
        (TEXT.encode("utf-16-le"), "NUL characters"),
        ("größe;x\n".encode("cp1252"), "not utf-8 text.*csv.encoding"),
        (b'"lead_id,created_at' + b"x" * 300_000, " cannot be read: field larger than"),
        (b"\n \n\n", "not even a header"),
        (b"", "not even a header"),
    ],
)
def test_what_is_no_delimited_text_says_what_it_is(load_tables, content, says):
    with pytest.raises(SourceError, match=rf"leads\.csv.*{says}"):
        load_tables({"leads.csv": content})


def test_bytes_of_another_encoding_are_set_aside_with_the_remedy(load_tables):
    found = load_tables(
        {"leads.csv": b"lead_id,created_at,title\n1,2024-01-05,ok\n2,2024-01-05,Gr\xf6\xdfe\n"}
    )
    assert found.rows("leads", "lead_id") == ["1"]
    assert found.broken("leads") == {"the line is no row": 1}
    assert "csv.encoding" in found.examples("leads")["the line is no row"][0]


def test_a_wrong_encoding_is_refused(load_tables):
    tables = {"leads": {"path": "leads.csv", "csv": {"encoding": "utf-16"}}}
    with pytest.raises(SourceError, match=r"leads.csv is not utf-16 text.*csv\.encoding"):
        load_tables({"leads.csv": TEXT}, tables)


def test_header_only_leads_are_refused(load_tables):
    with pytest.raises(SourceError, match=r"leads\.csv holds no rows: tables\.leads needs at least one lead"):
        load_tables({"leads.csv": "lead_id,created_at\n"})


def test_header_only_activities_are_a_warning(load_tables):
    found = load_tables({"activities.csv": "lead_id,occurred_at,type"})
    assert found.report.tables["activities"].rows == 0
    assert "warning: activities.csv holds no usable row" in found.findings("activities")


def test_ragged_lines_are_counted_and_quarantined(load_tables):
    text = "lead_id,created_at\n1,2024-01-05\n2\n3,2024-01-05,x,y\n# comment\n4,2024-01-05\n"
    found = load_tables({"leads.csv": text})
    assert found.rows("leads", "lead_id") == ["1", "4"]
    assert found.broken("leads") == {"the line is no row": 3}
    assert found.report.tables["leads"].rows == 5
    assert found.examples("leads")["the line is no row"][0].startswith(
        "line 3: '2' (Expected Number of Columns"
    )
    with found.quarantine("leads").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["_found"] for row in rows] == ["line 3: 2", "line 4: 3,2024-01-05,x,y", "line 5: # comment"]
    assert all(row["_rule"].startswith("the line is no row: ") and not row["_row"] for row in rows)


@pytest.mark.parametrize("close", ["", '"'])
def test_an_open_quote_counts_every_line_that_it_swallows(load_tables, close):
    lines = [f"{i},2024-01-05,t" for i in range(100)]
    lines[50] = '50,2024-01-05,"open'
    lines[60] = f"60,2024-01-05,{close}t"
    found = load_tables({"leads.csv": "lead_id,created_at,title\n" + "\n".join(lines) + "\n"})
    assert found.report.tables["leads"].rows == 100
    assert found.report.tables["leads"].kept + found.broken("leads")["the line is no row"] == 100


def test_ragged_lines_of_two_files_are_counted_apart(load_tables):
    part = "lead_id,created_at\n{0},2024-01-05\nx\n"
    found = load_tables({"l1.csv": part.format(1), "l2.csv": part.format(2)}, {"leads": {"path": "l*.csv"}})
    assert found.rows("leads", "lead_id") == ["1", "2"]
    assert found.broken("leads") == {"the line is no row": 2}


def test_files_of_one_table_must_be_laid_out_alike(load_tables):
    files = {"l1.csv": "lead_id,created_at\n1,2024-01-05\n", "l2.csv": "created_at,lead_id\n2024-01-05,2\n"}
    with pytest.raises(SchemaError, match=r"l2\.csv does not have the header of l1\.csv"):
        load_tables(files, {"leads": {"path": "l*.csv"}})


@pytest.mark.parametrize(("newline", "end"), [("\n", False), ("\r\n", True), ("\r\n", False), ("\r", True)])
def test_line_endings_and_blank_lines(load_tables, newline, end):
    lines = ["", "lead_id,created_at", "1,2024-01-05", "", "2,2024-01-05"]
    found = load_tables({"leads.csv": newline.join(lines) + newline * end})
    assert found.rows("leads", "lead_id") == ["1", "2"]
    assert found.broken("leads") == {}


def test_mixed_line_endings_are_refused_with_the_reason(load_tables):
    with pytest.raises(SourceError, match="lines end in different ways"):
        load_tables({"leads.csv": "lead_id,created_at\r\n1,2024-01-05\n2,2024-01-05\r\n"})


def test_the_separator_line_of_spreadsheets(load_tables):
    found = load_tables({"leads.csv": "sep=;\nlead_id;created_at;title\n1;2024-01-05;a,b\n"})
    assert found.rows("leads", "lead_id", "title") == [("1", "a,b")]


def test_a_single_column(load_tables):
    found = load_tables(
        {"leads.csv": "id\na\nb\n"},
        {
            "leads": {
                "path": "leads.csv",
                "columns": {"lead_id": "id", "outcome": "id"},
                "values": {"outcome": {"a": "yes", "b": "no"}},
            }
        },
    )
    assert found.rows("leads", "lead_id", "outcome") == [("a", True), ("b", False)]


def test_a_first_row_of_other_width_is_not_skipped(load_tables):
    """DuckDB's sniffer would take the second line for the header."""
    with pytest.raises(SchemaError, match=r"lacks lead_id, created_at.*found Export of leads"):
        load_tables({"leads.csv": "Export of leads\nlead_id,created_at\n1,2024-01-05\n2,2024-01-06\n"})


def test_few_rows_and_an_unquoted_delimiter_in_the_last_column(load_tables):
    found = load_tables(
        {"leads.csv": "lead_id,created_at,title\n1,2024-01-05,head, of ops\n2,2024-01-05,x\n"}
    )
    assert found.rows("leads", "lead_id") == ["2"]
    assert found.broken("leads") == {"the line is no row": 1}


def test_a_cell_of_ten_megabytes_and_a_nul(load_tables):
    text = f"lead_id,created_at,title\n1,2024-01-05,{'x' * 10_000_000}\n2,2024-01-05,a\x00b\n"
    found = load_tables({"leads.csv": text})
    assert [len(title) for title in found.rows("leads", "title")] == [3, 10_000_000]


def test_words_of_two_million_characters(load_tables):
    long = "w" * 2_000_000
    with pytest.raises(SchemaError) as refused:
        load_tables({"leads.csv": f'"{long[:100_000]}",created_at\n1,2024-01-05\n'})
    assert len(str(refused.value)) < 500
    found = load_tables({"leads.csv": f"lead_id,created_at\n1,2024-01-05\n2,{long}\n"})
    assert found.broken("leads") == {"created_at is not a date or time": 1}
    assert len(found.examples("leads")["created_at is not a date or time"][0]) <= 80


def test_a_line_longer_than_the_limit_is_counted(load_tables):
    text = f"lead_id,created_at,title\n1,2024-01-05,{'x' * 40_000_000}\n2,2024-01-05,a\n"
    found = load_tables({"leads.csv": text})
    assert found.rows("leads", "lead_id") == ["2"]
    assert found.broken("leads") == {"the line is no row": 1}


NAMES = [
    "my column",
    'say "hi"',
    "größe",
    "a;b",
    "'; DROP TABLE leads; --",
    "select",
    "_row",
    "ID",
    "id",
    "c1",
    "x,y",
    "💡",
]


@pytest.mark.parametrize("name", NAMES)
def test_column_names_of_every_kind(load_tables, name):
    header = ",".join(
        '"' + column.replace('"', '""') + '"' for column in ("lead_id", "created_at", "Id", name)
    )
    tables = {"leads": {"path": "leads.csv", "columns": {"title": name}}}
    found = load_tables({"leads.csv": f"{header}\n1,2024-01-05,no,yes\n"}, tables)
    assert found.rows("leads", "title") == ["yes"]


def test_the_row_number_can_be_an_id_unless_there_is_such_a_column(load_tables):
    tables = {"leads": {"path": "leads.csv", "columns": {"lead_id": "_row"}}}
    assert load_tables({"leads.csv": "created_at\n2024-01-05\n2024-01-06\n"}, tables).rows(
        "leads", "lead_id"
    ) == ["1", "2"]
    assert load_tables({"leads.csv": "_row,created_at\n7,2024-01-05\n"}, tables).rows("leads", "lead_id") == [
        "7"
    ]


def test_a_name_that_is_there_twice_is_refused_only_where_it_is_read(load_tables):
    text = "lead_id,created_at,Notes,Notes\n1,2024-01-05,a,b\n"
    assert load_tables({"leads.csv": text}).rows("leads", "lead_id") == ["1"]
    with pytest.raises(SchemaError, match=r"leads.csv has 2 columns called 'Notes' \(columns 3, 4\)"):
        load_tables({"leads.csv": text}, {"leads": {"path": "leads.csv", "columns": {"title": "Notes"}}})


@pytest.mark.parametrize(
    "name", ["it's.csv", "a[1].csv", "a*b.csv", 'q"q.csv', "sp ace.csv", "ü.csv", "A.CSV", "x?.csv"]
)
def test_file_names_of_every_kind(load_tables, name):
    decoys = {"a1.csv": "lead_id,created_at\n9,2024-01-05\n", "axb.csv": "lead_id,created_at\n9,2024-01-05\n"}
    files = {
        name: "lead_id,created_at\n1,2024-01-05\n",
        "xy.csv": "lead_id,created_at\n9,2024-01-05\n",
        **decoys,
    }
    assert load_tables(files, {"leads": {"path": name}}).rows("leads", "lead_id") == ["1"]


def test_a_folder_with_signs_of_patterns(load_tables):
    files = {
        "a[1]*/leads.csv": "lead_id,created_at\n1,2024-01-05\n",
        "a1x/leads.csv": "lead_id,created_at\n9,2024-01-05\n",
    }
    assert load_tables(files, {"leads": {"path": "a[1]*/leads.csv"}}).rows("leads", "lead_id") == ["1"]


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("nothing.csv", "does not exist. Set the table's `path`, or data.folder"),
        ("n*.csv", "does not exist"),
        ("leads.csv/inside.csv", "does not exist"),
        (f"{'x' * 300}.csv", "cannot be read: File name too long"),
        ("leads.json", "ends in '.json'; known are .parquet"),
        ("leads", "ends in ''"),
        ("leads.parquet.gz", "ends in '.gz'"),
        (".", "folder without Parquet files"),
        ("/dev/null", "ends in ''"),
    ],
)
def test_what_is_not_there_or_no_table(load_tables, path, says):
    with pytest.raises(SourceError, match=says.replace(".", r"\.").replace("*", r"\*")):
        load_tables({"leads.csv": TEXT}, {"leads": {"path": path}})
