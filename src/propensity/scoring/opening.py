"""What to mention first: one sentence a lead, from facts alone. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute

from propensity.scoring.columns import Facts, days_of, filled, joined, plain, sentence, told, where
from propensity.scoring.criteria import Judge, colleague

if TYPE_CHECKING:
    from propensity.scoring.columns import Acts

# Arrow registers its compute functions at run time: a type checker does not see them.
pc: Any = pyarrow.compute


def openings(facts: Facts, judge: Judge) -> pa.Array:
    """The lead's latest act worth mentioning, what they asked for, and whom at the company we know.

    Parameters
    ----------
    facts
        `scoring.facts.lead_facts` of some leads.
    judge
        Knows the phrases of the acts.

    Returns
    -------
    A string a lead, such as `On 2026-05-12 asked for a demo (chat); interested in Analytics Pro; at the same company Jane
    Doe (CFO) replied to an e-mail on 2026-05-03.` Null where nothing is known to mention.
    """
    product = facts.text("product")
    asked = where(filled(product), sentence("interested in ", product))
    parts = (_came(facts, judge), asked, _beside(facts, judge))
    whole = joined("; ", *parts)
    first = pc.utf8_upper(pc.utf8_slice_codeunits(whole, 0, 1))
    return where(filled(whole), sentence(first, pc.utf8_slice_codeunits(whole, 1), "."))


def _came(facts: Facts, judge: Judge) -> pa.Array:
    """What the lead did last, else how it came; null for neither."""
    done, dated = facts.acts("last_mention"), facts.known("as_of")
    day = facts.days_of(done).cast(pa.string())
    channel = told(facts.column("last_mention_channel").cast(pa.string()), _by).fill_null("")
    did = sentence("on ", day, " ", judge.phrases(facts, "last_mention"), channel)
    source = facts.text("source")
    created = days_of(facts.instants("created_at"), facts.known("created_at"), facts.zone)
    since = sentence(" on ", created.cast(pa.string())).fill_null("")
    came = where(filled(source), sentence("came in through ", source, since))
    return where(done.there & dated, did, came)


def _beside(facts: Facts, judge: Judge) -> pa.Array:
    """Who else at the account talks with us, else who may decide where the lead may not; null for nobody."""
    answer: Acts = facts.acts("talker_answer")
    day = facts.days_of(answer).cast(pa.string())
    talks = sentence(
        "at the same company ",
        colleague(facts, "talker"),
        " ",
        judge.phrases(facts, "talker_answer"),
        " on ",
        day,
    )
    decides = sentence("at the same company ", colleague(facts), " may decide")
    deciding = facts.known("colleague_id") & (facts.number("has_authority") != 1)
    talking = facts.known("talker_id") & answer.there & facts.known("as_of")
    return where(talking, talks, where(deciding, decides))


def _by(channel: str) -> str:
    """The channel, where it says more than the act does."""
    named = plain(channel.replace("_", " "))
    return f" ({named})" if named else ""
