"""What the leads of a night look like, as counts: the features and the score in the bins of the model's own reference.

A reference is made once, from the newest snapshots that a model learned from, and kept with the model. Each night counts into
the same bins while it scores. Both hold aggregates alone: numbers by quantile, values of categories only where enough leads
share them. Like is compared with like: leads that are open, in training and at night.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute

from propensity.stats.drift import design_effect
from propensity.timeline.history import SNAPSHOT

if TYPE_CHECKING:
    import numpy.typing as npt

    from propensity.config import MonitoringConfig
    from propensity.features.frame import FeatureFrame
    from propensity.model.bundle import Bundle

# Its functions are made when it is imported, so that a type checker knows none of them.
pc: Any = pyarrow.compute
REFERENCE: Final = "reference"
"""Where a bundle's metadata keep it."""
VERSION: Final = 1
OPEN, NEW = "open", "new"
POPULATIONS: Final = (OPEN, NEW)
SCORE: Final = "score"
"""The name under which the log odds are counted beside the features."""
AGE: Final = "firmographic_lead_age_days"
_QUANTILES: Final = np.linspace(0.1, 0.9, 9)
_MOST_VALUES: Final = 20
_FEWEST_LEADS: Final = 10
"""A value that fewer leads share is pooled with the others: it may name one of them."""
_LEAST_NEW: Final = 200
_EXPLAINED: Final = 2_000
"""Leads whose pushes are averaged; drawn by a hash of their id, so that nights draw much the same ones."""
_WHOLE: Final = 1e12
_STEP: Final = 0.5

Ints = np.ndarray[Any, np.dtype[np.int64]]
Flags = np.ndarray[Any, np.dtype[np.bool_]]
Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Bins:
    """The bins of a feature: numbers by edges (a value at an edge lies below it), categories by value; nulls come last."""

    edges: tuple[float, ...] | None = None
    values: tuple[str, ...] | None = None

    @property
    def count(self) -> int:
        """How many there are: those of the known values, others than the named values, and nulls."""
        return len(self.edges or self.values or ()) + 2

    def of(self, column: pa.ChunkedArray | pa.Array) -> Ints:
        """The bin of each row, (rows,)."""
        known = pc.is_valid(column).to_numpy(zero_copy_only=False)
        if self.values is not None:
            found = pc.index_in(column, value_set=pa.array(self.values, pa.string()))
            places = pc.fill_null(found, len(self.values)).to_numpy(zero_copy_only=False).astype(np.int64)
        else:
            numbers = pc.fill_null(column.cast(pa.float64()), 0.0).to_numpy(zero_copy_only=False)
            places = np.searchsorted(np.array(self.edges or ()), numbers, side="left").astype(np.int64)
        return np.where(known, places, self.count - 1)

    def to_dict(self) -> dict[str, Any]:
        """JSON types."""
        return {"edges": list(self.edges or ())} if self.values is None else {"values": list(self.values)}

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Bins:
        """Read back what `to_dict` gave."""
        if "values" in found:
            return cls(values=tuple(found["values"]))
        return cls(edges=tuple(float(edge) for edge in found["edges"]))


def reference_of(frame: FeatureFrame, bundle: Bundle, rules: MonitoringConfig) -> dict[str, Any]:
    """The reference of a model (JSON types): its newest snapshots, in bins, and what each concept pushes on average.

    Parameters
    ----------
    frame
        What the model learned from: snapshots of leads that were open then.
    bundle
        The model.
    rules
        How many of the newest snapshots, and up to what age a lead is new.
    """
    newest = _newest(frame, rules.reference_rows)
    margin = bundle.margin(newest.values)
    bins = {feature.name: _bins(newest.table[feature.name], feature.kind) for feature in frame.features}
    bins[SCORE] = _bins(pa.chunked_array([margin]), "number")
    populations = {OPEN: newest}
    if AGE in frame.names:
        ages = frame.table[AGE].to_numpy(zero_copy_only=False)
        # NaN, an age that is not known, is not young.
        populations[NEW] = _newest(frame.take(ages <= rules.new_lead_days), _LEAST_NEW)
    units = {feature.name: feature.unit for feature in frame.features}
    concepts = {feature.name: feature.concept for feature in frame.features}
    return {
        "version": VERSION,
        "as_of": _range(newest),
        "new_lead_days": rules.new_lead_days,
        "bins": {name: found.to_dict() for name, found in bins.items()},
        "units": units,
        "concepts": concepts,
        "populations": {
            name: _counted(rows, bundle, bins) for name, rows in populations.items() if len(rows)
        },
        **_pushes(bundle, newest.values, bundle.probability(margin), margin),
    }


