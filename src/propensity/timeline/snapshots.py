"""Which (lead, as_of) rows are looked at: calendar steps or a fixed age to learn from, one as_of to score."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import ibis
import pyarrow as pa

from propensity.config import parse_step
from propensity.errors import HistoryError
from propensity.sources.acts import LEAD_NUMBER
from propensity.timeline.history import SNAPSHOT, joined_left
from propensity.timeline.labels import ends_of_leads, labelled, last_matured

if TYPE_CHECKING:
    from propensity.engines.untyped import Table, Value
    from propensity.sources.canonical import Canonical

DEFAULT_STEP = "1 month"
ORDER = "time_order"
LABEL = "label"
SPINE = (SNAPSHOT, "lead_id", "account_id", "created_at", "as_of", ORDER)
_DIGITS = 8
_INSTANT = "timestamp('UTC', 6)"


def calendar(first: datetime, last: datetime, step: str, zone: ZoneInfo) -> list[datetime]:
    """Instants from the first step after `first` up to and including `last`, each a local midnight, as UTC.

    Months begin on the 1st, weeks on Monday; days count from `first`.

    >>> from datetime import datetime, UTC
    >>> days = calendar(datetime(2026, 1, 15, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC), "1 month", ZoneInfo("UTC"))
    >>> [f"{day:%Y-%m-%d}" for day in days]
    ['2026-02-01', '2026-03-01']
    """
    count, unit = parse_step(step)
    day = first.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    if unit == "months":
        day = day.replace(day=1)
    elif unit == "weeks":
        day -= timedelta(days=day.weekday())
    instants: list[datetime] = []
    while (instant := day.replace(tzinfo=zone).astimezone(UTC)) <= last:
        # A zone that crosses the date line skips a day: that day and the next begin at the same instant.
        if instant > (instants[-1] if instants else first):
            instants.append(instant)
            day = _advance(day, count, unit)
        else:
            day = _advance(day, 1, unit)
    return instants


def _advance(day: datetime, count: int, unit: str) -> datetime:
    if unit == "months":
        months = day.year * 12 + day.month - 1 + count
        return day.replace(year=months // 12, month=months % 12 + 1)
    return day + timedelta(days=count if unit == "days" else 7 * count)


def training_spine(
    canonical: Canonical,
    through: datetime | None,
    *,
    name: str = "spine_train",
    say: Callable[[str], None] = lambda _: None,
) -> Table:
    """All eligible, matured snapshots with their labels (SPINE's columns and `label`), kept in the engine.

    The engine keeps them under `name`, in place of what had it before: spines that live side by side need names of
    their own.

    Where there are more than the engine may bring to this machine (`training_rows`), leads are drawn, each with all of its
    snapshots, so that about so many are left. A lead is drawn by its id, the same in every run; the share of those that
    convert stays what it is, and what the features count of other leads does too. `say` is told so.

    Raises
    ------
    HistoryError
        No snapshot is matured, none is eligible, or the data say nothing of outcomes.
    """
    spine = _flat_spine(canonical, through) if canonical.flat else _historic_spine(canonical, through)
    kept = canonical.engine.materialise(_numbered(spine, LABEL), name, compressed=False)
    rows, most = _scalar(canonical, kept.count()), canonical.engine.training_rows
    if most is not None and rows > most:
        drawn = kept.filter(is_drawn(kept["lead_id"], most / rows))
        say(
            f"of {rows:,} snapshots about {most:,} are learned from, those of leads that are drawn by their id "
            "(engine.spark.training_rows)"
        )
        return canonical.engine.materialise(_numbered(drawn, LABEL), name, compressed=False)
    if rows == 0:
        raise HistoryError(
            "no snapshot is left to learn from: every lead was created after, or settled before, each as_of whose "
            f"outcome is known (data reach {_shown(through)}, horizon {canonical.config.outcome.horizon_days} days). "
            "Bring an earlier history, or lower outcome.horizon_days."
        )
    return kept


def is_drawn(lead_id: Value, share: float) -> Value:
    """Whether a lead is among the `share` (0 to 1) of all that are drawn: by SHA-256 of its id, as any engine computes it."""
    return lead_id.hexdigest("sha256").substr(0, _DIGITS) < f"{int(share * 16**_DIGITS):0{_DIGITS}x}"


def scoring_spine(canonical: Canonical, as_of: datetime | None) -> Table:
    """Every lead created before as_of, once (SPINE's columns), kept in the engine.

    Flat data are looked at as training did: each lead at its own creation.
    """
    leads = canonical.tables["leads"]
    if canonical.flat:
        if as_of is not None:
            leads = leads.filter(leads["created_at"] <= ibis.literal(as_of, type=_INSTANT))
        spine = leads.mutate(as_of=leads["created_at"])
    elif as_of is None:
        raise HistoryError(
            "the leads have no dates and no outcome: map created_at under tables.leads.columns."
        )
    else:
        instant = ibis.literal(as_of, type=_INSTANT)
        spine = leads.filter(leads["created_at"] < instant).mutate(as_of=instant)
    kept = canonical.engine.materialise(
        _numbered(_ordered(canonical, spine)), "spine_score", compressed=False
    )
    if _scalar(canonical, kept.count()) == 0:
        first = _scalar(canonical, canonical.tables["leads"]["created_at"].min())
        raise HistoryError(
            f"as_of {_shown(as_of)} is before any data: the first lead was created {_shown(first)}. Give a later as_of, or look at the column that created_at is mapped to."
        )
    return kept


def spine_of(canonical: Canonical, leads: Table, instants: Sequence[datetime], *, name: str) -> Table:
    """The leads of `leads` (lead_id) that `canonical` holds, at each of several instants (SPINE's columns), kept under `name`.

    Of data that are not flat: flat data are looked at as of each lead's creation.
    """
    rows = canonical.tables["leads"].semi_join(leads, "lead_id")
    spines = [
        _ordered(canonical, rows.mutate(as_of=ibis.literal(as_of, type=_INSTANT))) for as_of in instants
    ]
    return merged(canonical, spines, name=name)


def known_at(canonical: Canonical, at: datetime) -> Canonical:
    """The leads and stages that were known strictly before `at`, on both clocks; the other tables stay, for `cut` cuts them.

    What the CRM overwrites without a history (do_not_contact) is null: nobody knows what it said then.
    """
    instant = ibis.literal(at, type=_INSTANT)
    leads = canonical.tables["leads"]
    known = {"leads": leads.filter(leads["created_at"] < instant).mutate(do_not_contact=ibis.null("boolean"))}
    if "stages" in canonical.tables:
        stages = canonical.tables["stages"]
        known["stages"] = stages.filter((stages["entered_at"] < instant) & (stages["recorded_at"] < instant))
    return replace(canonical, tables={**canonical.tables, **known})


def listing(canonical: Canonical, at: datetime, callable_: Table) -> Table:
    """The leads of `callable_` (lead_id) as of `at`, with what became of each by all that is known today.

    Returns
    -------
    SPINE's columns but the number, and `label`, not computed yet.
    """
    leads = canonical.tables["leads"].select("lead_id", "account_id", "created_at", "position")
    spine = leads.semi_join(callable_, "lead_id").mutate(as_of=ibis.literal(at, type=_INSTANT))
    ends = ends_of_leads(canonical.tables["stages"], canonical.config.outcome)
    spine = joined_left(spine, ends, "lead_id")
    horizon = timedelta(days=canonical.config.outcome.horizon_days)
    return _ordered(canonical, labelled(spine, horizon)).select(*SPINE[1:], LABEL)


def merged(canonical: Canonical, spines: Sequence[Table], *, name: str) -> Table:
    """The distinct rows of several spines, numbered anew (SPINE's columns), kept in the engine under `name`."""
    parts = [spine.select(*SPINE[1:]) for spine in spines]
    every = ibis.union(*parts, distinct=True) if len(parts) > 1 else parts[0].distinct()
    return canonical.engine.materialise(_numbered(every), name)


def matured_instants(canonical: Canonical, through: datetime) -> list[datetime]:
    """The calendar's instants whose outcome is known (UTC, rising).

    Raises
    ------
    HistoryError
        There is none.
    """
    outcome = canonical.config.outcome
    lag = timedelta(days=outcome.recording_lag_days)
    return _calendar_of(canonical, last_matured(through, timedelta(days=outcome.horizon_days), lag), through)


def matured_since(
    canonical: Canonical, through: datetime | None, since: datetime | None
) -> tuple[datetime | None, int]:
    """The newest snapshot whose outcome is known, and how many leads converted in snapshots later than `since`.

    A lead whose conversion lies within the horizon of several snapshots counts once. Null where snapshots have no time.

    Raises
    ------
    HistoryError
        As `training_spine`.
    """
    spine = training_spine(canonical, through, name="spine_news")
    newer = spine if since is None else spine.filter(spine["as_of"] > ibis.literal(since, type=_INSTANT))
    newest = _scalar(canonical, spine["as_of"].max())
    return newest, int(_scalar(canonical, newer["lead_id"].nunique(where=newer[LABEL] == 1)))


def _historic_spine(canonical: Canonical, through: datetime | None) -> Table:
    config = canonical.config
    if "stages" not in canonical.tables:
        raise HistoryError(
            "nothing says which leads converted: map tables.stages, or leads.outcome for flat data."
        )
    if through is None:
        raise HistoryError("the leads have no dates: map created_at under tables.leads.columns.")
    horizon = timedelta(days=config.outcome.horizon_days)
    last = last_matured(through, horizon, timedelta(days=config.outcome.recording_lag_days))
    leads: Table = canonical.tables["leads"]
    number = [LEAD_NUMBER] if LEAD_NUMBER in leads.columns else []
    leads = leads.select("lead_id", "account_id", "created_at", "position", *number)
    if config.snapshots.age_days is not None:
        age = ibis.interval(microseconds=round(config.snapshots.age_days * 86_400_000_000))
        spine = leads.mutate(as_of=leads["created_at"] + age)
        spine = spine.filter(spine["as_of"] <= ibis.literal(last, type=_INSTANT))
        if config.snapshots.start is not None:
            spine = spine.filter(spine["as_of"] >= ibis.literal(config.snapshots.start, type=_INSTANT))
    else:
        spine = leads.cross_join(_instants(canonical, last, through))
    spine = spine.filter(spine["created_at"] < spine["as_of"])
    spine = spine.left_join(ends_of_leads(canonical.tables["stages"], config.outcome), "lead_id").drop(
        "lead_id_right"
    )
    open_then = spine["settled_at"].isnull() | (spine["settled_at"] >= spine["as_of"])
    return _ordered(canonical, labelled(spine.filter(open_then), horizon))


def _instants(canonical: Canonical, last: datetime, through: datetime) -> Table:
    instants = _calendar_of(canonical, last, through)
    table = pa.table({"as_of": pa.array(instants, pa.timestamp("us", tz="UTC"))})
    return canonical.engine.register("instants", table)


def _calendar_of(canonical: Canonical, last: datetime, through: datetime) -> list[datetime]:
    config = canonical.config
    created = _scalar(canonical, canonical.tables["leads"]["created_at"].min())
    start = config.snapshots.start
    first = created if start is None else start - timedelta(microseconds=1)
    step, zone = config.snapshots.every or DEFAULT_STEP, config.data.zone
    instants = calendar(first, last, step, zone) if first is not None else []
    if not instants:
        since = f"the first lead was created {_shown(created)}"
        if start is not None:
            since += f", snapshots start {_shown(start)} (snapshots.start)"
        raise HistoryError(
            f"no snapshot is matured: {since}, and a snapshot must lie at least "
            f"{config.outcome.horizon_days} days (outcome.horizon_days) plus {config.outcome.recording_lag_days:g} "
            f"(outcome.recording_lag_days) before {_shown(through)}, which the data reach. Bring a longer history, take "
            "smaller steps (snapshots.every), or lower the horizon."
        )
    return instants


def _flat_spine(canonical: Canonical, through: datetime | None) -> Table:
    """One snapshot a lead at its creation; leads without an outcome, or too young to have one, are left out."""
    leads = canonical.tables["leads"]
    spine = leads.filter(leads["outcome"].notnull())
    if through is not None:
        horizon = timedelta(days=canonical.config.outcome.horizon_days)
        last = last_matured(through, horizon, timedelta(days=canonical.config.outcome.recording_lag_days))
        spine = spine.filter(spine["created_at"] <= ibis.literal(last, type=_INSTANT))
    return _ordered(canonical, spine.mutate(as_of=spine["created_at"], label=spine["outcome"].cast("int8")))


def _ordered(canonical: Canonical, spine: Table) -> Table:
    """Add `time_order` (int64): microseconds of as_of, or the declared position; null where nothing is known."""
    order = spine["position"] if canonical.ordered else canonical.engine.functions.epoch_us(spine["as_of"])
    return spine.mutate(**{ORDER: order})


def _numbered(spine: Table, *more: str) -> Table:
    """Number the snapshots by time and lead; the number of the lead, whose order is that of the ids, stays where it is known."""
    more += (LEAD_NUMBER,) if LEAD_NUMBER in spine.columns else ()
    lead = spine[LEAD_NUMBER if LEAD_NUMBER in spine.columns else "lead_id"]
    number = ibis.row_number().over(order_by=[spine[ORDER], lead])
    return spine.mutate(**{SNAPSHOT: number}).select(*SPINE, *more)


def _scalar(canonical: Canonical, value: Value) -> Any:
    return canonical.engine.collect(value.as_table()).column(0)[0].as_py()


def _shown(instant: object) -> str:
    if not isinstance(instant, datetime):
        return "nowhere"
    # %Y would leave the year 1 unpadded.
    return f"{instant.replace(tzinfo=None).isoformat(' ', 'minutes')} UTC"
