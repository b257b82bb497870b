"""Which column names rows of which other file: told by the values they share, as written or but for signs and case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from propensity.engines.untyped import Value
from propensity.starting.kinds import Column
from propensity.starting.look import File, Folder

if TYPE_CHECKING:
    from propensity.engines import Engine

_ASKED = 300
"""Distinct values of a column that are looked for among the keys of other files."""
_LEAST = 0.3
_KEY_KINDS = frozenset({"id", "number", "category", "free text"})
_LINK_KINDS = frozenset({"id", "category", "free text", "number"})
_SIGNS = r"[^\p{L}\p{N}]+"


@dataclass(frozen=True, slots=True)
class Link:
    """Values of `child.column` that are keys of `parent.key`: the share as written, and letters and digits alone."""

    child: str
    column: str
    parent: str
    key: str
    exact: float
    loose: float


def loose(text: Value) -> Value:
    """Letters and digits alone, in one case."""
    return text.lower().re_replace(_SIGNS, "")


def find_links(engine: Engine, folder: Folder) -> tuple[Link, ...]:
    """All pairs of a column and another file's key where at least 30 % of up to 300 distinct values are found."""
    asked: list[dict[str, Any]] = []
    children: list[tuple[File, Column]] = []
    for file in folder.files:
        for column in file.columns:
            if column.kind not in _LINK_KINDS or not column.name:
                continue
            if column.kind == "number" and column.counts.whole < column.counts.known:
                continue
            distinct = file.seen.select(value=file.text(column, file.seen)).distinct()
            distinct = distinct.filter(distinct["value"].notnull())
            step = max(1, column.counts.distinct // _ASKED)
            # Spread over the values by a hash that every engine and run gives alike would cost more than it tells.
            values = engine.collect(distinct.order_by("value").limit(_ASKED * min(step, 10)))["value"]
            picked = values.to_pylist()[:: min(step, 10)][:_ASKED]
            asked += [{"place": len(children), "value": value} for value in picked]
            children.append((file, column))
    if not asked:
        return ()
    values = engine.register("starting_asked", pa.Table.from_pylist(asked))
    links: list[Link] = []
    for file in folder.files:
        for key in file.columns:
            if key.key and key.name and key.kind in _KEY_KINDS and _whole(key):
                links += _of_key(engine, values, children, file, key)
    return tuple(links)


def _whole(key: Column) -> bool:
    return key.kind != "number" or key.counts.whole == key.counts.known


def _of_key(
    engine: Engine, asked: Any, children: Sequence[tuple[File, Column]], parent: File, key: Column
) -> list[Link]:
    keys: Any = parent.source.table
    known = keys.select(value=parent.text(key)).filter(lambda t: t["value"].notnull()).distinct()
    folded = known.select(folded=loose(known["value"])).distinct()
    joined = asked.mutate(folded=loose(asked["value"]))
    joined = joined.left_join(known.mutate(exact=True), "value")
    joined = joined.select("place", "folded", "exact").left_join(folded.mutate(near=True), "folded")
    counts = engine.collect(
        joined.group_by("place")
        .aggregate(n=joined.count(), exact=joined["exact"].count(), near=joined["near"].count())
        .order_by("place")
    ).to_pylist()
    links: list[Link] = []
    for row in counts:
        file, column = children[row["place"]]
        if file is parent or row["near"] < _LEAST * row["n"]:
            continue
        links.append(
            Link(
                file.name, column.name, parent.name, key.name, row["exact"] / row["n"], row["near"] / row["n"]
            )
        )
    return links


def loosely_unique(engine: Engine, file: File, key: Column) -> bool:
    """Whether no two keys are the same but for case, spaces and signs."""
    rows: Any = file.source.table
    keys = rows.select(value=file.text(key)).filter(lambda t: t["value"].notnull())
    counts = engine.collect(keys.aggregate(n=keys.count(), loose=loose(keys["value"]).nunique())).to_pylist()[
        0
    ]
    return bool(counts["n"] == counts["loose"])
