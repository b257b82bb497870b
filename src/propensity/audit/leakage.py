"""The leakage court: which columns may know the outcome. Convicted, suspect or clear, each with its reasons."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from propensity.audit.benches import Defendant, Docket, leads_docket, snapshot_dockets
from propensity.audit.cliff import cliffs
from propensity.audit.notes import notes_of
from propensity.audit.sentences import cliff_sentence, evidence_sentences, timing_sentence
from propensity.audit.timing import Timing, clocks_of, timing
from propensity.audit.trial import Bench, Evidence, Trial, grounds

if TYPE_CHECKING:
    from propensity.config.court import CourtConfig
    from propensity.features.frame import FeatureFrame
    from propensity.sources.canonical import Canonical

Word = Literal["convicted", "suspect", "clear"]
_GRAVITY: Mapping[Word, int] = {"convicted": 0, "suspect": 1, "clear": 2}
CONVICTING = frozenset({"decides", "after_outcome", "in_order"})


@dataclass(frozen=True, slots=True)
class Reason:
    """One statistic beyond its threshold, and what it says in plain words."""

    statistic: str
    value: float
    threshold: float
    sentence: str

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "statistic": self.statistic,
            "value": round(self.value, 6) if np.isfinite(self.value) else None,
            "threshold": self.threshold,
            "sentence": self.sentence,
        }


@dataclass(frozen=True)
class ColumnVerdict:
    """What the court says of one column.

    Attributes
    ----------
    name, table, place
        As people call it; the canonical table; its place in the configuration.
    feeds
        Whether it feeds the model; if not, it was tried as a warning to whoever is about to map it.
    verdict
        convicted: proof by timing, or it decides the outcome alone. suspect: a statistic that honest columns rarely have.
    reasons
        The gravest first; empty for a clear one.
    measured
        What was measured, whether beyond a threshold or not; JSON numbers.
    why
        What the configuration declares: why it is known in time. None where it does not.
    """

    name: str
    table: str
    place: str
    feeds: bool
    verdict: Word
    reasons: tuple[Reason, ...]
    measured: Mapping[str, float]
    why: str | None

    @property
    def blocks(self) -> bool:
        """Whether a model of it may not be promoted."""
        return self.feeds and (
            self.verdict == "convicted" or (self.verdict == "suspect" and self.why is None)
        )

    @property
    def sentence(self) -> str:
        """The gravest reason, or that there is none."""
        return self.reasons[0].sentence if self.reasons else "nothing speaks against it"

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "column": self.name,
            "table": self.table,
            "place": self.place,
            "feeds_the_model": self.feeds,
            "verdict": self.verdict,
            "blocks": self.blocks,
            "known_in_time": self.why,
            "reasons": [reason.to_dict() for reason in self.reasons],
            "measured": dict(self.measured),
        }


@dataclass(frozen=True)
class Court:
    """All verdicts, the gravest first, and notes on the split.

    `excuse` says why there was no trial (too few leads of either class, no outcome); empty where there was one.
    """

    verdicts: tuple[ColumnVerdict, ...]
    notes: tuple[str, ...] = ()
    excuse: str = ""

    @property
    def blocking(self) -> tuple[ColumnVerdict, ...]:
        """Those that keep a model from being promoted."""
        return tuple(verdict for verdict in self.verdicts if verdict.blocks)

    @property
    def warnings(self) -> tuple[str, ...]:
        """A sentence for each column that blocks; the notes on the split are none."""
        return tuple(
            f"leakage court: {found.name} is {found.verdict}: {found.sentence}" for found in self.blocking
        )

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "verdicts": [verdict.to_dict() for verdict in self.verdicts],
            "notes": list(self.notes),
            "excuse": self.excuse,
        }


def hold_court(
    canonical: Canonical,
    through: datetime | None,
    frame: FeatureFrame | None = None,
    *,
    candidates: bool = False,
) -> Court:
    """Try the columns.

    Parameters
    ----------
    canonical
        The checked tables.
    through
        How far the data reach (UTC); None for data without dates.
    frame
        Labelled snapshots of data with a history; without it the trials beside the features and the cliff are left out.
    candidates
        Whether columns that nothing reads are tried too.
    """
    court = canonical.config.court
    docket = leads_docket(canonical, through, candidates=candidates)
    few = _too_few(docket, canonical.config.checks.min_conversions)
    if docket is None or few:
        return Court((), (), few)
    found = _tried_leads(canonical, docket, through)
    notes = notes_of(docket.bench, court, dated=canonical.dated or canonical.ordered)
    if frame is not None and not canonical.flat:
        found = tried_snapshots(canonical, frame, found)
    ordered = sorted(found.values(), key=lambda each: (_GRAVITY[each.verdict], not each.feeds))
    return Court(tuple(ordered), notes)


def _too_few(docket: Docket | None, least: int) -> str:
    if docket is None:
        return "nothing says which leads converted"
    yes = int(docket.bench.y.sum())
    fewer = min(yes, len(docket.bench.y) - yes)
    return (
        f"{fewer:,} leads of the rarer outcome are too few to judge columns by; {least:,} are needed "
        "(checks.min_conversions)"
        if fewer < least
        else ""
    )


def _tried_leads(canonical: Canonical, docket: Docket, through: datetime | None) -> dict[str, ColumnVerdict]:
    court = canonical.config.court
    instant = None if through is None else through.timestamp() * 1e6
    clocks = clocks_of(canonical, docket, list(docket.leads), instant)
    columns = {column.name: column for column in (*docket.bench.columns, *docket.bench.candidates)}
    timings = {name: timing(column, docket, clocks) for name, column in columns.items()}
    evidence = _evidence(docket.bench, court)
    found: dict[str, ColumnVerdict] = {}
    for name, who in docket.defendants.items():
        if name in evidence:
            reasons = [*_timed(name, timings[name], court), *_beyond(evidence[name], court)]
            found[name] = _verdict(who, reasons, _measured(evidence[name], timings[name]))
        else:
            found[name] = _verdict(who, [], {})
    return found


def _evidence(bench: Bench, court: CourtConfig) -> dict[str, Evidence]:
    """Tried once; where a column that feeds the model is suspected, and not declared, again without it among the others."""
    trial = Trial(bench, court)
    first = trial.evidence()
    fed = {column.name for column in bench.columns} - bench.trusted
    bad = frozenset(name for name, found in first.items() if name in fed and grounds(found, court))
    if not bad or bench.trust_base:
        return first
    again = trial.evidence(leave_out=bad)
    return {name: found if name in bad else again[name] for name, found in first.items()}


def tried_snapshots(
    canonical: Canonical, frame: FeatureFrame, found: Mapping[str, ColumnVerdict]
) -> dict[str, ColumnVerdict]:
    """Add what speaks against each column beside the features whose time is on record, and the cliffs, to `found`."""
    court = canonical.config.court
    if frame.y.min() == frame.y.max():
        return dict(found)
    dockets, drawn = snapshot_dockets(canonical, frame)
    every = dict(found)
    for docket in dockets:
        if docket.bench.y.min() == docket.bench.y.max():
            continue
        for name, evidence in _evidence(docket.bench, court).items():
            before = every.get(name)
            reasons = [*(before.reasons if before else ()), *_beyond(evidence, court, proven=True)]
            measured = {**(before.measured if before else {}), **_measured(evidence, None, "snapshot_")}
            every[name] = _verdict(docket.defendants[name], reasons, measured)
        for name, who in docket.defendants.items():
            every.setdefault(name, _verdict(who, [], {}))
    for cliff in cliffs(canonical, drawn):
        reasons = []
        if cliff.lost >= court.cliff_share:
            reasons = [Reason("cliff", cliff.lost, court.cliff_share, cliff_sentence(cliff))]
        table = cliff.name.partition(":")[0]
        why = court.known_in_time.get(cliff.name)
        who = Defendant(cliff.name, table, "court.known_in_time", why, True)  # type: ignore[arg-type]
        every[cliff.name] = _verdict(
            who, reasons, {"auc": cliff.now, "auc_a_day_earlier": cliff.earlier, "lost": cliff.lost}
        )
    return every


def _verdict(who: Defendant, reasons: list[Reason], measured: Mapping[str, float]) -> ColumnVerdict:
    word: Word = "clear"
    if reasons:
        word = "convicted" if any(reason.statistic in CONVICTING for reason in reasons) else "suspect"
    ordered = sorted(reasons, key=lambda reason: reason.statistic not in CONVICTING)
    rounded = {key: round(float(value), 6) for key, value in measured.items() if np.isfinite(value)}
    return ColumnVerdict(who.name, who.table, who.place, who.feeds, word, tuple(ordered), rounded, who.why)


def _timed(name: str, found: Timing, court: CourtConfig) -> Iterator[Reason]:
    tried: list[tuple[str, float | None, float]] = []
    if found.after_outcome is not None and found.after_outcome >= court.timed_share:
        tried.append(("after_outcome", found.after_outcome, court.timed_share))
    elif found.after_outcome is not None:
        tried.append(("later", found.after_outcome, court.later_share))
    else:
        tried.append(("after_creation", found.after_creation, court.later_share))
    tried.append(("in_order", found.in_order, court.in_order))
    tried.append(("later_acts", found.later_acts, court.later_acts))
    for statistic, value, threshold in tried:
        if value is not None and value >= threshold:
            yield Reason(statistic, value, threshold, timing_sentence(name, statistic, value))


def _beyond(evidence: Evidence, court: CourtConfig, *, proven: bool = False) -> Iterator[Reason]:
    sentences = evidence_sentences(evidence, proven=proven)
    for statistic, (value, threshold) in grounds(evidence, court).items():
        yield Reason(statistic, value, threshold, sentences[statistic])


def _measured(evidence: Evidence, times: Timing | None, prefix: str = "") -> dict[str, float]:
    found = {
        "auc_alone": evidence.alone.auc,
        "auc_alone_low": evidence.alone_low,
        "auc_others": evidence.others.auc,
        "auc_added": evidence.joint.auc - evidence.others.auc,
        "auc_added_low": evidence.added_low,
        "added_share": evidence.added_share,
        "synergy": evidence.synergy,
        "filled_converted": evidence.filled_yes,
        "filled_others": evidence.filled_no,
    }
    if evidence.decider is not None:
        found["odds"] = evidence.decider.odds
    if times is not None:
        shown = {
            "after_creation": times.after_creation,
            "after_outcome": times.after_outcome,
            "in_order": times.in_order,
            "later_acts": times.later_acts,
        }
        found |= {key: value for key, value in shown.items() if value is not None}
    return {prefix + key: value for key, value in found.items()}
