"""From suspect to customer: how many accounts and leads ever came so far, by what is entered until the data end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import ibis

from propensity.audit.report import quoted

if TYPE_CHECKING:
    from propensity.sources.canonical import Canonical

SUSPECT: Final = "suspects"
LEAD: Final = "leads"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the funnel: who, how many, and how it was counted."""

    name: str
    count: int
    meaning: str


@dataclass(frozen=True, slots=True)
class Funnel:
    """The steps in order, and beside them who left: `disqualified` leads that never came to the outcome."""

    steps: tuple[Step, ...]
    disqualified: int | None


def funnel_of(canonical: Canonical, through: datetime | None) -> Funnel:
    """Count with a few aggregates in the engine; what the data do not hold has no step.

    Parameters
    ----------
    canonical
        The checked tables.
    through
        How far the data reach (UTC); later entries do not count. None for data without dates.
    """
    leads: Any = canonical.tables["leads"]
    steps = [
        *_suspects(canonical),
        Step(LEAD, _count(canonical, leads), "showed interest: rows of the table leads"),
    ]
    if canonical.flat:
        yes = _count(canonical, leads.filter(leads["outcome"]))
        return Funnel((*steps, Step("converted", yes, "the outcome column says yes")), None)
    if "stages" not in canonical.tables:
        return Funnel(tuple(steps), None)
    outcome = canonical.config.outcome
    row = _entered(canonical, through)
    for place, stage in enumerate(outcome.converting):
        later = outcome.converting[place + 1 :]
        meaning = f"ever entered {quoted(stage)}" + (" or a later stage" if later else "")
        steps.append(Step(quoted(stage), int(row[f"reached_{place}"] or 0), meaning))
    return Funnel(tuple(steps), int(row["disqualified"] or 0))


def _suspects(canonical: Canonical) -> list[Step]:
    """Accounts without a lead: they fit the market, and have shown nothing yet."""
    if "accounts" not in canonical.tables or "account_id" not in canonical.present["leads"]:
        return []
    accounts: Any = canonical.tables["accounts"].select("account_id").distinct()
    leads: Any = canonical.tables["leads"].select("account_id").distinct()
    quiet = _count(canonical, accounts.anti_join(leads, "account_id"))
    return [Step(SUSPECT, quiet, "accounts without a lead: known, and no interest shown yet")]


def _entered(canonical: Canonical, through: datetime | None) -> dict[str, Any]:
    """Leads that ever reached each stage of the outcome or a later one; the order of stages is the configuration's."""
    outcome = canonical.config.outcome
    stages: Any = canonical.tables["stages"]
    if through is not None:
        stages = stages.filter(stages["entered_at"] < ibis.literal(through, type="timestamp('UTC', 6)"))
    stages = stages.semi_join(canonical.tables["leads"], "lead_id")
    furthest = {
        f"to_{place}": stages["stage"].isin(list(outcome.converting[place:])).any()
        for place in range(len(outcome.converting))
    }
    lost = stages["stage"].isin(list(outcome.disqualified_stages)).any()
    table: Any = stages.group_by("lead_id").aggregate(**furthest, lost=lost)
    reached = {
        f"reached_{place}": table[f"to_{place}"].sum().cast("int64")
        for place in range(len(outcome.converting))
    }
    never = (table["lost"] & ~table["to_0"]).sum().cast("int64")
    row: dict[str, Any] = canonical.engine.collect(
        table.aggregate(**reached, disqualified=never)
    ).to_pylist()[0]
    return row


def _count(canonical: Canonical, table: Any) -> int:
    return int(canonical.engine.collect(table.aggregate(n=table.count())).to_pylist()[0]["n"])
