"""What commands share: options, reading the configuration, progress, and printing a result. Results go to stdout."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from propensity.errors import StrictError, UsageError

if TYPE_CHECKING:
    from propensity.config import Config
    from propensity.session import Progress

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
Memory = Annotated[
    float | None,
    typer.Option(
        "--memory", metavar="GB", min=0.95,
        help="Memory of the whole run in GB: sets engine.memory_gb to what is left beside Python and the model (0.7 GB).",
    ),
]  # fmt: skip
_BESIDE_THE_ENGINE_GB = 0.7
"""What the interpreter, the libraries and two batches of leads take: measured with 140 features."""
CODES = (
    "Exit codes: 0 done, 2 usage or config, 3 data refused, 4 no usable model, 5 delivery failed, "
    "6 warnings under --strict, 7 promotion refused, 8 another run holds the lock, 130 stopped (143 by SIGTERM)."
)


def configured(path: Path, overrides: list[str] | None, *, memory: float | None = None) -> Config:
    """Read the configuration, with what `--set` and `--memory` override."""
    from propensity.config.file import load_config  # noqa: PLC0415

    bound = [] if memory is None else [f"engine.memory_gb={memory - _BESIDE_THE_ENGINE_GB:.3f}"]
    return load_config(path, [*bound, *(overrides or ())])


def instant(text: str | None, option: str = "--as-of") -> datetime | None:
    """Read an instant, UTC where no zone is given; None where it was left out."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f"{option} {text!r} is no ISO 8601 date or time, such as 2026-06-01 or 2026-06-01T06:00+02:00."
        ) from error


@contextmanager
def reported(as_json: bool) -> Generator[Progress]:  # noqa: FBT001
    """Show progress on stderr; in JSON mode a line for each step."""
    from propensity.terminal.screens import shown_progress  # noqa: PLC0415

    with shown_progress(plain=as_json) as progress:
        yield progress


def show(as_json: bool, result: Any, screen: Callable[[Any], None]) -> None:  # noqa: FBT001
    """Print a result: one JSON object, or its screen."""
    if as_json:
        typer.echo(json.dumps(result.to_dict(), ensure_ascii=False, allow_nan=False))
    else:
        screen(result)


def strictly(strict: bool, warnings: tuple[Any, ...]) -> None:  # noqa: FBT001
    """End with exit code 6 where `--strict` was given and there were warnings."""
    if strict and warnings:
        raise StrictError(f"done, but with {len(warnings)} warning(s), and --strict makes them count.")
