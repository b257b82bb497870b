"""Numbers as people write them: with a currency and thousands separators, or as a band such as `200-499`."""

from __future__ import annotations

from collections.abc import Callable

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
    # Each step names what the next one reads several times: written out, a band would be 400,000 letters of SQL.
    bare = _once(text, lambda t: ibis.struct({"text": t.lower(), "bare": _pointed(t, decimal).lower()}))
    groups = {"first": 1, "first_word": 2, "second": 3, "second_word": 4}
    found = bare.map(
        lambda t: ibis.struct(
            {
                **{name: t["bare"].re_extract(_BAND, place).nullif("") for name, place in groups.items()},
                "is_band": t["bare"].re_search(_BAND),
                "below": t["text"].re_search(_BELOW),
            }
        )
    )
    edges = found.map(_edges)
    value = {"lower": lambda t: t["lower"], "upper": lambda t: t["upper"]}.get(
        which, lambda t: (t["lower"] + t["upper"]) / 2
    )
    holds = edges.map(
        lambda t: ibis.cases(
            (t["is_band"] & (t["lower"] <= t["upper"]), value(t)), else_=ibis.null("float64")
        )
    )
    return holds[0]


def _once(value: Value, step: Callable[[Value], Value]) -> Value:
    """A list of one, so that an expression that reads a value many times holds it once."""
    return ibis.array([value]).map(step)


def _edges(found: Value) -> Value:
    """Lower and upper bound of a band that is taken apart."""
    shared = ibis.coalesce(found["first_word"], found["second_word"])
    low = found["first"].try_cast("float64") * _factor(shared)
    high = found["second"].try_cast("float64") * _factor(found["second_word"])
    lower = ibis.cases((high.isnull() & found["below"], ibis.literal(0.0)), else_=low)
    return ibis.struct({"is_band": found["is_band"], "lower": lower, "upper": high.fill_null(low)})


def _pointed(text: Value, decimal: str) -> Value:
    """Thousands separators taken out, and a point before the fraction."""
    thousands = "," if decimal == "." else "."
    # Twice: the digits before a separator are also those behind the one before it.
    for _ in range(2):
        text = text.re_replace(rf"(\d)[{thousands}{_BETWEEN}](\d{{3}})", r"\1\2")
    return text if decimal == "." else text.replace(",", ".")


def _factor(word: Value) -> Value:
    return ibis.cases(
        *((word.isin(list(words)), ibis.literal(factor)) for factor, words in _FACTORS.items()),
        else_=ibis.literal(1.0),
    )
