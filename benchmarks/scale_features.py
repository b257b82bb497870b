"""What the yardsticks compute and propensity does not ship, so that both sides compute the same features."""

from __future__ import annotations

import ibis

from propensity import Feature

DAY_US = 86_400_000_000
SENIORITY = (("Chief", 4), ("VP", 3), ("Director", 2), ("Manager", 1))


def _act(name, expression, *, empty=0):
    return Feature(
        f"engagement_{name}",
        "engagement",
        name.replace("_", " "),
        "",
        name,
        "activities",
        expression,
        empty=empty,
    )


def _weight(table):
    return ibis.literal(2.0) ** (-table["age_us"].cast("float64") / (14 * DAY_US))


FEATURES = [
    _act("value_30d", lambda t: t["value"].sum(where=t["age_us"] <= 30 * DAY_US)),
    _act("value_365d", lambda t: t["value"].sum(where=t["age_us"] <= 365 * DAY_US)),
    _act("decayed_count", lambda t: _weight(t).sum()),
    _act("decayed_value", lambda t: (t["value"] * _weight(t)).sum()),
    _act("n_8_37d", lambda t: t.count(where=(t["age_us"] > 7 * DAY_US) & (t["age_us"] <= 37 * DAY_US))),
    Feature(
        "firmographic_seniority_level", "firmographic", "seniority", "", "level {value}", "attributes",
        lambda t: ibis.cases(*((t["title"].startswith(word), level) for word, level in SENIORITY), else_=0),
    ),
    Feature(
        "budget_to_deal_ratio", "budget", "budget", "", "{value} times the deal", "features",
        lambda t: t["budget_latest_amount"] / t["budget_deal_size"].nullif(0),
    ),
]  # fmt: skip
