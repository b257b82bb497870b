"""One bench: columns, an outcome, and what each column tells alone, beside the others, and value by value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit
from scipy.stats import rankdata

from propensity.audit.evidence import (
    Decider,
    Separation,
    critical,
    gain_error,
    separation,
    squared_distance,
    strongest_decider,
)
from propensity.audit.exhibits import Column, joined

if TYPE_CHECKING:
    from propensity.config.court import CourtConfig

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
FOLDS: Final = 3
_SAME: Final = 0.9
_TELLING: Final = 0.75
_MOST_CONTEXT: Final = 12
_SMALL: Final[dict[str, Any]] = {
    "objective": "binary", "num_leaves": 7, "learning_rate": 0.2, "min_data_in_leaf": 20, "verbosity": -1,
    "deterministic": True, "force_row_wise": True, "num_threads": 1, "seed": 0, "max_bin": 63,
    "min_data_per_group": 20, "cat_smooth": 10.0,
}  # fmt: skip
_LARGE: Final[dict[str, Any]] = {
    **_SMALL, "num_leaves": 15, "learning_rate": 0.1, "feature_fraction": 0.5, "feature_fraction_seed": 0,
}  # fmt: skip
_SMALL_TREES: Final = 25
_LARGE_TREES: Final = 60


@dataclass(frozen=True)
class Bench:
    """What the court judges by.

    Attributes
    ----------
    y
        (rows,) int64 labels 0 and 1.
    cluster
        (rows,) int64 codes from 0: accounts, else leads. Folds and intervals keep them whole.
    base
        (rows, parts) float64 what is beyond doubt and always among the others, such as the time; with `base_codes`.
    columns
        Those that feed the model; each is tried against the others of them.
    candidates
        Those that do not feed it yet; each is tried against the columns.
    outcome
        What the labels are, as sentences say it: `converted`.
    trusted
        Names of columns that are declared known in time: they stay among the others, whatever is found.
    trust_base
        Whether `base` alone are the others: features whose time is on record.
    """

    y: Ints
    cluster: Ints
    base: Floats
    base_codes: tuple[int, ...]
    columns: Sequence[Column]
    candidates: Sequence[Column]
    outcome: str = "converted"
    trusted: frozenset[str] = frozenset()
    trust_base: bool = False


@dataclass(frozen=True)
class Evidence:
    """What one bench found of one column; AUCs in [0, 1], `error`s are standard errors, clustered.

    `others` is what the rest reaches without it, `joint` with it; `decider` the value that goes furthest beyond what the
    others expect, None where no value has enough rows; `z` the critical value that holds false alarms.
    """

    column: Column
    alone: Separation
    alone_error: float
    others: Separation
    joint: Separation
    added_error: float
    decider: Decider | None
    z: float
    filled_yes: float
    filled_no: float
    outcome: str

    @property
    def alone_low(self) -> float:
        """The lower bound on what it reaches alone."""
        return self.alone.auc - self.z * self.alone_error

    @property
    def added_low(self) -> float:
        """The lower bound on what it adds to the others' AUC."""
        return self.joint.auc - self.others.auc - self.z * self.added_error

    @property
    def added_share(self) -> float:
        """What it adds over what the others tell, in squared d', from the lower bound.

        Where the others tell next to nothing, anything is much: they count as an AUC of .75.
        """
        gained = squared_distance(self.others.auc + max(0.0, self.added_low)) - self.others.squared_distance
        return gained / max(self.others.squared_distance, squared_distance(_TELLING))

    @property
    def synergy(self) -> float:
        """What it adds to the others over what it tells alone, in squared d': bounds on the side of honesty."""
        gained = squared_distance(self.others.auc + max(0.0, self.added_low)) - self.others.squared_distance
        return gained / max(squared_distance(self.alone.auc + self.z * self.alone_error), 1e-9)


