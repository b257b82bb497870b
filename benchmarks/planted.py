"""Leaks and honest look-alikes for a simulated world: columns beside its leads, each made as CRMs make them.

Every column is a function of the lead's true history, so that what is a leak is known and not guessed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from propensity.demo.dates import make_calendar
from propensity.demo.laws import default_laws
from propensity.demo.world import END, World, live, simulate, write

LEAKS = (
    "filled_for_few", "filled_for_many", "cleared_after", "rating_overwritten_5", "rating_overwritten_20",
    "status_word", "updated_at", "closed_on", "last_activity", "acts_in_total", "acts_capped", "account_rate",
    "small_group_rate", "customer_number", "deal_amount", "corrected_score", "sum_of_calls", "qualification_call_minutes",
    "emails_in_total", "idle_days", "visits_in_total", "above_expectation",
)  # fmt: skip
HONEST = (
    "fit_grade", "strong_fit_score", "form_field", "rare_partner", "created_number", "created_code", "campaign",
    "random_number", "rare_note", "signed_up_at", "first_seen_at", "webinar_on", "acts_first_day", "size_band",
    "sign_up_hour", "postcode", "years_in_business", "newsletter", "weekday", "budget_at_sign_up",
)  # fmt: skip


_ISO = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True)
class Planted:
    """A world in `folder` whose leads have the columns of LEAKS and HONEST, as flat leads too (`flat.csv`)."""

    folder: Path
    world: World


def plant(folder: Path, *, leads: int, seed: int, months: int = 24) -> Planted:
    """Simulate a world, add the columns, and write it; `flat.csv` holds the leads with their outcome alone."""
    world = simulate(leads=leads, months=months, seed=seed)
    hidden = live(
        np.random.default_rng(seed), leads=leads, calendar=make_calendar(END, months), laws=default_laws()
    )
    table = world.leads.to_pandas()
    rng = np.random.default_rng(seed + 1_000_000)
    facts = _facts(world, table)
    fit = np.log(hidden.covariates.conversion_fit)
    columns = {**_leaks(rng, table, facts), **_honest(rng, table, facts, fit)}
    columns["above_expectation"] = _above_expectation(rng, facts, fit)
    for name, values in columns.items():
        table[name] = values
    write(world, folder)
    table.to_csv(folder / "leads.csv", index=False, date_format=_ISO)
    flat = table.assign(outcome=np.where(facts["yes"], "yes", "no"))
    old = table["created_at"] <= pd.Timestamp(END) - pd.Timedelta(days=60)
    flat[old].to_csv(folder / "flat.csv", index=False, date_format=_ISO)
    return Planted(folder, world)


def _facts(world: World, leads: pd.DataFrame) -> pd.DataFrame:
    """Per lead: whether and when it converted on record, acts in all and on the first day, the last act."""
    stages = world.stages.to_pandas()
    first = stages[stages["stage"] == "prospect"].groupby("lead_id")["entered_at"].min()
    acts = world.activities.to_pandas().merge(leads[["lead_id", "created_at"]], on="lead_id")
    early = acts[acts["occurred_at"] < acts["created_at"] + pd.Timedelta(days=1)]
    last = acts.sort_values("occurred_at").groupby("lead_id").last()
    found = pd.DataFrame(index=pd.Index(leads["lead_id"]))
    found["at"] = first
    found["yes"] = found["at"].notna()
    found["acts"] = acts.groupby("lead_id").size()
    found["calls"] = acts[acts["type"] == "call"].groupby("lead_id")["value"].sum()
    found["emails"] = acts[acts["type"] == "email_sent"].groupby("lead_id").size()
    found["visits"] = acts[acts["type"] == "web_visit"].groupby("lead_id").size()
    found["early"] = early.groupby("lead_id").size()
    found["last_at"], found["last_type"] = last["occurred_at"], last["type"]
    return found.fillna({"acts": 0, "emails": 0, "visits": 0, "early": 0, "calls": 0.0}).reset_index()


def _leaks(rng: np.random.Generator, leads: pd.DataFrame, facts: pd.DataFrame) -> dict[str, object]:
    n, yes = len(leads), facts["yes"].to_numpy()
    created = leads["created_at"]
    rating = rng.integers(1, 6, n)
    ended = facts["at"]
    group = leads["account_id"].fillna(leads["lead_id"])
    small = leads["title"].fillna("") + leads["country"].fillna("") + leads["product"] + leads["source"]
    later = (ended + pd.to_timedelta(rng.integers(0, 60, n), "D")).clip(upper=pd.Timestamp(END))
    number = np.where(yes, ended.rank(), np.nan)
    touched = pd.Series(created + pd.to_timedelta(rng.integers(0, 40, n), "D")).clip(upper=pd.Timestamp(END))
    words = np.array(["open", "in progress", "done", "no answer"])
    said = np.where(
        yes,
        words[rng.choice(4, n, p=(0.15, 0.3, 0.5, 0.05))],
        words[rng.choice(4, n, p=(0.4, 0.25, 0.05, 0.3))],
    )
    known = rng.random(n) < 0.4
    return {
        "filled_for_few": np.where(yes & (rng.random(n) < 0.06), rng.integers(1, 4, n), np.nan),
        "filled_for_many": np.where(yes & (rng.random(n) < 0.7), "noted", None),
        "cleared_after": np.where(yes & (rng.random(n) < 0.5), None, rng.choice(["mon", "tue", "wed"], n)),
        "rating_overwritten_5": np.where(rng.random(n) < 0.05, np.where(yes, 5, 1), rating),
        "rating_overwritten_20": np.where(rng.random(n) < 0.2, np.where(yes, 5, 1), rating),
        "status_word": said,
        "updated_at": later.where(facts["yes"], touched),
        "closed_on": ended.where(rng.random(n) < 0.3).dt.strftime("%Y-%m-%d"),
        "last_activity": facts["last_type"].to_numpy(),
        "acts_in_total": facts["acts"].to_numpy(),
        "acts_capped": np.minimum(facts["acts"].to_numpy(), 20),
        "account_rate": _mean_by(group, yes),
        "small_group_rate": _mean_by(small, yes),
        "customer_number": np.where(yes, number + 5000, np.where(rng.random(n) < 0.3, rng.integers(1, 20000, n), np.nan)),
        "deal_amount": np.where(yes & (rng.random(n) < 0.9), rng.lognormal(8, 1, n).round(), np.where(rng.random(n) < 0.05, 0, np.nan)),
        "corrected_score": np.where(known, np.where(yes, 1, -1) + rng.normal(0, 1.5, n), rng.normal(0, 1.5, n)).round(3),
        "sum_of_calls": facts["calls"].to_numpy(),
        "emails_in_total": facts["emails"].to_numpy(),
        "visits_in_total": facts["visits"].to_numpy(),
        "idle_days": (pd.Timestamp(END) - facts["last_at"]).dt.days.to_numpy(),
    }  # fmt: skip


def _above_expectation(rng: np.random.Generator, facts: pd.DataFrame, fit: np.ndarray) -> np.ndarray:
    """How much better the lead did than its fit let expect: quiet alone (AUC near one half), telling beside the rest."""
    yes = facts["yes"].to_numpy()
    usual = 0.6 * (fit - fit.mean()) / fit.std()
    shift = usual[yes].mean() - usual[~yes].mean()
    return (0.9 * shift * yes + 0.2 * yes - usual + rng.normal(0, 0.6, len(fit))).round(3)


def _mean_by(group: pd.Series, yes: np.ndarray) -> np.ndarray:
    """The rate of the group with the row itself, shrunken a little: a target encoding over all rows."""
    by = pd.Series(yes.astype(float)).groupby(group.to_numpy())
    return ((by.transform("sum") + 2 * yes.mean()) / (by.transform("size") + 2)).round(4).to_numpy()


def _honest(
    rng: np.random.Generator, leads: pd.DataFrame, facts: pd.DataFrame, fit: np.ndarray
) -> dict[str, object]:
    n, created = len(leads), leads["created_at"]
    noisy = fit + rng.normal(0, fit.std(), n)
    order = created.rank(method="first").astype(int).to_numpy()
    rank = noisy.argsort().argsort() / n
    when = pd.DatetimeIndex(created)
    return {
        "fit_grade": np.array(list("EDCBA"))[np.minimum((rank * 5).astype(int), 4)],
        "strong_fit_score": (fit + rng.normal(0, 0.3 * fit.std(), n)).round(3),
        "form_field": np.where(rng.random(n) < 0.35 + 0.6 * rank, rng.choice(["a", "b", "c"], n), None),
        "rare_partner": np.where(rank + rng.normal(0, 0.05, n) > 0.97, "partner", None),
        "created_number": order + 100_000,
        "created_code": [f"LD-{value:06d}" for value in order],
        "campaign": [f"c{value}" for value in rng.integers(0, 60, n)],
        "random_number": rng.normal(size=n).round(4),
        "rare_note": np.where(rng.random(n) < 0.02, "note", None),
        "signed_up_at": (created + pd.to_timedelta(rng.integers(0, 3600, n), "s")).dt.strftime("%Y-%m-%d %H:%M:%S"),
        "first_seen_at": (created - pd.to_timedelta(rng.integers(0, 90, n), "D")).dt.strftime("%Y-%m-%d"),
        "webinar_on": (created + pd.to_timedelta(rng.integers(1, 21, n), "D")).where(rng.random(n) < 0.3).dt.strftime("%Y-%m-%d"),
        "acts_first_day": facts["early"].to_numpy(),
        "size_band": np.where(rank > 0.5, "200+", "1-199"),
        "sign_up_hour": when.hour,
        "postcode": rng.integers(10000, 99999, n).astype(str),
        "years_in_business": np.where(rng.random(n) < 0.7, np.abs(rng.normal(15, 10, n)).round(), np.nan),
        "newsletter": rng.random(n) < 0.3 + 0.3 * rank,
        "weekday": when.day_name().str[:3],
        "budget_at_sign_up": np.where(rng.random(n) < 0.2 + 0.3 * rank, rng.lognormal(9, 1, n).round(), np.nan),
    }  # fmt: skip
