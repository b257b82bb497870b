"""Which rows the court looks at, and whom they belong to."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from propensity.audit.benches import _drawn
from propensity.features.frame import owners_of


def test_an_account_larger_than_the_court_looks_at_does_not_empty_its_bench():
    one = np.asarray(_drawn(np.zeros(25_000, dtype=np.int64), 20_000))
    assert one.sum() == 20_000
    mixed = np.r_[np.zeros(21_000, dtype=np.int64), np.arange(1, 9_001)]
    assert np.asarray(_drawn(mixed, 20_000)).sum() == 20_000


def test_whole_accounts_are_drawn_but_for_the_last():
    accounts = np.repeat(np.arange(100), 50)
    kept = np.bincount(accounts, np.asarray(_drawn(accounts, 1_020)))
    assert sorted(kept[kept > 0]) == [20.0, *[50.0] * 20]


def test_leads_stand_for_themselves_where_accounts_are_no_units():
    leads = [f"L{i}" for i in range(60)]
    one = owners_of(pa.table({"lead_id": leads, "account_id": ["A"] * 60}))
    assert len(set(one)) == 60
    many = owners_of(pa.table({"lead_id": leads, "account_id": [f"A{i // 2}" for i in range(60)]}))
    assert len(set(many)) == 30
