"""The small world as another company would export it: other tables, other columns, other ways to write things."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd

BANDS = [(1, 9), (10, 49), (50, 199), (200, 499), (500, 999), (1000, 4999)]
MAIL_WORDS = {"email_sent": "OUT", "email_open": "opened", "email_click": "clicked", "email_reply": "IN"}
WEB = {"web_visit": "page views", "pricing_view": "pricing views", "content_download": "downloads"}
OTHER = {"meeting": "Visit", "demo_request": "Demo", "quote_request": "Quote", "form_submit": "Form"}
ZONE = "Europe/Berlin"


def band(people: float) -> str | None:
    """`200-499`, `5,000+`, or nothing."""
    if np.isnan(people):
        return None
    found = [f"{low:,}-{high:,}" for low, high in BANDS if low <= people <= high]
    return found[0] if found else "5,000+"


def middle(people: float) -> float:
    """What a band stands for."""
    found = [(low + high) / 2 for low, high in BANDS if low <= people <= high]
    return found[0] if found else 5000.0


def turnover(amount: float) -> str | None:
    """`€ 1.234.567,00`."""
    if np.isnan(amount):
        return None
    return "€ " + f"{amount:,.2f}".translate(str.maketrans(",.", ".,"))


def local_day(times: pd.Series) -> pd.Series:
    """dd.mm.yyyy of a wall clock in Berlin."""
    return times.dt.tz_convert(ZONE).dt.strftime("%d.%m.%Y")


def export(world: Path, folder: Path) -> None:
    """Write people.csv, inquiries.csv, firms.parquet, mails.csv, calls.csv.gz, sessions.parquet, other.csv, deals.csv, money.csv."""
    leads = pd.read_csv(world / "leads.csv")
    leads["created_at"] = pd.to_datetime(leads["created_at"], errors="coerce", format="ISO8601", utc=True)
    leads = leads.dropna(subset="created_at").drop_duplicates("lead_id").reset_index(drop=True)
    person = "P" + leads["lead_id"].str[1:]
    names = leads["contact_name"].str.partition(" ")
    people = pd.DataFrame({
        "Contact ID": person, "First": names[0], "Last": names[2], "Mail": leads["email"],
        "Mobile": leads["phone"].where(leads.index % 2 == 0), "Desk phone": leads["phone"].where(leads.index % 2 == 1),
        "Job": leads["title"].fillna("(unknown)"),
    })  # fmt: skip
    strangers = pd.DataFrame({"Contact ID": [f"Q{n}" for n in range(40)], "First": "A", "Last": "B"})
    pd.concat([people, strangers]).to_csv(folder / "people.csv", sep=";", index=False, encoding="utf-16")
    firm = leads["account_id"].str.lower().str.replace("a", "a-")
    inquiries = pd.DataFrame({
        "No": leads["lead_id"].str[1:].astype(int), "Person": person, "Opened": local_day(leads["created_at"]),
        "Came by": leads["source"], "Wants": leads["product"], "Firm": firm, "State": leads["country"],
        "Rep": leads["owner"], "Do not call": leads["do_not_contact"].map({True: "ja", False: "nein"}),
    })  # fmt: skip
    trade_fair = inquiries["Came by"] == "trade_show"
    inquiries[~trade_fair].to_csv(folder / "inquiries.csv", index=False)
    inquiries[trade_fair].drop(columns="Came by").to_parquet(folder / "fair.parquet", index=False)
    _firms(world, folder)
    _acts(world, folder)
    _deals(world, folder)
    budgets = pd.read_parquet(world / "budgets.parquet")
    budgets["No"] = budgets.pop("lead_id").str[1:].astype(int)
    budgets["on"] = local_day(budgets.pop("recorded_at"))
    budgets.to_csv(folder / "money.csv", index=False)


def _firms(world: Path, folder: Path) -> None:
    firms = pd.read_csv(world / "accounts.csv").drop_duplicates("account_id")
    pd.DataFrame({
        "id": firms["account_id"], "called": firms["name"], "branch": firms["industry"].map({"Software": "IT"}).fillna(firms["industry"]),
        "staff": firms["employee_count"].map(band), "turnover": firms["annual_revenue"].map(turnover),
        "since": pd.to_datetime(firms["founded_on"]).dt.year.astype("Int64"),
    }).to_parquet(folder / "firms.parquet", index=False)  # fmt: skip


def _acts(world: Path, folder: Path) -> None:
    acts = pd.read_parquet(world / "activities.parquet")
    acts["number"] = acts["lead_id"].str[1:].astype(int)
    mails = acts[acts["type"].isin(MAIL_WORDS)]
    own = pd.DataFrame({
        "person": "P" + mails["lead_id"].str[1:], "at": mails["occurred_at"].dt.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), "what": mails["type"].map(MAIL_WORDS),
    })  # fmt: skip
    to_others = pd.DataFrame({"person": ["Q1", "Q2"], "at": "2025-01-01T00:00:00Z", "what": "OUT"})
    pd.concat([own, to_others]).to_csv(folder / "mails.csv", index=False)
    calls = acts[acts["type"] == "call"]
    local = calls["occurred_at"].dt.tz_convert(ZONE)
    text = pd.DataFrame({
        "inquiry": calls["number"], "day": local.dt.strftime("%d.%m.%Y"), "time": local.dt.strftime("%H:%M:%S"),
        "minutes": calls["value"], "way": calls["direction"].map({"inbound": "<-", "outbound": "->"}),
    }).to_csv(sep="\t", index=False)  # fmt: skip
    (folder / "calls.tsv.gz").write_bytes(gzip.compress(text.encode()))
    web = acts[acts["type"].isin(WEB)]
    day = web["occurred_at"].dt.tz_convert(ZONE).dt.date.rename("day")
    counts = pd.crosstab([web["number"], day], web["type"]).rename(columns=WEB)
    counts.reset_index().to_parquet(folder / "sessions.parquet", index=False)
    other = acts[acts["type"].isin(OTHER)]
    pd.DataFrame({
        "inquiry": other["number"].astype(str) + ".0", "ts": other["occurred_at"].dt.strftime("%Y/%m/%d %H:%M:%S+00:00"), "kind": other["type"].map(OTHER),
    }).to_csv(folder / "other.csv", index=False)  # fmt: skip


def _deals(world: Path, folder: Path) -> None:
    stages = pd.read_parquet(world / "stages.parquet")
    wide = stages.pivot_table(index="lead_id", columns="stage", values="entered_at", aggfunc="min")
    deals = pd.DataFrame({
        "deal": range(len(wide)), "person": "P" + wide.index.str[1:], "touched": local_day(wide["contacted"]).to_numpy(),
        "qualified": local_day(wide["prospect"]).to_numpy(), "offered": local_day(wide["opportunity"]).to_numpy(),
        "closed": local_day(wide["customer"].fillna(wide["disqualified"])).to_numpy(),
        "state": np.where(wide["customer"].notna(), "won", np.where(wide["disqualified"].notna(), "lost", "open")),
    })  # fmt: skip
    deals.to_csv(folder / "deals.csv", index=False)
