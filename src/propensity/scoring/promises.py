"""What past lists promised, and what came: the ledger's matured nights beside the stages that are known now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute

from propensity.errors import HistoryError
from propensity.scoring.assign import EXPLORED, LISTED
from propensity.scoring.causes import HELD_OUT
from propensity.stats import calibration_line, contrast, promised, reliability_curve, wilson
from propensity.timeline.labels import last_matured

if TYPE_CHECKING:
    from propensity.scoring.ledger import Ledger, Night
    from propensity.sources.canonical import Canonical

# Arrow registers its compute functions at run time: a type checker does not see them.
pc: Any = pyarrow.compute
_COLUMNS = ["lead_id", "account_id", "as_of", "probability", "tier", "rep", "selection", "selection_probability", "delivered"]  # fmt: skip
_LEAST_FOR_A_CURVE = 10
"""Leads that came, and others, below which a curve shows noise."""
_BINS = 5
_SEED = 0


@dataclass(frozen=True)
class Came:
    """What a group of listed leads promised, and what came of them.

    Attributes
    ----------
    leads : of the group; one that was on several lists counts on each.
    promised : the sum of their probabilities; low, high : the 95 % interval of a count with these chances.
    came : who became a prospect within the horizon.
    """

    leads: int
    promised: float
    low: int
    high: int
    came: int

    @property
    def within(self) -> bool:
        """Whether what came lies in the interval."""
        return self.low <= self.came <= self.high

    def to_dict(self) -> dict[str, Any]:
        """JSON types."""
        return {
            "leads": self.leads, "promised": self.promised, "low": self.low, "high": self.high, "came": self.came, "within": self.within,
        }  # fmt: skip


@dataclass(frozen=True)
class Results:
    """What came of past lists.

    Attributes
    ----------
    nights : that the ledger holds; matured : of these, whose outcome is known.
    first, next_on : the first night's as_of, and when the next night matures (UTC); None where there is none.
    through : how far the data reach (UTC).
    every : all matured lists together; None where there is none.
    by_tier, by_rep, by_list : the same by tier, by rep (`` for the list without a name), by as_of.
    calibration : slope, intercept and bins of the listed; {} below ten that came, or ten that did not.
    holdout : called against held out; None where nobody was held out.
    exploration : the leads that were drawn at random; None where there were none.
    """

    nights: int
    matured: int
    first: datetime | None
    next_on: datetime | None
    through: datetime
    every: Came | None = None
    by_tier: Mapping[str, Came] = field(default_factory=dict[str, Came])
    by_rep: Mapping[str, Came] = field(default_factory=dict[str, Came])
    by_list: Mapping[str, Came] = field(default_factory=dict[str, Came])
    calibration: Mapping[str, Any] = field(default_factory=dict[str, Any])
    holdout: Mapping[str, Any] | None = None
    exploration: Mapping[str, Any] | None = None


def results(canonical: Canonical, ledger: Ledger, through: datetime | None) -> Results:
    """Compare the ledger's matured nights with what is known now.

    A night is matured where as_of + its model's horizon + `outcome.recording_lag_days` <= through. A lead came where it entered the
    outcome stage or a later one within the horizon, and was not disqualified first.

    Raises
    ------
    HistoryError
        The data have no dates, or no stage history.
    LedgerError
        A night is damaged.
    """
    if through is None or "stages" not in canonical.tables:
        raise HistoryError(
            "what came of a list is read from the stage history, and there is none: map tables.stages, and dates of the leads."
        )
    lag = timedelta(days=canonical.config.outcome.recording_lag_days)
    nights = ledger.nights()
    matured = [night for night in nights if night.as_of <= last_matured(through, _horizon(night), lag)]
    waiting = [night for night in nights if night not in matured]
    told = Results(
        len(nights),
        len(matured),
        nights[0].as_of if nights else None,
        min((night.as_of + _horizon(night) + lag for night in waiting), default=None),
        through,
    )
    if not matured:
        return told
    return _of(told, _judged(canonical, matured))


def _horizon(night: Night) -> timedelta:
    return timedelta(days=night.horizon_days)


def _judged(canonical: Canonical, nights: Iterable[Night]) -> pa.Table:
    """The rows that were listed or held out on matured nights, with `came` (bool)."""
    ends = _ends(canonical)
    tables: list[pa.Table] = []
    for night in nights:
        rows = night.rows(_COLUMNS)
        rows = rows.filter(
            pc.or_(rows["delivered"], pc.fill_null(pc.equal(rows["selection"], HELD_OUT), False))
        )
        until = night.as_of + _horizon(night)
        came = [_came(ends.get(lead), night.as_of, until) for lead in rows["lead_id"].to_pylist()]
        tables.append(rows.append_column("came", pa.array(came, pa.bool_())))
    return pa.concat_tables(tables)


def _ends(canonical: Canonical) -> dict[str, tuple[datetime | None, datetime | None]]:
    """Lead to when it converted, and when it was disqualified; only leads that did either."""
    outcome, stages = canonical.config.outcome, canonical.tables["stages"]
    converted = stages["entered_at"].min(where=stages["stage"].isin(list(outcome.converting)))
    lost = stages["entered_at"].min(where=stages["stage"].isin(list(outcome.disqualified_stages)))
    table = stages.group_by("lead_id").aggregate(converted=converted, lost=lost)
    rows = canonical.engine.collect(table.filter(table["converted"].notnull()))
    columns = (rows[name].to_pylist() for name in ("lead_id", "converted", "lost"))
    return {lead: (at, gone) for lead, at, gone in zip(*columns, strict=True)}


def _came(ends: tuple[datetime | None, datetime | None] | None, start: datetime, end: datetime) -> bool:
    """As `timeline.labels.labelled` says: converted in [start, end), and not disqualified before that."""
    converted, lost = (None, None) if ends is None else ends
    if converted is None:
        return False
    return start <= converted < end and (lost is None or lost >= converted)


def _of(told: Results, rows: pa.Table) -> Results:
    listed = rows.filter(rows["delivered"])
    as_of = [f"{at:%Y-%m-%dT%H:%M:%SZ}" for at in listed["as_of"].to_pylist()]
    return Results(
        told.nights,
        told.matured,
        told.first,
        told.next_on,
        told.through,
        _group(listed),
        _by(listed, [tier or "" for tier in listed["tier"].to_pylist()]),
        _by(listed, [rep or "" for rep in listed["rep"].to_pylist()]),
        _by(listed, as_of),
        _calibration(listed),
        _holdout(rows),
        _exploration(listed),
    )


def _group(rows: pa.Table) -> Came:
    found = promised(rows["probability"].to_numpy())
    return Came(rows.num_rows, found.expected, found.low, found.high, int(_hits(rows).sum()))


def _by(rows: pa.Table, names: Sequence[str]) -> dict[str, Came]:
    keys = np.array(names, dtype=object)
    return {name: _group(rows.filter(pa.array(keys == name))) for name in sorted(set(names))}


def _hits(rows: pa.Table) -> npt.NDArray[np.int8]:
    return rows["came"].to_numpy(zero_copy_only=False).astype(np.int8)


def _calibration(listed: pa.Table) -> dict[str, Any]:
    y, p = _hits(listed), listed["probability"].to_numpy()
    if min(y.sum(), len(y) - y.sum()) < _LEAST_FOR_A_CURVE:
        return {}
    line = calibration_line(y, p)
    bins = [
        {
            "promised": part.predicted,
            "came": part.observed,
            "low": part.low,
            "high": part.high,
            "leads": part.rows,
        }
        for part in reliability_curve(y, p, bins=_BINS)
    ]
    return {"slope": _number(line.slope), "intercept": _number(line.intercept), "bins": bins}


def _holdout(rows: pa.Table) -> dict[str, Any] | None:
    """Leads that came by rank and were called, against those that were held out: shares, difference, interval by account."""
    drawn = rows.filter(pc.is_in(rows["selection"], value_set=pa.array([LISTED, HELD_OUT])))
    held = pc.equal(drawn["selection"], HELD_OUT).to_numpy(zero_copy_only=False)
    if not held.any():
        return None
    accounts, leads = drawn["account_id"].to_pylist(), drawn["lead_id"].to_pylist()
    # Whole accounts were drawn, and else leads: what owners_of does for few accounts would cut them.
    units = [
        f"lead {lead}" if account is None else f"account {account}"
        for account, lead in zip(accounts, leads, strict=True)
    ]
    y = _hits(drawn)
    found = contrast(y, ~held, units, seed=_SEED)
    arms = {
        name: {"leads": int(where.sum()), "came": int(y[where].sum()), "share": _number(share)}
        for name, where, share in (("called", ~held, found.treated), ("held_out", held, found.others))
    }
    return {
        **arms, "difference": _number(found.value), "low": _number(found.low), "high": _number(found.high),
        "smallest_difference_shown": _number(found.smallest),
    }  # fmt: skip


def _exploration(listed: pa.Table) -> dict[str, Any] | None:
    """Leads that ranks alone would have left out: what came, and, weighted by how rarely each is drawn, what would of all of them."""
    rows = listed.filter(pc.equal(listed["selection"], EXPLORED))
    if not rows.num_rows:
        return None
    y, chance = _hits(rows).astype(np.float64), rows["selection_probability"].to_numpy()
    weights = 1 / chance
    low, high = wilson(y.sum(), y.size)
    p = rows["probability"].to_numpy()
    return {
        "leads": rows.num_rows, "came": int(y.sum()), "share": float(y.mean()), "low": float(low), "high": float(high),
        "of_all_left_out": float((weights * y).sum() / weights.sum()), "promised_of_all_left_out": float((weights * p).sum() / weights.sum()),
    }  # fmt: skip


def _number(value: float) -> float | None:
    """JSON knows no NaN."""
    return None if value != value else float(value)  # noqa: PLR0124
