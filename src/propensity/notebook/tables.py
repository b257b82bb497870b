"""From a company's tables to features of snapshots."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from pydantic import ValidationError

from propensity import markup
from propensity.config import Config
from propensity.config.file import load_config
from propensity.errors import ConfigError, UsageError
from propensity.features.frame import FeatureFrame, features_of
from propensity.session import Session, open_session
from propensity.timeline.snapshots import LABEL, training_spine

if TYPE_CHECKING:
    import pandas as pd

    from propensity.config.types import Model
    from propensity.engines.untyped import Table
    from propensity.sources.canonical import Canonical
    from propensity.sources.report import CheckReport

_Section = TypeVar("_Section", bound="Model")
_MOST_MONTHS = 36


class Crm:
    """A company's mapped and checked tables, open until `close`, the end of a `with` block, or of the kernel.

    Parameters
    ----------
    session
        What `session.open_session` gives; `connect` does both.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._numbers = itertools.count(1)
        # The engine keeps a folder on disk, which must not outlive a notebook that nobody closed.
        self._release = weakref.finalize(self, session.canonical.engine.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release memory and temporary files; nothing can be asked of it afterwards."""
        self._release()

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return not self._release.alive

    @property
    def canonical(self) -> Canonical:
        """The tables as Ibis expressions in their engine. Raises UsageError once closed."""
        if self.closed:
            raise UsageError(
                "this connection is closed. Open the data again with crm = pp.connect(...), and go on from there."
            )
        return self._session.canonical

    @property
    def config(self) -> Config:
        """The configuration."""
        return self._session.canonical.config

    @property
    def through(self) -> datetime | None:
        """How far the data are complete (UTC); None where leads have no dates."""
        return self._session.through

    @property
    def checked(self) -> CheckReport:
        """What the checks found: rows kept and set aside per table, findings."""
        return self._session.canonical.report

    def table(self, name: str, *, rows: int | None = None) -> pd.DataFrame:
        """A canonical table without the rows that were set aside; its first `rows` rows, or all.

        Raises
        ------
        UsageError
            There is no such table (the message names those that there are), or this is closed.
        """
        tables: dict[str, Any] = {**self.canonical.tables}
        if name not in tables:
            raise UsageError(f"there is no table {name!r}; there are {', '.join(tables)}.")
        table = tables[name] if rows is None else tables[name].limit(rows)
        return self.canonical.engine.collect(table).to_pandas()

    def spine_name(self) -> str:
        """A name of its own for the next spine, so that several can be open side by side."""
        return f"spine_notebook_{next(self._numbers)}"

    def __repr__(self) -> str:
        lines = [self._title()]
        lines += [f"  {name:10} {kept:>12} rows{aside}" for name, kept, aside in self._tables()]
        return "\n".join([*lines, *(f"  {line}" for line in self._findings())])

    def _repr_html_(self) -> str:
        rows = [
            (name, kept, aside.lstrip(", "), report.origin)
            for (name, kept, aside), report in zip(self._tables(), self.checked.tables.values(), strict=True)
        ]
        listed = markup.table(["table", "rows", "", "from"], rows, align="lrll")
        return markup.paragraph(self._title()) + listed + markup.bullets(self._findings())

    def _title(self) -> str:
        return f"CRM, data through {shown(self.through)}" + (" (closed)" if self.closed else "")

    def _tables(self) -> list[tuple[str, str, str]]:
        return [
            (name, f"{table.kept:,}", f", {table.quarantined:,} set aside" if table.quarantined else "")
            for name, table in self.checked.tables.items()
        ]

    def _findings(self) -> list[str]:
        return [
            f"{finding.severity}: {finding.table + ': ' if finding.table else ''}{finding.message}"
            for finding in self.checked.findings
        ]


@dataclass(frozen=True)
class Month:
    """Snapshots of one calendar month (UTC): `month` as 2026-05, rows, and how many of them convert."""

    month: str
    rows: int
    conversions: int


@dataclass(frozen=True)
class Snapshots:
    """Labelled (lead, as_of) rows to learn from.

    Attributes
    ----------
    crm
        The connection they are of.
    canonical
        Its tables, with the horizon and the steps of these snapshots in the configuration.
    spine
        The rows, in the engine: lead_id, account_id, as_of, label and more.
    months
        Rows and conversions by calendar month of as_of; one without a name where leads have no dates.
    """

    crm: Crm
    canonical: Canonical
    spine: Any
    months: tuple[Month, ...]

    def __len__(self) -> int:
        return sum(month.rows for month in self.months)

    @property
    def conversions(self) -> int:
        """Rows that convert within the horizon."""
        return sum(month.conversions for month in self.months)

    def to_pandas(self) -> pd.DataFrame:
        """lead_id and account_id (text), as_of (UTC), label (int8); a row a snapshot, in the order of time and lead."""
        self.crm.canonical  # noqa: B018 - says so where the connection is closed
        columns = ["lead_id", "account_id", "as_of", LABEL]
        ordered = self.spine.order_by("snapshot_id").select(*columns)
        return self.canonical.engine.collect(ordered).to_pandas()

    def __repr__(self) -> str:
        horizon = self.canonical.config.outcome.horizon_days
        found = f"{len(self):,} snapshots"
        if self.months[0].month:
            found += f" from {self.months[0].month} to {self.months[-1].month}"
        return f"{found}; {self.conversions:,} convert within {horizon} days ({self.conversions / len(self):.1%})"

    def _repr_html_(self) -> str:
        rows = [
            (m.month, f"{m.rows:,}", f"{m.conversions:,}", f"{m.conversions / m.rows:.1%}")
            for m in self.months
        ]
        listed = markup.table(["month", "snapshots", "convert", "rate"], rows[-_MOST_MONTHS:], align="lrrr")
        return markup.paragraph(repr(self)) + listed


def connect(config: str | Path | Config, overrides: str | Sequence[str] = ()) -> Crm:
    """Open, map and check a company's tables.

    Parameters
    ----------
    config
        A YAML file (relative to where the notebook runs), or a configuration.
    overrides
        One or several `dotted.key=value`, as `--set` takes them on the command line.

    Raises
    ------
    ConfigError
        The file is missing or says something that cannot be.
    DataError
        A table is missing, or too many of its rows break a rule.
    """
    given = [overrides] if isinstance(overrides, str) else list(overrides)
    if isinstance(config, Config):
        if given:
            raise UsageError(
                "overrides go with a file; alter the configuration instead: load_config(path, overrides)."
            )
        return Crm(open_session(config))
    path = Path(config)
    if not path.exists():
        raise ConfigError(
            f"there is no configuration {path} in {Path.cwd()}. Give pp.connect the path of your YAML file, relative to "
            "the notebook's folder; configs/demo.yaml is the demo's, whose data `propensity demo` simulates."
        )
    return Crm(open_session(load_config(path, given)))


def snapshots(
    crm: Crm, *, every: str | None = None, age_days: float | None = None, horizon_days: int | None = None
) -> Snapshots:
    """All eligible, matured snapshots with their labels. What is not given is as the configuration says.

    Parameters
    ----------
    crm
        The connection.
    every
        Calendar steps: `1 month`, `2 weeks`, `10 days`.
    age_days
        Instead of `every`: one snapshot a lead, at this age in days.
    horizon_days
        How far ahead a conversion counts, in days.

    Raises
    ------
    UsageError
        An argument is out of range.
    HistoryError
        No snapshot is eligible and matured.
    """
    canonical = crm.canonical
    config = canonical.config
    changes: dict[str, Any] = {}
    if every is not None or age_days is not None:
        changes["snapshots"] = _altered(config.snapshots, {"every": every, "age_days": age_days})
    if horizon_days is not None:
        changes["outcome"] = _altered(config.outcome, {"horizon_days": horizon_days})
    canonical = replace(canonical, config=config.model_copy(update=changes))
    spine = training_spine(canonical, crm.through, name=crm.spine_name())
    return Snapshots(crm, canonical, spine, _months(canonical, spine))


def features(crm: Crm, spine: Snapshots) -> FeatureFrame:
    """Every feature of every snapshot, as it was known then.

    Raises
    ------
    UsageError
        The snapshots are of another connection, or this one is closed.
    """
    crm.canonical  # noqa: B018 - says so where the connection is closed
    if spine.crm is not crm:
        raise UsageError(
            "these snapshots are of another connection. Make them with pp.snapshots(crm, ...) of the same crm."
        )
    return features_of(spine.canonical, spine.spine).collect()


def shown(instant: datetime | None) -> str:
    """An instant as every screen writes it."""
    return "no date" if instant is None else f"{instant:%Y-%m-%d %H:%M} UTC"


def _altered(section: _Section, changes: dict[str, Any]) -> _Section:
    """A section of the configuration with other values, checked as the file's are."""
    try:
        return type(section).model_validate({**section.model_dump(), **changes})
    except ValidationError as error:
        mistakes = (
            ".".join(str(part) for part in found["loc"]) + f" {found['input']!r}: {found['msg']}"
            if found["loc"]
            else found["msg"]
            for found in error.errors()
        )
        raise UsageError(f"pp.snapshots: {'; '.join(mistakes)}.") from error


def _months(canonical: Canonical, spine: Table) -> tuple[Month, ...]:
    month = spine["as_of"].strftime("%Y-%m").fill_null("")
    counted = spine.group_by(month=month).aggregate(rows=spine.count(), conversions=spine[LABEL].sum())
    rows = canonical.engine.collect(counted.order_by("month")).to_pylist()
    return tuple(Month(row["month"], row["rows"], int(row["conversions"])) for row in rows)
