"""Values of a company's own categories that few leads share: they may say who somebody is, and teach a model nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute

if TYPE_CHECKING:
    from propensity.config import Config
    from propensity.features.frame import FeatureFrame

# Arrow registers its compute functions at run time: a type checker does not see them.
pc: Any = pyarrow.compute

FEWEST_LEADS = 5
"""Leads that must share a value of an extra category before it is learned, and so kept with the model, shown or tracked."""


def without_rare(frame: FeatureFrame, config: Config) -> FeatureFrame:
    """The frame with values of extra categories that fewer than FEWEST_LEADS leads hold made null, which is unknown.

    Scoring needs no such rule: a value that no model has learned is unknown to it. Built-in columns are left alone.
    """
    extras = {
        f"{extra.family}_{name}"
        for table in config.tables.values()
        for name, extra in table.extra.items()
        if extra.type == "category"
    }
    table = frame.table
    for name in sorted(extras & set(frame.names)):
        held = (
            pa.table({"lead": table["lead_id"], "value": table[name]})
            .group_by(["value", "lead"])
            .aggregate([])
        )
        counts = held.group_by("value").aggregate([("lead", "count")])
        known = counts.filter(pc.greater_equal(counts["lead_count"], FEWEST_LEADS))["value"].drop_null()
        place = table.column_names.index(name)
        kept = pc.is_in(table[name], value_set=known.combine_chunks())
        table = table.set_column(
            place, name, pc.if_else(kept, table[name], pa.scalar(None, table[name].type))
        )
    return frame if table is frame.table else replace(frame, table=table)
