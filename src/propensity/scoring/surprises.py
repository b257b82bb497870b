"""What scoring meets that training never saw: columns without a single value, and categories that are new.

A model scores such leads all the same: what is null or new to it counts as unknown. That must not happen unsaid.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute

from propensity.features.rare import FEWEST_LEADS
from propensity.scoring.reasons import percent

if TYPE_CHECKING:
    from propensity.model.bundle import Bundle

# Its functions are made when it is imported, so that a type checker knows none of them.
pc: Any = pyarrow.compute
FILLED = "filled"
"""Where a bundle's metadata on its data keep the share of rows in which each feature has a value."""
_MOST_NAMED = 5
_LONGEST = 60


class Surprises:
    """Counts over all batches of a scoring.

    Parameters
    ----------
    bundle
        The model: its categories, and how its features were filled when it was trained.
    """

    def __init__(self, bundle: Bundle) -> None:
        data: Mapping[str, Any] = bundle.metadata.get("data", {})
        self._filled: Mapping[str, float] = data.get(FILLED, {})
        self._names = bundle.names
        self._categories = {name: pa.array(values, pa.string()) for name, values in bundle.categories.items()}
        self._rows = 0
        self._known: Counter[str] = Counter()
        self._new: dict[str, Counter[str]] = {}

    def see(self, batch: pa.Table) -> None:
        """Count a batch that holds the model's features."""
        self._rows += batch.num_rows
        for name in self._names:
            column = batch[name]
            self._known[name] += batch.num_rows - column.null_count
            if name in self._categories:
                values = pc.drop_null(column)
                new = values.filter(pc.invert(pc.is_in(values, value_set=self._categories[name])))
                self._new.setdefault(name, Counter()).update(new.to_pylist())

    @property
    def empty(self) -> tuple[str, ...]:
        """Features that have no value in any row here, though they had some in training."""
        if not self._rows:
            return ()
        return tuple(name for name in self._names if not self._known[name] and self._filled.get(name, 0) > 0)

    @property
    def new(self) -> dict[str, dict[str, int]]:
        """Per category feature, the values that training never saw, and in how many rows."""
        return {name: dict(sorted(values.items())) for name, values in self._new.items() if values}

    def _emptied(self) -> tuple[str, ...]:
        """A sentence for each column that is empty; one for all where they are many, as where a table is missing."""
        advice = "Check the table and the mapping, or train again"
        if len(self.empty) > _MOST_NAMED:
            first = ", ".join(self.empty[:_MOST_NAMED])
            rest = len(self.empty) - _MOST_NAMED
            known = f"but were known when the model learned: {first} and {rest:,} more"
            return (f"{len(self.empty):,} features are null for all {self._rows:,} leads, {known}. {advice}",)
        return tuple(
            f"{name} is null for all {self._rows:,} leads, but was known for {percent(self._filled[name])} of the "
            f"snapshots that the model learned from. {advice}"
            for name in self.empty
        )

    def warnings(self, *, max_share: float) -> tuple[str, ...]:
        """A sentence for each column that is empty, or whose new values make up more than `max_share` of the known ones."""
        said = [*self._emptied()]
        for name, values in self.new.items():
            rows = sum(values.values())
            if not len(self._categories[name]):
                continue  # nothing was learned of this column: each of its values says whose it is
            if rows > max_share * self._known[name]:
                most = sorted(values.items(), key=lambda item: (-item[1], item[0]))
                # A word that one lead alone has may be somebody's name, and warnings are logged.
                told = [(value, count) for value, count in most[:_MOST_NAMED] if count >= FEWEST_LEADS]
                shown = ", ".join(f"{value[:_LONGEST]!r} ({count:,})" for value, count in told)
                rest = len(most) - len(told)
                more = (
                    f"{' and ' if told else ''}{rest:,} {'more' if told else 'that few leads share'}"
                    if rest
                    else ""
                )
                said.append(
                    f"{name} has values that the model has never seen for {rows:,} of {self._known[name]:,} leads, and "
                    f"takes them as unknown: {shown}{more}. Map the words, or train again"
                )
        return tuple(said)
