"""Who calls whom: ranked leads to reps, under capacity, territory and ownership, one rep per account. Pure.

The spread is greedy, by falling rank. Of several reps who may take an account, the one takes it who has the most free places
for each lead still to come that this rep may take: who may take little is not left idle, and reps who may take the same
share the best leads evenly. benchmarks/assignment.py measures how far that is from the optimum.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from propensity.scoring.causes import HELD_OUT, NO_REP, OVER_CAPACITY

if TYPE_CHECKING:
    from propensity.config.lists import ListsConfig

LISTED, EXPLORED = "listed", "explored"
_HASH_BYTES = 8
_TERRITORY = ("country", "region", "industry", "product", "source")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A lead that may be called.

    Attributes
    ----------
    lead_id
        Of the lead.
    unit
        What goes to one rep as a whole and is held out as a whole: the account, else the lead.
    owner
        Who owns it; None where nobody does.
    places
        Its country, region, industry, product and source; None where unknown.
    """

    lead_id: str
    unit: str
    owner: str | None = None
    places: tuple[str | None, ...] = (None,) * len(_TERRITORY)


@dataclass(frozen=True, slots=True)
class Place:
    """What became of a lead.

    Attributes
    ----------
    rep
        Position of the rep among `Reps.names`; None where nobody calls it.
    removed
        Why nobody calls it: HELD_OUT, NO_REP or OVER_CAPACITY; None for who is on a list.
    selection
        LISTED or EXPLORED for who is on a list; HELD_OUT for who would have been.
    probability
        The chance that this lead was put on a list, before anything was drawn; None where nothing was.
    """

    rep: int | None = None
    removed: str | None = None
    selection: str | None = None
    probability: float | None = None


class Reps:
    """Who calls, how many places each has, and whose leads each may take.

    Parameters
    ----------
    rules
        The lists' configuration. Without reps there is one nameless list for everybody.
    owners
        The owners among the leads, in any order: reps as well where `owners_are_reps`.
    """

    def __init__(self, rules: ListsConfig, owners: Sequence[str] = ()) -> None:
        capacity: dict[str | None, int | None] = {
            rep.name: rules.rep_capacity if rep.capacity is None else rep.capacity for rep in rules.reps
        }
        if rules.owners_are_reps:
            capacity |= {name: rules.rep_capacity for name in sorted(owners) if name not in capacity}
        self._territories = {rep.name: rep.territory for rep in rules.reps}
        self._nobody_named = not capacity
        capacity = capacity or {None: None}
        self.names: tuple[str | None, ...] = tuple(capacity)
        self.capacities: tuple[int | None, ...] = tuple(capacity.values())
        self._number = {name: place for place, name in enumerate(self.names) if name is not None}
        self._ownership = rules.ownership
        self._total = rules.capacity
        self._fitting: dict[tuple[str | None, ...], tuple[int, ...]] = {}

    def total(self) -> int | None:
        """Places of one night over all reps; None for any number."""
        if any(capacity is None for capacity in self.capacities):
            return self._total
        places = sum(capacity or 0 for capacity in self.capacities)
        return places if self._total is None else min(places, self._total)

    def choices(self, lead: Candidate) -> tuple[tuple[int, ...], ...]:
        """Who may take a lead: groups of reps, an earlier group before a later one."""
        owner = None if lead.owner is None or self._ownership == "ignore" else self._number.get(lead.owner)
        if owner is None:
            return (self._in_territory(lead),)
        return ((owner,),) if self._ownership == "keep" else ((owner,), self._in_territory(lead))

    def _in_territory(self, lead: Candidate) -> tuple[int, ...]:
        if self._nobody_named:
            return (0,)
        found = self._fitting.get(lead.places)
        if found is None:
            found = tuple(place for place, name in enumerate(self.names) if self._takes(name, lead.places))
            self._fitting[lead.places] = found
        return found

    def _takes(self, name: str | None, places: tuple[str | None, ...]) -> bool:
        territory = None if name is None else self._territories.get(name)
        if territory is None:
            # An owner who is a rep by the data alone has no territory of its own: only what it owns.
            return False
        asked: Iterator[tuple[tuple[str, ...] | None, str | None]] = (
            (getattr(territory, part), place) for part, place in zip(_TERRITORY, places, strict=True)
        )
        return all(wanted is None or place in wanted for wanted, place in asked)


@dataclass
class _Desk:
    """The state of an assignment: free places, accounts that have a rep, and how much is still to come for each rep."""

    reps: Reps
    places: list[float]
    left: float
    to_come: list[int]
    of_unit: dict[str, int] = field(default_factory=dict[str, int])

    def rep_for(self, lead: Candidate, choices: tuple[tuple[int, ...], ...]) -> int | None:
        """Who takes the lead, among those who have a place; None for nobody."""
        if self.left <= 0:
            return None
        known = self.of_unit.get(lead.unit)
        if known is not None:
            return known if self.places[known] > 0 else None
        for group in choices:
            free = [rep for rep in group if self.places[rep] > 0]
            if free:
                return max(free, key=lambda rep: (self.places[rep] / max(self.to_come[rep], 1), -rep))
        return None

    def gone(self, choices: tuple[tuple[int, ...], ...]) -> None:
        """One lead less is to come for those who may take it."""
        for rep in {rep for group in choices for rep in group}:
            self.to_come[rep] -= 1

    def take(self, lead: Candidate, rep: int) -> None:
        """Give the lead to the rep."""
        self.of_unit[lead.unit] = rep
        self.places[rep] -= 1
        self.left -= 1


