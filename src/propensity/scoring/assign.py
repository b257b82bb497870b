"""Who calls whom: ranked leads to reps, under capacity, territory and ownership, one rep per account. Pure.

The spread is greedy, by falling rank. Of several reps who may take an account, the one takes it who has the most free places
for each lead still to come that this rep may take: who may take little is not left idle, and reps who may take the same
share the best leads evenly. benchmarks/assignment.py measures how far that is from the optimum.
"""

from __future__ import annotations

import hashlib
import heapq
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from propensity.scoring.causes import HELD_OUT, NO_REP, OVER_CAPACITY

if TYPE_CHECKING:
    from propensity.config.lists import ListsConfig

LISTED, EXPLORED = "listed", "explored"
_HASH_BYTES = 8
TERRITORY = ("country", "region", "industry", "product", "source")

Choices = tuple[tuple[int, ...], ...]
"""Who may take a lead: groups of reps, an earlier group before a later one."""


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
    places: tuple[str | None, ...] = (None,) * len(TERRITORY)


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

    @property
    def looked_at(self) -> tuple[str, ...]:
        """What of a lead decides who may take it: `owner`, and parts of TERRITORY that some rep's territory names."""
        found = ["owner"] if self._number and self._ownership != "ignore" else []
        known = self._territories.values()
        return *found, *(part for part in TERRITORY if any(getattr(one, part) is not None for one in known))

    def total(self) -> int | None:
        """Places of one night over all reps; None for any number."""
        if any(capacity is None for capacity in self.capacities):
            return self._total
        places = sum(capacity or 0 for capacity in self.capacities)
        return places if self._total is None else min(places, self._total)

    def choices(self, lead: Candidate) -> Choices:
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
            (getattr(territory, part), place) for part, place in zip(TERRITORY, places, strict=True)
        )
        return all(wanted is None or place in wanted for wanted, place in asked)


class Desk:
    """Gives each lead its place while leads come by falling rank; what is kept does not grow with the leads that are left over.

    Parameters
    ----------
    reps
        Who calls.
    rules
        Holdout and exploration.
    waiting
        Who may take them, `Reps.choices`, to how many leads will come.
    night
        Names the night: what is explored is drawn anew each night, and alike each time for the same night.
    """

    def __init__(
        self, reps: Reps, rules: ListsConfig, waiting: Mapping[Choices, int], *, night: str = ""
    ) -> None:
        total = reps.total()
        explored = _explored(reps, total, rules.exploration.share)
        self._places = [
            math.inf if capacity is None else capacity - kept
            for capacity, kept in zip(reps.capacities, explored, strict=True)
        ]
        self._left = math.inf if total is None else total - sum(explored)
        self._to_come = [0] * len(reps.names)
        for choices, leads in waiting.items():
            for rep in _everyone(choices):
                self._to_come[rep] += leads
        # Of each group the reps who have places still: of the others nothing is asked any more.
        self._open = {choices: tuple(list(group) for group in choices) for choices in waiting}
        for rep, places in enumerate(self._places):
            if places <= 0:
                self._shut(rep)
        self._of_unit: dict[str, int] = {}
        self._kept = 1 - rules.holdout.share
        self._held_out = _drawn(rules.holdout.share, rules.holdout.salt)
        self._explored, self._draw = explored, _Draw(rules.exploration.salt, night)

    @property
    def closed(self) -> bool:
        """Whether nobody has a place any more: `cause` then tells all."""
        return self._left <= 0 or not any(places > 0 for places in self._places)

    def pools(self) -> Pools | None:
        """Where those go who were left over, once every lead has its place; None where nothing is explored."""
        if not sum(self._explored):
            return None
        return Pools(self._explored, self._draw, self._of_unit, self._held_out, self._kept)

    @staticmethod
    def cause(choices: Choices) -> str:
        """Why a lead has no place where nobody has one."""
        return OVER_CAPACITY if any(choices) else NO_REP

    def seat(self, lead: Candidate, choices: Choices) -> Place:
        """The place of the next lead; OVER_CAPACITY for one that is explored later."""
        rep = self._rep_for(lead, choices)
        for one in {one for group in self._open[choices] for one in group}:
            self._to_come[one] -= 1
        if rep is None:
            return Place(removed=self.cause(choices))
        if self._held_out(lead.unit):
            return Place(removed=HELD_OUT, selection=HELD_OUT, probability=self._kept)
        self._of_unit[lead.unit] = rep
        self._places[rep] -= 1
        self._left -= 1
        if self._places[rep] <= 0:
            self._shut(rep)
        return Place(rep, None, LISTED, self._kept)

    def _rep_for(self, lead: Candidate, choices: Choices) -> int | None:
        """Who takes the lead, among those who have a place; None for nobody."""
        if self._left <= 0:
            return None
        known = self._of_unit.get(lead.unit)
        if known is not None:
            return known if self._places[known] > 0 else None
        for free in self._open[choices]:
            if free:
                return max(free, key=lambda rep: (self._places[rep] / max(self._to_come[rep], 1), -rep))
        return None

    def _shut(self, rep: int) -> None:
        for groups in self._open.values():
            for group in groups:
                if rep in group:
                    group.remove(rep)


