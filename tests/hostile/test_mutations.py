"""Exports and configurations made wrong from right ones: refused in words, or every row accounted for.

A run draws a few; `make soak` as many as find what is rare.
"""

from __future__ import annotations

import os
from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from hostile.company import FEEDS, Company, as_csv, company, rows_due
from hostile.mutations import spoil_bytes, spoil_cell, spoil_column, spoil_rows, spoil_tree
from propensity import errors
from propensity.sources import canonical, mapping

# Each of the first takes the engine a third of a second to a second.
CELLS, BYTES, CONFIGURATIONS = (40, 60, 200) if "PROPENSITY_SOAK" in os.environ else (5, 10, 24)
TABLES = ("leads", "accounts", "activities", "stages", "budgets")


def often(examples: int):
    """So many examples, the same in every run; each is shown as it was drawn, since shrinking would take minutes."""
    return settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


def export_of(table: str) -> Company:
    """The smallest export that has this table; leads of one source where they are not what is looked at."""
    if table == "leads":
        return company()
    export = company(table)
    web = dict(export.tree["tables"]["leads"][0])
    web["columns"] = {key: value for key, value in web["columns"].items() if not value.startswith("who.")}
    export.tree["tables"]["leads"] = {key: value for key, value in web.items() if key != "lookups"}
    del export.cells["people.csv"]
    export.cells["fair.csv"] = export.cells["fair.csv"][:1]
    return export


@pytest.mark.parametrize("table", TABLES)
def test_the_export_itself_is_right(place, table):
    export = export_of(table)
    assert place.ends(export, share=0.0, due=lambda name: rows_due(export.cells, name), names={"-"}) == "read"


def test_cells_rows_and_columns(place):
    ends: Counter[str] = Counter()

    @often(CELLS)
    @given(st.data())
    def run(data):
        table = data.draw(st.sampled_from(TABLES))
        export = export_of(table)
        files = [file for file in FEEDS[table] if file in export.cells]
        ways = [spoil_cell] * 6 + [spoil_rows, spoil_column]
        names: set[str] = set()
        for _ in range(data.draw(st.integers(10, 16))):
            names |= data.draw(st.sampled_from(ways))(data.draw, export, data.draw(st.sampled_from(files)))
            ends["inputs"] += 1
        share = data.draw(st.sampled_from([1.0, 1.0, 0.1]))
        ends[place.ends(export, share=share, due=lambda name: rows_due(export.cells, name), names=names)] += 1

    run()
    assert ends["inputs"] >= 10 * CELLS
    assert ends["read"] >= CELLS // 4


def test_bytes(place):
    ends: Counter[str] = Counter()

    @often(BYTES)
    @given(st.data())
    def run(data):
        table = data.draw(st.sampled_from(TABLES))
        export = export_of(table)
        file = data.draw(st.sampled_from([file for file in FEEDS[table] if file in export.cells]))
        names = spoil_bytes(data.draw, export, file)
        ends[place.ends(export, due=lines_due(export, table), names=names)] += 1

    run()
    assert ends.total() >= BYTES
    assert {"read", "SourceError"} <= set(ends)


def lines_due(export: Company, table: str):
    """How many rows there are where each line is one; where quotes join lines, nothing is said."""
    written = [
        export.raw.get(file, as_csv(rows)) for file, rows in export.cells.items() if file in FEEDS[table]
    ]
    if table != "budgets" or any(b'"' in data or b"\r" in data or b"\0" in data for data in written):
        return None
    (data,) = written
    lines = [line for line in data.decode("utf-8", "replace").removeprefix("\ufeff").split("\n") if line]
    return lambda name: len(lines) - 1 if name == table else len(export.cells["web.csv"]) - 1


def test_configurations(place):
    ends: Counter[str] = Counter()

    @often(CONFIGURATIONS)
    @given(st.data())
    def run(data):
        table = data.draw(st.sampled_from(TABLES))
        export = export_of(table)
        names = spoil_tree(data.draw, export)
        ends[place.ends(export, names=names)] += 1

    run()
    assert ends.total() >= CONFIGURATIONS
    assert {"read", "ConfigError"} <= set(ends)


@often(1)
@given(st.data())
def test_what_is_read_can_be_learned_from_or_is_refused(place, data):
    export = company("activities", "stages")
    names = {"leads", "snapshot", "conversion"}
    for _ in range(data.draw(st.integers(1, 4))):
        names |= spoil_cell(
            data.draw, export, data.draw(st.sampled_from(["web.csv", "sessions.csv", "deals.csv"]))
        )
    ended = place.ends(export, names=names, features=True)
    assert ended == "read" or getattr(errors, ended).exit_code in (2, 3)


def lost_after_the_checks(monkeypatch):
    finished = canonical._finished
    monkeypatch.setattr(canonical, "_finished", lambda table, *more: finished(table, *more).limit(5))


def lost_before_the_checks(monkeypatch):
    one = mapping._one
    monkeypatch.setattr(
        mapping,
        "_one",
        lambda tables: one(
            [table.filter(table["_row"] != 2) if "_row" in table.columns else table for table in tables]
        ),
    )


def lost_from_the_quarantine(monkeypatch):
    write = canonical.write_quarantine
    monkeypatch.setattr(
        canonical,
        "write_quarantine",
        lambda engine, flagged, *more: write(
            engine, {name: table.filter(table["_row"] != 3) for name, table in flagged.items()}, *more
        ),
    )


@pytest.mark.parametrize("lose", [lost_after_the_checks, lost_before_the_checks, lost_from_the_quarantine])
def test_a_row_that_the_code_would_lose_in_silence_is_noticed(place, monkeypatch, lose):
    export = export_of("budgets")
    export.cells["web.csv"][3][1] = "never"
    lose(monkeypatch)
    with pytest.raises(AssertionError):
        place.ends(export, due=lambda name: rows_due(export.cells, name), names={"-"})
