"""A simulated CRM whose true conversion probabilities are known exactly."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv, parquet

from propensity.demo import records, words
from propensity.demo.dates import Calendar, make_calendar
from propensity.demo.fit import Covariates, covariates
from propensity.demo.forward import latent_probabilities, true_probabilities
from propensity.demo.laws import BUDGETS, INTERESTS, default_laws
from propensity.demo.people import DAY_SECONDS, Accounts, People, make_accounts, make_people
from propensity.demo.process import CONVERTED, OPEN, Facts, Fates, run
from propensity.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from propensity.demo.laws import Floats, Ints, Laws

END: Final = datetime(2026, 6, 1, tzinfo=UTC)
_LEADS_PER_ACCOUNT: Final = 2.2
_BROKEN_SHARE: Final = 0.0005
_ISO: Final = pc.StrftimeOptions("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class World:
    """The tables of a simulated CRM in the canonical columns, and the truth behind them.

    All timestamps are in microseconds, UTC; amounts in EUR; null where the CRM holds nothing.

    Attributes
    ----------
    leads, accounts, activities, stages, budgets, products
        The canonical tables. `leads` also has `qualification_call_minutes`, a leak: filled after conversion.
    truth
        lead_id, as_of, probability: per as_of, every lead created before it and neither converted nor
        disqualified before it (on record or not), with P(enters prospect in [as_of, as_of + horizon) | facts
        that happened and were recorded before as_of, and that it is still open). By as_of, then lead_id.
    latent
        lead_id, means, interest, probability: what is hidden about every lead that is open at `end`: whether it has the
        means, its interest (see `laws`), and P(enters prospect in [end, end + horizon)) for one who knew both.
    """

    leads: pa.Table
    accounts: pa.Table
    activities: pa.Table
    stages: pa.Table
    budgets: pa.Table
    products: pa.Table
    truth: pa.Table
    latent: pa.Table


@dataclass(frozen=True)
class Hidden:
    """What lies behind a world's tables; tests of the truth read it, nothing else should."""

    calendar: Calendar
    laws: Laws
    accounts: Accounts
    people: People
    covariates: Covariates
    facts: Facts
    fates: Fates


def simulate(
    *,
    leads: int = 20_000,
    months: int = 24,
    seed: int = 7,
    end: datetime = END,
    truth_instants: Sequence[datetime] | None = None,
    horizon_days: int = 30,
) -> World:
    """Simulate a CRM; the same arguments give the same world.

    Parameters
    ----------
    leads
        Number of leads, created over the whole history.
    months
        Calendar months of history before `end`.
    seed
        Seed of the only random generator; 0 is a seed like any other.
    end
        UTC midnight at which the history stops: no fact happens or is recorded at or after it.
    truth_instants
        UTC midnights at which to give the truth; by default each first of a month and `end`.
    horizon_days
        How far ahead the truth looks.

    Raises
    ------
    UsageError
        If an argument is out of range, or an instant is no midnight of the history.
    """
    if leads < 1 or horizon_days < 1:
        raise UsageError(f"A world needs leads >= 1 and horizon_days >= 1; found {leads}, {horizon_days}.")
    rng = np.random.default_rng(seed)
    hidden = live(rng, leads=leads, calendar=make_calendar(end, months), laws=default_laws())
    calendar = hidden.calendar
    instants = calendar.month_starts() if truth_instants is None else truth_instants
    days = [calendar.day_of(instant) for instant in instants]
    return _write_down(rng, hidden, _truth(hidden, days, horizon_days), horizon_days=horizon_days)


def live(rng: np.random.Generator, *, leads: int, calendar: Calendar, laws: Laws) -> Hidden:
    """Let `leads` leads live through the calendar under the laws; `simulate` writes down what comes of it."""
    accounts = make_accounts(rng, max(1, round(leads / _LEADS_PER_ACCOUNT)), calendar.start.year)
    people = make_people(
        rng,
        count=leads,
        days=calendar.days,
        drift_day=calendar.drift_day,
        first_weekday=calendar.first_weekday,
        accounts=accounts,
    )
    known = covariates(people, accounts)
    facts, fates = run(rng, known, calendar, laws)
    return Hidden(calendar, laws, accounts, people, known, facts, fates)


def lead_ids(count: int) -> list[str]:
    """Ids of leads in order of creation.

    >>> lead_ids(2)
    ['L000001', 'L000002']
    """
    return [f"L{number:06d}" for number in range(1, count + 1)]


def _truth(hidden: Hidden, as_of_days: list[int], horizon_days: int) -> pa.Table:
    truth = true_probabilities(
        hidden.facts,
        hidden.fates.day,
        hidden.covariates,
        hidden.calendar,
        hidden.laws,
        as_of_days=as_of_days,
        horizon_days=horizon_days,
    )
    return pa.table(
        {
            "lead_id": records.strings(lead_ids(len(hidden.people.created_s)), truth.lead),
            "as_of": records.timestamps(truth.day * DAY_SECONDS, hidden.calendar.start),
            "probability": pa.array(truth.probability),
        }
    )


