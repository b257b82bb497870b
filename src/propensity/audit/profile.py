"""The profile of checked data: what they hold, what they cover, how leads fared, and whether they suffice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from propensity.audit.columns import ColumnProfile, columns_of
from propensity.audit.coverage import Coverage, coverage
from propensity.audit.rates import Rates, conversion_rates
from propensity.audit.sufficiency import Sufficiency, sufficiency
from propensity.audit.verdict import Verdict, judge

if TYPE_CHECKING:
    from propensity.schema import TableName
    from propensity.sources.canonical import Canonical


@dataclass(frozen=True)
class Profile:
    """Everything that `propensity check` tells of the data beyond broken rows. `rates` is None where no outcome is known."""

    columns: Mapping[TableName, tuple[ColumnProfile, ...]]
    covered: Mapping[TableName, Coverage]
    rates: Rates | None
    sufficiency: Sufficiency
    verdict: Verdict

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it: `columns`, `coverage`, `conversion`, `sufficiency`, `verdict`."""
        return {
            "columns": {
                name: {column.name: column.to_dict() for column in columns}
                for name, columns in self.columns.items()
            },
            "coverage": {name: found.to_dict() for name, found in self.covered.items()},
            "conversion": None if self.rates is None else self.rates.to_dict(),
            "sufficiency": self.sufficiency.to_dict(),
            "verdict": self.verdict.to_dict(),
        }


def profile(canonical: Canonical, through: datetime | None) -> Profile:
    """Profile checked data with a few aggregates a table.

    Only the time and the label of each matured snapshot are brought into memory: 9 bytes a snapshot.

    Parameters
    ----------
    canonical
        The checked tables.
    through
        How far the data reach (UTC); None for data without dates.
    """
    columns: dict[TableName, tuple[ColumnProfile, ...]] = {
        name: columns_of(canonical, name) for name in canonical.tables
    }
    covered: dict[TableName, Coverage] = {
        name: found for name in canonical.tables if (found := coverage(canonical, name)) is not None
    }
    enough = sufficiency(canonical, through)
    return Profile(
        columns,
        covered,
        conversion_rates(canonical, through),
        enough,
        judge(canonical, enough, columns, covered),
    )
