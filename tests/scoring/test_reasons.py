"""Reasons: concepts, not columns; the lead's own values; nothing repeated."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from propensity.features.spec import Feature
from propensity.model.bundle import Bundle, FeatureColumn, Tiers, bundle_from
from propensity.model.classifier import PropensityClassifier
from propensity.scoring.reasons import AGAINST, FOR, explain, sentence, speaks_of


def feature(name: str, concept: str, *, tellable: bool = True, zero: str = "") -> Feature:
    return Feature(
        name, "engagement", concept, "", f"{name} is {{value}}", "attributes", lambda t: t[name],
        tellable=tellable, zero=zero, null_when=f"{concept} is unknown",
    )  # fmt: skip


SPECS = (
    feature("views_7d", "views"),
    feature("views_90d", "views"),
    feature("views_decayed", "views", tellable=False),
    feature("size", "size"),
    feature("silence", "silence"),
)
SILENCE = feature("silence", "silence", zero="no silence at all")


@pytest.fixture(scope="module")
def rows() -> pa.Table:
    rng = np.random.default_rng(3)
    columns = {spec.name: rng.normal(size=800).round(2) for spec in SPECS}
    columns["views_decayed"] = columns["views_7d"] + columns["views_90d"]
    return pa.table({"lead_id": [f"L{i}" for i in range(800)], **columns})


@pytest.fixture(scope="module")
def bundle(rows: pa.Table) -> Bundle:
    table = rows.drop_columns(["lead_id"])
    drive = rows["views_decayed"].to_numpy() + rows["size"].to_numpy() - 2 * rows["silence"].to_numpy()
    y = (drive + np.random.default_rng(4).normal(size=800) > 0).astype(int)
    model = PropensityClassifier(max_trees=60, n_jobs=1).fit(table, y)
    columns = [FeatureColumn(s.name, s.family, s.concept) for s in SPECS]
    return bundle_from(model, columns, tiers=Tiers(0.5, 0.3, 0.1), horizon_days=30, spec_hash="", metadata={})


def test_concepts_are_summed_and_the_sentence_carries_the_leads_value(bundle, rows):
    told = explain(bundle, SPECS, rows, threads=1).to_pylist()
    pushes = bundle.contributions(rows)
    concepts = {"views": pushes[:, :3].sum(1), "size": pushes[:, 3], "silence": pushes[:, 4]}
    by_name = dict(zip((s.name for s in SPECS), range(len(SPECS)), strict=True))
    for row in range(rows.num_rows):
        positive = sorted((c for c in concepts if concepts[c][row] > 0), key=lambda c: -concepts[c][row])
        found = [told[row][name] for name in FOR]
        assert [text is not None for text in found] == [i < len(positive) for i in range(3)]
        for text, concept in zip(found, positive, strict=False):
            spec = next(s for s in SPECS if text.startswith(f"{s.name} is"))
            assert spec.concept == concept
            assert spec.tellable
            value = rows[spec.name][row].as_py()
            assert text == sentence(spec, value)
            assert pushes[row, by_name[spec.name]] == max(
                pushes[row, by_name[s.name]] for s in SPECS if s.concept == concept and s.tellable
            )
        negative = [c for c in concepts if concepts[c][row] < 0]
        assert (told[row][AGAINST] is None) == (not negative)


def test_no_concept_speaks_twice(bundle, rows):
    concept_of = {spec.name: spec.concept for spec in SPECS}
    for row in explain(bundle, SPECS, rows, threads=1).to_pylist():
        spoken = [concept_of[row[name].split(" is ")[0]] for name in (*FOR, AGAINST) if row[name]]
        assert len(spoken) == len(set(spoken))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "silence is unknown"),
        (0.0, "no silence at all"),
        (1234.0, "silence is 1,234"),
        (12.34, "silence is 12"),
        (3.26, "silence is 3.3"),
        ("{times}", "silence is {times}"),
    ],
)
def test_values_read_as_a_rep_reads_them(value, text):
    assert sentence(SILENCE, value) == text


@pytest.mark.parametrize(
    ("hours", "said"),
    [(0.0, "0 hours"), (5.0, "5 hours"), (47.0, "47 hours"), (48.0, "2 days"), (1921.0, "80 days")],
)
def test_many_hours_are_told_in_days(hours, said):
    answers = Feature(
        "engagement_hours", "engagement", "response time", "hours", "usually answers within {hours}", "activities",
        lambda t: t.count(),
    )  # fmt: skip
    assert sentence(answers, hours) == f"usually answers within {said}"


def test_protected_concepts_are_told_to_nobody_and_the_next_reason_takes_their_place(bundle, rows):
    told = explain(bundle, SPECS, rows, threads=1, protected=["Size", "views_90d"]).to_pylist()
    plain = explain(bundle, SPECS, rows, threads=1).to_pylist()
    said = [text for row in told for name in (*FOR, AGAINST) if (text := row[name]) is not None]
    assert any(text.startswith("size") for row in plain for text in row.values() if isinstance(text, str))
    assert not [text for text in said if text.startswith(("size", "views_90d"))]
    assert any(text.startswith("views_7d") for text in said)


def test_where_everything_is_protected_nothing_is_said(bundle, rows):
    told = explain(bundle, SPECS, rows.slice(0, 3), threads=1, protected=["size", "views", "silence"])
    assert told.drop_columns(["lead_id"]).to_pylist() == [dict.fromkeys(told.column_names[1:])] * 3


def test_each_reason_says_whether_the_rep_can_act_on_it(bundle, rows):
    specs = [replace(spec, actionable=spec.concept == "silence") for spec in SPECS]
    for row in explain(bundle, specs, rows, threads=1).to_pylist():
        for name in (*FOR, AGAINST):
            if row[name] is None:
                assert row[f"{name}_act"] is None
            else:
                assert row[f"{name}_act"] is row[name].startswith("silence")


@pytest.mark.parametrize(
    ("name", "family", "protected"),
    [
        ("firmographic_country", "firmographic", True),
        ("firmographic_account_country", "firmographic", True),
        ("firmographic_fits_country", "firmographic", True),
        ("firmographic_country_past_rate", "firmographic", True),
        ("firmographic_company_age_years", "firmographic", False),
        ("engagement_call_count_7d", "engagement", False),
    ],
)
def test_what_derives_from_a_protected_column_is_protected(name, family, protected):
    spec = replace(SPECS[0], name=name, family=family, concept="something")
    assert speaks_of(spec, ["COUNTRY"]) is protected
