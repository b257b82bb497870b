"""The profile on the terminal: narrow tables that stay readable at 80 columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import Console

    from propensity.audit.columns import ColumnProfile
    from propensity.audit.coverage import Coverage
    from propensity.audit.profile import Profile
    from propensity.audit.rates import Rates

_BARS = "▁▂▃▄▅▆▇█"
_PLAIN_BARS = ".:-=+*#%"
_MOST_MONTHS = 36
_LONGEST_VALUE = 24
_MOST_VALUES = 5
_STYLES = {"enough": "green", "barely": "yellow", "not enough": "red"}


def show(console: Console, profile: Profile) -> None:
    """Print what the data hold, what they cover, how leads fared, and the verdict, which comes last to be seen first."""
    for name, columns in profile.columns.items():
        console.print(_columns(name, columns))
    bars = _BARS if console.encoding.lower().startswith("utf") else _PLAIN_BARS
    if profile.covered:
        console.print(_coverage(list(profile.covered.values()), bars))
    if profile.rates is not None:
        _rates(console, profile.rates)
    verdict = profile.verdict
    console.print(Text(f"\n{verdict.sentence}", style=_STYLES[verdict.level]))
    if verdict.help:
        console.print("What would help most:")
        for place, sentence in enumerate(verdict.help, 1):
            console.print(Text(f"{place:>2}. {sentence}"))


def _columns(name: str, columns: Sequence[ColumnProfile]) -> Table:
    table = Table(name, box=None, pad_edge=False, title_justify="left")
    table.add_column("filled", justify="right")
    table.add_column("distinct", justify="right")
    table.add_column("what it holds", ratio=1)
    for column in columns:
        distinct = "" if column.distinct is None else f"{column.distinct:,}"
        table.add_row(Text(column.name), _share(column.filled), distinct, Text(_held(column)))
    return table


def _held(column: ColumnProfile) -> str:
    if column.known == 0:
        return "nothing"
    if column.kind == "personal":
        return "personal: not shown"
    if column.first is not None and column.last is not None:
        return f"{column.first:%Y-%m-%d} to {column.last:%Y-%m-%d}"
    if column.low is not None and column.median is not None and column.high is not None:
        return f"{_number(column.low)} to {_number(column.high)}, median {_number(column.median)}"
    if column.top:
        more = ", ..." if column.distinct is not None and column.distinct > len(column.top) else ""
        return ", ".join(f"{_cut(value)} {count:,}" for value, count in column.top) + more
    return "ids or names" if column.kind == "id" else "many words"


def _coverage(covered: Sequence[Coverage], bars: str) -> Table:
    table = Table("covers", "from", "to", box=None, pad_edge=False)
    table.add_column("rows a month (newest right)", ratio=1)
    for found in covered:
        gaps = f"  {len(found.gaps)} month(s) without rows" if found.gaps else ""
        line = Text(_spark(found, bars) + gaps)
        table.add_row(found.table, f"{found.first:%Y-%m-%d}", f"{found.last:%Y-%m-%d}", line)
    return table


def _spark(found: Coverage, bars: str) -> str:
    """A bar a month, gaps as blanks, the newest 36 months."""
    counts = {**dict.fromkeys(found.gaps, 0), **dict(found.months)}
    newest = [counts[month] for month in sorted(counts)][-_MOST_MONTHS:]
    most = max(newest, default=0) or 1
    return "".join(bars[min(len(bars) - 1, count * len(bars) // most)] if count else " " for count in newest)


def _rates(console: Console, rates: Rates) -> None:
    total = f"{rates.conversions:,} of {rates.leads:,} ({_share(rates.conversions / rates.leads)})"
    console.print(Text(f"\nConversion of {rates.definition}: {total}."))
    table = Table("by", "value", box=None, pad_edge=False)
    for title in ("leads", "conv.", "rate", "95 % interval"):
        table.add_column(title, justify="right")
    for name, values in rates.columns:
        for place, value in enumerate(values[:_MOST_VALUES]):
            interval = f"{_share(value.low)} to {_share(value.high)}" if value.enough else "too few to tell"
            table.add_row(
                Text(name if place == 0 else ""),
                Text(_cut(value.value)),
                f"{value.leads:,}",
                f"{value.conversions:,}",
                _share(value.rate),
                interval,
            )
    console.print(table)


def _share(share: float) -> str:
    return f"{share:.0%}" if share in (0, 1) else f"{share:.1%}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) or abs(value) >= 1000 else f"{value:,.2f}"  # noqa: PLR2004


def _cut(value: str) -> str:
    return value if len(value) <= _LONGEST_VALUE else value[: _LONGEST_VALUE - 1] + "…"
