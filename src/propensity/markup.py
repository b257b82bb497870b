"""HTML for notebooks: escaped, and without colours of its own, so that it reads on light and on dark pages alike."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape

_ALIGN = {"l": "left", "r": "right"}


def paragraph(text: str) -> str:
    """A line of text.

    >>> paragraph("<Ann> & Co")
    '<p>&lt;Ann&gt; &amp; Co</p>'
    """
    return f"<p>{escape(text)}</p>"


def bullets(lines: Iterable[str]) -> str:
    """A list; nothing where there is no line."""
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<ul>{items}</ul>" if items else ""


def table(head: Sequence[str], rows: Iterable[Sequence[str | None]], *, align: str) -> str:
    r"""A table of text.

    Parameters
    ----------
    head
        Titles of the columns.
    rows
        Cells; a line break in one is kept, None is empty.
    align
        A letter a column: `l` left, `r` right.

    >>> table(["lead", "rank"], [["<b>", "1"]], align="lr").count("&lt;b&gt;")
    1
    """
    styles = [f'style="text-align:{_ALIGN[letter]};vertical-align:top"' for letter in align]
    titles = "".join(f"<th {style}>{escape(title)}</th>" for style, title in zip(styles, head, strict=True))
    body = "".join(f"<tr>{_cells(row, styles)}</tr>" for row in rows)
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>"


def picture(png: bytes, says: str) -> str:
    """A picture that lies in the page itself; `says` is for those who do not see it."""
    data = base64.b64encode(png).decode("ascii")
    return f'<img src="data:image/png;base64,{data}" alt="{escape(says)}" style="max-width:100%">'


def _cells(row: Sequence[str | None], styles: Sequence[str]) -> str:
    return "".join(
        f"<td {style}>{escape(cell or '').replace(chr(10), '<br>')}</td>"
        for cell, style in zip(row, styles, strict=True)
    )
