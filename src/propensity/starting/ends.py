"""How leads ended: a yes/no column, words of a stage, or dates such as that of a conversion."""

from __future__ import annotations

from propensity.starting.columns import dated
from propensity.starting.kinds import MOST, Column
from propensity.starting.meanings import outcome_of, stage_of
from propensity.starting.names import nearness, tokens
from propensity.starting.plan import Mapped, Part, TablePlan
from propensity.starting.roles import outcome_column

_ENDED = frozenset({"prospect", "opportunity", "customer", "disqualified"})
_CONVERTED = frozenset({"prospect", "opportunity", "customer"})
_NOISE = frozenset(
    {
        "date",
        "time",
        "at",
        "on",
        "became",
        "a",
        "an",
        "the",
        "entered",
        "deal",
        "is",
        "when",
        "am",
        "datum",
        "day",
    }
)
_CLOSED = (
    "close date",
    "closed date",
    "closed at",
    "closed on",
    "actual close date",
    "date closed",
    "close time",
    "abschlussdatum",
    "geschlossen am",
    "date de cloture",
    "fecha de cierre",
)
_SURE = 0.8


def add_ends(leads: TablePlan, stages: list[TablePlan]) -> None:
    """Map `outcome` of the leads where there is no stage history but a column that says how each lead ended."""
    column = None if stages else outcome_column(leads.file)
    if column is None:
        return
    for canonical, mapped in list(leads.columns.items()):
        if mapped.source == column.name:
            del leads.columns[canonical]
    doubt = "" if column.kind == "yes/no" else "which words mean converted is a guess: see values below"
    leads.columns["outcome"] = Mapped(column.name, f"{column.kind}: how each lead ended", doubt)


def hide_outcome(leads: TablePlan, stages: list[TablePlan]) -> TablePlan | None:
    """Stages made of dates in the leads' own file, which tell more than an outcome: that is then no longer mapped.

    None where there is a stage history, or no such dates, or leads without a time of their own.
    """
    if stages or "created_at" not in leads.columns:
        return None
    parts = _named_parts(leads) or _closed_parts(leads)
    if not any(part.stage in _CONVERTED for part in parts):
        return None
    leads.columns.pop("outcome", None)
    leads.values.pop("outcome", None)
    leads.unknown_words.pop("outcome", None)
    plan = TablePlan("stages", leads.file, "made of dates in the leads' own file", parts=parts)
    plan.columns["lead_id"] = leads.columns["lead_id"]
    return plan


def _named_parts(leads: TablePlan) -> tuple[Part, ...]:
    """A part for each date whose name says a stage, such as Became a Customer Date."""
    taken = {mapped.source for name, mapped in leads.columns.items() if name != "outcome"}
    found: dict[str, Part] = {}
    for column in leads.file.columns:
        stage = stage_of(" ".join(word for word in tokens(column.name) if word not in _NOISE))
        if column.kind == "time" and column.name not in taken and stage in _ENDED and stage not in found:
            found[stage] = Part(stage, _entered(column))
    outcome = leads.column("outcome")
    if outcome is None or not found:
        return tuple(found.values())
    # The dates must account for those who converted, or the others would count as never having.
    yes = sum(count for value, count in outcome.values if outcome_of(value) == "true")
    most = max(
        (
            leads.file.column(part.entered_at.source).counts.known
            for part in found.values()
            if part.stage in _CONVERTED
        ),
        default=0,
    )
    return tuple(found.values()) if most >= MOST * yes else ()


def _closed_parts(leads: TablePlan) -> tuple[Part, ...]:
    """Two parts of one date of closing, by the words that say how it was closed."""
    outcome = leads.column("outcome")
    closed = next(
        (c for c in leads.file.columns if c.kind == "time" and nearness(c.name, _CLOSED) >= _SURE), None
    )
    if outcome is None or closed is None:
        return ()
    words: dict[str, list[str]] = {}
    for value, _ in outcome.values:
        end = outcome_of(value)
        stage = (
            stage_of(value)
            if stage_of(value) in _ENDED
            else {"true": "customer", "false": "disqualified"}.get(end or "")
        )
        if stage is not None and end:
            words.setdefault(stage, []).append(value)
    ended = sum(count for value, count in outcome.values if outcome_of(value))
    if closed.counts.known < MOST * ended:
        return ()
    return tuple(Part(stage, _entered(closed), {outcome.name: tuple(each)}) for stage, each in words.items())


def _entered(column: Column) -> Mapped:
    times = column.times
    options = {"format": times.format} if times is not None and times.format is not None else {}
    return Mapped(column.name, dated(column), options=options)
