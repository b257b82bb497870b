"""`propensity nightly` and `propensity retrain`: run, print the summary, and end with the run's exit code."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from propensity.errors import PropensityError
from propensity.terminal.options import AsJson, ConfigPath, Overrides, Strict, configured, instant

if TYPE_CHECKING:
    from propensity.session import Progress
    from propensity.unattended.summary import Told

Now = Annotated[
    str | None,
    typer.Option("--now", help="Instead of this machine's clock, ISO 8601: for simulations."),
]


class EndedError(PropensityError):
    """A run that ended with a code of its own; its summary is printed already."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.exit_code = code


def nightly(
    config: ConfigPath,
    override: Overrides = None,
    *,
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", help="The instant to stand at, ISO 8601; UTC where no zone is given."),
    ] = None,
    now: Now = None,
    accept_data: Annotated[
        bool,
        typer.Option(
            "--accept-data", help="Do not compare the data's age and rows with the clock and earlier nights."
        ),
    ] = False,
    as_json: AsJson = False,
    strict: Strict = False,
) -> None:
    """Check, score, rank, deliver, record and monitor as one run, for cron, systemd or an orchestrator."""
    from propensity.unattended.nightly import nightly as run  # noqa: PLC0415

    settings = configured(config, override)
    with _watched() as (progress, echo):
        told = run(
            settings,
            as_of=instant(as_of),
            now=instant(now, "--now"),
            accept_data=accept_data,
            strict=strict,
            progress=progress,
            echo=echo,
        )
    _end(told, as_json=as_json)


def retrain(
    config: ConfigPath,
    override: Overrides = None,
    *,
    now: Now = None,
    as_json: AsJson = False,
    strict: Strict = False,
) -> None:
    """Where enough has matured, train a challenger, and let the gate decide whether it becomes champion."""
    from propensity.unattended.retrain import retrain as run  # noqa: PLC0415

    settings = configured(config, override)
    with _watched() as (progress, echo):
        told = run(settings, now=instant(now, "--now"), strict=strict, progress=progress, echo=echo)
    _end(told, as_json=as_json)


@contextmanager
def _watched() -> Generator[tuple[Progress, IO[str] | None]]:
    """Bars for people at a terminal; elsewhere the log's lines on stderr."""
    from propensity.session import Progress  # noqa: PLC0415
    from propensity.terminal.screens import shown_progress  # noqa: PLC0415

    if sys.stderr.isatty():
        with shown_progress(plain=False) as progress:
            yield progress, None
    else:
        yield Progress(), sys.stderr


def _end(told: Told, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(told.to_dict(), ensure_ascii=False, allow_nan=False))
    else:
        typer.echo(summary(told))
    if told.exit_code:
        warned = f"done, but with {len(told.warnings)} warning(s), and --strict makes them count."
        raise EndedError(told.why or warned, told.exit_code)


def summary(told: Told) -> str:
    """What a person reads in ten seconds: how it ended, with what, and what to look at. Why it failed is the error's to say."""
    facts = told.facts
    lines = [f"{told.command} {told.started:%Y-%m-%d %H:%M} UTC: {told.outcome} (exit code {told.exit_code})"]
    lines += [_row(name, line(facts)) for name, line in _LINES if line(facts)]
    if "out" not in facts and told.standing is not None:
        lines.append(_row("in place", f"the list of {told.standing.folder.name}: {told.standing.folder}"))
    lines.append(_row("took", _took(told)))
    lines += [_row("warning", warning) for warning in told.warnings]
    return "\n".join(lines)


def _row(name: str, text: str) -> str:
    return f"  {name:<9} {text}"


def _took(told: Told) -> str:
    parts = ", ".join(
        f"{step.name} {step.seconds:.1f}{'' if step.status == 'done' else f' ({step.status})'}{f': {step.note}' if step.note else ''}"
        for step in told.steps
        if step.status != "skipped"
    )
    return f"{told.seconds:.1f} s" + (f" ({parts})" if parts else "")


def _data(facts: Any) -> str:
    return f"reach {facts['data_through']}" if facts.get("data_through") else ""


def _model(facts: Any) -> str:
    return f"{facts['model']} version {facts['version']}" if "version" in facts else ""


def _counts(facts: Any) -> str:
    if "scored" not in facts:
        return ""
    removed = sum(facts["removed"].values())
    return f"{facts['listed']:,} listed of {facts['scored']:,} scored, {removed:,} removed, as of {facts['as_of']}"


def _news(facts: Any) -> str:
    if "new_conversions" not in facts:
        return ""
    return f"{facts['new_conversions']:,} conversions matured since {facts['learned_to'] or 'ever'}"


def _decision(facts: Any) -> str:
    if facts.get("trained") is False:
        return f"no: {facts['why_not']}"
    if "promoted" in facts:
        return "the challenger is champion" if facts["promoted"] else "the champion stays"
    return "a challenger" if facts.get("trained") else ""


_LINES: tuple[tuple[str, Callable[[Any], str]], ...] = (
    ("list", _counts),
    ("matured", _news),
    ("trained", _decision),
    ("model", _model),
    ("data", _data),
    ("where", lambda facts: str(facts.get("out", ""))),
    ("kept", lambda facts: str(facts.get("kept", ""))),
    ("evidence", lambda facts: str(facts.get("evidence") or "")),
)
