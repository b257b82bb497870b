"""Which segment leads are nurtured in, about what, and which arm of a test of messages each is in. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from propensity.scoring.columns import Facts, filled, joined, where
from propensity.scoring.criteria import Judge

if TYPE_CHECKING:
    from propensity.config.qualify import NurtureConfig

_HASH_BYTES = 8
_NOT_KNOWN = "unknown"
_AXES = {
    "industry": ("account_industry",),
    "country": ("account_country", "country"),
    "region": ("account_region", "region"),
    "stage": ("stage",),
    "source": ("source",),
}
"""An axis of segments, and the columns of the facts that say where a lead stands on it, the first one first."""


def arm(lead_id: str, arms: Sequence[str], salt: str) -> str:
    """The lead's arm: drawn by SHA-256 of salt and lead, so that it is the same in every run and on every machine.

    >>> [arm(lead, ("A", "B"), "") for lead in ("L1", "L2", "L3", "L1")]
    ['A', 'B', 'B', 'A']
    """
    # The separator keeps salt "a" of lead "bc" apart from salt "ab" of lead "c".
    digest = hashlib.sha256(f"{salt}\0{lead_id}".encode()).digest()[:_HASH_BYTES]
    return arms[int.from_bytes(digest, "big") % len(arms)]


def interests(facts: Facts, judge: Judge) -> pa.Array:
    """The topic to write about (string): the product the lead asked for, else the last act worth mentioning; null for neither."""
    product = facts.text("product")
    return where(filled(product), product, judge.phrases(facts, "last_mention"))


def segments(facts: Facts, judge: Judge, rules: NurtureConfig) -> pa.Array:
    """The segments' names (string): their parts in the configured order; all in one where no part is configured."""
    parts = [_known(_place(facts, judge, axis)).fill_null(_NOT_KNOWN) for axis in rules.segment_by]
    return joined(" / ", *parts) if parts else pa.repeat("everyone", len(facts))


def _place(facts: Facts, judge: Judge, axis: str) -> pa.Array:
    """Where each lead stands on an axis; null or empty where that is unknown."""
    if axis == "interest":
        return interests(facts, judge)
    first, *others = (_known(facts.text(name)) for name in _AXES[axis])
    for other in others:
        first = first.fill_null(other)
    return first


def _known(text: pa.Array) -> pa.Array:
    return where(filled(text), text)
