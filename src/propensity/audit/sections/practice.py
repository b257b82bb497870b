"""The lists of the test, and of a backtest, against what people do today."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from propensity.audit.charts import Interval, intervals
from propensity.audit.report import Block, Bullets, Drawing, Fold, Grid, Section, Words, listed, quoted
from propensity.audit.sections.facts import Facts, amount, told, with_interval, within
from propensity.audit.sections.model import NO_TEST
from propensity.selection.ladder import WORDS
from propensity.selection.practice import MODEL, PRACTICES, RANDOM, Practices
from propensity.stats.bootstrap import Metric

_CAVEAT = (
    "Leads at the top did convert, whoever called them. Reps may have worked some of them harder; what calling causes only a "
    "randomised holdout shows."
)


def at_capacity(found: Practices, happened: str) -> str:
    """What the model's tops held, against chance, in one sentence."""
    model, chance, count = found[MODEL].conversions, found[RANDOM].conversions, len(found.by_list)
    called, mean = found.whole.called, "" if count == 1 else " on average"
    where = "the one list" if count == 1 else f"each of {count:,} lists"
    return (
        f"Of the {amount(called)} {'lead' if called == 1 else 'leads'} at the top of {where}, {amount(model.value)}{mean} (95 % {within(model)}) {happened}, "
        f"whoever called them; as many at random would have held {amount(chance.value)}."
    )


def practice(facts: Facts) -> Section:
    """The tops of the test's lists under each practice."""
    title = "Against today's practice"
    found = facts.practices
    if found is None:
        return Section("practice", title, (Words(NO_TEST, "note"),))
    notes = [told(note) for note in facts.practice_notes]
    notes += [told(f"{PRACTICES.get(name, name)} is not here: {why}") for name, why in found.skipped.items()]
    return Section(
        "practice",
        title,
        (
            Words(at_capacity(found, facts.happened)),
            *_compared(found),
            Words(_CAVEAT, "note"),
            *((Bullets(tuple(notes)),) if notes else ()),
            Fold("List by list", (_by_list(found),)),
        ),
    )


def _compared(found: Practices) -> tuple[Block, ...]:
    rows = [
        Interval(PRACTICES[each.name], each.conversions.value, each.conversions.low, each.conversions.high, amount(each.conversions.value))
        for each in found.practices
    ]  # fmt: skip
    says = "Conversions at the top, by practice: " + "; ".join(f"{row.label} {row.shown}" for row in rows)
    drawn = intervals(
        rows,
        says=says,
        tick=amount,
        low=0.0,
        axis=f"conversions among the top {found.capacity:,}, mean a list",
    )
    count = len(found.by_list)
    table = tuple(
        (
            PRACTICES[each.name],
            amount(each.conversions.value),
            within(each.conversions),
            with_interval(each.lift, 1),
            "-"
            if each.gain is None
            else f"{each.gain.value:+.1f} ({each.gain.low:+.1f} to {each.gain.high:+.1f})",
            "-" if each.ahead is None else f"{each.ahead:,} of {count:,}",
        )
        for each in found.practices
    )
    head = (
        "practice",
        "conversions a list",
        "95 %",
        "lift (95 %)",
        "model's gain (95 %)",
        "model ahead in lists",
    )
    return (
        Drawing(
            drawn,
            "Conversions among those at the top, mean a list, with 95 % intervals clustered by account.",
        ),
        Grid("Practices", head, table, "lrrrrr"),
    )


def _by_list(found: Practices) -> Grid:
    names = [each.name for each in found.practices]
    rows = tuple(
        (
            each.name,
            amount(each.leads),
            amount(each.converted),
            *(amount(each.conversions[name].value) for name in names),
        )
        for each in found.by_list
    )
    head = ("list", "leads", "converted in all", *(PRACTICES[name] for name in names))
    return Grid("Conversions at the top of each list", head, rows, "lrr" + "r" * len(names))


def backtest(facts: Facts) -> Section:
    """The newest backtest on these features and data; else how to run one."""
    title = "Backtest"
    found = facts.backtest
    if found is None:
        text = (
            "No backtest of this configuration on these data was found. One would rebuild past lists with what was known then "
            "and train anew at each: run propensity backtest with the same configuration, then train again to have it here."
        )
        return Section("backtest", title, (Words(text),))
    return Section("backtest", title, _backtested(found))


def _backtested(found: Mapping[str, Any]) -> tuple[Block, ...]:
    rows: list[tuple[str, ...]] = []
    for each in found["practices"]:
        held, gain = _metric(each["conversions"]), each["gain"]
        rows.append(
            (
                PRACTICES.get(each["name"], "another"),
                amount(held.value),
                within(held),
                "-" if gain is None else with_interval(_metric(gain), 1),
            )
        )
    lists = found["lists"]
    models = sorted({WORDS.get(past["rung"], "another") for past in lists})
    text = (
        f"{len(lists):,} past lists ({lists[0]['name']} to {lists[-1]['name']}) were made again, each by a model that had "
        f"learned only what was known at its date ({listed(models)}), with the top {found['capacity']:,} of each. These are "
        "not the lists of the test: they are longer ago too, and their models are older."
    )
    head = ("practice", "conversions a list", "95 %", "model's gain (95 %)")
    by_list = tuple(
        (
            quoted(each["name"]),
            *(amount(_metric(each["conversions"][p["name"]]).value) for p in found["practices"]),
        )
        for each in found["by_list"]
    )
    heads = ("list", *(PRACTICES.get(p["name"], "another") for p in found["practices"]))
    return (
        Words(told(found["summary"])),
        Words(text),
        Grid("The backtest", head, tuple(rows), "lrrr"),
        Fold(
            "The backtest list by list",
            (Grid("Conversions at the top of each past list", heads, by_list, "l" + "r" * (len(heads) - 1)),),
        ),
        Words(_CAVEAT, "note"),
    )


def _metric(found: Mapping[str, Any]) -> Metric:
    value, low, high = (
        float("nan") if found[key] is None else float(found[key]) for key in ("value", "low", "high")
    )
    return Metric(value, low, high)
