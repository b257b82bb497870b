"""Times in a format of strptime, read by regular expressions: for engines whose own formats mean something else."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import ibis

from propensity.engines.untyped import Value
from propensity.errors import ConfigError

_MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
           "december")  # fmt: skip
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SHORT = 3
_PIVOT = 69
"""Two digits from here on are of the twentieth century."""
_HALF_DAY = 12
_SIGNS = {
    "Y": r"(\d{1,4})",
    "y": r"(\d{1,2})",
    "m": r"(\d{1,2})",
    "d": r"(\d{1,2})",
    "H": r"(\d{1,2})",
    "I": r"(\d{1,2})",
    "M": r"(\d{1,2})",
    "S": r"(\d{1,2})",
    "f": r"(\d{1,6})",
    "b": "(" + "|".join(month[:_SHORT] for month in _MONTHS) + ")",
    "B": "(" + "|".join(_MONTHS) + ")",
    "p": "(am|pm)",
    "a": "(" + "|".join(day[:_SHORT] for day in _DAYS) + ")",
    "A": "(" + "|".join(_DAYS) + ")",
    "z": r"([+-]\d{2}(?::?\d{2})?|z)",
}
_LONGER = {"T": "%H:%M:%S", "D": "%m/%d/%y", "F": "%Y-%m-%d", "R": "%H:%M", "x": "%Y-%m-%d", "X": "%H:%M:%S"}
_SIGN = re.compile(r"%-?([A-Za-z%])")


@dataclass(frozen=True)
class Parts:
    """A format as a pattern (of lower-case text), and which sign each of its groups reads."""

    pattern: str
    groups: tuple[str, ...]

    def assembled(self, text: Value, make: Callable[..., Value]) -> Value:
        """The time that a text stands for: without a zone, or an instant in UTC where the format reads a zone.

        `make` takes year, month, day, hour, minute (int64) and second (decimal), and gives null where they are no time.
        """
        plain = text.lower()
        fits = plain.re_search(self.pattern)

        def part(sign: str) -> Value:
            return plain.re_extract(self.pattern, self.groups.index(sign) + 1)

        def number(sign: str, otherwise: int) -> Value:
            if sign not in self.groups:
                return ibis.literal(otherwise, "int64")
            return part(sign).nullif("").try_cast("int64")

        second = number("S", 0).cast("decimal(16, 6)")
        if "f" in self.groups:
            second = (part("S") + "." + part("f")).nullif(".").try_cast("decimal(16, 6)")
        found = make(
            self._year(number),
            self._month(number, part),
            number("d", 1),
            self._hour(number, part),
            number("M", 0),
            second,
        )
        found = ibis.cases((fits, found), else_=ibis.null(found.type()))
        return self._in_utc(found, part("z")) if "z" in self.groups else found

    def _year(self, number: Callable[[str, int], Value]) -> Value:
        if "y" not in self.groups:
            return number("Y", 1900)
        short = number("y", 0)
        return short + ibis.cases((short >= _PIVOT, 1900), else_=2000)

    def _month(self, number: Callable[[str, int], Value], part: Callable[[str], Value]) -> Value:
        word = next((sign for sign in ("b", "B") if sign in self.groups), None)
        if word is None:
            return number("m", 1)
        short = part(word).substr(0, _SHORT)
        named = [
            (short == month[:_SHORT], ibis.literal(place, "int64")) for place, month in enumerate(_MONTHS, 1)
        ]
        return ibis.cases(*named, else_=ibis.null("int64"))

    def _hour(self, number: Callable[[str, int], Value], part: Callable[[str], Value]) -> Value:
        if "I" not in self.groups:
            return number("H", 0)
        hour = number("I", 0)
        held: Value = ibis.cases(
            ((hour >= 1) & (hour <= _HALF_DAY), hour % _HALF_DAY), else_=ibis.null("int64")
        )
        if "p" not in self.groups:
            return held
        return held + ibis.cases((part("p") == "pm", _HALF_DAY), else_=0)

    def _in_utc(self, local: Value, zone: Value) -> Value:
        digits = zone.re_replace("[^0-9]", "")
        hours = digits.substr(0, 2).nullif("").try_cast("int64").fill_null(0)
        minutes = digits.substr(2, 2).nullif("").try_cast("int64").fill_null(0)
        ahead = (hours * 60 + minutes) * ibis.cases((zone.substr(0, 1) == "-", -1), else_=1)
        return (local - ahead.as_interval("m")).cast("timestamp('UTC', 6)")


@cache
def parts_of(pattern: str) -> Parts:
    """Read a format.

    Raises
    ------
    ConfigError
        It has a sign that is not known here, or the same one twice.
    """
    whole = _SIGN.sub(lambda match: _LONGER.get(match[1], match[0]), pattern)
    groups: list[str] = []
    found: list[str] = []
    end = 0
    for match in _SIGN.finditer(whole):
        found.append(_plain(whole[end : match.start()]))
        end = match.end()
        sign = match[1]
        if sign == "%":
            found.append("%")
            continue
        if sign not in _SIGNS or sign in groups:
            raise ConfigError(
                f"{pattern!r}: the Spark engine reads each of {', '.join('%' + known for known in _SIGNS)} once, and no "
                f"other sign such as {match[0]}. Write the column as a time in Parquet, or use the embedded engine."
            )
        groups.append(sign)
        found.append(_SIGNS[sign])
    found.append(_plain(whole[end:]))
    return Parts(f"^{''.join(found)}$", tuple(groups))


def _plain(text: str) -> str:
    """Text between signs; a blank stands for any number of them."""
    return re.sub(r"(?:\\ )+", r"\\s+", re.escape(text.lower()))
