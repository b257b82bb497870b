"""The notebooks run from first to last, in a kernel of their own."""

from __future__ import annotations

import re
from pathlib import Path

import jupytext
import nbclient

from conftest import tracked

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


def executed(name):
    """The code cells of a notebook with what they gave."""
    book = jupytext.read(NOTEBOOKS / name)
    place = {"metadata": {"path": str(NOTEBOOKS)}}
    nbclient.NotebookClient(book, timeout=300, kernel_name="python3", resources=place).execute()
    return [cell for cell in book.cells if cell.cell_type == "code"]


def test_the_first_call_list(monkeypatch):
    monkeypatch.setenv("PROPENSITY_NOTEBOOK_LEADS", "500")
    cells = executed("01_first_call_list.py")
    outputs = [output for cell in cells for output in cell.outputs]
    assert [output for output in outputs if output.output_type != "execute_result"] == []
    assert "leads to call as of 2026-06-01" in cells[-1].outputs[0]["data"]["text/plain"]
    assert "<td" in cells[-1].outputs[0]["data"]["text/html"]


def test_train_and_compare(monkeypatch, tmp_path):
    monkeypatch.setenv("PROPENSITY_NOTEBOOK_LEADS", "400")
    monkeypatch.setenv("PROPENSITY_NOTEBOOK_FOLDER", str(tmp_path))
    tracked(tmp_path)
    cells = executed("02_train_and_compare.py")
    outputs = [output for cell in cells for output in cell.outputs]
    assert [output for output in outputs if output.output_type != "execute_result"] == []
    shown = [output["data"] for output in outputs]
    tables = [data["text/html"] for data in shown if "<table" in data.get("text/html", "")]
    assert len(re.findall(r">\w+-[0-9a-f]{12}<", tables[0])) == 2
    assert "scorecard" in tables[1]
    assert "In short" in next(data["text/html"] for data in shown if "srcdoc" in data.get("text/html", ""))
    assert "'evidence.html'" in shown[-1]["text/plain"]


def test_from_score_to_results(monkeypatch, tmp_path):
    monkeypatch.setenv("PROPENSITY_NOTEBOOK_LEADS", "500")
    monkeypatch.setenv("PROPENSITY_NOTEBOOK_FOLDER", str(tmp_path))
    tracked(tmp_path)
    cells = executed("03_from_score_to_results.py")
    outputs = [output for cell in cells for output in cell.outputs]
    assert [output for output in outputs if output.output_type != "execute_result"] == []
    shown = [output["data"]["text/plain"] for output in outputs]
    assert "False" in shown, "who asked not to be called is on no later list"
    assert any("'do_not_call': 1" in text for text in shown)
    assert "smallest" in shown[-1]
