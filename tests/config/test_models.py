"""Tables that do not fit the contract, and models that are frozen and documented."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ValidationError

from propensity.config import Config


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("tables: {leads: {}}", "tables.leads: give either `path` (a file) or `table` (in data.database)"),
        ("tables: {leads: {path: x, table: y}}", "tables.leads: give either `path` (a file) or `table`"),
        (
            "tables: {leads: {table: y}}",
            "tables.leads.table needs data.database, the DuckDB file or PostgreSQL server that holds it",
        ),
        ("tables: {activities: {path: x}}", "tables.leads is missing; it is the one table that is required"),
        ("tables: {}", "tables.leads is missing"),
        ("{}", "tables: Field required"),
        (
            "tables: {leads: {path: x, columns: {leadid: x}}}",
            "tables.leads has no canonical column 'leadid' (do you mean 'lead_id'?); there are lead_id, created_at",
        ),
        (
            "tables: {leads: {path: x, values: {sauce: {a: b}}}}",
            "tables.leads has no canonical column 'sauce' (do you mean 'source'?)",
        ),
        (
            "tables: {leads: {path: x, columns: {a: b}, extra: {a: {static: true}}}}",
            "tables.leads has no canonical column 'a'",
        ),
        (
            "tables: {leads: {path: x, extra: {title: {static: true}}}}",
            "tables.leads.extra names canonical columns ['title']; map them under `columns`",
        ),
        (
            "tables: {leads: {path: x, extra: {Title: {static: true}}}}",
            "tables.leads.extra names canonical columns ['Title']",
        ),
        (
            "tables: {leads: {path: x, extra: {as_of: {static: true}}}}",
            "tables.leads.extra: 'as_of' cannot name an extra column",
        ),
        (
            "tables: {leads: {path: x, extra: {_row: {static: true}}}}",
            "tables.leads.extra: '_row' cannot name an extra column",
        ),
        (
            "tables: {leads: {path: x, extra: {my size: {static: true}}}}",
            "tables.leads.extra: 'my size' cannot name an extra column",
        ),
        (
            "tables: {leads: {path: x, extra: {a: {static: true}, A: {static: true}}}}",
            "tables.leads.extra: two extra columns are called 'a' but for upper and lower case",
        ),
        (
            "tables: {leads: {path: x, extra: {a: {static: true, known_at: b}}}}",
            "tables.leads.extra: extra column 'a' is either `static: true` or has `known_at`, not both",
        ),
        (
            "tables: {leads: {path: x}, stages: {path: y, extra: {a: {static: true}}}}",
            "tables.stages.extra: extra columns belong to leads or accounts",
        ),
        (
            "tables: {leads: {path: x, order_by: w}, stages: {path: y}}",
            "tables.leads.order_by is for leads without dates, but ['stages'] need dates",
        ),
        (
            "tables: {leads: {path: x}, accounts: {path: y, order_by: w}}",
            "tables.accounts.order_by: only leads without dates are ordered",
        ),
    ],
)
def test_tables_that_do_not_fit(mistakes, text, says):
    found = mistakes(text)
    assert any(line.startswith(says) for line in found), found


def test_an_extra_column_that_does_not_say_when_shows_the_line_to_add(mistakes):
    text = "\n".join(mistakes("tables: {leads: {path: x, extra: {seniority: {type: number}}}}"))
    assert "extra column 'seniority' does not say when its value is known" in text
    assert "add `static: true`; else add `known_at: <column with that time>`" in text


def test_all_mistakes_are_named_at_once(mistakes):
    text = "tables: {lead: {path: x}, leads: {path: x, columns: {leadid: y}}, stages: {path: x, rows: w}}\noutcomes: {}\nmodel: {seed: x}\n"
    found = mistakes(text, "lists.capacity=none", "data.timezone=Mars")
    assert found[0].endswith("does not fit:")
    for says in (
        "tables.lead: unknown table",
        "tables.leads has no canonical column",
        "tables.stages.rows: a list",
        "outcomes: unknown key",
        "model.seed",
        "lists.capacity",
        "data.timezone",
    ):
        assert any(line.startswith(says) for line in found), says
    assert len(found) == 8


def models(annotation=Config, seen=None):
    """Every model of the configuration."""
    seen = {} if seen is None else seen
    if isinstance(annotation, type) and issubclass(annotation, BaseModel) and annotation not in seen:
        seen[annotation] = None
        for field in annotation.model_fields.values():
            models(field.annotation, seen)
    for part in getattr(annotation, "__args__", ()):
        models(part, seen)
    return list(seen)


def test_every_model_is_found():
    assert {"Config", "CsvOptions", "ColumnMapping", "ExtraColumn", "ActivityType", "EngineConfig"} <= {
        model.__name__ for model in models()
    }


@pytest.mark.parametrize("model", models(), ids=lambda model: model.__name__)
def test_every_model_is_frozen_strict_and_documented(model):
    assert model.model_config["frozen"]
    assert model.model_config["extra"] == "forbid"
    assert model.__doc__
    inner = {
        name
        for name, field in model.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    }
    silent = [
        name for name, field in model.model_fields.items() if name not in inner and not field.description
    ]
    assert not silent


def test_nothing_of_a_configuration_can_be_changed(read):
    config = read()
    with pytest.raises(ValidationError, match="frozen"):
        config.outcome.horizon_days = 3
    with pytest.raises(ValidationError, match="frozen"):
        config.data = None