@dataclass
class Trial:
    """Runs the columns of one bench, each once or twice: suspects are taken from the others, and the rest tried again."""

    bench: Bench
    court: CourtConfig
    _fold: Ints = field(init=False)
    _alone: dict[str, Floats] = field(init=False)

    def __post_init__(self) -> None:
        self._fold = folds_of(self.bench.cluster)
        self._alone = {
            column.name: self._oof(column.matrix, column.categorical)
            for column in (*self.bench.columns, *self.bench.candidates)
        }

    def evidence(self, leave_out: frozenset[str] = frozenset()) -> dict[str, Evidence]:
        """What there is against each column; `leave_out` are suspects that no longer count among the others."""
        found: dict[str, Evidence] = {}
        margins: dict[frozenset[str], Floats] = {}
        usual: dict[frozenset[str], Floats] = {}
        context = self._context()
        fed = [column for column in self.bench.columns if column.name not in leave_out]
        for column in (*self.bench.columns, *self.bench.candidates):
            others = frozenset() if self.bench.trust_base else self._others(column, fed)
            if others not in margins:
                margin = self._margin([other for other in fed if other.name in others])
                margins[others] = margin
                usual[others] = self._oof(np.column_stack([margin, context]), (), start=margin)
            found[column.name] = self._weighed(column, margins[others], usual[others], context)
        return found

    def _others(self, column: Column, fed: Sequence[Column]) -> frozenset[str]:
        """The names of the columns that do not say the same as this one."""
        mine = rankdata(self._alone[column.name])
        return frozenset(
            other.name
            for other in fed
            if other.name != column.name and not _alike(mine, rankdata(self._alone[other.name]))
        )

    def _margin(self, others: Sequence[Column]) -> Floats:
        parts, codes = joined(others, len(self.bench.y))
        matrix = np.column_stack([self.bench.base, parts])
        codes = (*self.bench.base_codes, *(self.bench.base.shape[1] + code for code in codes))
        if matrix.shape[1] == 0:
            return np.full(len(self.bench.y), float(logit(self.bench.y.mean())))
        return self._oof(matrix, codes, large=True)

    def _context(self) -> Floats:
        """What a column may be set against beside the others' log odds: the features that matter most among the base.

        A count up to today tells nothing alone; less the count up to the snapshot, it is the future.
        """
        base = self.bench.base
        if not self.bench.trust_base or base.shape[1] == 0:
            return np.zeros((len(self.bench.y), 0))
        return base[:, most_telling(self.bench.y, base, self.bench.base_codes)]

    def _weighed(self, column: Column, margin: Floats, usual: Floats, context: Floats) -> Evidence:
        bench = self.bench
        y, cluster = bench.y, bench.cluster
        tests = len(bench.columns) + len(bench.candidates)
        alone = separation(y, self._alone[column.name])
        before = 1 + context.shape[1]
        both = self._oof(
            np.column_stack([margin, context, column.matrix]),
            tuple(code + before for code in column.categorical),
            start=margin,
        )
        others, joint = separation(y, usual), separation(y, both)
        levels = max(1, len(column.levels))
        decider = strongest_decider(
            column, y, expit(usual), cluster, self.court.false_alarms / max(1, tests) / levels
        )
        return Evidence(
            column,
            alone,
            alone.error(cluster),
            others,
            joint,
            gain_error(others, joint, cluster),
            decider,
            critical(self.court.false_alarms, tests),
            float(column.known[y == 1].mean()),
            float(column.known[y == 0].mean()),
            bench.outcome,
        )

    def _oof(
        self, matrix: Floats, codes: tuple[int, ...], *, large: bool = False, start: Floats | None = None
    ) -> Floats:
        return out_of_fold(self.bench.y, self._fold, matrix, codes, large=large, start=start)


def folds_of(cluster: Ints) -> Ints:
    """(rows,) fold numbers; clusters stay whole, and the draw is the same every time."""
    order = np.random.default_rng(0).permutation(int(cluster.max()) + 1)
    return (order % FOLDS)[cluster].astype(np.int64)


def out_of_fold(
    y: Ints,
    fold: Ints,
    matrix: Floats,
    codes: tuple[int, ...],
    *,
    large: bool = False,
    start: Floats | None = None,
) -> Floats:
    """(rows,) log odds of each fold by trees that were grown on the others.

    Parameters
    ----------
    y, fold
        (rows,) labels and fold numbers; rows of a negative fold are only learned from, and get 0.
    matrix, codes
        (rows, parts) what the trees read, nan unknown; `codes` are the parts that are categories.
    large
        Whether there are many parts.
    start
        (rows,) log odds to begin from; the trees then add to them.
    """
    import lightgbm as lgb  # noqa: PLC0415 - only who tries columns pays for it

    params, trees = (_LARGE, _LARGE_TREES) if large else (_SMALL, _SMALL_TREES)
    margin = np.zeros(len(y))
    whole = lgb.Dataset(
        matrix, y, init_score=start, categorical_feature=list(codes), params=dict(params), free_raw_data=False
    ).construct()
    for number in range(int(fold.max()) + 1):
        held = fold == number
        learned = y[~held]
        if not held.any() or len(learned) == 0 or learned.min() == learned.max():
            margin[held] = 0.0 if start is None else start[held]
            continue
        part = whole.subset(np.flatnonzero(~held).tolist())
        booster = lgb.train(dict(params), part, trees)
        raw = np.asarray(booster.predict(matrix[held], raw_score=True, num_threads=1), dtype=np.float64)
        margin[held] = raw if start is None else raw + start[held]
    return margin


def most_telling(y: Ints, matrix: Floats, codes: tuple[int, ...]) -> Ints:
    """Which parts of (rows, parts) trees gain most by, the best first; at most twelve."""
    import lightgbm as lgb  # noqa: PLC0415

    whole = lgb.Dataset(matrix, y, categorical_feature=list(codes), params=dict(_LARGE))
    gains = lgb.train(dict(_LARGE), whole, _LARGE_TREES).feature_importance("gain")
    return np.argsort(-gains, kind="stable")[:_MOST_CONTEXT].astype(np.int64)


def _alike(first: Floats, second: Floats) -> bool:
    if first.std() == 0 or second.std() == 0:
        return False
    return abs(float(np.corrcoef(first, second)[0, 1])) > _SAME


def grounds(evidence: Evidence, court: CourtConfig) -> Mapping[str, tuple[float, float]]:
    """Which statistics go beyond their threshold: name to (value, threshold), the gravest first."""
    found: dict[str, tuple[float, float]] = {}
    if evidence.alone_low >= court.convict_auc:
        found["decides"] = (evidence.alone_low, court.convict_auc)
    others = max(evidence.others.auc - 0.5, 0.0)
    if evidence.alone_low >= max(court.alone_auc, 0.5 + court.alone_share * others):
        found["alone"] = (evidence.alone_low, max(court.alone_auc, 0.5 + court.alone_share * others))
    if evidence.decider is not None and evidence.decider.odds >= court.odds:
        found["value"] = (evidence.decider.odds, court.odds)
    if evidence.added_low >= court.added_auc:
        if evidence.added_share >= court.added_share:
            found["adds"] = (evidence.added_share, court.added_share)
        if evidence.synergy >= court.synergy:
            found["synergy"] = (evidence.synergy, court.synergy)
    return found
