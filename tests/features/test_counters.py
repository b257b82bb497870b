"""What one packed sum counts is what a filtered count of each window counts."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from propensity.config import FeaturesConfig
from propensity.engines.duckdb import DuckDBEngine
from propensity.features import frame
from propensity.features.acts import places
from propensity.features.counters import Counter, Momentum, Ratio, packed
from propensity.features.frame import features_of
from propensity.features.spec import DAY_US
from propensity.sources.acts import coded

WAYS = ("inbound", "outbound", None)
SCHEMA = pa.schema(
    [("lead", pa.int64()), ("age_us", pa.int64())]
    + [(word, pa.string()) for word in ("type", "direction", "channel")]
)
CONFIG = FeaturesConfig()
ACTS = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.one_of(st.integers(1, 40).map(lambda days: days * DAY_US), st.integers(1, 40 * DAY_US)),
        st.sampled_from(("call", "visit")),
        st.sampled_from(WAYS),
    ),
    max_size=30,
)


@pytest.fixture(scope="module")
def engine():
    with DuckDBEngine(memory_gb=0.5, threads=1) as engine:
        yield engine


def counted(windows):
    found = {f"n{place}": Counter(days) for place, days in enumerate(windows)}
    found |= {f"in{place}": Counter(days, direction="inbound") for place, days in enumerate(windows[::2])}
    found |= {
        f"call{place}": Counter(days, kinds=places(["call"], CONFIG))
        for place, days in enumerate(windows[:1])
    }
    ratio = Ratio(Counter(windows[-1], direction="inbound"), Counter(windows[-1]))
    return found | {"ratio": ratio, "momentum": Momentum(windows[0], 5)}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    acts=ACTS,
    windows=st.lists(st.integers(1, 40), min_size=1, max_size=9, unique=True),
    most_acts=st.sampled_from((30, 8191, 1_000_000, 1 << 40)),
)
def test_any_number_of_windows_in_any_order(engine, acts, windows, most_acts):
    rows = [dict(zip(SCHEMA.names, act, strict=False)) for act in acts]
    table = coded(engine.register("acts", pa.Table.from_pylist(rows, schema=SCHEMA)), CONFIG)
    wanted = counted(windows)
    sums = packed(table, ["lead"], wanted, {"oldest": lambda t: t["age_us"].max()}, most_acts=most_acts)
    found = sums.totals.mutate(**sums.unpacked(sums.totals))
    plain = table.group_by("lead").aggregate(
        **{name: what(table) for name, what in wanted.items()}, oldest=table["age_us"].max()
    )
    same = [engine.collect(one.order_by("lead").select("lead", *wanted, "oldest")) for one in (found, plain)]
    assert same[0].to_pylist() == same[1].to_pylist()


@pytest.mark.parametrize("acts", [255, 256, 40_000])
def test_a_full_field_does_not_run_into_the_next(engine, acts):
    ages = [DAY_US] * (acts - 3) + [2 * DAY_US] * 3
    table = pa.table({"lead": [1] * acts, "age_us": ages})
    wanted = {"one": Counter(1), "two": Counter(2)}
    sums = packed(engine.register("many", table), ["lead"], wanted, {}, most_acts=acts)
    found = engine.collect(sums.totals.select("lead", **sums.unpacked(sums.totals)))
    assert found.to_pylist() == [{"lead": 1, "one": acts - 3, "two": acts}]


def test_a_lead_with_a_million_acts_changes_no_count_of_another(demo, demo_frame, monkeypatch):
    monkeypatch.setattr(frame, "_most_acts", lambda _: 1_000_000)
    assert features_of(demo.canonical, demo.spines["training"]).collect().table.equals(demo_frame.table)
