"""What came of past lists once their labels are known: expected against realised, lift, and called against held out.

The ledger says what was promised, the stages what came of it. Both meet in one table of the ledger's columns and `converted`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute

from propensity.scoring.causes import HELD_OUT, NO_REP, OVER_CAPACITY
from propensity.stats.calibration import wilson
from propensity.stats.realised import Realised, realised
from propensity.timeline.labels import ends_of_leads, labelled, last_matured

if TYPE_CHECKING:
    from propensity.config import MonitoringConfig
    from propensity.sources.canonical import Canonical

# Its functions are made when it is imported, so that a type checker knows none of them.
pc: Any = pyarrow.compute
COLUMNS: Final = (
    "as_of", "lead_id", "account_id", "model_version", "model_digest", "probability", "rank", "removed", "listed", "selection",
)  # fmt: skip
"""What monitoring reads of the ledger."""
_CALLABLE: Final = (HELD_OUT, NO_REP, OVER_CAPACITY)
"""Causes of leads that might have been called, had there been room or luck."""
_INSTANT: Final = "timestamp('UTC', 6)"


@dataclass(frozen=True)
class Group:
    """Leads of one night: how many, how many converted, the share with its 95 % interval (null without a lead)."""

    rows: int
    conversions: int
    expected: float
    rate: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Outcome:
    """What came of one matured night.

    Attributes
    ----------
    as_of, model_version, model_digest : of the night.
    open : all leads that were open then.
    low, high : within which their conversions were to be expected.
    callable, listed, held_out : those who might be called, who were on a list, and whom chance kept off it.
    lift : the listed leads' share over that of the callable ones; None where nobody converted.
    """

    as_of: str
    model_version: str
    model_digest: str
    open: Group
    low: float
    high: float
    callable: Group
    listed: Group
    held_out: Group
    lift: float | None

    def to_dict(self) -> dict[str, Any]:
        """JSON types."""
        return asdict(self)


@dataclass(frozen=True)
class Pooled:
    """The newest matured nights of one model together; see `stats.realised.Realised`."""

    nights: tuple[str, ...]
    model_version: str
    conversions: int
    expected: float
    ratio: float
    ratio_low: float
    ratio_high: float
    slope: float
    slope_low: float
    slope_high: float

    def to_dict(self) -> dict[str, Any]:
        """JSON types; null where a slope is not defined."""
        return {
            name: None if isinstance(value, float) and value != value else value  # noqa: PLR0124 - NaN
            for name, value in asdict(self).items()
        } | {"nights": list(self.nights)}


def outcome_of(rows: pa.Table) -> Outcome | None:
    """What came of one night; None where no lead of it was open.

    Parameters
    ----------
    rows
        The ledger's COLUMNS of one night and `converted` (bool; null for leads that were not open then).
    """
    rows = rows.filter(pc.is_valid(rows["converted"]))
    if not rows.num_rows:
        return None
    on_list = pc.fill_null(rows["listed"], fill_value=False)
    might = pc.or_(on_list, pc.is_in(rows["removed"], value_set=pa.array(_CALLABLE)))
    chance = pc.equal(pc.fill_null(rows["selection"], ""), HELD_OUT)
    every, callable_, listed = _group(rows), _group(rows.filter(might)), _group(rows.filter(on_list))
    found = _realised(rows)
    lift = listed.rate / callable_.rate if listed.rate is not None and callable_.rate else None
    first = rows.slice(0, 1).to_pylist()[0]
    return Outcome(
        shown(first["as_of"]), str(first["model_version"]), str(first["model_digest"]), every, found.low, found.high,
        callable_, listed, _group(rows.filter(chance)), lift,
    )  # fmt: skip


def pooled(nights: Sequence[pa.Table]) -> Pooled | None:
    """Several matured nights of one model as one sample, an account with all its leads and nights one unit; None without rows.

    Parameters
    ----------
    nights
        As `outcome_of` takes them, in any order.
    """
    held = [rows.filter(pc.is_valid(rows["converted"])) for rows in nights]
    held = [rows for rows in held if rows.num_rows]
    if not held:
        return None
    found = _realised(pa.concat_tables(held))
    return Pooled(
        tuple(sorted(shown(rows["as_of"][0].as_py()) for rows in held)),
        str(held[0]["model_version"][0].as_py()),
        found.conversions, found.expected, found.ratio, found.ratio_low, found.ratio_high,
        found.slope, found.slope_low, found.slope_high,
    )  # fmt: skip


def to_pool(outcomes: Mapping[str, Mapping[str, Any]], rules: MonitoringConfig) -> list[str]:
    """Which matured nights are looked at together: the newest of the newest one's model, each a week or more before the last.

    Labels look a horizon ahead: two nights in a row tell of the same conversions.
    """
    if not outcomes:
        return []
    newest = max(outcomes)
    digest, chosen = outcomes[newest]["model_digest"], [newest]
    for as_of in sorted(outcomes, reverse=True):
        apart = datetime.fromisoformat(chosen[-1]) - datetime.fromisoformat(as_of)
        if outcomes[as_of]["model_digest"] == digest and apart >= timedelta(days=7):
            chosen.append(as_of)
    return chosen[: rules.calibration_nights]


def matured(canonical: Canonical, through: datetime | None, nights: Sequence[datetime]) -> list[datetime]:
    """Of these instants, those whose labels are known by `through`."""
    if through is None or canonical.flat or "stages" not in canonical.tables:
        return []
    outcome = canonical.config.outcome
    last = last_matured(
        through, timedelta(days=outcome.horizon_days), timedelta(days=outcome.recording_lag_days)
    )
    return [night for night in nights if night <= last]


def with_outcomes(canonical: Canonical, rows: pa.Table, as_of: datetime) -> pa.Table:
    """The rows of a night with `converted`: whether the lead converted within the horizon; null where it was not open then."""
    outcome = canonical.config.outcome
    ends: Any = ends_of_leads(canonical.tables["stages"], outcome)
    spine = canonical.engine.register("listed_once", rows.select(["lead_id"]))
    spine = spine.left_join(ends, "lead_id").drop("lead_id_right")
    spine = spine.mutate(as_of=ibis.literal(as_of, type=_INSTANT))
    held: Any = labelled(spine, timedelta(days=outcome.horizon_days))
    held = held.filter(held["settled_at"].isnull() | (held["settled_at"] >= held["as_of"]))
    labels = canonical.engine.collect(held.select("lead_id", "label"))
    place = pc.index_in(rows["lead_id"], value_set=labels["lead_id"].combine_chunks())
    converted = labels["label"].cast(pa.bool_()).combine_chunks().take(place.combine_chunks())
    return rows.append_column("converted", converted)


def _realised(rows: pa.Table) -> Realised:
    owner = [
        f"lead {lead}" if account is None else f"account {account}"
        for account, lead in zip(rows["account_id"].to_pylist(), rows["lead_id"].to_pylist(), strict=True)
    ]
    labels = rows["converted"].cast(pa.float64()).to_numpy()
    return realised(labels, rows["probability"].to_numpy(), np.array(owner))


def _group(rows: pa.Table) -> Group:
    number = rows.num_rows
    if not number:
        return Group(0, 0, 0.0, None, None, None)
    hits = int(pc.sum(rows["converted"].cast(pa.int64())).as_py())
    low, high = wilson(hits, number)
    expected = float(np.sort(rows["probability"].to_numpy()).sum())
    return Group(number, hits, expected, hits / number, float(low), float(high))


def shown(instant: datetime) -> str:
    """ISO 8601 in UTC with a Z."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
