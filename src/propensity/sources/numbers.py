"""Numbers as people write them: with a currency and thousands separators, or as a band such as `200-499`."""

from __future__ import annotations

from collections.abc import Callable

import ibis

from propensity.engines.untyped import Value

_BETWEEN = r"'\s\x{2019}\x{00A0}\x{202F}"
_CURRENCY = (
    r"^[\p{Sc}A-Za-z]{1,4}\s+|^([-+]?)\p{Sc}|\s*\p{Sc}$|\s+[A-Za-z]{3}$|\s+(?:[Ff]r\.?|[Kk]r\.?|zł|Kč|Ft)$"
)
_MULTIPLE = r"(?i)\d\s*(?:tsd|mio|mil|mln|mrd|mld|bio|bln)\.?\b"
_UNIT = r"(?:\s*(k|tsd|thousand|mio|mn|m|million|millionen|millions|bn|b|billion|mrd)\b)?"
_FACTORS = {
    1e3: ("k", "tsd", "thousand"),
    1e6: ("m", "mn", "mio", "million", "millions", "millionen"),
    1e9: ("b", "bn", "billion", "mrd"),
}
_BELOW = (
    r"^\s*(?:<|≤|under|below|less than|fewer than|up to|at most|max|unter|bis|weniger als|höchstens|moins de|"
    r"jusqu|menos de|hasta|fino a|meno di|minder dan)"
)
_UNDECLARED = r"(?:^|[^\d.,])\d{1,3}\.\d{3}(?:[^\d]|$)"
"""Where nobody said which sign is the decimal one, 1.500 may be one and a half or fifteen hundred."""


def let(value: Value, use: Callable[[Value], Value]) -> Value:
    """An expression that uses `value` several times and computes it once.

    Without this each use is written out in full: a band took fourteen seconds to plan, whatever it was read from.
    The parameters of nested uses need names that differ.
    """
    return ibis.array([value]).map(use)[0]


def plain_number(text: Value, decimal: str) -> Value:
    """An amount such as `€ 1.234,50` as text that casts to a number: only digits, sign and a decimal point.

    A text that is no amount becomes null, also `5 Mio` (that is what bands read). `decimal` is the sign before the
    fraction; the other sign, spaces and apostrophes separate thousands, three digits each.
    """
    bare = text.re_replace(_CURRENCY, r"\1").strip()
    amount = rf"^[-+]?(?:{_whole(decimal)}(?:[{decimal}]\d*)?|[{decimal}]\d+)$"

    def read(amount_text: Value) -> Value:
        fits = amount_text.re_search(amount)
        return ibis.cases((fits, _pointed(amount_text, decimal)), else_=ibis.null("string"))

    number = let(bare, read)
    return ibis.cases((text.re_search(_MULTIPLE), ibis.null("string")), else_=number)


def band_number(text: Value, which: str, decimal: str | None) -> Value:
    """The number (float64) that stands for a band; null for a text that is no band and no number.

    The middle of `200-499` is 349.5. An open band such as `1000+` stands for its bound, whichever is asked for;
    `under 10` reaches from 0 to 10. Words for thousands and millions are read (`10k-50k`, `1-5 Mio`); one that stands
    behind the upper number alone holds for both. A sign before the first number, and `1.500` where `decimal` does not
    say what its point means, are no band.
    """
    sign = decimal or "."
    number = rf"({_whole(sign)}(?:[{sign}]\d+)?){_UNIT}"
    pattern = rf"^[^\d\x{{2010}}-\x{{2015}}\x{{2212}}-]*{number}(?:[^\d.,/\p{{L}}][^\d.,/]*?{number})?[^\d]*$"

    def read(band: Value) -> Value:
        def group(place: int) -> Value:
            return band.re_extract(pattern, place).nullif("")

        first_word, second_word = group(2), group(4)
        low = _pointed(group(1), sign).try_cast("float64") * _factor(ibis.coalesce(first_word, second_word))
        high = _pointed(group(3), sign).try_cast("float64") * _factor(second_word)
        fits = band.re_search(pattern)
        if decimal is None:
            fits = fits & ~band.re_search(_UNDECLARED)
        value = let(
            low, lambda low: let(high, lambda high: _chosen(which, low, high, band.re_search(_BELOW)))
        )
        return ibis.cases((fits, value), else_=ibis.null("float64"))

    return let(text.lower(), read)


def _chosen(which: str, low: Value, high: Value, below: Value) -> Value:
    """The bound or the middle of one band; null where it is upside down."""
    lower = ibis.cases((high.isnull() & below, ibis.literal(0.0)), else_=low)
    upper = high.fill_null(low)
    value = {"lower": lower, "upper": upper, "middle": (lower + upper) / 2}[which]
    return ibis.cases((lower <= upper, value), else_=ibis.null("float64"))


def _whole(decimal: str) -> str:
    """A pattern of the digits before the fraction, with separators between groups of three or without any."""
    return rf"(?:\d{{1,3}}(?:[{_thousands(decimal)}]\d{{3}})+|\d+)"


def _thousands(decimal: str) -> str:
    return ("," if decimal == "." else ".") + _BETWEEN


def _pointed(text: Value, decimal: str) -> Value:
    """Thousands separators taken out, and a point before the fraction."""
    text = text.re_replace(f"[{_thousands(decimal)}]", "")
    return text if decimal == "." else text.replace(",", ".")


def _factor(word: Value) -> Value:
    return ibis.cases(
        *((word.isin(list(words)), ibis.literal(factor)) for factor, words in _FACTORS.items()),
        else_=ibis.literal(1.0),
    )
