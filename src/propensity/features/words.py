r"""Whole words in a text, by patterns of the dialect that RE2, Java and Python share.

The dialect: letters, `.`, sets such as `[aä]`, groups `( )` and `(?: )`, `|`, `*`, `+`, `?`, `{m,n}`, and a backslash before
a punctuation mark. No classes such as `\d` or `\b`, which mean other letters to other engines; no looking around.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from propensity.engines.untyped import Value

# Not \b: to RE2 it knows ASCII letters only, so that the German `Gebühr` would hold the word `hr`; to Java it does not.
# Not [^\p{L}\p{N}_] either, which says the same but costs RE2 ten times as much to compile, once a pattern and a query.
_EDGE = (
    r"[\x00-/:-@\[-^`{-\x{a9}\x{ab}-\x{b1}\x{b4}\x{b6}-\x{b8}\x{bb}\x{bf}\x{d7}\x{f7}\x{2000}-\x{206f}\x{20a0}-\x{20cf}"
    r"\x{2190}-\x{245f}\x{2500}-\x{2775}\x{2794}-\x{2bff}\x{3000}-\x{3004}\x{3008}-\x{3020}\x{ff01}-\x{ff0f}"
    r"\x{ff1a}-\x{ff20}\x{1f300}-\x{1faff}]"
)
"""Blanks, punctuation and signs; what is none of them is part of a word."""
_PUNCTUATION = re.compile(r"([^\w\s])")


def holds(text: Value, pattern: str) -> Value:
    """Whether the pattern fits whole words of the text, in any case (boolean; null where the text is)."""
    return text.lower().re_search(f"(^|{_EDGE})({pattern.lower()})({_EDGE}|$)")


def pattern_of(words: Iterable[str]) -> str:
    r"""Write a pattern that fits any of the words; a blank also stands for a hyphen, or for several blanks.

    >>> pattern_of(["vice president", "R&D"])
    'vice[ -]+president|r\\&d'
    """
    parts = (_PUNCTUATION.sub(r"\\\1", part) for part in (word.strip().lower() for word in words))
    return "|".join("[ -]+".join(part.split()) for part in parts)
