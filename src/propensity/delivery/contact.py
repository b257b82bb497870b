"""Text and addresses from a company's data, made fit to be shown and to be linked. Pure."""

from __future__ import annotations

import re
import unicodedata
from typing import Final
from urllib.parse import quote

LONGEST: Final = 1_000
"""Characters of a name or value that a page shows; the tables beside it have it whole."""
_ELLIPSIS: Final = "…"
# What is not shown: controls, and the marks that turn the direction of what comes after them. Joiners of scripts and of
# emoji stay, since names need them.
_TURNING: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_UNSHOWN: Final = frozenset({"Cc", "Cs", "Co", "Cn", "Zl", "Zp"})
_MAIL: Final = re.compile(r"[A-Za-z0-9._%+'-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+")
_PHONE: Final = re.compile(r"\+?[0-9][0-9 ()./\u00a0\u2010\u2011-]{3,38}[0-9]")
_LEAST_DIGITS, _MOST_DIGITS = 5, 17


def legible(text: str, *, most: int = LONGEST) -> str:
    r"""One line without what is invisible or turns the text around it, cut where it is longer than `most`.

    >>> legible("a\nb\u202ec"), legible("x" * 10, most=5)
    ('a bc', 'xxxx…')
    """
    head = text[: 4 * most]
    # Most text is plain, and going through it letter by letter is slow.
    line = " ".join((head if head.isprintable() else "".join(map(_seen, head))).split())
    return line if len(line) <= most else line[: most - 1].rstrip() + _ELLIPSIS


def _seen(letter: str) -> str:
    if letter in _TURNING:
        return ""
    return " " if unicodedata.category(letter) in _UNSHOWN else letter


def mail_link(address: str | None) -> str | None:
    """A `mailto:` for what is plainly one address; None for anything else.

    >>> mail_link("ada@example.org"), mail_link("ada@example.org?bcc=x"), mail_link("javascript:alert(1)")
    ('mailto:ada@example.org', None, None)
    """
    found = "" if address is None else address.strip()
    return f"mailto:{quote(found, safe='@')}" if _MAIL.fullmatch(found) else None


def phone_link(number: str | None) -> str | None:
    """A `tel:` of digits for what is plainly one number; None for anything else.

    >>> phone_link("+49 (0)30 / 123-45"), phone_link("call me"), phone_link(None)
    ('tel:+493012345', None, None)
    """
    found = "" if number is None else number.strip()
    if not _PHONE.fullmatch(found):
        return None
    # A nought in brackets after the country's code is not dialled with it.
    if found.startswith("+"):
        found = found.replace("(0)", "")
    digits = re.sub("[^0-9]", "", found)
    if not _LEAST_DIGITS <= len(digits) <= _MOST_DIGITS:
        return None
    return f"tel:{'+' if found.startswith('+') else ''}{digits}"
