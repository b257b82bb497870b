"""The command line: parse, call the workflow, print. Results go to stdout, everything else to stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from propensity import __version__
from propensity.errors import PropensityError, StrictError, UsageError

if TYPE_CHECKING:
    from propensity.config import Config
    from propensity.session import Progress

app = typer.Typer(
    name="propensity",
    help="Learn from a CRM's history which leads become prospects, and rank the open ones, with reasons.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

ConfigPath = Annotated[Path, typer.Option("--config", "-c", help="The YAML file that maps your data.")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", "-s", help="Override any field: dotted.key=value, as YAML. May be repeated."),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON object on stdout, and nothing else there.")
]
Strict = Annotated[bool, typer.Option("--strict", help="End with exit code 6 where there were warnings.")]
ModelVersion = Annotated[
    str | None, typer.Option("--model-version", help="A version in the registry, instead of the usual one.")
]
_CODES = (
    "Exit codes: 0 done, 2 usage or config, 3 data refused, 4 no usable model, 5 delivery failed, "
    "6 warnings under --strict, 7 promotion refused, 8 another run holds the lock."
)


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,  # noqa: FBT002
) -> None:
    """Learn from a CRM's history which leads become prospects, and rank the open ones, with reasons."""
    if version:
        typer.echo(__version__)
        raise typer.Exit
    if context.invoked_subcommand is None:  # pragma: no cover - typer shows the help before this
        raise typer.Exit(code=UsageError.exit_code)


@app.command(epilog=f"Example: propensity init exports --out propensity.yaml\n\n{_CODES}")
def init(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="The folder of your exports; it is only read.")
    ],
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="The YAML file to write.")] = Path(
        "propensity.yaml"
    ),
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Look at a folder of exports and write a first configuration, with guesses and doubts beside each line."""
    from propensity import screens  # noqa: PLC0415
    from propensity.starting.begin import begin  # noqa: PLC0415

    with _reported(as_json) as progress:
        result = begin(folder, out, force=force, step=progress.step)
    _print(as_json, result, screens.init)


@app.command(epilog=f"Example: propensity check --config configs/demo.yaml --strict\n\n{_CODES}")
def check(
    config: ConfigPath,
    override: Overrides = None,
    *,
    profile: Annotated[
        bool,
        typer.Option("--profile/--no-profile", help="Say what the data hold, and which columns may leak."),
    ] = True,
    as_json: AsJson = False,
    strict: Strict = False,
) -> None:
    """Read, map and check every table; bad rows go to a quarantine file with the reason. Then say what the data hold."""
    from propensity import screens, workflow  # noqa: PLC0415 - --help stays instant

    with _reported(as_json) as progress:
        result = workflow.check(_config(config, override), progress, profiled=profile)
    _print(as_json, result, screens.check)
    _strict(strict, result.warnings)


@app.command(
    epilog=f"Example: propensity train --config configs/demo.yaml --set outcome.horizon_days=45\n\n{_CODES}"
)
def train(
    config: ConfigPath, override: Overrides = None, *, as_json: AsJson = False, strict: Strict = False
) -> None:
    """Train on the past, judge on what came after, log to MLflow and register the model as challenger."""
    from propensity import screens, workflow  # noqa: PLC0415

    with _reported(as_json) as progress:
        result = workflow.train(_config(config, override), progress)
    _print(as_json, result, screens.train)
    _strict(strict, result.warnings)


@app.command(
    epilog=f"Example: propensity backtest --config configs/demo.yaml --set backtest.capacity=200\n\n{_CODES}"
)
def backtest(
    config: ConfigPath, override: Overrides = None, *, as_json: AsJson = False, strict: Strict = False
) -> None:
    """Make the lists of past dates with what was known then, and count who converted, beside today's practices."""
    from propensity import screens, workflow  # noqa: PLC0415

    with _reported(as_json) as progress:
        result = workflow.backtest(_config(config, override), progress)
    _print(as_json, result, screens.backtest)
    _strict(strict, result.warnings)


@app.command(epilog=f"Example: propensity score --config configs/demo.yaml --out out/tonight\n\n{_CODES}")
def score(
    config: ConfigPath,
    override: Overrides = None,
    *,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder of the list.")] = None,
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", help="The instant to stand at, ISO 8601; UTC where no zone is given."),
    ] = None,
    model_version: ModelVersion = None,
    as_json: AsJson = False,
    strict: Strict = False,
) -> None:
    """Score every lead with the champion, and write the ranked list with reasons."""
    from propensity import screens, workflow  # noqa: PLC0415

    with _reported(as_json) as progress:
        result = workflow.score(
            _config(config, override),
            out=out,
            as_of=_instant(as_of),
            version=model_version,
            progress=progress,
        )
    _print(as_json, result, screens.score)
    _strict(strict, result.warnings)


