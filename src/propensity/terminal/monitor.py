"""`propensity monitor`: the command and what people see of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from propensity.errors import StrictError
from propensity.terminal.options import AsJson, ConfigPath, Overrides, Strict, configured, reported, show

if TYPE_CHECKING:
    from propensity.monitoring.judge import MonitorResult


def monitor(
    config: ConfigPath, override: Overrides = None, *, as_json: AsJson = False, strict: Strict = False
) -> None:
    """Judge the newest night: drift, what arrived, what came of past lists; write reports/monitor.html."""
    from propensity import watch  # noqa: PLC0415 - --help stays instant

    with reported(as_json) as progress:
        result = watch.monitor(configured(config, override), progress)
    show(as_json, result, screen)
    if strict and result.alarms:
        raise StrictError(
            f"done, but with {len(result.alarms)} alarm(s), and --strict makes them count. See {result.page}."
        )


def screen(result: MonitorResult) -> None:
    """What is wrong and what to do, then where the page lies."""
    from rich.console import Console  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    console = Console(highlight=False, soft_wrap=True)
    night = result.judged.night
    console.print(Text(f"As of {night.as_of or 'no date'}, model version {night.model['version']}:"))
    for one in result.judged.findings:
        console.print(Text(f"{one.severity}: {one.what}. {one.do}"))
    if not result.judged.findings:
        console.print("Nothing is wrong that was looked at.")
    if result.pooled is not None:
        found = result.pooled
        console.print(
            f"Realised: {found.conversions:,} converted, {found.expected:,.1f} expected, over {len(found.nights)} matured nights."
        )
    console.print(Text(f"page        {result.page}"))
