"""The evidence pack as a page: a frozen view model in, one self-contained HTML file out.

Nothing here knows a model or a table. Text is escaped by the template; what comes from users' data has passed `quoted`
before. The page asks for nothing from outside and says so in a Content-Security-Policy, which also names the one style
sheet by its hash. The same pack gives the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

if TYPE_CHECKING:
    from markupsafe import Markup

LONGEST: Final = 60
"""Characters of a name or value from users' data that are shown."""
_ELLIPSIS: Final = "…"
# What is invisible or turns the direction of the text around it.
_UNSHOWN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_JOINER: Final = "\u200d"
_RIGHT_TO_LEFT: Final = frozenset({"R", "AL", "AN"})
_ISOLATE, _POP = "\u2068", "\u2069"
_ADDRESS: Final = re.compile(r"[^\s@]+@[^\s@]+")
# A phone number: seven digits after a plus or nought, else ten; no date.
_DIGITS: Final = re.compile(
    r"(?:\+|\b0)\d(?:[\s()/-]{0,2}\d){6,}|(?<![\d-])(?!\d{4}-\d\d-\d\d\b)\d(?:[\s()/-]{0,2}\d){9,}"
)

Align = Literal["l", "r"]
Tone = Literal["", "verdict", "note", "alarm", "code"]


@dataclass(frozen=True)
class Words:
    """A paragraph; `tone` says how it stands out."""

    text: str
    tone: Tone = ""
    kind: ClassVar[str] = "words"


@dataclass(frozen=True)
class Bullets:
    """A list of sentences; counted where `numbered`."""

    lines: tuple[str, ...]
    numbered: bool = False
    kind: ClassVar[str] = "bullets"


@dataclass(frozen=True)
class Grid:
    """A table of text that scrolls in a box of its own.

    Attributes
    ----------
    caption : what it shows.
    head : titles of the columns; empty for a table whose first column names the rows.
    rows : cells; the first one names the row.
    align : a letter a column, `l` or `r`.
    """

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    align: str
    kind: ClassVar[str] = "grid"


@dataclass(frozen=True)
class Drawing:
    """A chart as inline SVG, with a caption below it; the SVG carries its own text alternative."""

    svg: Markup
    caption: str
    kind: ClassVar[str] = "drawing"


@dataclass(frozen=True)
class Fold:
    """What only some readers want: shut on the screen, open on paper."""

    title: str
    blocks: tuple[Block, ...]
    kind: ClassVar[str] = "fold"


Block = Words | Bullets | Grid | Drawing | Fold


@dataclass(frozen=True)
class Section:
    """A part of the page; `anchor` is its address in the page: lower-case letters and hyphens."""

    anchor: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Pack:
    """The page.

    Attributes
    ----------
    title : the heading, also of the tab.
    facts : short facts below the heading: model, data, date.
    summary : the page in a few sentences, the verdict first.
    sections : in order.
    """

    title: str
    facts: tuple[str, ...]
    summary: tuple[str, ...]
    sections: tuple[Section, ...] = field(default=())


def render(pack: Pack) -> str:
    """The page as HTML: UTF-8, no script, nothing asked for from outside.

    >>> "&lt;b&gt;" in render(Pack("<b>", (), ()))
    True
    """
    template, style = _template()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii")
    return str(template.render(pack=pack, style=style, style_hash=f"sha256-{digest}"))


@cache
def _template() -> tuple[Any, Markup]:
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415
    from markupsafe import Markup  # noqa: PLC0415

    loader = PackageLoader("propensity.audit", "templates")
    environment = Environment(
        loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
    )
    # Our own file, hashed as it stands between the tags: escaping would change both.
    style = Markup(loader.get_source(environment, "evidence.css")[0])  # noqa: S704
    return environment.get_template("evidence.html"), style


def quoted(text: str, *, most: int = LONGEST) -> str:
    r"""A name or value from users' data, fit to be shown: one line, cut, with what looks like an address or number hidden.

    Characters that are invisible or turn the direction of text are taken out; text that runs from right to left is isolated.

    >>> quoted("web\nshop"), quoted("ann@example.com"), quoted("x" * 100, most=5)
    ('web shop', '(hidden: an address)', 'xxxx…')
    """
    line = " ".join("".join(_visible(letter) for letter in text[: 20 * most]).split())
    if _ADDRESS.search(line):
        return "(hidden: an address)"
    if _DIGITS.search(line):
        return "(hidden: a long number)"
    if len(line) > most or len(text) > 20 * most:
        line = line[: most - 1].rstrip() + _ELLIPSIS
    turned = any(unicodedata.bidirectional(letter) in _RIGHT_TO_LEFT for letter in line)
    return f"{_ISOLATE}{line}{_POP}" if turned else line


def _visible(letter: str) -> str:
    if letter == _JOINER:
        return letter
    return " " if unicodedata.category(letter) in _UNSHOWN else letter


def plain(sentence: str, *, most: int = 1_000) -> str:
    """A sentence that may quote users' data: as `quoted`, but what is hidden is cut out of it and the rest stays."""
    line = " ".join("".join(_visible(letter) for letter in sentence[: 20 * most]).split())
    line = _ADDRESS.sub("(hidden: an address)", line)
    line = _DIGITS.sub("(hidden: a long number)", line)
    return line if len(line) <= most else line[: most - 1].rstrip() + _ELLIPSIS


def listed(names: Sequence[str]) -> str:
    """Words as people list them.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]])) if names else ""
