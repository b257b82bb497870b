"""What it would look like in the data if a lead answered: the fact that each answer puts into the lead's world."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from propensity.scoring.answers import FIT_COLUMNS, Kind, Usual
from propensity.scoring.criteria import MET, NOT_MET, Row
from propensity.scoring.hypothetical import Act, World

if TYPE_CHECKING:
    from propensity.config.qualify import State
    from propensity.sources.canonical import Canonical

STATES: tuple[State, State] = (MET, NOT_MET)
"""The two answers to a question."""
JUST_BEFORE = timedelta(seconds=1)
"""How long before as_of an answer is learned."""


class Suppositions:
    """Facts for answers, as they usually look.

    Parameters
    ----------
    canonical
        Which tables and columns there are.
    told
        What an answer usually looks like.
    """

    def __init__(self, canonical: Canonical, told: Usual) -> None:
        self._canonical, self._told = canonical, told
        self._facts: dict[str, Callable[[World, Row, State], World | None]] = {
            "fit": self._fit,
            "budget": self._budget,
            "authority": self._authority,
            "need": self._need,
            "dialogue": self._dialogue,
        }

    def world(self, row: Row, about: str, state: State) -> World | None:
        """The world of a lead that has given an answer.

        Parameters
        ----------
        row
            One row of `scoring.facts.lead_facts`.
        about
            The criterion.
        state
            Whether the answer meets it.

        Returns
        -------
        None where nobody can say what the answer would look like: nobody has ever given it, or there is no place in the mapped
        tables to write it down.
        """
        return self._facts[about](World(row["lead_id"], row["account_id"]), row, state)

    def _fit(self, world: World, row: Row, state: State) -> World | None:
        """All parts that are not known fit; or the first of them does not."""
        unknown = missing(row)
        wanted = [(part, 1) for part in unknown] if state == MET else [(part, 0) for part in unknown[:1]]
        lead: dict[str, Any] = {}
        account: dict[str, Any] = {}
        present = self._canonical.present
        for part, fits in wanted:
            value = self._told.fit.get((part, fits))
            if part == "seniority":
                lead["title"] = value
            elif part in present.get("accounts", ()) and row["account_id"] is not None:
                account[part] = value
            elif part in present["leads"]:
                lead[part] = value
            else:
                return None
        nobody = any(value is None for value in (*lead.values(), *account.values()))
        return None if nobody else replace(world, of_lead=lead, of_account=account)

    def _budget(self, world: World, row: Row, state: State) -> World | None:
        """An amount that is stated, as a share of the price."""
        ratio, at = self._told.budget[state], _just_before(row)
        columns = self._canonical.present.get("budgets", frozenset[str]())
        kinds = self._canonical.config.features.capacity_kinds if "kind" in columns else (None,)
        if ratio is None or at is None or row["price"] is None or not kinds or "lead_id" not in columns:
            return None
        return replace(world, budgets=((at, ratio * row["price"], kinds[0]),))

    def _authority(self, world: World, _: Row, state: State) -> World | None:
        title = self._told.title[state]
        return None if title is None else replace(world, of_lead={"title": title})

    def _need(self, world: World, row: Row, state: State) -> World | None:
        return _acting(world, _just_before(row), self._told.intent if state == MET else self._told.other)

    def _dialogue(self, world: World, row: Row, state: State) -> World | None:
        """We get in touch, not before the lead was created; and the lead answers, or does not."""
        at = _just_before(row)
        if at is None:
            return None
        usually = at - timedelta(hours=self._told.response_hours)
        touch = min(max(usually, row["created_at"]), at - JUST_BEFORE)
        approached = _acting(world, touch, self._told.approach)
        if approached is None or state == NOT_MET:
            return approached
        return _acting(approached, at, self._told.answer)


def missing(row: Row) -> list[str]:
    """The parts of the ideal customer that are configured and not known of a lead."""
    return [part for part in FIT_COLUMNS if f"fits_{part}" in row and row[f"fits_{part}"] is None]


def _just_before(row: Row) -> datetime | None:
    as_of: datetime | None = row["as_of"]
    return None if as_of is None else as_of - JUST_BEFORE


def _acting(world: World, at: datetime | None, kind: Kind | None) -> World | None:
    if at is None or kind is None:
        return None
    return replace(world, acts=(*world.acts, Act(at, *kind)))