class Pools:
    """The leads that were left over, of each rep as many as it may explore: those with the least draws.

    A lead belongs to the pool of its account's rep, else of the rep drawn for its account among those who may take it. Drawing by a
    hash gives each lead of a pool the same chance. Beside the leads only the accounts are kept, each with its rep.
    """

    def __init__(
        self,
        explored: Sequence[int],
        draw: _Draw,
        of_unit: Mapping[str, int],
        held_out: Callable[[str], bool],
        kept: float,
    ) -> None:
        self._explored, self._draw, self._of_unit = explored, draw, dict(of_unit)
        self._held_out, self._kept = held_out, kept
        self._sizes = [0] * len(explored)
        # The greatest draw lies at the top of a heap of its rep, to be replaced by a lesser one.
        self._heaps: list[list[tuple[float, _Reversed, int]]] = [[] for _ in explored]

    def add(self, number: int, lead: Candidate, choices: Choices) -> None:
        """The next lead that was left over as OVER_CAPACITY; `number` tells it from the others."""
        if self._held_out(lead.unit):
            return
        rep = self._of_unit.get(lead.unit)
        if rep is None:
            group = next(group for group in choices if group)
            rep = min(group, key=lambda rep: (self._draw.of(f"rep {rep} {lead.unit}"), rep))
            self._of_unit[lead.unit] = rep
        self._sizes[rep] += 1
        entry = (-self._draw.of(f"lead {lead.lead_id}"), _Reversed(lead.lead_id), number)
        heap = self._heaps[rep]
        if len(heap) < self._explored[rep]:
            heapq.heappush(heap, entry)
        elif heap:
            heapq.heappushpop(heap, entry)

    def drawn(self) -> list[tuple[int, Place]]:
        """Number and place of those who are explored, by number."""
        found = [
            (number, Place(rep, None, EXPLORED, self._kept * len(heap) / self._sizes[rep]))
            for rep, heap in enumerate(self._heaps)
            for *_, number in heap
        ]
        return sorted(found, key=lambda one: one[0])


@dataclass(frozen=True, slots=True)
class _Reversed:
    """A text that sorts from the last to the first."""

    text: str

    def __lt__(self, other: _Reversed) -> bool:
        return self.text > other.text


def assign(
    candidates: Sequence[Candidate], reps: Reps, rules: ListsConfig, *, night: str = ""
) -> list[Place]:
    """Give each candidate its place, at once: `Desk` for those who come by falling rank.

    Returns
    -------
    A place a candidate, in their order. Going down the ranks, an account whose draw says so is held out, and takes no place: called
    and held-out leads come from the same ranks. The places kept for exploration are then drawn, for each rep, among the leads
    that were left over and that this rep may take, each with the same chance.
    """
    choices = [reps.choices(lead) for lead in candidates]
    desk = Desk(reps, rules, Counter(choices), night=night)
    found = [desk.seat(lead, groups) for lead, groups in zip(candidates, choices, strict=True)]
    pools = desk.pools()
    if pools is not None:
        for number, (lead, groups) in enumerate(zip(candidates, choices, strict=True)):
            if found[number].removed == OVER_CAPACITY:
                pools.add(number, lead, groups)
        for number, place in pools.drawn():
            found[number] = place
    return found


def _everyone(choices: Choices) -> set[int]:
    return {rep for group in choices for rep in group}


def _explored(reps: Reps, total: int | None, share: float) -> list[int]:
    """Places kept for exploration, by rep: a share of those that are filled. None where a list has no end: nobody is left over."""
    if total is None:
        return [0] * len(reps.names)
    if len(reps.names) == 1:
        return [math.floor(total * share + 1 / 2)]
    limited = [capacity or 0 for capacity in reps.capacities]
    filled = min(1.0, total / max(sum(limited), 1))
    return [math.floor(capacity * filled * share + 1 / 2) for capacity in limited]


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
    draw = _Draw("holdout", salt)
    return (lambda unit: draw.of(unit) < share) if share else (lambda _: False)
