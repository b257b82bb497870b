"""What the court's statistics say, in the words of sales operations."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from propensity.audit.cliff import Cliff
    from propensity.audit.trial import Evidence

_UNLIKE = 0.1
_SURE = 0.995


def evidence_sentences(found: Evidence, *, proven: bool = False) -> dict[str, str]:
    """Statistic to sentence; `proven`: the others are features whose time is on record."""
    name, outcome = found.column.name, found.outcome
    beside = "all features on record" if proven else "all other columns"
    gained = found.joint.auc - found.others.auc
    filled = _filled(found)
    said = {
        "decides": (
            f"`{name}` alone tells almost surely who {outcome} (ROC-AUC {found.alone.auc:.3f}): it is the outcome, or "
            "written with it."
        ),
        "alone": (
            f"`{name}` alone tells {'about as much as' if found.alone.auc <= found.others.auc else 'more than'} {beside} together "
            f"(ROC-AUC {found.alone.auc:.2f} against {found.others.auc:.2f}): it may be written after the outcome."
        ),
        "adds": (
            f"`{name}` lifts the ROC-AUC of {beside} from {found.others.auc:.2f} to {found.joint.auc:.2f}, more than one "
            "column that is known in time usually does: it may be written after the outcome."
        ),
        "synergy": (
            f"`{name}` tells little alone (ROC-AUC {found.alone.auc:.2f}) but adds {gained:.3f} beside {beside}: it may "
            "hold what happened to the lead later."
        ),
        "value": _value(found),
    }
    return {statistic: f"{filled} {text}" if filled and statistic in ("decides", "alone") else text
            for statistic, text in said.items()}  # fmt: skip


def _filled(found: Evidence) -> str:
    if abs(found.filled_yes - found.filled_no) < _UNLIKE:
        return ""
    return (
        f"`{found.column.name}` is filled for {_share(found.filled_yes)} of those who {found.outcome} and "
        f"{_share(found.filled_no)} of the others."
    )


def _value(found: Evidence) -> str:
    decider = found.decider
    if decider is None:
        return ""
    which = (
        f"`{found.column.name}` is blank"
        if decider.level == "blank"
        else f"`{found.column.name}` is {decider.level!r}"
    )
    return (
        f"of {decider.rows:,} leads whose {which}, {decider.conversions:,} {found.outcome}, where everything else makes one "
        f"expect {decider.expected:,.0f}: it may be written after the outcome."
    )


def timing_sentence(name: str, statistic: str, value: float) -> str:
    """What a proof by timing says; `value` is the share or the correlation."""
    return {
        "after_outcome": f"{_share(value)} of the dates in `{name}` of converted leads lie at or after the conversion: it "
        "was written after the outcome.",
        "later": f"{_share(value)} of the dates in `{name}` of converted leads lie at or after the conversion: it may be "
        "written after the outcome.",
        "after_creation": f"{_share(value)} of the dates in `{name}` lie after the lead's creation, and none beyond the "
        "data: it may record what happened later.",
        "in_order": f"`{name}` of converted leads grows with the time of their conversion (rank correlation {value:.2f}, "
        "beyond that of their creation): it was given at the outcome.",
        "later_acts": f"`{name}` goes with the lead's acts after its first day (rank correlation {value:.2f}): it counts "
        "what came later.",
    }[statistic]


def cliff_sentence(found: Cliff) -> str:
    """What the cliff says."""
    return (
        f"{found.name}: a day earlier its best feature tells hardly anything (ROC-AUC {found.now:.2f} becomes "
        f"{found.earlier:.2f}): it may be written back in time from the outcome."
    )


def _share(share: float) -> str:
    return f"{share:.1%}" if 0 < share < 0.01 or _SURE < share < 1 else f"{share:.0%}"  # noqa: PLR2004 - one in a hundred
