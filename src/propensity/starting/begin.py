"""`propensity init`: look at a folder, guess, try the guess, write it down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from propensity.config import Config
from propensity.config.tables import SourceConfig, TableConfig
from propensity.engines import open_engine
from propensity.errors import SourceError
from propensity.starting.advice import look_first
from propensity.starting.guess import make_plan
from propensity.starting.links import find_links
from propensity.starting.look import Folder, look
from propensity.starting.plan import Plan
from propensity.starting.trial import tried
from propensity.starting.write import refuse_existing, write, yaml_text

if TYPE_CHECKING:
    from propensity.engines import Engine

_ANY = Config(tables={"leads": TableConfig(sources=(SourceConfig(path=Path("any.csv")),))})


@dataclass(frozen=True)
class Begun:
    """What was found, what was guessed of it, and where that was written."""

    folder: Folder
    plan: Plan
    out: Path

    def to_dict(self) -> dict[str, Any]:
        """What `init --json` prints: `out`, `tables`, `files`, `unread`, `left_out`, `look_first`."""
        return {
            "out": str(self.out),
            "tables": {
                name: [
                    {
                        "from": source.file.name,
                        "rows": source.file.rows,
                        "columns": {canonical: mapped.source for canonical, mapped in source.columns.items()},
                        "late": {left.column.name: left.why for left in source.late},
                        "extras": [left.column.name for left in source.extras],
                        "order_by": source.order_by.source if source.order_by is not None else None,
                        "stages": [part.stage for part in source.parts],
                    }
                    for source in sources
                ]
                for name, sources in self.plan.tables.items()
            },
            "files": {
                file.name: {
                    "rows": file.rows,
                    "looked_at": -(-file.rows // file.step),
                    "rejected_lines": file.rejected,
                    "columns": {
                        column.name: {
                            "kind": column.kind,
                            "filled": round(column.counts.filled, 4),
                            "distinct": column.counts.distinct,
                        }
                        for column in file.columns
                    },
                }
                for file in self.folder.files
            },
            "unread": dict(self.folder.unread),
            "left_out": dict(self.plan.left_out),
            "look_first": list(look_first(self.plan)),
        }


def begin(folder: Path, out: Path, *, force: bool = False, step: Callable[[str], None]) -> Begun:
    """Look at a folder and write a configuration with guesses and doubts.

    Parameters
    ----------
    folder
        The folder of exports; it is only read.
    out
        The YAML file to write.
    force
        Replace a file that is there.
    step
        Told what is being done.

    Raises
    ------
    UsageError
        The folder is missing, or the file is there already or cannot be written.
    SourceError
        The folder holds no table that can be read, or none that looks like leads.
    """
    refuse_existing(out, force=force)
    engine = open_engine(_ANY)
    try:
        step(f"Looking at the files in {folder}")
        seen = look(engine, folder)
        step("Comparing keys and words")
        plan = _planned(engine, seen)
        step("Trying the guess on the files")
        plan = tried(engine, plan, folder, out)
        write(yaml_text(plan, folder=folder, out=out), out, force=force)
        return Begun(seen, plan, out)
    finally:
        engine.close()


def _planned(engine: Engine, seen: Folder) -> Plan:
    plan = make_plan(engine, seen, find_links(engine, seen))
    if plan is None:
        found = "; ".join(
            f"{file.name} ({file.rows:,} rows: {', '.join(column.name for column in file.columns[:8])}"
            f"{', ...' if len(file.columns) > 8 else ''})"  # noqa: PLR2004 - enough to know a file again
            for file in seen.files
        )
        raise SourceError(
            f"no file in {seen.path} looks like leads. Found: {found}. A table of leads has a row a lead, and a column that "
            "is unique with the time of creation, or a yes/no column that says who converted. Add such a file, or "
            "write tables.leads by hand (docs/configuration.md)."
        )
    return plan
