"""Commands around the ledger: take in what reps report, say what came of past lists, forget a person."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from propensity.terminal.options import (
    CODES,
    AsJson,
    ConfigPath,
    Overrides,
    Strict,
    configured,
    reported,
    show,
    strictly,
)


def feedback(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="CSV files that the reps' pages exported.")
    ],
    config: ConfigPath,
    override: Overrides = None,
    *,
    as_json: AsJson = False,
    strict: Strict = False,
) -> None:
    """Take in what reps reported; it takes effect on the next list, and never becomes a label."""
    from propensity import aftermath  # noqa: PLC0415 - --help stays instant
    from propensity.terminal import ledgerscreens  # noqa: PLC0415

    result = aftermath.feedback(configured(config, override), files)
    show(as_json, result, ledgerscreens.feedback)
    strictly(strict, result.warnings)


def results(
    config: ConfigPath, override: Overrides = None, *, as_json: AsJson = False, strict: Strict = False
) -> None:
    """Say, for lists whose time has come, what was promised and what came."""
    from propensity import aftermath  # noqa: PLC0415
    from propensity.terminal import ledgerscreens  # noqa: PLC0415

    with reported(as_json) as progress:
        result = aftermath.results(configured(config, override), progress)
    show(as_json, result, ledgerscreens.results)
    strictly(strict, result.warnings)


def forget(
    lead_id: Annotated[str, typer.Argument(metavar="LEAD_ID", help="As the leads table spells it.")],
    config: ConfigPath,
    override: Overrides = None,
    *,
    out: Annotated[
        list[Path] | None,
        typer.Option("--out", "-o", help="A list's folder outside paths.out to clear too. May be repeated."),
    ] = None,
    as_json: AsJson = False,
    strict: Strict = False,
) -> None:
    """Remove a person from the ledger, the reports, the quarantine, every list and the database, and say what was done."""
    from propensity import aftermath  # noqa: PLC0415
    from propensity.terminal import ledgerscreens  # noqa: PLC0415
    from propensity.unattended.lock import alone  # noqa: PLC0415

    found = configured(config, override)
    with alone(found, "forget"):
        result = aftermath.forget(found, lead_id, more=out or ())
    show(as_json, result, ledgerscreens.forget)
    strictly(strict, result.warnings)


def register(app: typer.Typer) -> None:
    """Make them commands of the command line."""
    examples = {
        feedback: "propensity feedback outcomes.csv --config configs/demo.yaml",
        results: "propensity results --config configs/demo.yaml",
        forget: "propensity forget L000042 --config configs/demo.yaml",
    }
    for command, example in examples.items():
        app.command(epilog=f"Example: {example}\n\n{CODES}")(command)
