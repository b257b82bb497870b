"""The cliff: what is gone of a feature's power when it is computed a day earlier. Facts written back in time fall off it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import ibis
import numpy as np
import numpy.typing as npt

from propensity.audit.benches import groups_of
from propensity.audit.evidence import Separation, critical, gain_error, separation
from propensity.features.assemble import assemble
from propensity.features.catalogue import possible_features
from propensity.features.frame import KEYS, FeatureFrame
from propensity.timeline.history import SNAPSHOT, cut
from propensity.timeline.snapshots import LABEL

if TYPE_CHECKING:
    from propensity.sources.canonical import Canonical

Floats = npt.NDArray[np.float64]
DAY: Final = timedelta(days=1)
_FACTS: Final = ("activities", "stages", "budgets")
_LEAST_POWER: Final = 0.02


@dataclass(frozen=True, slots=True)
class Cliff:
    """What one concept of one table of facts loses when its features are computed a day earlier.

    `now` and `earlier` are the ROC-AUCs of its strongest feature on the same snapshots, turned so that `now` is above
    one half; `lost` is the lower bound on the share of (now - 0.5) that is gone, in [0, 1].
    """

    name: str
    feature: str
    now: float
    earlier: float
    lost: float


def cliffs(canonical: Canonical, frame: FeatureFrame) -> tuple[Cliff, ...]:
    """Recompute the features of facts a day earlier and compare, the greatest loss first.

    Parameters
    ----------
    canonical
        The checked tables, with dates.
    frame
        Labelled snapshots; their labels stay as they are.
    """
    strongest = _strongest(canonical, frame)
    if not strongest:
        return ()
    earlier = _earlier(canonical, frame, {feature for feature, _ in strongest.values()})
    rows = np.isin(frame.table[SNAPSHOT].to_numpy(), earlier[SNAPSHOT].to_numpy())
    same = frame.take(rows)
    y = same.y.astype(np.int64)
    if len(y) == 0 or y.min() == y.max():
        return ()
    cluster = np.unique(groups_of(same.table), return_inverse=True)[1].astype(np.int64)
    z = critical(canonical.config.court.false_alarms, len(strongest))
    found: list[Cliff] = []
    for name, (feature, turn) in strongest.items():
        now = separation(y, turn * _filled(same.table[feature]))
        if now.auc - z * now.error(cluster) >= 0.5 + _LEAST_POWER:
            found.append(_fallen(name, feature, now, turn * _filled(earlier[feature]), y, cluster, z))
    return tuple(sorted(found, key=lambda cliff: (-cliff.lost, cliff.name)))


def _strongest(canonical: Canonical, frame: FeatureFrame) -> dict[str, tuple[str, float]]:
    """Concept to the feature of facts that tells most, and 1.0, or -1.0 where fewer means more conversions.

    Only those that tell something: each costs a part of the query that computes it a day earlier.
    """
    y = frame.y.astype(np.int64)
    cluster = np.unique(groups_of(frame.table), return_inverse=True)[1].astype(np.int64)
    best: dict[str, tuple[str, float, Separation]] = {}
    for feature in frame.features:
        if feature.over not in _FACTS or feature.kind != "number":
            continue
        values, turn = _filled(frame.table[feature.name]), 1.0
        found = separation(y, values)
        if found.auc < 0.5:  # noqa: PLR2004 - chance
            turn, found = -1.0, replace(found, auc=1 - found.auc, influence=-found.influence)
        name = f"{feature.over}: {feature.concept}"
        if name not in best or found.auc > best[name][2].auc:
            best[name] = (feature.name, turn, found)
    z = critical(canonical.config.court.false_alarms, max(1, len(best)))
    return {
        name: (feature, turn)
        for name, (feature, turn, found) in best.items()
        if found.auc - z * found.error(cluster) >= 0.5 + _LEAST_POWER
    }


def _earlier(canonical: Canonical, frame: FeatureFrame, needed: set[str]) -> Any:
    keys: Any = canonical.engine.register("court_earlier", frame.table.select([*KEYS, LABEL]))
    leads: Any = canonical.tables["leads"]
    spine = keys.join(leads.select("lead_id", "created_at"), "lead_id")
    step = ibis.interval(days=DAY.days)
    spine = spine.mutate(as_of=spine["as_of"] - step)
    spine = spine.filter(spine["created_at"] < spine["as_of"])
    every = [f for f in possible_features(canonical) if f.over in _FACTS and f.name in needed]
    table = assemble(cut(canonical, spine), every, [SNAPSHOT], canonical.config.features)
    return canonical.engine.collect(table.order_by(SNAPSHOT))


def _filled(column: Any) -> Floats:
    """Numbers with the unknown below all others."""
    values = column.to_pandas().to_numpy(dtype=np.float64, na_value=np.nan)
    known = values[~np.isnan(values)]
    return np.where(np.isnan(values), (known.min() if len(known) else 0.0) - 1.0, values)


def _fallen(
    name: str, feature: str, now: Separation, values: Floats, y: Any, cluster: Any, z: float
) -> Cliff:
    then = separation(y, values)
    drop = now.auc - then.auc - z * gain_error(then, now, cluster)
    return Cliff(name, feature, now.auc, then.auc, float(np.clip(drop / (now.auc - 0.5), 0, 1)))
