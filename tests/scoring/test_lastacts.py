"""The youngest acts of each kind are those that plain Python finds, whatever their words, and however many are of one age."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from propensity.config.file import parse_config
from propensity.engines.duckdb import DuckDBEngine
from propensity.scoring.lastacts import ACTS, intent_kinds, last_acts

CONFIG = parse_config({"tables": {"leads": {"path": "leads.csv"}}}, base=Path())
TYPES, RULES = CONFIG.features.types, CONFIG.qualification
CHANNELS = CONFIG.features.channels
KINDS = [*TYPES, "a_note", "another", "call back"]
WAYS = ["inbound", "outbound", "sideways", None]
VIAS = [*CHANNELS, "fax", "a pigeon", None]
REPLIES = [kind for kind, act in TYPES.items() if act.reply]
MEETINGS = [kind for kind, act in TYPES.items() if act.two_way]


def drawn(seed: int, *, snapshots: int = 60, ages: int) -> pa.Table:
    """Acts of snapshots, most of which have a few; `ages` different ages."""
    draw = np.random.default_rng(seed)
    rows = draw.integers(0, 4 * snapshots)
    columns = {
        "snapshot_id": pa.array(draw.integers(0, snapshots, rows), pa.int64()),
        "age_us": pa.array(draw.integers(1, ages, rows, endpoint=True), pa.int64()),
    }
    for name, words in (("type", KINDS), ("direction", WAYS), ("channel", VIAS)):
        picked = [words[place] for place in draw.integers(0, len(words), rows)]
        columns[name] = pa.array(picked, pa.string())
    return pa.table(columns)


def found(acts: pa.Table) -> dict[int, dict]:
    """What `last_acts` gives, by snapshot."""
    with DuckDBEngine() as engine:
        table = engine.collect(last_acts(engine.register("acts", acts), CONFIG))
    assert set(table.column_names) == {"snapshot_id", *ACTS}
    return {row.pop("snapshot_id"): row for row in table.to_pylist()}


def expected(acts: list[dict]) -> dict:
    """The same of one snapshot, in plain Python."""
    inbound = [act for act in acts if act["direction"] == "inbound"]
    outbound = [act for act in acts if act["direction"] == "outbound"]
    first = max((act["age_us"] for act in outbound), default=0)
    met = [act for act in acts if act["type"] in MEETINGS]
    answers = [act for act in inbound if act["type"] in REPLIES and act["age_us"] < first]
    answers += [act for act in met if act not in answers]
    aloud = [act for act in outbound if act["channel"] in ("phone", "in_person")]
    which = {
        "last_intent": [act for act in acts if act["type"] in intent_kinds(CONFIG)],
        "last_answer": answers,
        "last_mention": [act for act in [*inbound, *met] if act["type"] not in RULES.not_mentioned],
        "last_inbound": inbound,
        "last_message": [act for act in inbound if act["type"] in [*REPLIES, *RULES.messages]],
        "last_outbound": [*outbound, *met],
        "last_call": [*aloud, *met],
        "last_web": [act for act in inbound if act["channel"] == "web"],
    }
    told = {name: min(some, key=order, default=None) for name, some in which.items()}
    row = {f"{name}_us": None if act is None else act["age_us"] for name, act in told.items()}
    for name in ("last_intent", "last_answer", "last_mention", "last_inbound"):
        row[f"{name}_kind"] = None if told[name] is None else told[name]["type"]
    row["last_mention_channel"] = None if told["last_mention"] is None else told["last_mention"]["channel"]
    return {**row, "channel": favourite(answers)}


def order(act: dict) -> tuple:
    """Age, then the places of type and channel among the known words, then what other words say; none is the last to count."""
    kind = 1 + list(TYPES).index(act["type"]) if act["type"] in TYPES else 0
    via = 1 + CHANNELS.index(act["channel"]) if act["channel"] in CHANNELS else 0
    numbered = bool(kind) and (bool(via) or act["channel"] is None)
    return act["age_us"], kind, via, numbered, act["type"], act["channel"] or ""


def favourite(answers: list[dict]) -> str | None:
    named = [act for act in answers if act["channel"] is not None]
    counts = Counter(act["channel"] for act in named)
    youngest = {channel: min(a["age_us"] for a in named if a["channel"] == channel) for channel in counts}
    return min(counts, key=lambda channel: (-counts[channel], youngest[channel], channel), default=None)


@pytest.mark.parametrize("ages", [3, 40, 10**15])
@pytest.mark.parametrize("seed", range(6))
def test_the_youngest_acts_are_those_that_plain_python_finds(seed, ages):
    acts = drawn(seed, ages=ages)
    rows: dict[int, list[dict]] = {}
    for row in acts.to_pylist():
        rows.setdefault(row.pop("snapshot_id"), []).append(row)
    assert found(acts) == {snapshot: expected(some) for snapshot, some in rows.items()}


def test_an_act_older_than_the_calendar_is_still_one():
    row = {"snapshot_id": 1, "age_us": 2**62, "type": "call", "direction": "inbound", "channel": "phone"}
    told = found(pa.Table.from_pylist([row]))[1]
    assert told["last_inbound_kind"] == "call"
    # Centuries, and in order with all others.
    assert 1e15 < told["last_inbound_us"] < 2**62
    young = {**row, "age_us": 5, "type": "chat"}
    both = found(pa.Table.from_pylist([row, young]))[1]
    assert (both["last_inbound_us"], both["last_inbound_kind"]) == (5, "chat")
