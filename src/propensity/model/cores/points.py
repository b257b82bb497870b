"""A scorecard as a core: its points, in log odds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from propensity.model.cores.core import Floats, added_up
from propensity.model.encoding import Encoder
from propensity.model.scorecard import Scorecard

if TYPE_CHECKING:
    from collections.abc import Mapping

    from propensity.model.columns import Matrix, Readable


@dataclass(frozen=True)
class Points:
    """A scorecard over the columns of an encoder.

    Attributes
    ----------
    scorecard : the rules as a human wrote them.
    columns : per rule the column that it reads; None where there is no such feature: it then gives no points.
    codes : per rule the codes of the categories that it names; None for a number.
    n_columns : of the matrix.
    """

    scorecard: Scorecard
    columns: tuple[int | None, ...]
    codes: tuple[frozenset[int] | None, ...]
    n_columns: int

    kind: ClassVar[str] = "scorecard"

    @classmethod
    def of(cls, scorecard: Scorecard, encoder: Encoder) -> Points:
        """Find each rule's column; the encoder must know the values that rules name, see `knowing`.

        Raises
        ------
        ValueError
            A rule compares text with a number, or a number with text.
        """
        place = {name: i for i, name in enumerate(encoder.names)}
        columns: list[int | None] = []
        codes: list[frozenset[int] | None] = []
        for rule in scorecard.rules:
            column = place.get(rule.feature)
            columns.append(column)
            values = encoder.categories.get(rule.feature)
            if column is None:
                codes.append(None)
            elif values is not None:
                if rule.op in {">=", "<=", "per"}:
                    raise ValueError(f"Rule on {rule.feature!r}: {rule.op} needs a number, and this is text.")
                codes.append(frozenset(values.index(str(value)) for value in rule.values()))
            else:
                if not all(isinstance(value, bool | int | float) for value in rule.values()):
                    raise ValueError(
                        f"Rule on {rule.feature!r}: {rule.value!r} is text, and this is a number."
                    )
                codes.append(None)
        return cls(scorecard, tuple(columns), tuple(codes), len(encoder.names))

    @property
    def width(self) -> int:
        """Columns that it is given."""
        return self.n_columns

    @property
    def base(self) -> float:
        """No points are even odds; where these truly lie is for the calibration to say."""
        return 0.0

    def points(self, matrix: Matrix) -> Floats:
        """Return (n, width) points by column."""
        found = np.zeros(matrix.shape, order="F")
        for column, points in self._by_column(matrix).items():
            found[:, column] = points
        return found

    def margin(self, matrix: Readable, *, threads: int = 0) -> Floats:
        """Return (n,) log odds, up to a constant."""
        del threads
        parts = self._by_column(matrix)
        return added_up(self.base, (parts[i] * self._unit for i in sorted(parts)), matrix.shape[0])

    def contributions(self, matrix: Matrix, *, threads: int = 0) -> Floats:
        """Return (n, width) points in log odds."""
        del threads
        return self.points(matrix) * self._unit

    @property
    def _unit(self) -> float:
        """What a point is worth, in log odds."""
        return math.log(2) / self.scorecard.points_to_double_odds

    def _by_column(self, matrix: Readable) -> dict[int, Floats]:
        found: dict[int, Floats] = {}
        for rule, column, codes in zip(self.scorecard.rules, self.columns, self.codes, strict=True):
            if column is not None:
                worth = rule.worth(matrix[:, column], codes)
                found[column] = found[column] + worth if column in found else 0.0 + worth
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return JSON types."""
        return {
            "kind": self.kind,
            "scorecard": self.scorecard.to_dict(),
            "columns": list(self.columns),
            "codes": [None if codes is None else sorted(codes) for codes in self.codes],
            "n_columns": self.n_columns,
        }

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Points:
        """Read back what `to_dict` wrote."""
        return cls(
            Scorecard.from_dict(found["scorecard"]),
            tuple(None if c is None else int(c) for c in found["columns"]),
            tuple(None if c is None else frozenset(map(int, c)) for c in found["codes"]),
            int(found["n_columns"]),
        )


def knowing(encoder: Encoder, scorecard: Scorecard) -> Encoder:
    """Return the encoder with the values that rules name appended to its categories, where it lacks them.

    A value that no lead had at training must still give its points to the first lead that has it. The codes of the
    values known before stay.
    """
    categories = {name: list(values) for name, values in encoder.categories.items()}
    for rule in scorecard.rules:
        held = categories.get(rule.feature)
        if held is not None:
            held += [text for text in map(str, rule.values()) if text not in held]
    return Encoder(encoder.names, encoder.kinds, {name: tuple(v) for name, v in categories.items()})
