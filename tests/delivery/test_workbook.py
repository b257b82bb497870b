"""A workbook: real numbers and days, frozen header, filters, links of ours alone, no formula, the same bytes."""

from __future__ import annotations

import csv
import shutil
import subprocess
import tempfile
from datetime import datetime

import pytest
from openpyxl import load_workbook

from delivery import made
from propensity.delivery.reps import rep_lists
from propensity.delivery.workbook import COLUMNS, write_workbook

SOFFICE = shutil.which("soffice") or shutil.which("libreoffice")


def book(path, rows, **columns):
    (one,) = rep_lists(made.listed(rows, **columns), made.everybody())
    write_workbook(path, one, made.NIGHT)
    return path


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    return book(tmp_path_factory.mktemp("book") / "list.xlsx", made.hostile())


def columns(sheet):
    return {cell.value: cell.column_letter for cell in sheet[1]}


def test_numbers_days_and_links_are_what_they_are(tmp_path):
    sheet = load_workbook(book(tmp_path / "list.xlsx", made.plain()))["Calls"]
    at = columns(sheet)
    assert sheet[f"{at['Probability']}2"].value == 0.5
    assert sheet[f"{at['Probability']}2"].number_format == "0.0 %"
    assert sheet[f"{at['Follow up on']}2"].value == datetime(2026, 6, 1)  # noqa: DTZ001 - a workbook knows no zone
    assert sheet[f"{at['Follow up on']}2"].is_date
    assert sheet[f"{at['List of (UTC)']}2"].is_date
    assert sheet[f"{at['Deal value']}2"].data_type == "n"
    assert sheet[f"{at['Phone']}2"].hyperlink.target == "tel:+49301234000"
    assert sheet[f"{at['Phone']}2"].value == "+49 30 1234000"
    assert sheet[f"{at['E-mail']}2"].hyperlink.target == "mailto:ada0@example.org"
    assert sheet.freeze_panes == "C2"
    assert sheet.auto_filter.ref.startswith("A1:")
    assert sheet.max_row == 6


def test_columns_that_other_nights_add_are_shown(tmp_path):
    path = book(tmp_path / "list.xlsx", made.plain(2), question=["Ask?", None], trend=["steady", None])
    sheet = load_workbook(path)["Calls"]
    at = columns(sheet)
    assert sheet[f"{at['Ask']}2"].value == "Ask?"
    assert sheet[f"{at['Trend']}3"].value is None


def test_hostile_text_is_text(hostile):
    sheet = load_workbook(hostile)["Calls"]
    at = columns(sheet)
    cells = [cell for line in sheet.iter_rows(min_row=2) for cell in line if cell.value is not None]
    assert {cell.data_type for cell in cells} <= {"s", "n", "d"}
    assert not [cell for cell in cells if cell.hyperlink is not None]
    names = [sheet[f"{at['Name']}{line}"].value for line in range(2, sheet.max_row + 1)]
    for found, text in zip(names, made.HOSTILE, strict=True):
        if text.isprintable():
            assert found == text


def test_every_column_of_text_but_those_of_ours_is_in_the_workbook():
    assert set(made.LIST_COLUMNS) - {name for name, _, _ in COLUMNS} == {
        "rep", "selection", "selection_probability", "fit_on", "authority_on", "reason_1_act", "reason_2_act", "reason_3_act",
        "against_act", "previous_probability", "previous_as_of", "change_by_facts", "change_by_time", "change_by_model",
        "question_about", "question_verdict_if_met", "question_verdict_if_not", "question_probability_if_met",
        "question_probability_if_not",
    }  # fmt: skip


def test_the_same_list_gives_the_same_bytes(tmp_path, hostile):
    again = book(tmp_path / "again.xlsx", made.hostile())
    assert again.read_bytes() == hostile.read_bytes()


def test_a_list_of_nobody_has_its_header(tmp_path):
    sheet = load_workbook(book(tmp_path / "list.xlsx", []))["Calls"]
    assert sheet.max_row == 1
    assert "Name" in columns(sheet)


@pytest.mark.skipif(SOFFICE is None, reason="no LibreOffice here: apt-get install libreoffice-calc-nogui")
def test_libreoffice_opens_it_and_runs_nothing(tmp_path, hostile):
    command = [
        SOFFICE, "--headless", f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}", "--convert-to", "csv:Text - txt - csv (StarCalc):44,34,76",
        "--outdir", str(tmp_path), str(hostile),
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    with (tmp_path / "list.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(made.HOSTILE)
    assert rows[0]["Name"] == made.HOSTILE[0]
    assert rows[0]["Probability"] == "50.0 %"
    assert rows[0]["Follow up on"] == "2026-06-01"
    assert not [
        row for row in rows if any("Err:" in str(value) or "#NAME" in str(value) for value in row.values())
    ]


def test_what_is_put_aside_while_it_is_written_lies_beside_it_and_goes(tmp_path, monkeypatch):
    made_in, make = [], tempfile.mkstemp
    monkeypatch.setattr(
        tempfile, "mkstemp", lambda *a, **more: made_in.append(more.get("dir")) or make(*a, **more)
    )
    book(tmp_path / "list.xlsx", made.plain())
    assert set(made_in) == {str(tmp_path)}, "names and addresses elsewhere would outlive a killed run"
    assert [path.name for path in tmp_path.iterdir()] == ["list.xlsx"]