def assign(
    candidates: Sequence[Candidate], reps: Reps, rules: ListsConfig, *, night: str = ""
) -> list[Place]:
    """Give each candidate its place.

    Parameters
    ----------
    candidates
        By falling rank.
    reps
        Who calls.
    rules
        Holdout and exploration.
    night
        Names the night: what is explored is drawn anew each night, and alike each time for the same night.

    Returns
    -------
    A place a candidate, in their order. Going down the ranks, an account whose draw says so is held out, and takes no place: called
    and held-out leads come from the same ranks. The places kept for exploration are then drawn, for each rep, among the leads
    that were left over and that this rep may take, each with the same chance.
    """
    choices = [reps.choices(lead) for lead in candidates]
    total = reps.total()
    explored = _explored(reps, total, rules.exploration.share)
    desk = _desk(reps, choices, explored, math.inf if total is None else total - sum(explored))
    held_out = _drawn(rules.holdout.share, rules.holdout.salt)
    kept = 1 - rules.holdout.share
    found: list[Place] = []
    for lead, groups in zip(candidates, choices, strict=True):
        rep = desk.rep_for(lead, groups)
        desk.gone(groups)
        if rep is None:
            found.append(Place(removed=OVER_CAPACITY if any(groups) else NO_REP))
        elif held_out(lead.unit):
            found.append(Place(removed=HELD_OUT, selection=HELD_OUT, probability=kept))
        else:
            desk.take(lead, rep)
            found.append(Place(rep, None, LISTED, kept))
    if sum(explored):
        _explore(
            candidates, choices, found, desk, explored, _Draw(rules.exploration.salt, night), held_out, kept
        )
    return found


def _desk(
    reps: Reps, choices: Sequence[tuple[tuple[int, ...], ...]], explored: Sequence[int], left: float
) -> _Desk:
    to_come = [0] * len(reps.names)
    for groups in choices:
        for rep in {rep for group in groups for rep in group}:
            to_come[rep] += 1
    places = [
        math.inf if capacity is None else capacity - kept
        for capacity, kept in zip(reps.capacities, explored, strict=True)
    ]
    return _Desk(reps, places, left, to_come)


def _explored(reps: Reps, total: int | None, share: float) -> list[int]:
    """Places kept for exploration, by rep: a share of those that are filled. None where a list has no end: nobody is left over."""
    if total is None:
        return [0] * len(reps.names)
    if len(reps.names) == 1:
        return [math.floor(total * share + 1 / 2)]
    limited = [capacity or 0 for capacity in reps.capacities]
    filled = min(1.0, total / max(sum(limited), 1))
    return [math.floor(capacity * filled * share + 1 / 2) for capacity in limited]


def _explore(
    candidates: Sequence[Candidate],
    choices: Sequence[tuple[tuple[int, ...], ...]],
    found: list[Place],
    desk: _Desk,
    explored: Sequence[int],
    draw: _Draw,
    held_out: Callable[[str], bool],
    kept: float,
) -> None:
    """Fill the places kept for exploration, in `found` itself.

    A lead that was left over belongs to one rep's pool: that of its account's rep, else of the rep drawn for its account among those who
    may take it. Drawing whole pools by a hash gives each lead of a pool the same chance.
    """
    pools: dict[int, list[int]] = {rep: [] for rep in range(len(explored))}
    for place, lead in enumerate(candidates):
        if found[place].removed != OVER_CAPACITY or held_out(lead.unit):
            continue
        rep = desk.of_unit.get(lead.unit)
        if rep is None:
            group = next(group for group in choices[place] if group)
            rep = min(group, key=lambda rep: (draw.of(f"rep {rep} {lead.unit}"), rep))
            desk.of_unit[lead.unit] = rep
        pools[rep].append(place)
    for rep, pool in pools.items():
        pool.sort(key=lambda place: (draw.of(f"lead {candidates[place].lead_id}"), candidates[place].lead_id))
        taken = min(explored[rep], len(pool))
        for place in pool[:taken]:
            found[place] = Place(rep, None, EXPLORED, kept * taken / len(pool))


class _Draw:
    """A number in [0, 1) for each name, the same each time, by SHA-256."""

    def __init__(self, *salts: str) -> None:
        self._salt = "\x1f".join(salts)

    def of(self, name: str) -> float:
        """The number of a name."""
        digest = hashlib.sha256(f"{self._salt}\x1f{name}".encode()).digest()
        return int.from_bytes(digest[:_HASH_BYTES], "big") / 2 ** (8 * _HASH_BYTES)


def _drawn(share: float, salt: str) -> Callable[[str], bool]:
    """Whether an account is held out: for good, until the salt or the share changes."""
    draw, known = _Draw("holdout", salt), dict[str, bool]()

    def of(unit: str) -> bool:
        if unit not in known:
            known[unit] = draw.of(unit) < share
        return known[unit]

    return of if share else (lambda _: False)
