"""Numbers as people write them: with a currency and thousands separators, or as a band such as `200-499`."""

from __future__ import annotations

import ibis

from propensity.engines.untyped import Value

_BETWEEN = r"'\s\x{2019}\x{00A0}\x{202F}"
_AMOUNT = rf"^[-+]?[\d.,{_BETWEEN}]*\d[\d.,{_BETWEEN}]*$"
_CURRENCY = r"^[\p{Sc}A-Za-z]{1,4}\s+|^([-+]?)\p{Sc}|\s*[\p{Sc}]$|\s+[A-Za-z]{1,3}$"
_NUMBER = r"(\d+(?:\.\d+)?)(?:\s*(k|tsd|thousand|mio|mn|m|million|millionen|millions|bn|b|billion|mrd)\b)?"
_BAND = rf"^[^\d]*{_NUMBER}(?:[^\d.]+?{_NUMBER})?[^\d]*$"
_FACTORS = {
    1e3: ("k", "tsd", "thousand"),
    1e6: ("m", "mn", "mio", "million", "millions", "millionen"),
    1e9: ("b", "bn", "billion", "mrd"),
}
_BELOW = (
    r"^\s*(?:<|≤|under|below|less than|fewer than|up to|at most|max|unter|bis|weniger als|höchstens|moins de|"
    r"jusqu|menos de|hasta|fino a|meno di|minder dan)"
)


def plain_number(text: Value, decimal: str) -> Value:
    """An amount such as `€ 1.234,50` as text that casts to a number: only digits, sign and a decimal point.

    A text that is no amount becomes null. `decimal` is the sign before the fraction; the other sign, spaces and
    apostrophes separate thousands.
    """
    bare = text.re_replace(_CURRENCY, r"\1").strip()
    digits = _pointed(bare, decimal)
    return ibis.cases((bare.re_search(_AMOUNT), digits), else_=ibis.null("string"))


def band_number(text: Value, which: str, decimal: str) -> Value:
    """The number (float64) that stands for a band; null for a text that is no band and no number.

    The middle of `200-499` is 349.5. An open band such as `1000+` stands for its bound, whichever is asked for;
    `under 10` reaches from 0 to 10. Words for thousands and millions are read (`10k-50k`, `1-5 Mio`); one that stands
    behind the upper number alone holds for both.
    """
    bare = _pointed(text, decimal).lower()
    first, first_word = (_group(bare, place) for place in (1, 2))
    second, second_word = (_group(bare, place) for place in (3, 4))
    shared = ibis.coalesce(first_word, second_word)
    low = first.try_cast("float64") * _factor(shared)
    high = second.try_cast("float64") * _factor(second_word)
    below = text.lower().re_search(_BELOW)
    lower = ibis.cases((high.isnull() & below, ibis.literal(0.0)), else_=low)
    upper = high.fill_null(low)
    value = {"lower": lower, "upper": upper, "middle": (lower + upper) / 2}[which]
    return ibis.cases((bare.re_search(_BAND) & (lower <= upper), value), else_=ibis.null("float64"))


def _pointed(text: Value, decimal: str) -> Value:
    """Thousands separators taken out, and a point before the fraction."""
    thousands = "," if decimal == "." else "."
    # Twice: the digits before a separator are also those behind the one before it.
    for _ in range(2):
        text = text.re_replace(rf"(\d)[{thousands}{_BETWEEN}](\d{{3}})", r"\1\2")
    return text if decimal == "." else text.replace(",", ".")


def _group(text: Value, place: int) -> Value:
    return text.re_extract(_BAND, place).nullif("")


def _factor(word: Value) -> Value:
    return ibis.cases(
        *((word.isin(list(words)), ibis.literal(factor)) for factor, words in _FACTORS.items()),
        else_=ibis.literal(1.0),
    )
