"""Do the data suffice, why, and what would help most: plain sentences from counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from propensity.audit.columns import ColumnProfile, find_column
from propensity.audit.coverage import Coverage, months_between
from propensity.audit.sufficiency import Sufficiency

if TYPE_CHECKING:
    from propensity.schema import TableName
    from propensity.sources.canonical import Canonical

_COMFORT = 5
"""So many times the least number of conversions is enough; below it an honest model is possible but shaky."""
_EMPTY = 0.5
_WITHOUT_ACCOUNT = 0.2
_LATE_MONTHS = 3
_MORE_MONTHS = 3
_USEFUL = {
    "leads": ("title", "source", "country", "email"),
    "accounts": ("industry", "employee_count", "annual_revenue"),
}
_MISSING = {
    "activities": "map activities: none are mapped, so the model cannot see what leads do",
    "accounts": "map accounts: none are mapped, so industry, size and colleagues are unknown",
    "budgets": "map budgets, if there are any: none are mapped, so means are unknown",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the data suffice, one sentence that says why, and what would help, the most helpful first."""

    level: Literal["enough", "barely", "not enough"]
    sentence: str
    help: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {"level": self.level, "sentence": self.sentence, "help": list(self.help)}


def judge(
    canonical: Canonical,
    found: Sufficiency,
    columns: Mapping[TableName, Sequence[ColumnProfile]],
    covered: Mapping[TableName, Coverage],
) -> Verdict:
    """Judge by the counts that training would meet, against `checks.min_conversions`."""
    least = canonical.config.checks.min_conversions
    level, sentence = _level(found, least)
    advice = (
        *_about_outcome(canonical),
        *_about_numbers(found, least, level),
        *_about_tables(canonical),
        *_about_time(covered),
        *_about_columns(canonical, columns),
        *_about_findings(canonical),
    )
    return Verdict(level, sentence, tuple(dict.fromkeys(advice)))


def _level(found: Sufficiency, least: int) -> tuple[Literal["enough", "barely", "not enough"], str]:
    if found.split is None:
        return "not enough", f"The data do not suffice: {found.why.rstrip('.')}."
    past = f"{found.past_conversions:,} conversions and {found.past_others:,} others to learn from"
    test = f"{found.test_conversions:,} conversions to test on"
    fewest = min(found.past_conversions, found.past_others)
    if fewest < least:
        return (
            "not enough",
            f"The data do not suffice: {past}; at least {least} of each are needed (checks.min_conversions).",
        )
    if min(found.test_conversions, found.test_others) == 0:
        return (
            "not enough",
            f"The data do not suffice: {past}, but the test would hold one class only ({test}).",
        )
    if fewest < _COMFORT * least or found.test_conversions < least:
        return "barely", f"The data barely suffice: {past}, {test}; expect wide intervals."
    kind = (
        "" if found.split == "forward" else ", but the test is drawn at random and says nothing of the future"
    )
    return "enough", f"The data suffice: {past}, {test}{kind}."


def _about_outcome(canonical: Canonical) -> Iterator[str]:
    if "stages" not in canonical.tables and "outcome" not in canonical.present["leads"]:
        yield "say who converted: map tables.stages (who entered which stage when), or leads.outcome for flat data"
    if canonical.dated:
        return
    if canonical.ordered:
        yield "map created_at, if there is such a column: with dates, features of time and colleagues are possible"
    else:
        yield "map created_at, or set tables.leads.order_by: without time, figures say nothing of the future"


def _about_numbers(found: Sufficiency, least: int, level: str) -> Iterator[str]:
    rate = found.conversions_a_month
    if level == "enough" or not rate:
        return
    more = round(_MORE_MONTHS * rate)
    yield f"{_MORE_MONTHS} more months of history give about {more:,} more conversions"
    if found.split is not None and found.past_conversions < least:
        yield "a longer outcome.horizon_days counts conversions that come later, if that is what you want to predict"


def _about_tables(canonical: Canonical) -> Iterator[str]:
    for name, sentence in _MISSING.items():
        if name not in canonical.tables and canonical.dated:
            yield sentence
    if "activities" in canonical.tables and canonical.flat:
        yield "map tables.stages: with an outcome alone each lead is seen at its creation, before it did anything"
    for name in ("activities", "stages"):
        if name in canonical.tables and "recorded_at" not in canonical.present[name]:
            yield f"map {name}.recorded_at: without it, what was typed in late cannot be told from what was known in time"
    if (
        "accounts" in canonical.tables
        and "valid_from" not in canonical.present["accounts"]
        and not all(source.static for source in canonical.config.tables["accounts"].sources)
    ):
        yield "accounts have no valid_from: what changed since (size, revenue) is taken as always so"


def _about_time(covered: Mapping[TableName, Coverage]) -> Iterator[str]:
    leads = covered.get("leads")
    for name, table in covered.items():
        late = 0 if leads is None else months_between(leads.first, table.first)
        if name != "leads" and late >= _LATE_MONTHS:
            yield (
                f"{name} begin {late} months after the leads ({table.first:%Y-%m}): earlier snapshots know nothing of "
                f"them; bring older {name}, or set snapshots.start"
            )
        if table.gaps:
            some = ", ".join(table.gaps[:3]) + (", ..." if len(table.gaps) > 3 else "")  # noqa: PLR2004
            yield f"{name} have {len(table.gaps)} month(s) without a row ({some}): is an export missing?"


def _about_columns(
    canonical: Canonical, columns: Mapping[TableName, Sequence[ColumnProfile]]
) -> Iterator[str]:
    account = find_column(columns["leads"], "account_id")
    if "accounts" in canonical.tables and account is None:
        yield "map leads.account_id: nothing says which account a lead belongs to"
    elif account is not None and account.rows and 1 - account.filled >= _WITHOUT_ACCOUNT:
        yield f"{1 - account.filled:.0%} of the leads have no account"
    for name, wanted in _USEFUL.items():
        for profile in columns.get("leads" if name == "leads" else "accounts", ()):
            if profile.name in wanted and profile.rows and profile.filled < _EMPTY:
                yield f"{name}.{profile.name} is {1 - profile.filled:.0%} empty"


def _about_findings(canonical: Canonical) -> Iterator[str]:
    """Warnings of the checks that a better mapping would settle."""
    for finding in canonical.report.warnings:
        if any(
            word in finding.message
            for word in ("without a rate", "ever entered", "without features of their own")
        ):
            yield f"{finding.table}: {finding.message}"
