"""Reports of reps: read however a spreadsheet left them, kept once, and what the gate makes of them."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from propensity.config.lists import ListsConfig
from propensity.errors import LedgerError, SchemaError, SourceError
from propensity.scoring.feedback import COLUMNS, OUTCOMES, Feedback, Report, reported
from propensity.scoring.reading import read_outcomes

HEAD = ",".join(COLUMNS)
AT = datetime(2026, 6, 2, 8, 30, tzinfo=UTC)
LIST = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)
ROW = "L1,2026-06-01T00:00:00Z,Ada,reached,2026-06-02T08:30:00Z,"


def report(lead: str = "L1", outcome: str = "reached", at: datetime = AT, **more) -> Report:
    return Report(**{"lead_id": lead, "list_as_of": LIST, "rep": "Ada", "outcome": outcome, "reported_on": at, "note": None,
                     "source_sha256": "s", "source_line": 2, **more})  # fmt: skip


def read(tmp_path, data: bytes | str, known=("L1", "L2", "=1+1")):
    path = tmp_path / "outcomes.csv"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return read_outcomes(path, lambda leads: set(leads) & set(known))


@pytest.mark.parametrize(
    "data",
    [
        f"{HEAD}\r\n{ROW}\r\n",
        f"\ufeff{HEAD}\n{ROW}",
        f"\ufeff{HEAD}\n{ROW}".replace(",", ";"),
        f"{HEAD}\n{ROW}".replace(",", "\t").encode("utf-16"),
        "\n".join(",".join(f'"{cell}"' for cell in line.split(",")) for line in (HEAD, ROW)),
        f"\r\n{HEAD.upper()}\r\n,,,,,\r\n{ROW}\r\n\r\n",
        "note,rep,outcome,lead_id,reported_on,list_as_of\n,Ada, Reached ,L1,2026-06-02T10:30:00+02:00,2026-06-01",
    ],
)
def test_what_a_spreadsheet_makes_of_the_file_is_the_same_report(tmp_path, data):
    found = read(tmp_path, data)
    assert not found.refused
    assert [row.key for row in found.reports] == [report().key]


def test_old_windows_text_is_read(tmp_path):
    found = read(tmp_path, f"{HEAD}\n{ROW}Gebühr".encode("cp1252"))
    assert found.reports[0].note == "Gebühr"


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_outcomes_in_any_case_with_blanks(tmp_path, outcome):
    spelled = (outcome, outcome.upper(), f" {outcome.replace('_', ' ')} ", outcome.replace("_", "-").title())
    text = "\n".join([HEAD, *(ROW.replace("reached", word) for word in spelled)])
    assert {row.outcome for row in read(tmp_path, text).reports} == {outcome}


def test_each_row_that_is_refused_is_named_with_its_line(tmp_path):
    rows = ['L1,2026-06-01,Ada,reached,2026-06-02,"two\nlines"', "L9,2026-06-01,Ada,reached,2026-06-02,", "L1,2026-06-01,Ada,won,2026-06-02,",
            "L1,June,Ada,reached,2026-06-02,", "L1,2026-06-01,Ada,reached,,", ",2026-06-01,Ada,reached,2026-06-02,", "L1"]  # fmt: skip
    found = read(tmp_path, "\n".join([HEAD, *rows]))
    assert found.rows == len(rows) == len(found.refused) + 1
    assert [row.line for row in found.refused] == [4, 5, 6, 7, 8, 9]
    for word, refused in zip(
        ("L9", "won", "list_as_of", "reported_on", "lead_id is empty", "list_as_of"),
        found.refused,
        strict=True,
    ):
        assert word in refused.why


def test_hostile_text_stays_text(tmp_path):
    notes = [
        '=HYPERLINK("http://x")',
        "<script>",
        '"; DROP TABLE',
        "\u202eoffice",
        "x" * 10_000,
        "a\nb",
        "😀",
        "../../etc",
    ]
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for note in notes:
        writer.writerow(
            [
                "'=1+1",
                "2026-06-01",
                "Ada",
                "reached",
                "2026-06-02",
                f"'{note}" if note.startswith("=") else note,
            ]
        )
    writer.writerow(["\x1b[31mL1", "2026-06-01", "Ada", "reached", "2026-06-02", ""])
    found = read(tmp_path, out.getvalue())
    assert [row.note for row in found.reports] == notes
    assert {row.lead_id for row in found.reports} == {"=1+1"}
    assert found.refused[0].why.isprintable()
    store = Feedback(tmp_path)
    store.add(found.reports)
    assert [row.note for row in store.reports()] == sorted(notes)


@pytest.mark.parametrize(
    ("data", "words"), [("", "is empty"), ("a,b\n1,2", "lacks lead_id, list_as_of, outcome, reported_on")]
)
def test_a_file_of_another_kind_is_refused(tmp_path, data, words):
    with pytest.raises(SchemaError, match=words):
        read(tmp_path, data)


def test_what_is_no_text_is_refused(tmp_path):
    with pytest.raises(SourceError, match="is no text"):
        read(tmp_path, b"PK\x03\x04\x00\x81\x00")
    with pytest.raises(SourceError, match="cannot be read"):
        read_outcomes(tmp_path / "none.csv", set)


def test_the_same_report_twice_adds_nothing(tmp_path):
    store = Feedback(tmp_path)
    assert store.add([report(), report("L2")]) == 2
    before = {path.name: path.read_bytes() for path in store.files()}
    assert store.add([report(source_sha256="another", source_line=7), report("L2")]) == 0
    assert {path.name: path.read_bytes() for path in store.files()} == before
    assert store.add([report(), report("L3")]) == 1
    assert [row.lead_id for row in store.reports()] == ["L1", "L2", "L3"]
    assert len(store.files()) == 2


def test_damaged_reports_stop_the_list(tmp_path):
    store = Feedback(tmp_path)
    store.add([report(outcome="do_not_call")])
    store.files()[0].write_bytes(b"PAR1")
    with pytest.raises(LedgerError, match="asked not to be called"):
        store.reports()


def causes(reports, as_of, **rules) -> set[tuple[str, str]]:
    found = reported(reports, as_of, ListsConfig.model_validate(rules))
    return {(row["lead_id"], row["reported"]) for row in found.to_pylist()}


def test_what_was_reported_counts_only_before_as_of_but_for_do_not_call():
    every = [report(outcome, outcome) for outcome in OUTCOMES]
    assert causes(every, AT) == {("do_not_call", "do_not_contact")}
    assert causes(every, AT + DAY) == {
        ("do_not_call", "do_not_contact"), ("qualified", "reported_qualified"), ("wrong_person", "wrong_person"), ("not_now", "not_now"),
        ("reached", "cool_down"),
    }  # fmt: skip
    assert causes(every, AT + 400 * DAY) == {
        ("do_not_call", "do_not_contact"), ("qualified", "reported_qualified"), ("wrong_person", "wrong_person"),
    }  # fmt: skip


def test_how_long_is_configured():
    every = [report("L1", "not_now"), report("L2", "reached")]
    assert causes(every, AT + 10 * DAY, not_now_days=10, cool_down_days=11) == {
        ("L1", "not_now"),
        ("L2", "cool_down"),
    }
    assert causes(every, AT + 10 * DAY, not_now_days=9.9, cool_down_days=9) == set()


def test_the_last_word_counts_but_takes_no_do_not_call_back():
    said = [
        report(outcome="do_not_call"),
        report(outcome="wrong_person", at=AT + DAY),
        report(outcome="qualified", at=AT + 2 * DAY),
    ]
    assert causes(said, AT + 9 * DAY) == {("L1", "do_not_contact"), ("L1", "reported_qualified")}
    assert causes(said, AT + 2 * DAY) == {("L1", "do_not_contact"), ("L1", "wrong_person")}


def test_without_dates_what_has_no_end_counts():
    found = causes([report(outcome, outcome) for outcome in OUTCOMES], None)
    assert {lead for lead, _ in found} == {"do_not_call", "qualified", "wrong_person"}


@given(
    st.lists(
        st.builds(
            report,
            st.sampled_from(["L1", "L2"]),
            st.sampled_from(OUTCOMES),
            st.integers(0, 9).map(lambda days: AT + days * DAY),
        ),
        max_size=8,
    ),
    st.integers(0, 10).map(lambda days: AT + days * DAY),
)
def test_no_order_of_the_reports_changes_what_they_mean_and_do_not_call_is_for_good(reports, as_of):
    found = causes(reports, as_of)
    assert found == causes(reversed(reports), as_of)
    assert {lead for lead, cause in found if cause == "do_not_contact"} == {
        row.lead_id for row in reports if row.outcome == "do_not_call"
    }
