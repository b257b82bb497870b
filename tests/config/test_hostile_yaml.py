"""YAML that would stop Python, fill the memory, or smuggle in what no value holds."""

from __future__ import annotations

import pytest

from config.conftest import LEADS

BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9)
)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (LEADS + "data: {through: 2024-13-45}", "is no valid YAML: '2024-13-45' cannot be read as timestamp"),
        (LEADS + f"outcome: {{horizon_days: {'1' * 5_000}}}", "cannot be read as int"),
        (
            LEADS + f"outcome: {{horizon_days: {'1' * 400}}}",
            "holds a number of more than 300 digits at outcome.horizon_days",
        ),
        (LEADS + "outcome: {horizon_days: !!int abc}", "'abc' cannot be read as int; put it in quotes"),
        (LEADS + "outcome: {horizon_days: !!bool 7}", "'7' cannot be read as bool"),
        (LEADS + "data: {through: !!timestamp abc}", "'abc' cannot be read as timestamp"),
        ("tables: {leads: {path: !!binary bGVhZHM=}}", "does not fit"),
        ("a: " + "[" * 3_000 + "]" * 3_000, "it nests too deep"),
        ("tables: &a {leads: *a}", "nests deeper than 40 levels; an alias may hold itself"),
        (BOMB + "tables: {leads: {path: x, null_words: *a8}}", "unfolds to more than 100,000 values"),
        ("# " + "x" * (1 << 20), "is longer than 1,048,576 characters"),
        ('tables: {leads: {path: "a\\0b.csv"}}', "holds a NUL character at tables.leads.path"),
        ('data: {folder: "a\\0b"}\n' + LEADS, "holds a NUL character at data.folder"),
        (
            'tables: {leads: {path: l.csv, null_words: ["\\ud800"]}}',
            "a lone surrogate) at tables.leads.null_words.0",
        ),
    ],
    ids=lambda text: text[-30:],
)
def test_what_would_harm_is_refused_with_its_place(mistakes, text, says):
    assert any(says in line for line in mistakes(text))


@pytest.mark.parametrize(
    "override", ['data.folder="a\\0b"', "data.through=2024-13-45", "tables.leads.path=[" * 2_000]
)
def test_overrides_that_would_harm(mistakes, override):
    (line, *_) = mistakes(LEADS, override)
    assert line.startswith("--set ")
    assert len(line) < 300


def test_zones_of_one_machine_are_none(mistakes):
    (_, line) = mistakes(LEADS + "data: {timezone: localtime}")
    assert line.startswith("data.timezone: 'localtime' is no IANA time zone")


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("tables.leads.lookups={x: {path: p, on: {a: b}, matsch: loose}}", "tables.leads.lookups.x.matsch: unknown key; do you mean 'match'?"),
        ("tables.leads.rows=[{repeet: a}]", "tables.leads.rows.0.repeet: unknown key; do you mean 'repeat'?"),
        ("tables.leads.columns={deal_value: {column: a, bnad: middle}}", "tables.leads.columns.deal_value.bnad: unknown key; do you mean 'band'?"),
        ("tables.leads=[{path: a, colums: {}}]", "tables.leads.0.colums: unknown key; do you mean 'columns'?"),
        ("on=1", "on: unknown key"),
    ],
)  # fmt: skip
def test_an_unknown_key_of_the_newer_shapes_is_named_with_the_nearest(mistakes, override, says):
    assert any(line.startswith(says) for line in mistakes(LEADS, override))
