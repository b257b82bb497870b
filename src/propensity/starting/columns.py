"""Canonical columns by the names of source columns: the nearest name of the right kind takes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from propensity.schema import TABLES, ColumnType
from propensity.schema import Column as Canonical
from propensity.starting.kinds import Column, Times
from propensity.starting.look import File
from propensity.starting.names import COLUMNS, later_word, nearness, tokens
from propensity.starting.plan import Mapped, TablePlan
from propensity.starting.roles import by_content

_SURE = 0.5
_NAMES = COLUMNS["accounts"]["name"]
_NEAR = 0.8
_KINDS: Mapping[ColumnType, frozenset[str]] = {
    "id": frozenset({"id", "number", "category", "free text"}),
    "text": frozenset({"category", "free text", "id"}),
    "timestamp": frozenset({"time"}),
    "number": frozenset({"number", "decimal comma", "band"}),
    "boolean": frozenset({"yes/no"}),
}
_OTHER_KINDS: Mapping[str, frozenset[str]] = {
    "email": frozenset({"e-mail"}),
    "phone": frozenset({"phone", "number", "id"}),
    "founded_on": frozenset({"time", "number", "id"}),
    "type": frozenset({"category"}),
    "stage": frozenset({"category"}),
}
_YEARS = (1500, 2100)
_SMALL_REVENUE = 100_000
_FIRST, _LAST = (
    {"first", "vorname", "firstname", "prenom", "nombre", "given"},
    {"last", "nachname", "lastname", "surname", "nom", "apellido", "family"},
)


def add_columns(plan: TablePlan) -> None:
    """Map what names tell; required columns choose first."""
    taken = {mapped.source for mapped in plan.columns.values()}
    wanted = [column for column in TABLES[plan.name].columns if column.name not in {*plan.columns, "outcome"}]
    for required in (True, False):
        _by_name(plan, [column for column in wanted if column.required is required], taken)
        if required:
            _by_content(plan, [column for column in wanted if column.required], taken)
    if plan.name == "leads" and "contact_name" not in plan.columns:
        _join_names(plan)
    key = plan.columns.get("account_id")
    if (
        plan.name == "accounts"
        and key is not None
        and "name" not in plan.columns
        and nearness(key.source, _NAMES) >= _SURE
    ):
        plan.columns["name"] = Mapped(key.source, "accounts are named by their names")


def _by_name(plan: TablePlan, wanted: Sequence[Canonical], taken: set[str]) -> None:
    """Give each canonical column the source column with the nearest name; the nearest pair first."""
    careful = plan.name in ("leads", "accounts")
    pairs: list[tuple[float, int, int, Canonical, Column]] = []
    for place, canonical in enumerate(wanted):
        for column in plan.file.columns:
            late = careful and later_word(column.name) is not None and column.name != canonical.name
            near = nearness(column.name, COLUMNS[plan.name].get(canonical.name, ()))
            if near >= _SURE and not late and _fits(canonical, column):
                pairs.append((-near, place, column.place, canonical, column))
    for less, _, _, canonical, column in sorted(pairs, key=lambda pair: pair[:3]):
        if canonical.name not in plan.columns and column.name not in taken:
            plan.columns[canonical.name] = _mapped(canonical, column, -less, plan.file)
            taken.add(column.name)


def _by_content(plan: TablePlan, wanted: Sequence[Canonical], taken: set[str]) -> None:
    """Required columns that no name tells, told by what the columns hold."""
    for canonical in wanted:
        column = None if canonical.name in plan.columns else by_content(plan.file, canonical.name)
        if column is not None and column.name not in taken:
            plan.columns[canonical.name] = _mapped(canonical, column, 0.0, plan.file)
            taken.add(column.name)


def _fits(canonical: Canonical, column: Column) -> bool:
    if not column.name or canonical.name == "lead_id":
        return False
    if column.kind not in _OTHER_KINDS.get(canonical.name, _KINDS[canonical.type]):
        # What is called a number, is unique and whole was taken for an id.
        return (
            canonical.type == "number"
            and column.kind == "id"
            and column.counts.numbers >= column.counts.known
        )
    if canonical.name == "founded_on" and column.kind != "time":
        low, high = column.counts.low, column.counts.high
        return low is not None and high is not None and _YEARS[0] <= low and high <= _YEARS[1]
    return True


def _mapped(canonical: Canonical, column: Column, near: float, file: File) -> Mapped:
    doubts: list[str] = []
    options: dict[str, str | tuple[str, ...]] = {}
    guess = f"{column.kind}, {column.counts.filled:.0%} filled"
    times = column.times
    if times is not None:
        guess = dated(column)
        options = _formatted(times)
        if times.other is not None:
            doubts.append(f"every value also fits {times.other}: day and month may be swapped")
        if not times.dates and not times.zoned:
            doubts.append("no zone is written: data.timezone is taken")
    elif canonical.type == "timestamp":
        options["format"] = "%Y"
        guess = f"years {column.counts.low:.0f} to {column.counts.high:.0f}"
    elif canonical.type == "number" and column.kind == "band":
        options["band"] = "middle"
    elif canonical.type == "number" and column.kind == "decimal comma":
        options["decimal"] = ","
    doubts += _doubts(canonical, column, near, file)
    return Mapped(column.name, guess, "; ".join(doubts), options)


def _doubts(canonical: Canonical, column: Column, near: float, file: File) -> list[str]:
    doubts: list[str] = []
    if near <= 0:
        doubts.append(f"only what it holds says {canonical.name}, not its name")
    elif near < _NEAR:
        doubts.append(f"only part of its name says {canonical.name}")
    if (
        canonical.name == "annual_revenue"
        and column.kind == "number"
        and (column.counts.high or 0) < _SMALL_REVENUE
    ):
        doubts.append(
            f"the largest is {column.counts.high:,.0f}: if it is in millions, write {{column: ..., scale: 1000000}}"
        )
    if [each.name for each in file.columns].count(column.name) > 1:
        doubts.append("two columns have this name: the file cannot be read until one is renamed")
    return doubts


def _formatted(times: Times) -> dict[str, str | tuple[str, ...]]:
    return {} if times.format is None else {"format": times.format}


def dated(column: Column) -> str:
    """What a column of times holds, in words."""
    times = column.times
    if times is None or times.first is None or times.last is None:
        return f"{column.kind}, {column.counts.filled:.0%} filled"
    what = "dates" if times.dates else "times"
    return f"{what} {times.first:%Y-%m-%d} to {times.last:%Y-%m-%d}, {column.counts.filled:.0%} filled"


def _join_names(plan: TablePlan) -> None:
    """A first and a last name are a person's name."""
    texts = [column for column in plan.file.columns if column.kind in ("category", "free text", "id")]
    first = next((column for column in texts if _FIRST & set(tokens(column.name))), None)
    last = next(
        (column for column in texts if _LAST & set(tokens(column.name)) and column is not first), None
    )
    if first is not None and last is not None:
        plan.columns["contact_name"] = Mapped(
            first.name, "first and last name", options={"join": (first.name, last.name)}
        )