def _latent(hidden: Hidden, names: list[str], horizon_days: int) -> pa.Table:
    leads = np.flatnonzero(hidden.fates.fate == OPEN)
    states = hidden.fates.state[leads]
    means, interest = np.divmod(states, len(INTERESTS))
    probability = latent_probabilities(
        states,
        leads,
        hidden.covariates,
        hidden.calendar,
        hidden.laws,
        as_of_day=hidden.calendar.days,
        horizon_days=horizon_days,
    )
    return pa.table(
        {
            "lead_id": records.strings(names, leads),
            "means": pa.array(means == 1),
            "interest": records.strings(INTERESTS, interest),
            "probability": pa.array(probability),
        }
    )


def _write_down(
    rng: np.random.Generator, hidden: Hidden, truth: pa.Table, *, horizon_days: int = 30
) -> World:
    people, start = hidden.people, hidden.calendar.start
    end_s = hidden.calendar.days * DAY_SECONDS
    entered = records.end_seconds(rng, hidden.fates)
    rows = records.activity_rows(rng, hidden.facts, people)
    stages = records.stage_rows(rng, rows, people, hidden.fates, entered)
    stages = stages.where(stages.recorded_s < end_s)
    prospects = np.flatnonzero(hidden.fates.fate == CONVERTED)
    later, minutes = records.afterlife(rng, prospects, entered[prospects])
    rows = records.join_rows([records.first_forms(people), rows, later])
    rows = rows.where(rows.recorded_s < end_s)
    rows = records.join_rows([rows, records.strangers(rng, rows, len(people.created_s))])
    # A qualification that is not yet on record has left no trace in the lead's row either.
    on_record = np.isin(prospects, stages.lead[stages.stage == records.STAGES.index("prospect")])
    call_minutes = np.full(len(people.created_s), np.nan)
    call_minutes[prospects[on_record]] = minutes[on_record]
    names = lead_ids(len(people.created_s))
    return World(
        leads=_leads_table(hidden, names, call_minutes),
        accounts=_accounts_table(rng, hidden.accounts),
        activities=_activities_table(rows, names, start),
        stages=_stages_table(stages, names, start),
        budgets=_budgets_table(rng, hidden, names),
        products=_products_table(),
        truth=truth,
        latent=_latent(hidden, names, horizon_days),
    )


def _products_table() -> pa.Table:
    return pa.table(
        {
            "product": [product.name for product in words.PRODUCTS],
            "price": [product.price_eur for product in words.PRODUCTS],
            "currency": ["EUR"] * len(words.PRODUCTS),
        }
    )


def _stages_table(stages: records.Stages, names: list[str], start: datetime) -> pa.Table:
    return pa.table(
        {
            "lead_id": records.strings(names, stages.lead),
            "stage": records.strings(records.STAGES, stages.stage),
            "entered_at": records.timestamps(stages.entered_s, start),
            "recorded_at": records.timestamps(stages.recorded_s, start),
        }
    )


def _floats(values: Floats) -> pa.Array:
    return pa.array(values, mask=np.isnan(values))


def _account_ids(codes: Ints) -> pa.Array:
    return pa.array([None if code < 0 else f"A{code + 1:06d}" for code in codes.tolist()], type=pa.string())


def _leads_table(hidden: Hidden, names: list[str], call_minutes: Floats) -> pa.Table:
    people = hidden.people
    return pa.table(
        {
            "lead_id": pa.array(names),
            "created_at": records.timestamps(people.created_s, hidden.calendar.start),
            "account_id": _account_ids(people.account),
            "contact_name": pa.array(people.contact_name),
            "email": pa.array(people.email, type=pa.string()),
            "phone": pa.array(people.phone, type=pa.string()),
            "title": records.strings([title.name for title in words.TITLES], people.title),
            "source": records.strings([source.name for source in words.SOURCES], people.source),
            "country": records.strings([code for code, *_ in words.COUNTRIES], people.country),
            "region": records.strings([region for _, region, *_ in words.COUNTRIES], people.country),
            "product": records.strings([product.name for product in words.PRODUCTS], people.product),
            "deal_value": _floats(people.deal_value_eur),
            "owner": records.strings(words.OWNERS, people.owner),
            "do_not_contact": pa.array(people.do_not_contact == 1),
            "qualification_call_minutes": _floats(call_minutes),
        }
    )


