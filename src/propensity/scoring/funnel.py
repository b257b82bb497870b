"""From suspect to customer: how many stand where, in the words of the trade. Pure: counts in, a funnel out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

LEAD, DISQUALIFIED = "lead", "disqualified"
KEYS = ("position", "origin", "verdict", "next_action", "removed")
"""What the counts are grouped by."""


@dataclass(frozen=True, slots=True)
class Funnel:
    """Where everybody stands at one as_of; the parts of each level add up to `leads`.

    Attributes
    ----------
    suspects
        Companies that fit and have shown nothing yet; None where nothing can tell.
    leads
        All leads.
    origin
        online, offline and unknown to leads.
    position
        `lead` (neither converted nor disqualified), each converting stage in its order, and `disqualified`, to leads.
    verdict
        Of those at `lead`: `prospect` and `no prospect`, to leads.
    next_action
        Of those at `lead`: the action, or `none` for those whom the gate removes, to leads.
    listed
        Leads on the list.
    """

    suspects: int | None
    leads: int
    origin: dict[str, int]
    position: dict[str, int]
    verdict: dict[str, int]
    next_action: dict[str, int]
    listed: int

    def to_dict(self) -> dict[str, Any]:
        """JSON types."""
        return {
            "suspects": self.suspects,
            "leads": self.leads,
            "origin": self.origin,
            "position": self.position,
            "verdict": self.verdict,
            "next_action": self.next_action,
            "listed": self.listed,
        }


def funnel(counts: Iterable[Mapping[str, Any]], *, stages: Sequence[str], suspects: int | None) -> Funnel:
    """Add up.

    Parameters
    ----------
    counts
        KEYS and `leads` (the number of leads that share them).
    stages
        The converting stages in their order.
    suspects
        How many there are; None where nothing can tell.
    """
    rows = list(counts)
    here = [row for row in rows if row["position"] == LEAD]
    return Funnel(
        suspects=suspects,
        leads=_total(rows),
        origin=_by(rows, "origin", ("online", "offline", "unknown")),
        position=_by(rows, "position", (LEAD, *stages, DISQUALIFIED)),
        verdict=_by(here, "verdict", ("prospect", "no prospect")),
        next_action=_by(here, "next_action", ()),
        listed=_total(row for row in rows if row["removed"] is None),
    )


def _total(rows: Iterable[Mapping[str, Any]]) -> int:
    return sum(int(row["leads"]) for row in rows)


def _by(rows: Iterable[Mapping[str, Any]], key: str, named: Sequence[str]) -> dict[str, int]:
    """Leads by a key: the named values in their order, also with 0, then others by name."""
    found = dict.fromkeys(named, 0)
    others: dict[str, int] = {}
    for row in rows:
        value = "none" if row[key] is None else str(row[key])
        into = found if value in found else others
        into[value] = into.get(value, 0) + int(row["leads"])
    return {**found, **dict(sorted(others.items()))}