class NightProfile:
    """Counts over all batches of a scoring, in bounded memory.

    Parameters
    ----------
    bundle
        The model, with its reference; without one only the score's mean and the concepts' pushes are kept.
    open_leads
        By the number of a snapshot, whether its lead is open: neither converted nor disqualified, as far as was known. None: all
        are.
    """

    def __init__(self, bundle: Bundle, open_leads: Flags | None = None) -> None:
        self._bundle = bundle
        self._open = open_leads
        self.reference: Mapping[str, Any] | None = bundle.metadata.get(REFERENCE)
        known = self.reference or {"bins": {}, "populations": {}, "new_lead_days": 0.0}
        self._bins = {name: Bins.from_dict(found) for name, found in known["bins"].items()}
        self._young: float = known["new_lead_days"]
        self._counts = {
            population: _Counts({name: np.zeros(b.count, np.int64) for name, b in self._bins.items()})
            for population in POPULATIONS
        }
        self._ties = np.zeros(0, np.uint64)
        self._drawn: pa.Table | None = None

    def see(
        self,
        batch: pa.Table,
        *,
        margin: npt.NDArray[np.float64],
        probability: npt.NDArray[np.float64],
        ties: npt.NDArray[np.uint64],
    ) -> None:
        """Count a batch that holds `snapshot_id` and the model's features; the arrays are (rows,), `ties` a hash of the lead."""
        every = np.ones(batch.num_rows, np.bool_)
        here = every if self._open is None else self._open[batch[SNAPSHOT].to_numpy()]
        of = {OPEN: here}
        if AGE in self._bundle.names:
            of[NEW] = here & _true(pc.less_equal(batch[AGE], self._young))
        # Whole numbers add up to the same sum in any order of the batches.
        whole = np.rint(probability * _WHOLE).astype(np.int64)
        for population, rows in of.items():
            self._counts[population].rows += int(rows.sum())
            self._counts[population].probability += int(whole[rows].sum())
        # Who is new is open: one count of the bins tells all of them apart.
        groups = sum(rows.astype(np.int64) for rows in of.values())
        for name, bins in self._bins.items():
            places = bins.of(pa.array(margin) if name == SCORE else batch[name])
            size = (len(of) + 1) * bins.count
            found = np.bincount(groups * bins.count + places, minlength=size).reshape(-1, bins.count)
            for place, population in enumerate(of, 1):
                self._counts[population].by_feature[name] += found[place:].sum(axis=0)
        self._draw(batch, here, ties, {"_margin": margin, "_probability": probability})

    def _draw(
        self, batch: pa.Table, here: Flags, ties: npt.NDArray[np.uint64], beside: Mapping[str, Floats]
    ) -> None:
        """Keep the leads with the smallest hashes, of those that are `here`."""
        if len(self._ties) == _EXPLAINED:
            here = here & (ties < self._ties[-1])
        rows = pa.array(np.flatnonzero(here))
        drawn = batch.select(self._bundle.names).take(rows)
        for name, values in beside.items():
            drawn = drawn.append_column(name, pa.array(values[here]))
        held = drawn if self._drawn is None else pa.concat_tables([self._drawn, drawn])
        every = np.concatenate([self._ties, ties[here]])
        kept = np.argsort(every, kind="stable")[:_EXPLAINED]
        self._ties, self._drawn = every[kept], held.take(pa.array(kept)).combine_chunks()

    def to_dict(self) -> dict[str, Any]:
        """JSON types: `populations` (rows, mean probability, counts by feature), `pushes` and `per_log_odds` of the open leads."""
        populations = {
            name: {
                "rows": counts.rows,
                "probability": counts.probability / _WHOLE / counts.rows,
                "counts": {feature: found.tolist() for feature, found in counts.by_feature.items()},
            }
            for name, counts in self._counts.items()
            if counts.rows
        }
        found: dict[str, Any] = {"populations": populations}
        if self._drawn is not None and self._drawn.num_rows:
            margin = self._drawn["_margin"].to_numpy()
            found |= _pushes(self._bundle, self._drawn, self._drawn["_probability"].to_numpy(), margin)
        return found