def _accounts_table(rng: np.random.Generator, accounts: Accounts) -> pa.Table:
    months, days = rng.integers(1, 13, len(accounts.name)), rng.integers(1, 29, len(accounts.name))
    founded = [
        date(int(y), int(m), int(d)) for y, m, d in zip(accounts.founded_year, months, days, strict=True)
    ]
    employees = accounts.employee_count
    return pa.table(
        {
            "account_id": _account_ids(np.arange(len(accounts.name))),
            "name": pa.array(accounts.name),
            "domain": pa.array(accounts.domain),
            "industry": records.strings([name for name, *_ in words.INDUSTRIES], accounts.industry),
            "employee_count": _floats(employees).cast(pa.int64()),
            "annual_revenue": _floats(accounts.annual_revenue_eur),
            "currency": pa.array(["EUR"] * len(accounts.name)),
            "country": records.strings([code for code, *_ in words.COUNTRIES], accounts.country),
            "region": records.strings([region for _, region, *_ in words.COUNTRIES], accounts.country),
            "founded_on": pa.array(founded, type=pa.date32()),
        }
    )


def _activities_table(rows: records.Rows, names: list[str], start: datetime) -> pa.Table:
    rows = rows.where(np.lexsort((rows.type, rows.lead, rows.recorded_s, rows.occurred_s)))
    beyond = max(int(rows.lead.max(initial=0)) + 1 - len(names), 0)
    strangers = [f"L{900_000_000 + number}" for number in range(beyond)]
    return pa.table(
        {
            "lead_id": records.strings([*names, *strangers], rows.lead),
            "occurred_at": records.timestamps(rows.occurred_s, start),
            "recorded_at": records.timestamps(rows.recorded_s, start),
            "type": records.strings(records.TYPES, rows.type),
            "direction": records.strings(records.DIRECTIONS, rows.direction),
            "channel": records.strings(records.CHANNELS, rows.channel),
            "value": _floats(rows.value),
        }
    )


def _budgets_table(rng: np.random.Generator, hidden: Hidden, names: list[str]) -> pa.Table:
    facts = hidden.facts
    keep = (facts.kind >= BUDGETS.start) & (facts.kind < BUDGETS.stop)
    at = records.budget_seconds(rng, facts, hidden.people.created_s)[keep]
    order = np.lexsort((facts.kind[keep], facts.lead[keep], at))
    kind, lead = facts.kind[keep][order], facts.lead[keep][order]
    return pa.table(
        {
            "lead_id": records.strings(names, lead),
            "amount": pa.array(facts.amount_eur[keep][order]),
            "recorded_at": records.timestamps(at[order], hidden.calendar.start),
            "kind": records.strings(records.BUDGET_KINDS, kind - BUDGETS.start),
            "currency": pa.array(["EUR"] * len(lead), type=pa.string()),
        }
    )


def write(world: World, folder: Path) -> dict[str, Path]:
    """Write leads, accounts and products as CSV, the others as Parquet, the truth in a folder of its own.

    A few rows of `leads.csv` have an unreadable creation time, as exports do; they belong to no lead of the
    world. Each file appears whole or not at all.

    Returns
    -------
    dict
        Table name to path, `truth` and `latent` included.
    """
    folder = Path(folder)
    (folder / "truth").mkdir(parents=True, exist_ok=True)
    paths = {
        "leads": folder / "leads.csv",
        "accounts": folder / "accounts.csv",
        "products": folder / "products.csv",
        "activities": folder / "activities.parquet",
        "stages": folder / "stages.parquet",
        "budgets": folder / "budgets.parquet",
        "truth": folder / "truth" / "truth.parquet",
        "latent": folder / "truth" / "latent.parquet",
    }
    for name, path in paths.items():
        table = _with_broken_rows(world.leads) if name == "leads" else getattr(world, name)
        part = path.with_name(f".{path.name}.part")
        if path.suffix == ".csv":
            csv.write_csv(_iso(table), part)
        else:
            parquet.write_table(table, part)
        os.replace(part, path)  # noqa: PTH105 - Path.replace says the same
    return paths


def _iso(table: pa.Table) -> pa.Table:
    for index, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type):
            seconds = table.column(index).cast(pa.timestamp("s", tz="UTC"))
            table = table.set_column(index, field.name, pc.call_function("strftime", [seconds], _ISO))
    return table


def _with_broken_rows(leads: pa.Table) -> pa.Table:
    table = _iso(leads)
    broken = table.slice(0, max(1, round(len(table) * _BROKEN_SHARE)))
    ids = [f"L{800_000_001 + row}" for row in range(len(broken))]
    dates = [f"{row % 18 + 13:02d}.{row % 18 + 13:02d}.2O25" for row in range(len(broken))]
    for name, values in (("lead_id", ids), ("created_at", dates)):
        broken = broken.set_column(broken.schema.get_field_index(name), name, pa.array(values))
    return pa.concat_tables([table, broken])
