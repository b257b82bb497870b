"""Which segment a lead is nurtured in, about what, and which arm of a test of messages it is in. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from propensity.scoring.criteria import Judge, Row, act, plain

if TYPE_CHECKING:
    from propensity.config.qualify import NurtureConfig

_HASH_BYTES = 8
_NOT_KNOWN = "unknown"


def arm(lead_id: str, arms: Sequence[str], salt: str) -> str:
    """The lead's arm: drawn by SHA-256 of salt and lead, so that it is the same in every run and on every machine.

    >>> [arm(lead, ("A", "B"), "") for lead in ("L1", "L2", "L3", "L1")]
    ['A', 'B', 'B', 'A']
    """
    # The separator keeps salt "a" of lead "bc" apart from salt "ab" of lead "c".
    digest = hashlib.sha256(f"{salt}\0{lead_id}".encode()).digest()[:_HASH_BYTES]
    return arms[int.from_bytes(digest, "big") % len(arms)]


def interest(row: Row, judge: Judge) -> str | None:
    """The topic to write about: the product the lead asked for, else the last act worth mentioning; None for neither."""
    done = act(row["last_mention"])
    return plain(row["product"]) or (judge.phrase(done) if done is not None else None)


def places(row: Row, judge: Judge) -> dict[str, str | None]:
    """Where a lead stands on each axis that segments can be made of; None where that is unknown."""
    return {
        "industry": plain(row["account_industry"]) or None,
        "country": plain(row["account_country"]) or plain(row["country"]) or None,
        "region": plain(row["account_region"]) or plain(row["region"]) or None,
        "interest": interest(row, judge),
        "stage": plain(row["stage"]) or None,
        "source": plain(row["source"]) or None,
    }


def segment(found: Mapping[str, str | None], rules: NurtureConfig) -> str:
    """The segment's name: its parts in the configured order; all in one where no part is configured."""
    return " / ".join(found[axis] or _NOT_KNOWN for axis in rules.segment_by) or "everyone"
