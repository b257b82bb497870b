"""Acts keep the numbers of words that we know, and only the words that have none; who reads them sees all of them."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from propensity.config.features import FeaturesConfig

LEADS = "lead_id,created_at\nL1,2024-01-01\n"
TYPES, CHANNELS = FeaturesConfig().types, FeaturesConfig().channels
STORED = ("type", "direction", "channel")
WORDS = st.tuples(
    st.sampled_from([*TYPES, "fax", "Call", "call "]),
    st.sampled_from(["", "inbound", "Inbound", "OUTBOUND", "sideways", "Sideways"]),
    st.sampled_from(["", *CHANNELS, "pigeon", "Web"]),
)


def as_read(words: Iterable[str]) -> tuple[str | None, ...]:
    """What a person would say: the type as it is, a direction in small letters; the type's own where nothing is said."""
    kind, way, channel = (word.strip() or None for word in words)
    known = TYPES.get(kind)
    way = way.lower() if way else (str(known.direction) if known and known.direction else None)
    return kind, way, channel or (known.channel if known else None)


@given(st.lists(WORDS, min_size=1, max_size=30))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15, deadline=None)
def test_acts_are_read_with_their_own_words_or_those_of_their_type(load_tables, acts):
    lines = "".join(f"L1,2024-01-02 10:00:{n:02},{','.join(words)}\n" for n, words in enumerate(acts))
    files = {
        "leads.csv": LEADS,
        "activities.csv": "lead_id,occurred_at,type,direction,channel\n" + lines,
    }
    found = load_tables(files)
    read = found.rows("activities", "occurred_at", *STORED)
    assert [row[1:] for row in read] == [as_read(words) for words in acts]


def test_known_words_of_good_acts_are_not_stored_and_bad_ones_keep_theirs(load_tables):
    acts = (
        "lead_id,occurred_at,type,direction,channel\n"
        "L1,2024-01-02,call,outbound,phone\n"
        "L1,2024-01-03,fax,sideways,pigeon\n"
        "nobody,2024-01-04,call,Outbound,phone\n"
    )
    found = load_tables({"leads.csv": LEADS, "activities.csv": acts})
    engine = found.canonical.engine
    stored = engine.collect(engine._backend.table("checked_activities").order_by("occurred_at"))
    assert [tuple(row[name] for name in STORED) for row in stored.to_pylist()] == [
        (None, None, None),
        ("fax", "sideways", "pigeon"),
        ("call", "Outbound", "phone"),
    ]
    assert "call,,Outbound,phone" in found.quarantine("activities").read_text().replace('"', "")
