"""Shrunken naive Bayes, as Odoo's predictive lead scoring has it, for any columns."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from propensity.model.cores.core import Encoded, Floats, added_up, base_log_odds

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from propensity.model.columns import Matrix, Readable

_BINS: Final = 10


@dataclass(frozen=True)
class Evidence:
    """What each value of one column says, in log odds against the base rate.

    Attributes
    ----------
    edges : of a number, rising: bin i holds the values up to edge i, the last bin those beyond; None for a category.
    values : per bin, or per code of a category.
    unknown : where there is no value, or one never seen.
    """

    edges: tuple[float, ...] | None
    values: tuple[float, ...]
    unknown: float

    def of(self, column: Floats) -> Floats:
        """Return (n,) log odds."""
        places = self._places(column)
        return np.array([*self.values, self.unknown])[places]

    def _places(self, column: Floats) -> npt.NDArray[np.int64]:
        return _places(column, self.edges, len(self.values))


@dataclass(frozen=True)
class NaiveBayes:
    """Sum of the columns' evidence, as if they were independent.

    Odoo scores a lead by P(won) prod P(value | won) over the same plus P(lost) prod P(value | lost), its counts raised
    by 0.1 so that none is zero (`crm.lead`, `_pls_get_naive_bayes_probabilities`). By Bayes' rule the log of each ratio
    P(value | won) / P(value | lost) is logit P(won | value) - logit P(won), and that is what is shrunken here: each value
    starts with one imaginary row of the rarer class, and as many of the other as the base rate wants beside it (an
    m-estimate, Cestnik 1990, with m = 1 / rate). A value that was hardly seen so says nothing, where counts of 0.1 would
    let it shout. Numbers are cut at their deciles. Correlated columns say the same thing several times; the one slope
    of the calibration takes that back on average.
    """

    log_odds: float
    columns: tuple[Evidence, ...]

    kind: ClassVar[str] = "naive_bayes"

    @classmethod
    def fit(cls, data: Encoded) -> NaiveBayes:
        """Count; labels must hold both classes."""
        found = tuple(_evidence(data.matrix[:, i], data.y, levels) for i, levels in enumerate(data.levels))
        return cls(base_log_odds(data.y), found)

    @property
    def width(self) -> int:
        """Columns that it reads."""
        return len(self.columns)

    @property
    def base(self) -> float:
        """The base rate's log odds."""
        return self.log_odds

    def margin(self, matrix: Readable, *, threads: int = 0) -> Floats:
        """Return (n,) log odds, before calibration far too sure of themselves."""
        del threads
        parts = (evidence.of(matrix[:, i]) for i, evidence in enumerate(self.columns))
        return added_up(self.base, parts, matrix.shape[0])

    def contributions(self, matrix: Matrix, *, threads: int = 0) -> Floats:
        """Return (n, width) log likelihood ratios."""
        del threads
        found = np.empty(matrix.shape, order="F")
        for i, evidence in enumerate(self.columns):
            found[:, i] = evidence.of(matrix[:, i])
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return JSON types."""
        return {"kind": self.kind, "log_odds": self.log_odds, "columns": [asdict(c) for c in self.columns]}

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> NaiveBayes:
        """Read back what `to_dict` wrote."""
        columns = tuple(
            Evidence(
                None if c["edges"] is None else tuple(map(float, c["edges"])),
                tuple(map(float, c["values"])),
                float(c["unknown"]),
            )
            for c in found["columns"]
        )
        return cls(float(found["log_odds"]), columns)


def _places(column: Floats, edges: tuple[float, ...] | None, values: int) -> npt.NDArray[np.int64]:
    """Return (n,) bin or code of each value; `values`, one beyond the last, where unknown."""
    unknown = np.isnan(column)
    if edges is None:
        return np.where(unknown, values, column).astype(np.int64)
    return np.where(unknown, values, np.searchsorted(edges, column, side="left"))


def _evidence(column: Floats, y: npt.NDArray[np.int64], levels: int) -> Evidence:
    edges = None if levels else _edges(column)
    size = levels if edges is None else len(edges) + 1
    places = _places(column, edges, size)
    rows = np.bincount(places, minlength=size + 1)
    conversions = np.bincount(places, weights=y, minlength=size + 1)
    rate = float(y.mean())
    pseudo = 1 / min(rate, 1 - rate)
    shrunken = (conversions + pseudo * rate) / (rows + pseudo)
    said = np.log(shrunken / (1 - shrunken)) - np.log(rate / (1 - rate))
    return Evidence(edges, tuple(said[:-1].tolist()), float(said[-1]))


def _edges(column: Floats) -> tuple[float, ...]:
    """Return the deciles of the known values, each once, without the largest value."""
    known = np.sort(column[~np.isnan(column)])
    if not known.size:
        return ()
    cuts = np.unique(known[(np.arange(1, _BINS) * known.size) // _BINS])
    return tuple(cuts[cuts < known[-1]].tolist())
