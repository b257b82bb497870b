"""What to mention first: one sentence a lead, from facts alone. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from propensity.scoring.criteria import Act, Judge, Row, act, colleague, day_of, plain

if TYPE_CHECKING:
    from datetime import datetime


def opening(row: Row, judge: Judge, zone: ZoneInfo) -> str | None:
    """The lead's latest act worth mentioning, what they asked for, and whom at the company we know.

    Parameters
    ----------
    row
        One row of `scoring.facts.lead_facts`.
    judge
        Knows the phrases of the acts.
    zone
        Of the days.

    Returns
    -------
    Such as `On 2026-05-12 asked for a demo (chat); interested in Analytics Pro; at the same company Jane Doe (CFO)
    replied to an e-mail on 2026-05-03.` None where nothing is known to mention.
    """
    as_of: datetime | None = row["as_of"]
    parts: list[str] = []
    done, product, source = act(row["last_mention"]), plain(row["product"]), plain(row["source"])
    if done is not None and as_of is not None:
        parts.append(f"on {done.on(as_of, zone)} {judge.phrase(done)}{_by(done)}")
    elif source:
        created: datetime | None = row["created_at"]
        since = "" if created is None else f" on {day_of(created, zone)}"
        parts.append(f"came in through {source}{since}")
    if product:
        parts.append(f"interested in {product}")
    talked = act(row["talker_answer"])
    if row["talker_id"] is not None and talked is not None and as_of is not None:
        parts.append(
            f"at the same company {colleague(row, 'talker')} {judge.phrase(talked)} on {talked.on(as_of, zone)}"
        )
    elif row["colleague_id"] is not None and row["has_authority"] != 1:
        parts.append(f"at the same company {colleague(row)} may decide")
    if not parts:
        return None
    sentence = "; ".join(parts)
    return f"{sentence[0].upper()}{sentence[1:]}."


def _by(done: Act) -> str:
    """The channel, where it says more than the act does."""
    channel = plain(done.channel.replace("_", " "))
    return f" ({channel})" if channel else ""
