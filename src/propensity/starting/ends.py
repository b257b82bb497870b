"""How leads ended: a yes/no column, words of a stage, or dates such as that of a conversion."""

from __future__ import annotations

from collections.abc import Sequence

from propensity.starting.columns import dated
from propensity.starting.kinds import MOST, Column
from propensity.starting.look import File
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
    "closed",
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


def hide_outcome(leads: TablePlan, others: Sequence[tuple[File, Mapped]]) -> TablePlan | None:
    """Stages made of dates in the leads' own file, or in another with a row a lead; these tell more than an outcome.

    What is found takes the outcome's place. None where there are no such dates, or leads without a time of their own.

    Parameters
    ----------
    leads
        The leads' plan.
    others
        Files that name each lead at most once, with their column of the lead's id.
    """
    if "created_at" not in leads.columns:
        return None
    taken = {mapped.source for name, mapped in leads.columns.items() if name != "outcome"}
    asked = [
        (leads.file, leads.columns["lead_id"], taken),
        *((file, key, set[str]()) for file, key in others),
    ]
    for file, key, used in asked:
        parts = _parts(file, leads.column("outcome") if file is leads.file else outcome_column(file), used)
        if any(part.stage in _CONVERTED for part in parts):
            for held in (leads.columns, leads.values, leads.unknown_words):
                held.pop("outcome", None)
            where = "the leads' own file" if file is leads.file else "a file with a row a lead"
            return TablePlan(
                "stages", file, f"made of dates in {where}", columns={"lead_id": key}, parts=parts
            )
    return None


def _parts(file: File, outcome: Column | None, taken: set[str]) -> tuple[Part, ...]:
    """A part for each date whose name says a stage, then for the date of closing by how it was closed."""
    found: dict[str, Part] = {}
    for column in file.columns:
        stage = stage_of(" ".join(word for word in tokens(column.name) if word not in _NOISE))
        if column.kind == "time" and column.name not in taken and stage in _ENDED and stage not in found:
            found[stage] = Part(stage, _entered(column))
    for part in _closed_parts(file, outcome):
        found.setdefault(part.stage, part)
    if outcome is None:
        return tuple(found.values())
    # The dates must account for those who converted, or the others would count as never having.
    yes = sum(count for value, count in outcome.values if outcome_of(value) == "true")
    known = [
        file.column(part.entered_at.source).counts.known
        for part in found.values()
        if part.stage in _CONVERTED
    ]
    return tuple(found.values()) if max(known, default=0) >= MOST * yes else ()


def _closed_parts(file: File, outcome: Column | None) -> tuple[Part, ...]:
    """Parts of one date of closing, by the words that say how it was closed."""
    closed = next((c for c in file.columns if c.kind == "time" and nearness(c.name, _CLOSED) >= _SURE), None)
    if outcome is None or closed is None:
        return ()
    words: dict[str, list[str]] = {}
    for value, _ in outcome.values:
        end = outcome_of(value)
        named = stage_of(value)
        stage = named if named in _ENDED else {"true": "customer", "false": "disqualified"}.get(end or "")
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
