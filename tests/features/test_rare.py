"""Which values of a company's own categories are learned: those that enough leads share."""

from __future__ import annotations

from collections import defaultdict

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from propensity.config import Config
from propensity.features.frame import FeatureFrame
from propensity.features.rare import FEWEST_LEADS, without_rare

CONFIG = Config.model_validate(
    {
        "tables": {
            "leads": {
                "path": "leads.csv",
                "extra": {"mentor": {"static": True}, "size": {"static": True, "type": "number"}},
            }
        }
    }
)
NAMES = ("firmographic_mentor", "firmographic_source")


class Named:
    """A feature as far as its name."""

    def __init__(self, name):
        self.name = name


@given(
    st.lists(
        st.tuples(
            st.integers(0, 12), st.sampled_from(["Ada", "Bob", "", None]), st.sampled_from(["web", "Zoe"])
        ),
        max_size=60,
    )
)
def test_a_value_is_known_where_five_leads_hold_it_however_many_snapshots_they_have(rows):
    leads, mentors, sources = ([row[place] for row in rows] for place in range(3))
    table = pa.table(
        {
            "lead_id": pa.array([str(lead) for lead in leads], pa.string()),
            NAMES[0]: pa.array(mentors, pa.string()),
            NAMES[1]: pa.array(sources, pa.string()),
        }
    )
    found = without_rare(FeatureFrame(table, tuple(Named(name) for name in NAMES), "hash"), CONFIG).table
    holders = defaultdict(set)
    for lead, mentor in zip(leads, mentors, strict=True):
        holders[mentor].add(lead)
    expected = [mentor if len(holders[mentor]) >= FEWEST_LEADS else None for mentor in mentors]
    assert found[NAMES[0]].to_pylist() == expected
    assert found[NAMES[1]].to_pylist() == sources
    assert found.schema == table.schema
