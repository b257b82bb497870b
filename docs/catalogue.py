"""The catalogue page of the features, from their specs: `docs/generate.py` writes it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from types import SimpleNamespace
from typing import Any, get_args

from propensity.config import Config
from propensity.engines.duckdb import DuckDBFunctions
from propensity.features.catalogue import possible_features
from propensity.features.spec import Family, Feature
from propensity.features.titles import AUTHORITY, DEPARTMENTS, SENIORITY
from propensity.schema import TABLES
from propensity.sources.canonical import Canonical
from propensity.sources.report import CheckReport

CONFIGURED = {
    "ideal_customer": {
        "industry": ["x"],
        "country": ["x"],
        "region": ["x"],
        "employee_count": {"min": 1},
        "annual_revenue": {"min": 1},
        "seniority": 1,
    },
    "fiscal_year_end": "12-31",
}
INTRODUCTION = """\
# Features

Every feature that propensity derives, generated from the code (`make docs`). A table or a column that is not mapped gives no
feature. Null means unknown; zero means that there was none. All of them are computed from what was known strictly before
as_of ([the time rule](time.md)). Names derive from the configuration: windows, half-lives, channels, acts and kinds of
budget may be others at your company ([configuration](configuration.md), `features`). `features.exclude` leaves features
out, your own columns become features under `tables.<name>.extra`, and [own features](own-features.md) are one file away.

N stands for the number in a feature's name. Direction is a monotone constraint on the model; none that ships has one.
"""
DEFINITIONS = """\
## Definitions

**Past rates.** A past lead of a snapshot was created before as_of - H, where H is the horizon, and is not the lead itself. It
converted when, by what was known strictly before as_of on both clocks, it entered the outcome stage or a later one
within H of its creation (before its creation counts too) and was not disqualified first. With n past leads of the
snapshot's source, industry or account, c of them converted, b the share of all past leads that converted, and k =
`features.past_rate_pseudo_leads` (20), the rate is 100 (c + k b) / (n + k): few leads are drawn towards the average. Where
no lead is old enough, it is null. The snapshot's industry is that of its account at as_of; a past lead's is the one that its
account had when the lead's horizon ended. Flat data with dates: the outcome column is taken as known H plus
`outcome.recording_lag_days` after creation. Data without dates have no past rates.

**Response time.** For each of our approaches (an outbound act), the time to the lead's first reply strictly after it; the
median over the approaches that got one, in hours; of an even number the mean of the middle two. A reply is an inbound
act of a type with `reply: true`. Several approaches before one reply each count from their own time.

**Capacity.** `budget_capacity_amount` is the last budget of the kinds in `features.capacity_kinds` (stated and quote); of
several at the same instant the largest. `budget_covers_price` says whether it reaches the product's list price. Funding,
past spend and revenue never count; revenue has a ratio of its own, `budget_revenue_to_price_ratio`, as a rough proxy.
Where budgets have no kind, any budget counts. Codes of currencies are compared in any case; a code with two different
rates counts as one without a rate.

**Fiscal year.** `features.fiscal_year_end` is its last day, `features.fiscal_year_ends` that of single countries (the
company's country, else the lead's). Days are counted in `data.timezone`, 0 on the day itself; 29 February is 28 February in
years without it.

**Ideal customer.** Each criterion of `features.ideal_customer` gives 1, 0, or null where its column is unknown; their share
is of the criteria that are known. Words of industry and region are found as whole words in any case; a country must be
the same word in any case; ranges include both ends. A criterion over a column that is not mapped is refused.

**Authority.** The first rule of the authority list below that fits a title decides; where none does, a rank of
`features.titles.authority_rank` (3, director) or above carries authority to decide a purchase.
"""
TITLES = """\
## Job titles

The maintained lists, in English, German, French, Spanish, Italian, Portuguese and Dutch. Of each list the first pattern that
fits decides; a title that none fits has rank 1 and the department `other`. `features.titles` replaces each list by your own:

