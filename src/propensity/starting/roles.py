"""Which file is which canonical table, told by its name, its columns and the keys that it shares with others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from propensity.schema import TableName
from propensity.starting.kinds import MOST, Column
from propensity.starting.links import Link
from propensity.starting.look import File, Folder
from propensity.starting.meanings import act_of, outcome_of, stage_of
from propensity.starting.names import COLUMNS, FILES, later_word, nearness, tokens

_SURE = 0.5
_TOLD = 0.4
_TIMES = ("created_at", "occurred_at", "entered_at", "recorded_at")
_KINDS: Mapping[str, frozenset[str]] = {
    "time": frozenset({"time"}),
    "number": frozenset({"number", "decimal comma"}),
    "word": frozenset({"category"}),
    "key": frozenset({"category", "id", "free text"}),
}
_NEEDED: Mapping[TableName, Mapping[str, str]] = {
    "activities": {"occurred_at": "time", "type": "word"},
    "stages": {"stage": "word", "entered_at": "time"},
    "budgets": {"amount": "number", "recorded_at": "time"},
    "products": {"product": "key", "price": "number"},
    "rates": {"currency": "key", "to_base": "number"},
}
_ATTRIBUTES = ("industry", "employee_count", "annual_revenue", "domain", "country", "founded_on", "name")
_MANY = frozenset({"stages", "activities", "budgets"})
_ISO_4217 = 3
_PERSON = ("email", "phone", "title", "source", "do_not_contact", "product", "owner", "account_id")


def named_for(file: File, table: TableName) -> float:
    """How surely a file's name says a table, in [0, 1]; of the words for leads the earlier count for more."""
    words = set(tokens(file.name.split(".")[0]))
    hits = [place for place, word in enumerate(FILES[table]) if word in words]
    return 1.0 - 0.5 * min(hits) / len(FILES[table]) if hits else 0.0


def near_column(
    file: File, table: TableName, canonical: str, kinds: frozenset[str]
) -> tuple[float, Column | None]:
    """The column of a file whose name is nearest to a canonical one, among those of the right kinds."""
    words = COLUMNS[table][canonical]
    scored = [
        (nearness(column.name, words), -column.place, column)
        for column in file.columns
        if column.kind in kinds and column.name
    ]
    best = max(scored, default=None, key=lambda each: each[:2])
    if best is not None and best[0] >= _SURE:
        return best[0], best[2]
    told = by_content(file, canonical)
    return (_TOLD, told) if told is not None and told.kind in kinds else (0.0, None)


def by_content(file: File, canonical: str) -> Column | None:
    """The column that can only be the canonical one, whatever it is called; None where nothing tells.

    For a time: the only one that every row has. For a stage or a kind of act: the one whose words are understood.
    """
    if canonical in _TIMES:
        times = [
            column for column in file.columns if column.kind == "time" and later_word(column.name) is None
        ]
        if canonical == "created_at":
            # Elsewhere, of the dates of several steps none is that of the act or the state, however full it is.
            times = [column for column in times if column.counts.filled >= MOST]
        return times[0] if len(times) == 1 and times[0].name else None
    meaning = {"type": act_of, "stage": stage_of}.get(canonical)
    if meaning is None:
        return None
    words = [(understood(column, meaning), -column.place, column) for column in file.columns if column.name]
    share, _, column = max(words, key=lambda each: each[:2], default=(0.0, 0, None))
    return column if share >= _SURE else None


def ends(column: Column) -> bool:
    """Whether a column's words tell how leads ended, both well and badly."""
    words = {outcome_of(value) for value, _ in column.values}
    known = sum(count for value, count in column.values if outcome_of(value) is not None)
    return {"true", "false"} <= words and known >= _SURE * sum(count for _, count in column.values)


def understood(column: Column, meaning: Callable[[str], str | None] = stage_of) -> float:
    """The share of a column's rows whose word has a meaning, as a stage unless another is asked for, in [0, 1]."""
    total = sum(count for _, count in column.values)
    return sum(count for value, count in column.values if meaning(value) is not None) / max(total, 1)


def outcome_column(file: File) -> Column | None:
    """The column of flat leads that says how each ended: yes/no before words of a stage."""
    flags = [c for c in file.columns if c.kind == "yes/no" and c.counts.distinct == 2]  # noqa: PLR2004
    scored = [(nearness(c.name, COLUMNS["leads"]["outcome"]), -c.place, c) for c in flags if c.name]
    best = max(scored, default=None, key=lambda each: each[:2])
    if best is not None and best[0] >= _SURE:
        return best[2]
    staged = [
        (nearness(c.name, COLUMNS["leads"]["outcome"]), -c.place, c)
        for c in file.columns
        if c.kind == "category"
    ]
    staged = [each for each in staged if each[0] >= _SURE and ends(each[2])]
    return max(staged, key=lambda each: each[:2])[2] if staged else None


