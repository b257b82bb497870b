"""A points table that a human wrote.

It is the model when there are too few conversions to learn from, and a rung that learning must beat.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from propensity.model.calibration import Platt

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd

Floats = npt.NDArray[np.float64]
Op = Literal[">=", "<=", "==", "in", "known"]
_OPS: Final = (">=", "<=", "==", "in", "known")


@dataclass(frozen=True)
class Rule:
    """One row of the table: `points` where `feature` `op` `value`.

    Attributes
    ----------
    feature : column name.
    op : ">=" and "<=" compare numbers; "==" one value; "in" any of a tuple; "known" that there is a value
        (then `value` is None).
    value : number, text, bool or a tuple of them.
    points : positive speaks for the lead, negative against it.
    """

    feature: str
    op: Op
    value: Any
    points: float

    def __post_init__(self) -> None:
        if self.op not in _OPS:
            raise ValueError(
                f"Rule on {self.feature!r}: no operation {self.op!r}; there are {', '.join(_OPS)}."
            )
        if self.op in {">=", "<="} and (
            isinstance(self.value, bool) or not isinstance(self.value, int | float)
        ):
            raise ValueError(f"Rule on {self.feature!r}: {self.op} compares numbers; found {self.value!r}.")
        if self.op == "in" and not isinstance(self.value, tuple | list):
            raise ValueError(f"Rule on {self.feature!r}: 'in' needs a list of values; found {self.value!r}.")

    def met(self, column: pd.Series) -> npt.NDArray[np.bool_]:
        """Return (n,) whether the rule holds; a null holds no rule."""
        known = column.notna().to_numpy(dtype=bool)
        if self.op == "known":
            return known
        out = np.zeros(known.size, dtype=bool)
        held = column[known]
        if self.op in {">=", "<="}:
            numbers = held.to_numpy(dtype=np.float64)
            out[known] = numbers >= self.value if self.op == ">=" else numbers <= self.value
        else:
            wanted = [self.value] if self.op == "==" else list(self.value)
            out[known] = held.isin(wanted).to_numpy(dtype=bool)
        return out


@dataclass(frozen=True)
class Scorecard:
    """Rules whose points add up; several rules on one feature add up too."""

    rules: tuple[Rule, ...]

    def score(self, table: pa.Table | pd.DataFrame) -> Floats:
        """Return (n,) points; an absent feature gives none (`skipped` names it), nor does a null."""
        columns = _names(table)
        points: Floats = np.zeros(table.shape[0])
        for rule in self.rules:
            if rule.feature in columns:
                column: Any = table[rule.feature]
                points += rule.points * rule.met(
                    column.to_pandas() if isinstance(table, pa.Table) else column
                )
        return points

    def skipped(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return the features that rules want and `names` lack, each once, in the order of the rules."""
        have = set(names)
        return tuple(dict.fromkeys(r.feature for r in self.rules if r.feature not in have))

    def fit(self, table: pa.Table | pd.DataFrame, y: npt.ArrayLike) -> FittedScorecard:
        """Learn the map from points to probability (Platt, never falling); y (n,) of 0 and 1.

        Raises
        ------
        ValueError
            One class only.
        """
        return FittedScorecard(self, Platt.fit(self.score(table), y), self.skipped(_names(table)))

    def to_dict(self) -> dict[str, Any]:
        """Return JSON types."""
        return {"rules": [asdict(r) for r in self.rules]}

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Scorecard:
        """Read back what `to_dict` wrote; ValueError names the rule that does not fit."""
        rules: list[Rule] = []
        for row in found["rules"]:
            value = row.get("value")
            rules.append(
                Rule(
                    row["feature"],
                    row["op"],
                    tuple(value) if isinstance(value, list) else value,
                    float(row["points"]),
                )
            )
        return cls(tuple(rules))


@dataclass(frozen=True)
class FittedScorecard:
    """A scorecard with its map to probability.

    Attributes
    ----------
    skipped : features of rules that the training table lacked.
    """

    scorecard: Scorecard
    calibrator: Platt
    skipped: tuple[str, ...]

    def probability(self, table: pa.Table | pd.DataFrame) -> Floats:
        """Return (n,) probabilities in (0, 1)."""
        return self.calibrator.transform(self.scorecard.score(table))


def _names(table: pa.Table | pd.DataFrame) -> list[str]:
    return list(map(str, table.column_names if isinstance(table, pa.Table) else list(table.columns)))


DEFAULT: Final = Scorecard(
    (
        Rule("engagement_pricing_view_count_30d", ">=", 1, 10),
        Rule("engagement_pricing_view_count_30d", ">=", 3, 5),
        Rule("engagement_demo_request_count_90d", ">=", 1, 20),
        Rule("engagement_quote_request_count_90d", ">=", 1, 20),
        Rule("engagement_email_reply_count_30d", ">=", 1, 10),
        Rule("engagement_meeting_count_90d", ">=", 1, 15),
        Rule("engagement_inbound_count_30d", ">=", 1, 5),
        Rule("engagement_inbound_count_30d", ">=", 5, 5),
        Rule("firmographic_seniority_rank", ">=", 3, 10),
        Rule("firmographic_employee_count", ">=", 50, 5),
        Rule("budget_is_known", ">=", 1, 10),
        Rule("budget_to_price_ratio", ">=", 1, 10),
        Rule("budget_to_price_ratio", "<=", 0.5, -10),
    )
)
