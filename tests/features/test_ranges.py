"""By ranges of leads as in one piece."""

from __future__ import annotations

import pyarrow as pa
import pytest

from oracles.demo import CONFIG
from propensity.errors import ConfigError
from propensity.features.frame import features_of
from propensity.terminal.options import configured
from propensity.timeline.snapshots import scoring_spine


@pytest.mark.parametrize("leads_a_range", [70, 499])
def test_ranges_of_leads_give_the_features_of_one_piece(demo, leads_a_range):
    spine = scoring_spine(demo.canonical, demo.through)
    whole = features_of(demo.canonical, spine).collect()
    query = features_of(demo.canonical, spine, leads_a_range=leads_a_range)
    assert query.ranges is not None
    assert query.ranges.count > 1
    parts = pa.concat_tables(query.stream(rows=50))
    assert parts.sort_by("snapshot_id").equals(whole.table)


def test_what_fits_into_one_range_is_not_divided(demo):
    spine = scoring_spine(demo.canonical, demo.through)
    assert features_of(demo.canonical, spine, leads_a_range=100_000).ranges is None


def test_memory_of_a_run_leaves_the_engine_what_python_does_not_take():
    assert configured(CONFIG, None, memory=1).engine.memory_gb == 0.3
    assert configured(CONFIG, ["engine.memory_gb=3"], memory=1).engine.memory_gb == 3
    with pytest.raises(ConfigError, match="memory_gb"):
        configured(CONFIG, None, memory=0.7)