def _true(flags: pa.ChunkedArray) -> Flags:
    """Where it is true, (rows,); null is not."""
    return pc.fill_null(flags, fill_value=False).to_numpy()


@dataclass
class _Counts:
    by_feature: dict[str, Ints]
    rows: int = 0
    probability: int = field(default=0)


def _newest(frame: FeatureFrame, rows: int) -> FeatureFrame:
    """The newest instants that together hold so many rows, at least; all of it where time is not known."""
    order = frame.time_order
    if order is None or len(frame) <= rows:
        return frame
    return frame.take(order >= np.sort(order)[::-1][rows - 1])


def _range(frame: FeatureFrame) -> list[str] | None:
    known = frame.table["as_of"].drop_null()
    if not len(known):
        return None
    instants = known.to_numpy()
    return [f"{np.datetime_as_string(edge, unit='s')}Z" for edge in (instants.min(), instants.max())]


def _bins(column: pa.ChunkedArray, kind: str) -> Bins:
    known = column.drop_null()
    if kind == "category":
        counts = Counter(known.to_pylist())
        most = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:_MOST_VALUES]
        return Bins(values=tuple(value for value, count in most if count >= _FEWEST_LEADS))
    numbers = known.to_numpy()
    if not len(numbers):
        return Bins(edges=())
    edges = np.unique(np.quantile(numbers, _QUANTILES, method="inverted_cdf"))
    return Bins(edges=tuple(edges.tolist()))


def _counted(rows: FeatureFrame, bundle: Bundle, bins: Mapping[str, Bins]) -> dict[str, Any]:
    """Rows, mean probability, and per feature the counts by bin and the design effect of accounts."""
    margin = bundle.margin(rows.values)
    cluster = np.unique(rows.groups.astype(str), return_inverse=True)[1]
    counts: dict[str, Sequence[int]] = {}
    alike: dict[str, float] = {}
    for name, found in bins.items():
        which = found.of(pa.chunked_array([margin]) if name == SCORE else rows.table[name])
        counts[name] = np.bincount(which, minlength=found.count).tolist()
        alike[name] = round(design_effect(which, found.count, cluster), 4)
    mean = float(bundle.probability(margin).mean())
    return {"rows": len(rows), "probability": mean, "counts": counts, "design_effects": alike}


def _pushes(
    bundle: Bundle, rows: pa.Table, probability: npt.NDArray[np.float64], margin: npt.NDArray[np.float64]
) -> dict[str, Any]:
    """`pushes`: by concept its mean part of the log odds and the standard deviation; `per_log_odds`: how far a push moves the mean probability."""
    if rows.num_rows > _EXPLAINED:
        kept = np.linspace(0, rows.num_rows - 1, _EXPLAINED).astype(np.int64)
        rows, margin = rows.take(pa.array(kept)), margin[kept]
    # One thread: the sums are then the same on every machine.
    sums = bundle.by_concept(bundle.contributions(rows, threads=1))
    moved = bundle.probability(margin + _STEP) - bundle.probability(margin - _STEP)
    return {
        "pushes": {name: [float(part.mean()), float(part.std())] for name, part in sums.items()},
        "pushed": rows.num_rows,
        "probability": float(probability.mean()),
        "per_log_odds": float(moved.mean()) / (2 * _STEP),
    }
