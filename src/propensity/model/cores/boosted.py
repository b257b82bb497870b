"""Boosted trees in LightGBM's own text format."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from propensity.errors import BundleError
from propensity.model import files
from propensity.model.columns import Columns

if TYPE_CHECKING:
    import lightgbm as lgb

    from propensity.model.columns import Matrix, Readable
    from propensity.model.cores.core import Floats


@dataclass(frozen=True)
class Boosted:
    """LightGBM's trees; `text` is all there is to save."""

    text: str

    kind: ClassVar[str] = "lightgbm"

    @classmethod
    def of(cls, booster: lgb.Booster) -> Boosted:
        """Take a trained booster."""
        return cls(portable(booster.model_to_string()))

    @cached_property
    def _booster(self) -> lgb.Booster:
        # It loads scikit-learn: a night whose model has no trees goes without both.
        import lightgbm as lgb  # noqa: PLC0415

        try:
            return lgb.Booster(model_str=self.text)
        except lgb.basic.LightGBMError as e:
            raise BundleError(f"LightGBM cannot read the model's trees: {e}. {files.RETRAIN}") from e

    @property
    def width(self) -> int:
        """Columns that the trees read."""
        return int(self._booster.num_feature())

    @property
    def base(self) -> float:
        """The expected margin over the rows trained on, in log odds."""
        return float(self._explained(np.full((1, self.width), np.nan), 1)[0, -1])

    def margin(self, matrix: Readable, *, threads: int = 0) -> Floats:
        """Return (n,) log odds."""
        return margin_of(self._booster, matrix, num_threads=threads)

    def contributions(self, matrix: Matrix, *, threads: int = 0) -> Floats:
        """Return (n, width) parts of the margin (TreeSHAP)."""
        return self._explained(matrix, threads)[:, :-1]

    def to_dict(self) -> dict[str, Any]:
        """Return JSON types."""
        return {"kind": self.kind, "text": self.text}

    def _explained(self, matrix: Matrix, threads: int) -> Floats:
        found = self._booster.predict(matrix, pred_contrib=True, num_threads=threads)
        return np.asarray(found, dtype=np.float64)


def portable(booster_text: str) -> str:
    """Return LightGBM's text without the number of threads, in which alone equal models differ."""
    head, mark, parameters = booster_text.partition("\nparameters:\n")
    lines = [
        "[num_threads: 0]" if line.startswith("[num_threads:") else line for line in parameters.split("\n")
    ]
    return head + mark + "\n".join(lines)


def margin_of(booster: lgb.Booster, rows: Readable, **how: Any) -> Floats:
    """Return (n,) log odds; by blocks where rows lie by column, which gives the same bits."""
    if not isinstance(rows, Columns):
        return np.asarray(booster.predict(rows, raw_score=True, **how), dtype=np.float64)
    found = np.empty(rows.shape[0])
    for place, block in rows.blocks():
        found[place] = np.asarray(booster.predict(block, raw_score=True, **how), dtype=np.float64)
    return found
