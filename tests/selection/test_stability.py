"""Months, segments and newcomers: who is off beyond noise, and who only looks it."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

from propensity.features.frame import FeatureFrame
from propensity.features.spec import Feature
from propensity.selection.stability import stability

DAY = 86_400_000_000
MONTHS = 8


def feature(name, kind="category"):
    return Feature(name, "firmographic", name, "", "{value}", "attributes", lambda t: t[name], kind=kind)


def frame_of(y, order, *, leads=None, accounts=None, dated=True, **columns):
    rows = len(y)
    instants = pa.array(order, pa.timestamp("us", tz="UTC")) if dated else pa.nulls(rows, pa.timestamp("us"))
    keys = {
        "snapshot_id": np.arange(rows),
        "lead_id": [f"L{i}" for i in range(rows)] if leads is None else leads,
        "account_id": pa.nulls(rows, pa.string()) if accounts is None else accounts,
        "as_of": instants,
        "time_order": np.asarray(order, dtype=np.int64),
        "label": np.asarray(y).astype(np.int8),
    }
    features = tuple(
        feature(name, "category" if isinstance(values[0], str) else "number")
        for name, values in columns.items()
    )
    return FeatureFrame(pa.table({**keys, **columns}), features, "hash", 30)


def months(rows):
    """Microseconds of the first of eight months from 2026-01 on, the same number of rows each."""
    starts = np.arange("2026-01", "2026-09", dtype="datetime64[M]").astype("datetime64[us]").astype(np.int64)
    return starts[np.arange(rows) * MONTHS // rows]


def judged(y, p, order, **more):
    test = frame_of(y, order, **more)
    return stability(test.take(np.zeros(len(y), dtype=bool)), test, p, dated=more.get("dated", True))


def world(seed, drop=1.0, rows=6_400):
    rng = np.random.default_rng(seed)
    p = 1 / (1 + np.exp(-rng.normal(-2.5, 1, rows)))
    order = months(rows)
    truth = np.where(order >= np.unique(order)[5], p * drop, p)
    industry = rng.choice(["steel", "software", "retail"], rows).tolist()
    return rng.random(rows) < truth, p, order, industry


def test_a_slice_agrees_with_plain_python():
    y, p, order, industry = world(0)
    found = judged(y, p, order, firmographic_industry=industry)
    steel = next(one for one in found.segments["firmographic_industry"] if one.name == "steel")
    mine = [(float(p[i]), bool(y[i])) for i in range(len(y)) if industry[i] == "steel"]
    assert (steel.rows, steel.conversions, steel.accounts) == (len(mine), sum(c for _, c in mine), len(mine))
    assert steel.expected == pytest.approx(sum(q for q, _ in mine))
    assert steel.mean_probability == pytest.approx(steel.expected / len(mine))
    assert steel.log_loss == pytest.approx(-sum(np.log(q if c else 1 - q) for q, c in mine) / len(mine))
    assert [one.name for one in found.months] == [f"2026-{month:02d}" for month in range(1, 9)]
    assert sum(one.rows for one in found.months) == found.overall.rows == len(y)


def test_a_drop_of_the_base_rate_is_seen_in_its_months_and_in_no_other():
    found = judged(*world(1, drop=0.5)[:3])
    assert [one.name for one in found.months if "fewer" in one.off] == ["2026-06", "2026-07", "2026-08"]
    assert any(verdict.startswith("2026-07: fewer conversions than") for verdict in found.verdicts)


def test_a_steady_world_is_seldom_called_off():
    alarms = 0
    for seed in range(40):
        y, p, order, industry = world(seed, rows=3_200)
        alarms += bool(judged(y, p, order, firmographic_industry=industry).verdicts)
    # Five in a hundred are allowed for, all slices of a world together; more than 6 of 40 have a chance of 1 %.
    assert alarms <= 6


def test_probabilities_that_lie_too_far_apart_are_too_bold():
    y, p, order, _ = world(2)
    bold = 1 / (1 + np.exp(-(np.log(p / (1 - p)) * 2 + 2.5)))
    found = judged(y, bold, order)
    assert "too bold" in found.overall.off
    assert found.overall.slope.high < 1


def test_a_thin_slice_says_why_instead_of_a_verdict():
    y, p, order, _ = world(3)
    rare = ["rare" if i < 15 else "common" for i in range(len(y))]
    thin = judged(y, p, order, firmographic_industry=rare).segments["firmographic_industry"][-1]
    assert (thin.name, thin.rows, thin.enough, thin.level_p, thin.off) == ("rare", 15, False, None, ())
    assert thin.why == "15 accounts, of at least 20"


def test_large_values_come_first_and_the_rest_is_other():
    y, p, order, _ = world(4)
    names = [f"v{min(i % 20, 12)}" for i in range(len(y))]
    found = judged(y, p, order, firmographic_region=names)
    shown = [one.name for one in found.segments["firmographic_region"]]
    assert shown[0] == "v12"
    assert shown[-1] == "other"
    assert len(shown) == 9
    sizes = [one.rows for one in found.segments["firmographic_region"][:-1]]
    assert sizes == sorted(sizes, reverse=True)


def test_size_is_banded():
    y, p, order, _ = world(5)
    employees = np.tile([3.0, 30.0, 5_000.0, np.nan], len(y) // 4)
    column = pa.array(employees, from_pandas=True)
    test = frame_of(y, order)
    test = FeatureFrame(
        test.table.append_column("firmographic_employee_count", column),
        (feature("firmographic_employee_count", "number"),),
        "hash",
        30,
    )
    found = stability(test.take(np.zeros(len(y), dtype=bool)), test, p, dated=True)
    assert [one.name for one in found.segments["size band"]] == [
        "1,000 and more", "10 to 49", "below 10", "unknown",
    ]  # fmt: skip


def test_new_leads_and_unseen_accounts_are_those_that_the_past_lacks():
    y, p, order, _ = world(6)
    rows = len(y)
    leads = [f"L{i % (rows // 2)}" for i in range(rows)]
    accounts = [None if i % 3 == 0 else f"A{i % 400}" for i in range(rows)]
    frame = frame_of(y, order, leads=leads, accounts=pa.array(accounts, pa.string()))
    early = np.arange(rows) < rows // 4
    test = frame.take(~early)
    found = {one.name: one for one in stability(frame.take(early), test, p[~early], dated=True).novelty}
    seen = {leads[i] for i in range(rows // 4)}
    assert found["new leads"].rows == sum(leads[i] not in seen for i in range(rows // 4, rows))
    assert found["new leads"].rows + found["leads seen before"].rows == len(test)
    # Every account of the test was there before: what is none of the rows is left out.
    assert "unseen accounts" not in found


def test_an_order_without_dates_is_cut_into_parts_of_equal_size():
    y, p, _, _ = world(7)
    found = judged(y, p, np.arange(len(y)), dated=False)
    assert (found.period, len(found.months)) == ("part", 10)
    assert {one.rows for one in found.months} == {640}


def test_it_is_plain_json():
    y, p, order, industry = world(8)
    found = judged(y, p, order, firmographic_industry=industry).to_dict()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
