"""Names that come from outside, as a message shows them."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

LONGEST_NAME = 60
_MOST_NAMED = 30
_MOST_COMPARED = 1_000


def named(names: Sequence[str], most: int = _MOST_NAMED) -> str:
    """Column names for a message: long ones cut, odd ones quoted, not too many."""
    shown = [
        name
        if name.isprintable() and name.strip() and len(name) <= LONGEST_NAME
        else repr(name[:LONGEST_NAME])
        for name in names[:most]
    ]
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(shown) + more


def nearest(name: str, names: Sequence[str]) -> str | None:
    """The name that was probably meant: the same but for case, else one that is written alike; None where none is."""
    folded = name.strip().casefold()
    same = next((found for found in names if found.strip().casefold() == folded), None)
    if same is not None:
        return same
    # Comparing takes the product of both lengths.
    short = [found for found in names if len(found) <= LONGEST_NAME][:_MOST_COMPARED]
    near = difflib.get_close_matches(name, short, 1) if len(name) <= LONGEST_NAME else []
    return near[0] if near else None
