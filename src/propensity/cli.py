"""The command line: parse, call the workflow, print. Results go to stdout, everything else to stderr."""

from __future__ import annotations

import errno
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from propensity import __version__
from propensity.errors import DeliveryError, PropensityError, UsageError
from propensity.stopping import INTERRUPTED, heed, stoppable
from propensity.terminal import ledger, nights
from propensity.terminal.monitor import monitor
from propensity.terminal.options import (
    CODES,
    AsJson,
    ConfigPath,
    Memory,
    ModelVersion,
    Overrides,
    Strict,
    configured,
    instant,
    reported,
    show,
    strictly,
)


def _nothing(_returned: object, **_options: object) -> None:
    """What a command returns is no exit code; typer would hand on the one as it does the other."""


app = typer.Typer(
    name="propensity",
    result_callback=_nothing,
    help="Learn from a CRM's history which leads become prospects, and rank the open ones, with reasons.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
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


@app.command(epilog=f"Example: propensity init exports --out propensity.yaml\n\n{CODES}")
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
    from propensity.starting.begin import begin  # noqa: PLC0415
    from propensity.terminal import screens  # noqa: PLC0415

    with reported(as_json) as progress:
        result = begin(folder, out, force=force, step=progress.step)
    show(as_json, result, screens.init)


@app.command(epilog=f"Example: propensity check --config configs/demo.yaml --strict\n\n{CODES}")
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
    from propensity import workflow  # noqa: PLC0415 - --help stays instant
    from propensity.terminal import screens  # noqa: PLC0415

    with reported(as_json) as progress:
        result = workflow.check(configured(config, override), progress, profiled=profile)
    show(as_json, result, screens.check)
    strictly(strict, result.warnings)


@app.command(
    epilog=f"Example: propensity train --config configs/demo.yaml --set outcome.horizon_days=45\n\n{CODES}"
)
def train(
    config: ConfigPath,
    override: Overrides = None,
    *,
    memory: Memory = None,
    as_json: AsJson = False,
    strict: Strict = False,
) -> None:
    """Train on the past, judge on what came after, log to MLflow and register the model as challenger."""
    from propensity import workflow  # noqa: PLC0415
    from propensity.terminal import screens  # noqa: PLC0415

    with reported(as_json) as progress:
        result = workflow.train(configured(config, override, memory=memory), progress)
    show(as_json, result, screens.train)
    strictly(strict, result.warnings)


@app.command(
    epilog=f"Example: propensity backtest --config configs/demo.yaml --set backtest.capacity=200\n\n{CODES}"
)
def backtest(
    config: ConfigPath, override: Overrides = None, *, as_json: AsJson = False, strict: Strict = False
) -> None:
    """Make the lists of past dates with what was known then, and count who converted, beside today's practices."""
    from propensity import workflow  # noqa: PLC0415
    from propensity.terminal import screens  # noqa: PLC0415

    with reported(as_json) as progress:
        result = workflow.backtest(configured(config, override), progress)
    show(as_json, result, screens.backtest)
    strictly(strict, result.warnings)


@app.command(epilog=f"Example: propensity score --config configs/demo.yaml --out out/tonight\n\n{CODES}")
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
    memory: Memory = None,
    as_json: AsJson = False,
    strict: Strict = False,
) -> None:
    """Score every lead with the champion, and write the ranked list with reasons."""
    from propensity import serving  # noqa: PLC0415
    from propensity.terminal import screens  # noqa: PLC0415

    with reported(as_json) as progress:
        result = serving.score(
            configured(config, override, memory=memory),
            out=out,
            as_of=instant(as_of),
            version=model_version,
            progress=progress,
        )
    show(as_json, result, screens.score)
    strictly(strict, result.warnings)


@app.command(epilog=f"Example: propensity explain L000042 --config configs/demo.yaml\n\n{CODES}")
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
    from propensity.delivery.explain import explained  # noqa: PLC0415
    from propensity.terminal import explain as explainscreen  # noqa: PLC0415

    paths = configured(config, override).paths
    result = explained(lead_id, paths.out, night=out, quarantine=paths.quarantine, ledger=paths.ledger)
    show(as_json, result, explainscreen.show)


app.command(epilog=f"Example: propensity monitor --config configs/demo.yaml --strict\n\n{CODES}")(monitor)


@app.command(epilog=f"Example: propensity promote --config configs/demo.yaml\n\n{CODES}")
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
    from propensity import workflow  # noqa: PLC0415
    from propensity.terminal import screens  # noqa: PLC0415

    with reported(as_json) as progress:
        result = workflow.promote(
            configured(config, override), version=model_version, force=force, reason=reason, progress=progress
        )
    show(as_json, result, screens.promote)


@app.command(epilog=f"Example: propensity rollback --config configs/demo.yaml\n\n{CODES}")
def rollback(config: ConfigPath, override: Overrides = None, *, as_json: AsJson = False) -> None:
    """Give the former champion its place back, and say what it is and what went."""
    from propensity import workflow  # noqa: PLC0415
    from propensity.terminal import screens  # noqa: PLC0415

    with reported(as_json) as progress:
        result = workflow.rollback(configured(config, override), progress)
    show(as_json, result, screens.rollback)


app.command(epilog=f"Example: propensity nightly --config crm.yaml --json\n\n{CODES}")(nights.nightly)
app.command(epilog=f"Example: propensity retrain --config crm.yaml\n\n{CODES}")(nights.retrain)


@app.command(epilog=f"Example: propensity demo --leads 2000\n\n{CODES}")
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
    from propensity.terminal import screens  # noqa: PLC0415
    from propensity.tour import tour  # noqa: PLC0415

    with reported(as_json) as progress:
        result = tour(configured(config, override), leads=leads, months=months, seed=seed, progress=progress)
    show(as_json, result, screens.demo)


ledger.register(app)


def main() -> None:
    """Run the command line; whoever asks it to stop gets "stopped" and the exit code of the request."""
    with stoppable():
        run()


def run() -> None:
    """Run the command line; mistakes that propensity knows end in one message and their exit code."""
    try:
        ended = app(standalone_mode=False)
    except PropensityError as error:
        heed()
        _fail(str(error), error.exit_code)
    except Exception as error:
        heed()
        full = _no_room(error)
        if full is not None:
            _fail(full, DeliveryError.exit_code)
        usage = _usage_of(error)
        if usage is None:
            raise
        _fail(usage, UsageError.exit_code)
    # Typer catches Ctrl-C, and here gives the exit code back instead of ending with it.
    if ended == INTERRUPTED:
        raise KeyboardInterrupt
    if ended:
        sys.exit(ended)


def _no_room(error: Exception) -> str | None:
    """What a disk that takes no more says; None for anything else."""
    if not isinstance(error, OSError) or error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return None
    return (
        f"there is no room to work: {error.filename or 'a file'}: {error.strerror}. Make room, and run again."
    )


def _usage_of(error: Exception) -> str | None:
    """What a mistake on the command line says; None for anything else."""
    shown = getattr(error, "format_message", None)
    return str(shown()) if callable(shown) else None


def _fail(message: str, code: int) -> NoReturn:
    sys.stderr.write(f"propensity: {message}\n")
    sys.exit(code)