def leads_score(file: File) -> float:
    """How much a file looks like leads; 0 where it lacks what leads need: an id and a date, or an outcome."""
    keys = [column for column in file.columns if column.key and column.kind in ("id", "number", "free text")]
    _, created = near_column(file, "leads", "created_at", _KINDS["time"])
    outcome = outcome_column(file)
    if file.rows == 0 or (outcome is None and not (keys and created)):
        return 0.0
    other = max(named_for(file, name) for name in FILES if name != "leads")
    person = sum(near_column(file, "leads", name, _ANY)[1] is not None for name in _PERSON)
    score = 4 * named_for(file, "leads") - 4 * other * (named_for(file, "leads") == 0)
    return max(
        score + 2 * bool(keys) + 2 * (created is not None) + 2 * (outcome is not None) + 0.5 * person, 0.01
    )


_ANY = frozenset({"time", "e-mail", "phone", "yes/no", "number", "band", "id", "category", "free text"})


def roles(folder: Folder, links: Sequence[Link]) -> dict[TableName, tuple[File, ...]]:
    """The files that feed each canonical table, the likeliest first; each file at most one. Empty: nothing is like leads.

    Acts, stages and budgets may lie in several files; leads, accounts, products and rates are one file each.
    """
    scored = [(leads_score(file), file) for file in folder.files]
    best = max((score for score, _ in scored), default=0.0)
    if best <= 0:
        return {}
    leads = next(file for score, file in scored if score == best)
    found: dict[TableName, tuple[File, ...]] = {"leads": (leads,)}
    left = [file for file in folder.files if file is not leads and file.rows > 0]
    order: tuple[TableName, ...] = ("accounts", "products", "rates", "stages", "activities", "budgets")
    for table in order:
        marks = [(role_score(file, table, found, links), -place, file) for place, file in enumerate(left)]
        fit = [file for mark, _, file in sorted(marks, key=lambda each: each[:2], reverse=True) if mark > 0]
        # Where one of several files is named for the table, the others must be too.
        named = [file for file in fit if named_for(file, table) > 0] if table in _MANY else []
        fit = named or fit[:1]
        if fit:
            found[table] = tuple(fit)
            left = [file for file in left if file not in fit]
    return found


def role_score(
    file: File, table: TableName, found: Mapping[TableName, tuple[File, ...]], links: Sequence[Link]
) -> float:
    """How much a file looks like a canonical table beside leads that are found already; 0: not at all."""
    leads = found["leads"][0].name
    if table == "accounts":
        return _account_score(file, leads, links)
    needed = dict(_NEEDED[table])
    if table == "activities" and named_act(file) is not None:
        del needed["type"]
    parts = {name: near_column(file, table, name, _KINDS[kind]) for name, kind in needed.items()}
    if any(column is None for _, column in parts.values()):
        return 0.0
    score = named_for(file, table) * 2 + sum(mark for mark, _ in parts.values())
    wanted = {leads} | {each.name for each in found.get("accounts", ()) if table == "budgets"}
    if table in _MANY and not any(link.child == file.name and link.parent in wanted for link in links):
        return 0.0
    return score * _convinces(
        file, table, {name: column for name, (_, column) in parts.items() if column is not None}
    )


def _account_score(file: File, leads: str, links: Sequence[Link]) -> float:
    linked = any(
        link.parent == file.name
        and link.child == leads
        and link.loose >= _SURE
        and later_word(link.column) is None
        for link in links
    )
    keyed = any(column.key for column in file.columns)
    attributes = sum(near_column(file, "accounts", name, _ANY)[1] is not None for name in _ATTRIBUTES)
    named = named_for(file, "accounts")
    return (named * 2 + linked + attributes * 0.3) * (keyed and attributes > 0 and (named > 0 or linked))


def _convinces(file: File, table: TableName, parts: Mapping[str, Column]) -> bool:
    """Whether the columns that a table needs hold what they should, beyond their names and kinds."""
    if table == "budgets":
        # An opportunity's amount is changed in place as the deal goes on: only what is called a budget or a quote is one.
        return named_for(file, table) > 0 or "budget" in tokens(parts["amount"].name)
    if table == "stages":
        return understood(parts["stage"]) >= _SURE
    if table == "products":
        return parts["product"].key
    if table == "rates":
        return parts["currency"].key and parts["currency"].counts.longest <= _ISO_4217
    return True


def named_act(file: File) -> str | None:
    """The kind of act that a file's name speaks of, such as calls.csv; None where it names none."""
    words = tokens(file.name.split(".")[0])
    singular = [word.removesuffix("s") for word in words]
    return next((act for word in singular if (act := act_of(word)) is not None), None)
