"""A rep's list as a workbook: numbers are numbers, days are days, and text stays text whatever it begins with."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from propensity.delivery.contact import mail_link, phone_link

if TYPE_CHECKING:
    from propensity.delivery.reps import RepList
    from propensity.delivery.view import Night

_LINKS: Final[dict[str, Callable[[str | None], str | None]]] = {"email": mail_link, "phone": phone_link}
_MOST: Final = 32_000
"""Characters of a cell; a spreadsheet holds 32,767."""
_AT_ONCE: Final = 500
"""Rows that are held as objects."""
_CREATED: Final = datetime(2000, 1, 1, tzinfo=UTC).replace(tzinfo=None)
"""Written into every workbook, so that the same list gives the same bytes."""
COLUMNS: Final[tuple[tuple[str, str, int], ...]] = (
    ("rep_rank", "No.", 6), ("contact_name", "Name", 22), ("title", "Title", 24), ("company", "Company", 24),
    ("phone", "Phone", 18), ("email", "E-mail", 30), ("tier", "Tier", 6), ("probability", "Probability", 11),
    ("next_action", "Next action", 20), ("follow_up_on", "Follow up on", 12), ("channel", "Channel", 12),
    ("action_because", "Because", 36), ("opening", "Say first", 50), ("question", "Ask", 40), ("trend", "Trend", 11),
    ("changed", "What changed", 36), ("reason_1", "For 1", 32), ("reason_2", "For 2", 32), ("reason_3", "For 3", 32),
    ("against", "Against", 32), ("verdict", "Verdict", 12), ("verdict_because", "Verdict because", 36),
    ("criterion_fit", "Fit", 9), ("fit_evidence", "Fit: evidence", 30), ("criterion_budget", "Budget", 9),
    ("budget_evidence", "Budget: evidence", 30), ("budget_on", "Budget: on", 12), ("criterion_authority", "Authority", 9),
    ("authority_evidence", "Authority: evidence", 30), ("criterion_need", "Need", 9), ("need_evidence", "Need: evidence", 30),
    ("need_on", "Need: on", 12), ("criterion_dialogue", "Dialogue", 9), ("dialogue_evidence", "Dialogue: evidence", 30),
    ("dialogue_on", "Dialogue: on", 12), ("probability_low", "Probability from", 11),
    ("probability_high", "Probability to", 11), ("evidence", "Evidence", 20), ("deal_value", "Deal value", 13),
    ("expected_value", "Expected value", 13), ("product", "Product", 16), ("source", "Source", 16),
    ("country", "Country", 10), ("owner", "Owner", 16), ("lead_id", "Lead", 16), ("account_id", "Account", 16),
    ("rank", "Rank over all", 9), ("as_of", "List of (UTC)", 18),
)  # fmt: skip
"""Column of the list, its title and its width; those that the night does not have are left out."""
_PERCENT: Final = frozenset({"probability", "probability_low", "probability_high"})


def write_workbook(path: Path, one: RepList, night: Night) -> None:
    """Write one rep's list: a frozen header, filters, and links that are only ours (`mailto:`, `tel:`)."""
    from xlsxwriter import Workbook  # noqa: PLC0415

    options: dict[str, Any] = {
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    # Row after row, each on disk once it is whole; and what is put aside lies where a killed run is cleaned up.
    options |= {"constant_memory": True, "tmpdir": str(path.parent)}
    book: Any = Workbook(str(path), options)
    book.set_properties({"title": "Calls", "created": _CREATED})
    book.set_size(2400, 1200)
    formats = _formats(book)
    sheet = book.add_worksheet("Calls")
    shown = [column for column in COLUMNS if column[0] in one.rows.column_names]
    for place, (_, title, width) in enumerate(shown):
        sheet.set_column(place, place, width)
        sheet.write_string(0, place, title, formats["head"])
    names, line = [name for name, _, _ in shown], 0
    for batch in one.rows.select(names).to_batches(max_chunksize=_AT_ONCE):
        for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            line += 1
            for place, (name, value) in enumerate(zip(names, row, strict=True)):
                _write(sheet, line, place, name, value, formats)
    sheet.freeze_panes(1, 2)
    sheet.autofilter(0, 0, max(1, one.rows.num_rows), len(shown) - 1)
    sheet.ignore_errors({"number_stored_as_text": "A1:XFD1048576"})
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(0)
    _about(book, formats, one, night)
    book.close()


def _formats(book: Any) -> dict[str, Any]:
    top = {"valign": "top"}
    return {
        "head": book.add_format(
            {"bold": True, "bg_color": "#0D6350", "font_color": "#FFFFFF", "valign": "top"}
        ),
        "text": book.add_format({**top, "text_wrap": True}),
        "whole": book.add_format({**top, "num_format": "0"}),
        "number": book.add_format({**top, "num_format": "#,##0.00"}),
        "percent": book.add_format({**top, "num_format": "0.0 %"}),
        "date": book.add_format({**top, "num_format": "yyyy-mm-dd"}),
        "instant": book.add_format({**top, "num_format": "yyyy-mm-dd hh:mm"}),
        "link": book.add_format({**top, "font_color": "#0D6350", "underline": 1}),
    }


def _write(sheet: Any, line: int, place: int, name: str, value: Any, formats: dict[str, Any]) -> None:
    if value is None:
        return
    if isinstance(value, datetime):
        sheet.write_datetime(line, place, value.astimezone(UTC).replace(tzinfo=None), formats["instant"])
    elif isinstance(value, str):
        build = _LINKS.get(name)
        link = None if build is None else build(value)
        if link is None:
            sheet.write_string(line, place, value[:_MOST], formats["text"])
        else:
            sheet.write_url(line, place, _linked(link, value[:_MOST]), formats["link"])
    elif isinstance(value, int):
        sheet.write_number(line, place, value, formats["whole"])
    elif isinstance(value, float):
        sheet.write_number(line, place, value, formats["percent" if name in _PERCENT else "number"])
    else:
        sheet.write_datetime(line, place, value, formats["date"])


def _linked(link: str, text: str) -> Any:
    """A link of ours with the text of its cell; XlsxWriter knows no `tel:`, which is as valid a target as `mailto:`."""
    from xlsxwriter.url import Url, UrlTypes  # noqa: PLC0415

    class _Link(Url):
        def _parse_url(self) -> None:
            self._link_type = UrlTypes.URL

    found = _Link(link)
    found.text = text
    return found


def _about(book: Any, formats: dict[str, Any], one: RepList, night: Night) -> None:
    sheet = book.add_worksheet("About")
    sheet.set_column(0, 0, 28)
    sheet.set_column(1, 1, 70)
    lines: list[tuple[str, str | float, str]] = [
        ("Rep", one.name or "everybody", "text"),
        ("List as of", night.instant or "data without dates", "text"),
        ("Leads", one.rows.num_rows, "whole"),
        ("Prospects to be expected", one.expected, "number"),
        ("Threshold of the verdict", night.threshold, "percent"),
        ("Amounts in", night.currency, "text"),
        ("Model", night.model, "text"),
    ]
    for place, (label, value, kind) in enumerate(lines):
        sheet.write_string(place, 0, label)
        if isinstance(value, str):
            sheet.write_string(place, 1, value[:_MOST], formats[kind])
        else:
            sheet.write_number(place, 1, value, formats[kind])