```yaml
features:
  titles:
    seniority:
      - {words: [chief, managing director], rank: 5}
      - {pattern: "(sales|plant) lead(er)?", rank: 2}
    authority:
      - {words: [buyer], authority: true}
    authority_rank: 4
```

`words` are taken as they stand; a blank also stands for a hyphen. A `pattern` is a regular expression of the dialect that
RE2, Java and Python share: letters, `.`, sets such as `[aä]`, groups `( )` and `(?: )`, `|`, `*`, `+`, `?`, `{m,n}`, and a
backslash before a punctuation mark. Classes such as `\\d` or `\\b`, looking around, possessive repeats and sets within sets
are refused (exit code 2). Both fit whole words only, in any case; letters of all scripts are parts of words.
"""


def features_page() -> str:
    """docs/features.md: every feature with the default configuration and all tables, then those that need more."""
    shipped, configured = possible_features(everything({})), possible_features(everything(CONFIGURED))
    names = {feature.name for feature in shipped}
    lines = [INTRODUCTION]
    for family in get_args(Family):
        lines += [f"## {family.capitalize()}", "", *table(f for f in shipped if f.family == family), ""]
    lines += [
        "## Where configured",
        "",
        "`features.ideal_customer` and `features.fiscal_year_end` give these, one a criterion.",
        "",
    ]
    lines += [*table(f for f in configured if f.name not in names), "", DEFINITIONS, TITLES]
    for title, rules in (("Rank", SENIORITY), ("Department", DEPARTMENTS), ("Authority", AUTHORITY)):
        lines += [f"### {title}", "", f"| {title.lower()} | pattern |", "|---|---|"]
        lines += [f"| {shown(value)} | `{cell(pattern)}` |" for pattern, value in rules]
        lines.append("")
    return "\n".join(lines)


def everything(features: dict[str, Any]) -> Canonical:
    """All canonical tables with all their columns, and no data: enough to ask which features there are."""
    config = Config.model_validate(
        {"tables": {name: {"path": "x.parquet"} for name in TABLES}, "features": features}
    )
    present = {name: frozenset(found.names) for name, found in TABLES.items()}
    engine: Any = SimpleNamespace(functions=DuckDBFunctions())
    return Canonical(engine, config, dict.fromkeys(TABLES), present, CheckReport({}, ()))


def table(features: Iterable[Feature]) -> Iterator[str]:
    """Rows of a Markdown table; features that differ by a number only share one."""
    groups: dict[tuple[str, ...], list[Feature]] = {}
    for feature in features:
        groups.setdefault(meaning(feature), []).append(feature)
    yield "| feature | concept | meaning | unit | direction | null when | zero |"
    yield "|---|---|---|---|---|---|---|"
    for (concept, words, unit, direction, null, zero), members in groups.items():
        names = "<br>".join(f"`{feature.name}`" for feature in members)
        yield f"| {names} | {' | '.join(cell(part) for part in (concept, words, unit, direction, null, zero))} |"


def meaning(feature: Feature) -> tuple[str, ...]:
    """What a row says, with N for the numbers of the feature's name."""
    numbers = re.findall(r"\d+", feature.name)
    words = (
        feature.sentence.replace("{value}", "…").replace("{times}", "… times").replace("{hours}", "… hours")
    )
    zero = feature.zero or ("there was none" if feature.empty == 0 else "")
    direction = {1: "more is more likely", -1: "more is less likely"}.get(feature.direction, "")
    parts = (
        feature.concept,
        words,
        "text" if feature.kind == "category" else feature.unit,
        direction,
        feature.null_when,
        zero,
    )
    pattern = rf"\b({'|'.join(numbers)})\b" if numbers else r"(?!)"
    return tuple(re.sub(pattern, "N", part) for part in parts)


def shown(value: object) -> str:
    """A rule's result as people write it."""
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def cell(text: str) -> str:
    """Text that a Markdown table can hold."""
    return text.replace("|", "\\|")
