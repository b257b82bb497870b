"""What a person should look at first in a configuration that was guessed; the weightiest first."""

from __future__ import annotations

from collections.abc import Iterator

from propensity.starting.plan import Plan, TablePlan


def look_first(plan: Plan) -> tuple[str, ...]:
    """Sentences, each about one thing that only a person can know."""
    return (*_about_outcome(plan), *_about_rows(plan), *_about_times(plan), *_about_columns(plan))


def _about_outcome(plan: Plan) -> Iterator[str]:
    leads = plan.leads
    if "stages" not in plan.tables and "outcome" not in leads.columns:
        yield "nothing says which leads converted: map tables.stages, or leads.outcome; without it nothing can be trained"
    outcome = leads.columns.get("outcome")
    if outcome is not None and not outcome.doubt:
        yield f"tables.leads.columns.outcome: {outcome.source} is taken for how each lead ended"
    elif outcome is not None:
        yield f"tables.leads.values.outcome: which words of {outcome.source} mean converted is a guess"
    for source in plan.tables.get("stages", ()):
        if source.parts:
            made = ", ".join(f"{part.stage} at {part.entered_at.source}" for part in source.parts)
            yield f"tables.stages is made of dates of {source.file.name}: {made}"
    if plan.recording_lag_days is None and "stages" in plan.tables:
        yield "outcome.stage and horizon_days: what counts as conversion, and within how many days, is the default"


def _about_rows(plan: Plan) -> Iterator[str]:
    if plan.quarantined_share is not None:
        yield f"checks.max_quarantined_share is {plan.quarantined_share:g}, because {'; '.join(plan.bad_rows)}"
    for name, source in _sources(plan):
        if source.when_known is not None and name == "leads":
            yield f"{source.file.name}: {source.when_known.guess} in {source.when_known.source}; {source.when_known.doubt}"


def _about_times(plan: Plan) -> Iterator[str]:
    for name, source in _sources(plan):
        for canonical, mapped in source.columns.items():
            if "swapped" in mapped.doubt:
                yield f"tables.{name}.columns.{canonical}: {mapped.doubt}"
    if plan.leads.order_by is not None:
        yield f"tables.leads.order_by: {plan.leads.order_by.source} is taken for time: {plan.leads.order_by.guess}"
    elif "created_at" not in plan.leads.columns:
        yield "the leads have no dates: if the file is in the order of time, uncomment `order_by: file`"
    if plan.naive_times:
        yield f"data.timezone: UTC is taken, for {len(plan.naive_times)} column(s) of times or dates without a zone"


def _about_columns(plan: Plan) -> Iterator[str]:
    for name, source in _sources(plan):
        for canonical, words in source.unknown_words.items():
            yield f"tables.{name}.values.{canonical}: {len(words)} word(s) of {source.file.name} are not understood"
        if source.extras:
            yield (
                f"tables.{name}.extra: columns of {source.file.name} are commented out ({len(source.extras)}) until "
                "somebody says since when they are known"
            )
        if source.late:
            yield (
                f"{source.file.name}: {len(source.late)} columns are left out, because they may be filled in after the "
                "outcome"
            )


def _sources(plan: Plan) -> Iterator[tuple[str, TablePlan]]:
    yield from ((name, source) for name, table in plan.tables.items() for source in table)