@app.command(epilog=f"Example: propensity explain L000042 --config configs/demo.yaml\n\n{_CODES}")
def explain(
    lead_id: Annotated[str, typer.Argument(metavar="LEAD_ID", help="As the leads table spells it.")],
    config: ConfigPath,
    override: Overrides = None,
    *,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder of a list; the newest by default.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say why a lead is where it is on the newest list, or why it is on none."""
    from propensity import explainscreen  # noqa: PLC0415
    from propensity.delivery.explain import explained  # noqa: PLC0415

    paths = _config(config, override).paths
    result = explained(lead_id, paths.out, night=out, quarantine=paths.quarantine)
    _print(as_json, result, explainscreen.show)


@app.command(epilog=f"Example: propensity promote --config configs/demo.yaml\n\n{_CODES}")
def promote(
    config: ConfigPath,
    override: Overrides = None,
    *,
    model_version: ModelVersion = None,
    force: Annotated[
        bool, typer.Option("--force", help="Promote although checks fail; needs --reason.")
    ] = False,
    reason: Annotated[
        str | None, typer.Option("--reason", help="Why it is forced, in a few words; kept with the model.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make the challenger champion, unless a check of the gate speaks against it."""
    from propensity import screens, workflow  # noqa: PLC0415

    with _reported(as_json) as progress:
        result = workflow.promote(
            _config(config, override), version=model_version, force=force, reason=reason, progress=progress
        )
    _print(as_json, result, screens.promote)


@app.command(epilog=f"Example: propensity rollback --config configs/demo.yaml\n\n{_CODES}")
def rollback(config: ConfigPath, override: Overrides = None, *, as_json: AsJson = False) -> None:
    """Give the former champion its place back, and say what it is and what went."""
    from propensity import screens, workflow  # noqa: PLC0415

    with _reported(as_json) as progress:
        result = workflow.rollback(_config(config, override), progress)
    _print(as_json, result, screens.rollback)


@app.command(epilog=f"Example: propensity demo --leads 2000\n\n{_CODES}")
def demo(
    config: ConfigPath = Path("configs/demo.yaml"),
    override: Overrides = None,
    *,
    leads: Annotated[int, typer.Option(help="Leads to simulate.", min=200)] = 20_000,
    months: Annotated[int, typer.Option(help="Months of history.", min=6)] = 24,
    seed: Annotated[int, typer.Option(help="Of the simulated world.", min=0)] = 7,
    as_json: AsJson = False,
) -> None:
    """Simulate a CRM whose true probabilities are known, then check, train, promote and score it."""
    from propensity import screens  # noqa: PLC0415
    from propensity.tour import tour  # noqa: PLC0415

    with _reported(as_json) as progress:
        result = tour(_config(config, override), leads=leads, months=months, seed=seed, progress=progress)
    _print(as_json, result, screens.demo)


def main() -> None:
    """Run the command line; mistakes that propensity knows end in one message and their exit code."""
    try:
        app(standalone_mode=False)
    except PropensityError as error:
        _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        _fail("stopped", 130)
    except Exception as error:
        usage = _usage_of(error)
        if usage is None:
            raise
        _fail(usage, UsageError.exit_code)


def _usage_of(error: Exception) -> str | None:
    """What a mistake on the command line says; None for anything else."""
    shown = getattr(error, "format_message", None)
    return str(shown()) if callable(shown) else None


def _fail(message: str, code: int) -> None:
    sys.stderr.write(f"propensity: {message}\n")
    sys.exit(code)


def _config(path: Path, overrides: list[str] | None) -> Config:
    from propensity.configfile import load_config  # noqa: PLC0415

    return load_config(path, overrides or ())


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f"--as-of {text!r} is no ISO 8601 date or time, such as 2026-06-01 or 2026-06-01T06:00+02:00."
        ) from error


@contextmanager
def _reported(as_json: bool) -> Generator[Progress]:  # noqa: FBT001
    """Show progress on stderr; in JSON mode a line for each step."""
    from propensity.screens import shown_progress  # noqa: PLC0415

    with shown_progress(plain=as_json) as progress:
        yield progress


def _print(as_json: bool, result: Any, screen: Callable[[Any], None]) -> None:  # noqa: FBT001
    if as_json:
        typer.echo(json.dumps(result.to_dict(), ensure_ascii=False, allow_nan=False))
    else:
        screen(result)


def _strict(strict: bool, warnings: tuple[Any, ...]) -> None:  # noqa: FBT001
    if strict and warnings:
        raise StrictError(f"done, but with {len(warnings)} warning(s), and --strict makes them count.")
