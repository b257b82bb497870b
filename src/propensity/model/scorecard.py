"""A points table that a human wrote.

It is the model when there are too few conversions to learn from, and a rung that learning must beat.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Floats = npt.NDArray[np.float64]
Op = Literal[">=", "<=", "==", "in", "known", "per"]
_OPS: Final = (">=", "<=", "==", "in", "known", "per")


@dataclass(frozen=True)
class Rule:
    """One row of the table: `points` where `feature` `op` `value`, or for each unit of it.

    Attributes
    ----------
    feature : column name.
    op : ">=" and "<=" compare numbers; "==" one value; "in" any of a tuple; "known" that there is a value
        (then `value` is None); "per" gives the points for each unit up to `value` units: on a decayed feature points
        that fade.
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
        if self.op in {">=", "<=", "per"} and (
            isinstance(self.value, bool) or not isinstance(self.value, int | float)
        ):
            raise ValueError(f"Rule on {self.feature!r}: {self.op} needs a number; found {self.value!r}.")
        if self.op == "in" and not isinstance(self.value, tuple | list):
            raise ValueError(f"Rule on {self.feature!r}: 'in' needs a list of values; found {self.value!r}.")

    def worth(self, column: Floats, codes: frozenset[int] | None) -> Floats:
        """Return (n,) points for one encoded column; an unknown value gives none.

        Parameters
        ----------
        column : (n,) float64 numbers, or codes of a category; NaN where unknown.
        codes : of a category the codes that `value` names; None for a number.
        """
        known = ~np.isnan(column)
        if self.op == "known":
            return np.asarray(self.points * known, dtype=np.float64)
        held = np.where(known, column, 0.0)
        if self.op == "per":
            return np.asarray(self.points * known * np.clip(held, 0.0, self.value), dtype=np.float64)
        if self.op in {">=", "<="}:
            met = held >= self.value if self.op == ">=" else held <= self.value
        else:
            wanted = self.values() if codes is None else codes
            met = np.isin(held, [float(value) for value in wanted])
        return np.asarray(self.points * (known & met), dtype=np.float64)

    def values(self) -> tuple[Any, ...]:
        """Return the values that "==" and "in" compare with; none for the other operations."""
        if self.op == "==":
            return (self.value,)
        return tuple(self.value) if self.op == "in" else ()


@dataclass(frozen=True)
class Scorecard:
    """Rules whose points add up; several rules on one feature add up too.

    Attributes
    ----------
    rules : the table.
    points_to_double_odds : points that double the odds of a conversion, the convention of credit scorecards (Siddiqi,
        2006, there commonly 20); calibration corrects it as soon as there are conversions of both kinds.
    """

    rules: tuple[Rule, ...]
    points_to_double_odds: float = 20.0

    def __post_init__(self) -> None:
        if not self.points_to_double_odds > 0:
            raise ValueError(f"points_to_double_odds must be above 0; found {self.points_to_double_odds}.")

    def skipped(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return the features that rules want and `names` lack, each once, in the order of the rules."""
        have = set(names)
        return tuple(dict.fromkeys(r.feature for r in self.rules if r.feature not in have))

    def blind(self, names: Iterable[str]) -> bool:
        """Return whether not one of its features is among `names`, so that nobody can have a point."""
        return len(self.skipped(names)) == len({rule.feature for rule in self.rules})

    def to_dict(self) -> dict[str, Any]:
        """Return JSON types."""
        return {
            "rules": [{**asdict(r), "points": float(r.points)} for r in self.rules],
            "points_to_double_odds": float(self.points_to_double_odds),
        }

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
        return cls(tuple(rules), float(found["points_to_double_odds"]))


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
