"""Nights put together by hand: counts drawn from laws, without a model and without data."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from propensity.monitoring.history import Night

FIRST = datetime(2026, 3, 2, tzinfo=UTC)
FEATURES = 40
BINS = 11
MODEL = {"name": "demo", "version": "3", "digest": "d" * 64}


def laws(seed=0):
    """The share of each bin, by feature: some even, some with nearly all in one bin."""
    rng = np.random.default_rng(seed)
    return {
        f"engagement_acts_{number}": rng.dirichlet(np.full(BINS, (10.0, 1.0, 0.2)[number % 3]))
        for number in range(FEATURES)
    }


def counts(rng, rows, shares):
    return {name: rng.multinomial(rows, law).tolist() for name, law in shares.items()}


def population(rng, rows, shares, probability=0.05):
    return {"rows": rows, "probability": probability, "counts": counts(rng, rows, shares)}


def reference(rng, shares, *, units=None, rows=(1500, 200)):
    made = {
        name: {**population(rng, number, shares), "design_effects": dict.fromkeys(shares, 1.0)}
        for name, number in zip(("open", "new"), rows, strict=True)
    }
    return {
        "version": 1,
        "as_of": None,
        "new_lead_days": 7,
        "bins": {name: {"edges": list(range(BINS - 2))} for name in shares},
        "units": dict.fromkeys(shares, "acts") | (units or {}),
        "concepts": {name: name.removeprefix("engagement_").replace("_", " ") for name in shares},
        "populations": made,
        "pushes": {"acts 0": [0.1, 0.5], "acts 1": [0.0, 0.2]},
    }


def night(rng, day, shares, known, *, rows=(1000, 45), probability=0.05, push=0.1, tables=None, **more):
    """A night `day` days after the first; `known` is its model's reference."""
    held = {
        name: population(rng, number, shares, probability)
        for name, number in zip(("open", "new"), rows, strict=True)
    }
    as_of = (FIRST + timedelta(days=day)).isoformat().replace("+00:00", "Z")
    counted = {
        "populations": held,
        "pushes": {"acts 0": [push, 0.5], "acts 1": [0.0, 0.2]},
        "per_log_odds": 0.045,
    }
    found = {"as_of": as_of, "data_through": as_of, "model": MODEL, "reference": known, "night": counted}
    return Night(**{**found, "tables": tables or {}, "surprises": {"empty": [], "new": {}}, **more})


def arrived(days, *, reaches=63, newest="2026-03-01T12:00:00Z"):
    """What a table received: `days`, the newest first, the last of them for all that lie before."""
    every = (list(days) + [days[-1]] * 63)[:63]
    return {"rows": sum(every), "newest": newest, "days": every, "reaches": reaches}
