"""Value maps: a company's words for stages, acts, directions, yes and no, and bands, towards the canonical ones."""

from __future__ import annotations

from collections.abc import Callable

from propensity.starting.kinds import Column
from propensity.starting.meanings import (
    NO,
    READ_AS_THEY_ARE,
    YES,
    act_of,
    outcome_of,
    stage_of,
)
from propensity.starting.plan import TablePlan

_WAYS = {
    "inbound": "inbound", "incoming": "inbound", "in": "inbound", "eingehend": "inbound", "received": "inbound", "entrant": "inbound",
    "outbound": "outbound", "outgoing": "outbound", "out": "outbound", "ausgehend": "outbound", "sent": "outbound", "sortant": "outbound",
}  # fmt: skip


def add_words(plan: TablePlan) -> None:
    """Add to a plan's `values` what can be guessed, and to its `unknown_words` what cannot."""
    for canonical, mapped in plan.columns.items():
        column = plan.column(canonical)
        if column is None or mapped.options.get("join"):
            continue
        meaning = _MEANINGS.get(canonical)
        if canonical == "outcome":
            _add(plan, canonical, column, outcome_of, none="")
        elif canonical == "do_not_contact":
            _add(plan, canonical, column, _truth)
        elif meaning is not None and plan.name in ("activities", "stages"):
            _add(plan, canonical, column, meaning)


def _add(
    plan: TablePlan,
    canonical: str,
    column: Column,
    meaning: Callable[[str], str | None],
    *,
    none: str | None = None,
) -> None:
    """Map each word to its meaning; words without one to `none`, or not at all where that is None."""
    for word, _ in column.values:
        means = meaning(word)
        if means is None:
            plan.unknown_words.setdefault(canonical, []).append(word)
            means = none
        plain = canonical in ("outcome", "do_not_contact") and word.lower() in READ_AS_THEY_ARE
        if means is not None and means != word and not plain:
            plan.values.setdefault(canonical, {})[word] = means


def _truth(word: str) -> str | None:
    folded = word.lower()
    return "true" if folded in YES else "false" if folded in NO else None


def _end(word: str) -> str | None:
    """Early stages keep the company's words: only those that decide an outcome need canonical ones."""
    stage = stage_of(word)
    return word if stage == "lead" else stage


def _way(word: str) -> str | None:
    return _WAYS.get(word.strip().lower())


_MEANINGS: dict[str, Callable[[str], str | None]] = {"stage": _end, "type": act_of, "direction": _way}
