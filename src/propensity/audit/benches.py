"""From checked tables to what the court sits on: a row a lead with its outcome, and a row a snapshot beside the features."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import ibis
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from propensity.audit.exhibits import Column, column_of, joined
from propensity.audit.trial import Bench
from propensity.audit.unmapped import declared, source_name, unmapped
from propensity.features.frame import KEYS, FeatureFrame, owners_of
from propensity.timeline.history import ACCOUNT_PREFIX, EXTRA_PREFIX, SNAPSHOT, cut
from propensity.timeline.labels import ends_of_leads, last_matured
from propensity.timeline.snapshots import LABEL, ORDER

if TYPE_CHECKING:
    from propensity.engines.untyped import Table
    from propensity.schema import TableName
    from propensity.sources.canonical import Canonical

Ints = npt.NDArray[np.int64]
_LEAD_COLUMNS = ("source", "country", "region", "product", "title")
_FILLED_ONLY = ("email", "account_id")
_ACCOUNT_COLUMNS = ("industry", "country", "region", "employee_count", "annual_revenue", "founded_on")
_BEYOND_DOUBT = ("activities", "stages", "budgets", "account_leads", "account_activities")
_INSTANT = "timestamp('UTC', 6)"


@dataclass(frozen=True)
class Defendant:
    """A column on trial: its name to people, its table, its place in the configuration, and whether it feeds the model."""

    name: str
    table: TableName
    place: str
    why: str | None
    feeds: bool
    timed: bool = False


@dataclass(frozen=True)
class Docket:
    """One bench with the defendants by name, and times (microseconds UTC, float64, nan unknown) where there are dates.

    `leads` are the rows' ids where a row is a lead; `created`, `ended` are (rows,) of the lead's creation and conversion; None where there is none.
    """

    bench: Bench
    defendants: dict[str, Defendant]
    leads: tuple[str, ...] = ()
    created: npt.NDArray[np.float64] | None = None
    ended: npt.NDArray[np.float64] | None = None


def feeding(canonical: Canonical) -> list[tuple[str, Defendant]]:
    """Attributes (by their name in the cut table) that feed the model, with who they are."""
    found: list[tuple[str, Defendant]] = []
    present = canonical.present["leads"]
    own = [name for name in (*_LEAD_COLUMNS, *_FILLED_ONLY) if name in present]
    found += [(name, _defendant(canonical, "leads", name)) for name in own]
    extras = canonical.config.tables["leads"].extra
    found += [(EXTRA_PREFIX + name, _defendant(canonical, "leads", name)) for name in extras]
    if "account_id" in present and "accounts" in canonical.tables:
        there = canonical.present["accounts"]
        found += [
            (ACCOUNT_PREFIX + name, _defendant(canonical, "accounts", name))
            for name in _ACCOUNT_COLUMNS
            if name in there
        ]
        found += [
            (ACCOUNT_PREFIX + EXTRA_PREFIX + name, _defendant(canonical, "accounts", name))
            for name in canonical.config.tables["accounts"].extra
        ]
    names = [defendant.name for _, defendant in found]
    return [
        (column, who if names.count(who.name) == 1 else replace(who, name=who.place)) for column, who in found
    ]


def _defendant(canonical: Canonical, table: TableName, name: str) -> Defendant:
    place, why = declared(canonical, table, name)
    extra = canonical.config.tables[table].extra.get(name)
    shown = source_name(canonical, table, name)
    shown = shown if table == "leads" else f"{table}.{shown}"
    return Defendant(shown, table, place, why, True, extra is not None and extra.known_at is not None)


def leads_docket(canonical: Canonical, through: datetime | None, *, candidates: bool) -> Docket | None:
    """A row a lead: flat data as they are trained on; with history, whether it converted on record by `through`.

    Leads whose horizon has not passed are left out. None where no outcome is known.
    """
    spine = _lead_spine(canonical, through)
    if spine is None:
        return None
    kept: Any = canonical.engine.materialise(spine, "court_leads")
    fed = [(column, who) for column, who in feeding(canonical) if canonical.flat or not who.timed]
    attributes: Any = cut(canonical, kept).attributes
    columns = {f"x{place}": attributes[column] for place, (column, _) in enumerate(fed)}
    clocks = ("created_at", "ended_at") if canonical.dated else ()
    wanted = [name for name in clocks if name in kept.columns]
    keys = ["lead_id", "account_id", ORDER, LABEL, *wanted]
    table = attributes.select(*keys, **columns)
    raw: dict[str, Defendant] = {}
    if candidates:
        table, raw = _with_raw(canonical, table, {who.name for _, who in fed})
    rows = canonical.engine.collect(table.order_by("lead_id"))
    rows = rows.filter(_drawn(groups_of(rows), canonical.config.court.most_rows))
    mapped = [
        _column(who, rows[f"x{place}"], filled_only=column in _FILLED_ONLY)
        for place, (column, who) in enumerate(fed)
    ]
    unread = [column_of(who.name, rows[name], text=True) for name, who in raw.items()]
    bench = Bench(
        rows[LABEL].to_numpy().astype(np.int64),
        groups_of(rows),
        _time(rows),
        (),
        _telling(mapped),
        _telling(unread),
        trusted=frozenset(who.name for _, who in fed if who.why is not None),
    )
    defendants = {who.name: who for who in (*(who for _, who in fed), *raw.values())}
    times = {name: _instants(rows, name) for name in wanted}
    ids = tuple(rows["lead_id"].to_pylist())
    return Docket(bench, defendants, ids, times.get("created_at"), times.get("ended_at"))


def _lead_spine(canonical: Canonical, through: datetime | None) -> Table | None:
    leads: Any = canonical.tables["leads"]
    outcome = canonical.config.outcome
    epoch = canonical.engine.functions.epoch_us
    last = None
    if through is not None:
        last = last_matured(
            through, timedelta(days=outcome.horizon_days), timedelta(days=outcome.recording_lag_days)
        )
    if canonical.flat:
        rows = leads.filter(leads["outcome"].notnull())
        if last is not None and canonical.dated:
            rows = rows.filter(rows["created_at"] <= ibis.literal(last, type=_INSTANT))
        as_of = rows["created_at"]
        order = rows["position"] if canonical.ordered else epoch(as_of)
        rows = rows.mutate(as_of=as_of, label=rows["outcome"].cast("int8"), time_order=order)
        more: list[str] = []
    elif "stages" in canonical.tables and last is not None:
        ends = ends_of_leads(canonical.tables["stages"], outcome)
        rows = leads.filter(leads["created_at"] <= ibis.literal(last, type=_INSTANT))
        rows = rows.left_join(ends, "lead_id").drop("lead_id_right")
        rows = rows.mutate(
            as_of=ibis.literal(through, type=_INSTANT),
            label=rows["converted_at"].notnull().cast("int8"),
            time_order=epoch(rows["created_at"]),
            ended_at=rows["converted_at"],
        )
        more = ["ended_at"]
    else:
        return None
    number = ibis.row_number().over(order_by=[rows["lead_id"]])
    keys = [SNAPSHOT, "lead_id", "account_id", "created_at", "as_of", ORDER, LABEL]
    return rows.mutate(**{SNAPSHOT: number}).select(*keys, *more)


def _with_raw(canonical: Canonical, table: Any, taken: set[str]) -> tuple[Any, dict[str, Defendant]]:
    """Join the columns that nothing reads to the rows of leads."""
    found: dict[str, Defendant] = {}
    sides: tuple[tuple[TableName, str, str], ...] = (
        ("leads", "lead_id", "u"),
        ("accounts", "account_id", "v"),
    )
    for name, key, prefix in sides:
        if name not in canonical.tables or (
            name == "accounts" and "account_id" not in canonical.present["leads"]
        ):
            continue
        raw = unmapped(canonical, name)
        if raw is None:
            continue
        place = ibis.row_number().over(group_by=key, order_by=[raw.table[each] for each in raw.names])
        single = raw.table.mutate(_place=place)
        columns = {prefix + engine: single[engine] for engine in raw.names}
        single = single.filter(single["_place"] == 0).select(key, **columns)
        table = table.left_join(single, key).drop(key + "_right")
        for engine, column in raw.names.items():
            shown = column if name == "leads" else f"{name}.{column}"
            shown = shown if shown not in taken else f"{name}: {shown}"
            found[prefix + engine] = Defendant(shown, name, f"tables.{name}", None, False)
    return table, found


def snapshot_dockets(canonical: Canonical, frame: FeatureFrame) -> tuple[list[Docket], FeatureFrame]:
    """A row a snapshot, with attributes as they are cut; and the rows drawn.

    Canonical attributes stand beside the features of facts, whose time is on record; the company's own columns, which
    nobody vouches for, beside all features but their own.
    """
    kept = frame.table.filter(_drawn(groups_of(frame.table), canonical.config.court.most_rows))
    frame = replace(frame, table=kept)
    keys = canonical.engine.register("court_keys", kept.select([*KEYS, LABEL]))
    fed = feeding(canonical)
    attributes: Any = cut(canonical, keys).attributes
    columns = {f"x{place}": attributes[column] for place, (column, _) in enumerate(fed)}
    rows = canonical.engine.collect(attributes.select(SNAPSHOT, **columns).order_by(SNAPSHOT))
    own: list[Column] = []
    common: list[Column] = []
    for place, (column, who) in enumerate(fed):
        found = _column(
            who, rows[f"x{place}"], filled_only=column in _FILLED_ONLY, leads=frame.table["lead_id"]
        )
        (own if EXTRA_PREFIX in column else common).append(found)
    doubted = {
        f"{extra.family}_{name}"
        for table in ("leads", "accounts")
        if table in canonical.config.tables
        for name, extra in canonical.config.tables[table].extra.items()
    }
    proven = [
        feature.name
        for feature in frame.features
        if feature.over in _BEYOND_DOUBT or feature.name == "firmographic_lead_age_days"
    ]
    every = [feature.name for feature in frame.features if feature.name not in doubted]
    defendants = {who.name: who for _, who in fed}
    return [
        Docket(_beside(frame, names, found), defendants)
        for names, found in ((proven, common), (every, own))
        if _telling(found)
    ], frame


def _beside(frame: FeatureFrame, names: list[str], tried: list[Column]) -> Bench:
    """A bench whose others are features of these names and the time."""
    time = _time(frame.table)
    matrix, codes = joined([column_of(name, frame.table[name]) for name in names], len(frame))
    return Bench(
        frame.y.astype(np.int64),
        groups_of(frame.table),
        np.column_stack([time, matrix]),
        tuple(time.shape[1] + code for code in codes),
        _telling(tried),
        (),
        outcome="converted within the horizon",
        trust_base=True,
    )


def _column(who: Defendant, values: Any, *, filled_only: bool, leads: Any = None) -> Column:
    if filled_only:
        values = pa.array(
            ["known" if known else None for known in values.is_valid().to_pylist()], pa.string()
        )
    return column_of(who.name, values, leads=leads)


def _telling(columns: list[Column]) -> tuple[Column, ...]:
    """Columns with more than one value; one that is the same everywhere can say nothing."""
    return tuple(
        column for column in columns if len(np.unique(column.codes)) > 1 or column.matrix.shape[1] > 1
    )


def groups_of(rows: pa.Table) -> Ints:
    """(rows,) int64 codes from 0 of whom a row belongs to, see `owners_of`."""
    return np.unique(np.array(owners_of(rows)), return_inverse=True)[1].astype(np.int64)


def _drawn(cluster: Ints, most: int) -> pa.Array:
    """Which rows are looked at: `most` of them, the same every time, whole clusters but for the last one drawn."""
    if len(cluster) <= most:
        return pa.array(np.ones(len(cluster), dtype=np.bool_))
    place = np.random.default_rng(0).permutation(int(cluster.max()) + 1)
    kept = np.zeros(len(cluster), dtype=np.bool_)
    kept[np.argsort(place[cluster], kind="stable")[:most]] = True
    return pa.array(kept)


def _time(rows: pa.Table) -> npt.NDArray[np.float64]:
    order = rows[ORDER]
    if order.null_count:
        return np.zeros((len(rows), 0))
    return order.to_numpy().astype(np.float64)[:, None]


def _instants(rows: pa.Table, name: str) -> npt.NDArray[np.float64]:
    us = rows[name].cast(pa.timestamp("us", tz="UTC")).cast(pa.int64())
    return us.to_pandas().to_numpy(dtype=np.float64, na_value=np.nan)
