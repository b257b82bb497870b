"""What was predicted, on what data, the funnel, and the split."""

from __future__ import annotations

from propensity.audit.charts import Bar, bars
from propensity.audit.report import Bullets, Drawing, Grid, Section, Words, listed, plain, quoted
from propensity.audit.sections.facts import Facts, day, many, percent, span, told

_MOST_RULES = 5


def outcome(facts: Facts) -> Section:
    """What counts as conversion, within what time, seen from when."""
    config = facts.config
    if facts.flat:
        what = "the lead's outcome column says yes"
    else:
        later = [quoted(stage) for stage in config.outcome.later_stages]
        what = f"first entry into {quoted(config.outcome.stage)}"
        what += f", or a later stage ({listed(later)})" if later else ""
    rows = [
        ("conversion", what),
        *(_flat_rows(facts) if facts.flat else _dated_rows(facts)),
        ("dates looked at", span(facts.trained.final.metadata["as_of"]) or "the data have no dates"),
        ("capacity", _capacity(facts)),
    ]
    one = (
        "one lead as it was known when it was created"
        if facts.flat
        else "one lead as it was known at one date, its as_of"
    )
    intro = (
        f"One row of the data behind this page (a snapshot) is {one}. Only what had happened and was recorded strictly before "
        "was used; what came after is what was predicted."
    )
    return Section(
        "outcome", "What was predicted", (Words(intro), Grid("The outcome", (), tuple(rows), "ll"))
    )


def _flat_rows(facts: Facts) -> list[tuple[str, str]]:
    days = facts.config.outcome.horizon_days
    rows = [("horizon", "none: the data say whether a lead converted, not when")]
    if facts.through is not None:
        rows.append(("left out as too young to know", f"leads of the newest {days} days"))
    return rows


def _dated_rows(facts: Facts) -> list[tuple[str, str]]:
    outcome = facts.config.outcome
    left = [quoted(stage) for stage in outcome.disqualified_stages]
    none = "none of these within the horizon" + (f", or {listed(left)} first" if left else "")
    return [
        ("horizon", f"{outcome.horizon_days} days from the date of the list (as_of)"),
        ("recording lag allowed for", f"{outcome.recording_lag_days:g} days"),
        ("counts as no conversion", none),
    ]


def _capacity(facts: Facts) -> str:
    for key, configured in (
        ("backtest", facts.config.backtest.capacity),
        ("lists", facts.config.lists.places),
    ):
        if configured is not None:
            return f"{many(configured, 'lead')} a list ({key}.capacity)"
    if facts.practices is None:
        return "not configured (lists.capacity)"
    return f"not configured (lists.capacity); this page takes {many(facts.practices.capacity, 'lead')} a list"


def data(facts: Facts) -> Section:
    """Tables, rows, what was set aside and why."""
    rows: list[tuple[str, ...]] = []
    for name, table in facts.report.tables.items():
        why = [f"{broken.rows:,}: {plain(broken.rule)}" for broken in table.broken[:_MOST_RULES]]
        more = len(table.broken) - _MOST_RULES
        why += [f"and {more} more rules"] if more > 0 else []
        rows.append(
            (
                name,
                f"{table.rows:,}",
                f"{table.kept:,}",
                f"{table.quarantined:,}",
                "; ".join(why) or "nothing set aside",
            )
        )
    reach = (
        f"The data reach {day(facts.through)}." if facts.through is not None else "The leads have no dates."
    )
    notes = tuple(told(f"{finding.table}: {finding.message}") for finding in facts.report.warnings)
    head = ("table", "rows", "kept", "set aside", "why")
    return Section(
        "data",
        "On what data",
        (
            Words(
                f"{reach} Nothing was dropped silently: rows that broke a rule are in the quarantine files."
            ),
            Grid("Tables that were read", head, tuple(rows), "lrrrl"),
            *((Words("What the checks warn of:"), Bullets(notes)) if notes else ()),
        ),
    )


def funnel(facts: Facts) -> Section:
    """How many came how far."""
    steps = facts.funnel.steps
    shown = [Bar(step.name, step.count, f"{step.count:,}") for step in steps]
    rows: list[tuple[str, ...]] = []
    leads = next((step.count for step in steps if step.name == "leads"), 0)
    seen = False
    for step in steps:
        share = percent(step.count / leads) if seen and leads else ""
        rows.append((step.name, f"{step.count:,}", share, step.meaning))
        seen = seen or step.name == "leads"
    if facts.funnel.disqualified is not None:
        gone = facts.funnel.disqualified
        share = percent(gone / leads) if leads else ""
        rows.append(("disqualified", f"{gone:,}", share, "left without ever reaching the outcome"))
    says = "Bars from suspect to customer: " + "; ".join(f"{step.name} {step.count:,}" for step in steps)
    caption = "Ever reached, by the end of the data. Newer leads have had less time, so the shares are not a forecast."
    head = ("who", "count", "of the leads", "how it is counted")
    return Section(
        "funnel",
        "From suspect to customer",
        (Drawing(bars(shown, says=says), caption), Grid("The funnel in numbers", head, tuple(rows), "lrrl")),
    )


def split(facts: Facts) -> Section:
    """Which snapshots taught the model, and which judged it."""
    metadata, y = facts.trained.final.metadata, facts.trained.test.y
    found = metadata["split"]
    rows = [
        ("all matured snapshots", f"{metadata['rows']:,}", span(metadata["as_of"])),
        ("of these converted", f"{metadata['conversions']:,}", percent(metadata["conversions"] / max(metadata["rows"], 1))),
        ("learned from", f"{found['past_rows']:,}", span(found["past_as_of"])),
        ("left out between, as a gap", f"{found['gap_rows']:,}", ""),
        ("judged on (the test)", f"{found['test_rows']:,}", span(found["test_as_of"])),
        ("of these converted", f"{int(y.sum()):,}", percent(float(y.mean())) if len(y) else ""),
    ]  # fmt: skip
    how = {
        "forward": "The split goes forward in time: the model learned from the past and was judged on what came after. The "
        "gap is one horizon, so that no outcome of the past reaches into the test.",
        "random": "The leads have no time, so the split is at random, with each account on one side. The figures say "
        "nothing of the future.",
    }.get(found["kind"], "There was no split: the history is too short for a test.")
    return Section(
        "split",
        "Snapshots and split",
        (Words(how), Grid("Snapshots", ("", "snapshots", "when, or share"), tuple(rows), "lrl")),
    )
