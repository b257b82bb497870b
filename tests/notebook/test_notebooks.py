"""The notebooks run from first to last, in a kernel of their own."""

from __future__ import annotations

from pathlib import Path

import jupytext
import nbclient

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


def test_the_first_call_list(monkeypatch):
    monkeypatch.setenv("PROPENSITY_NOTEBOOK_LEADS", "500")
    book = jupytext.read(NOTEBOOKS / "01_first_call_list.py")
    place = {"metadata": {"path": str(NOTEBOOKS)}}
    nbclient.NotebookClient(book, timeout=300, kernel_name="python3", resources=place).execute()
    cells = [cell for cell in book.cells if cell.cell_type == "code"]
    outputs = [output for cell in cells for output in cell.outputs]
    assert [output for output in outputs if output.output_type != "execute_result"] == []
    assert "leads to call as of 2026-06-01" in cells[-1].outputs[0]["data"]["text/plain"]
    assert "<td" in cells[-1].outputs[0]["data"]["text/html"]
