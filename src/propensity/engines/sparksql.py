"""Spark SQL as Ibis should write it, so that one expression means on Spark what it means on the embedded engine.

Each method mends one operation that Ibis spells for Spark in a way that gives another answer, or none. No session is needed
to write SQL, and nothing here imports PySpark.
"""

from __future__ import annotations

from typing import Any

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.operations as ops
import sqlglot.expressions as sge
from ibis.backends.sql.compilers.pyspark import PySparkCompiler

from propensity.engines.fusing import fused
from propensity.engines.sharing import shared
from propensity.engines.strptime import parts_of
from propensity.engines.untyped import Value

_UTC = dt.Timestamp(timezone="UTC", scale=6)
_LOCAL = dt.Timestamp(scale=6)
_BLANKS = r"[ \t\n\r\x0B\f]+"
_NUMBER = r"(?i)^\s*[+-]?((\d+\.?\d*|\.\d+)(e[+-]?\d+)?|inf(inity)?|nan)\s*\z"
"""What is a number to other engines; Java also reads `1d`, `1f` and `0x1p3`."""
_PLAIN_BELOW, _PLAIN_FROM = 1e16, 1e-4
_JAVA_PLAIN_BELOW, _JAVA_PLAIN_FROM = 1e7, 1e-3


class Compiler(PySparkCompiler):
    """Ibis's compiler for Spark, with the operations below mended."""

    __slots__ = ()
    post_rewrites = (shared, *PySparkCompiler.post_rewrites)

    def translate(self, op: Any, *, params: Any) -> Any:
        """A query as SQL, of fewer SELECTs."""
        return super().translate(fused(op), params=params)

    def visit_NonNullLiteral(self, op: Any, *, value: Any, dtype: Any) -> Any:
        """A float is a double: Spark takes `7.0` for a decimal, whose quotients have other digits."""
        if dtype.is_floating():
            return self.cast(sge.convert(repr(float(value))), dtype)
        return super().visit_NonNullLiteral(op, value=value, dtype=dtype)

    def visit_Cast(self, op: Any, *, arg: Any, to: Any) -> Any:
        """Floats and instants as text, as the embedded engine writes them; a float to the nearest integer, not towards zero."""
        kind = op.arg.dtype
        if to.is_string() and kind.is_floating():
            return self._float_as_text(arg)
        if to.is_string() and kind.is_timestamp() and kind.timezone:
            return self.f.concat(super().visit_Cast(op, arg=arg, to=to), sge.convert("+00"))
        if to.is_integer() and kind.is_floating():
            arg = self.f.anon.rint(arg)
        return super().visit_Cast(op, arg=arg, to=to)

    def _float_as_text(self, arg: Any) -> Any:
        java = self.cast(arg, dt.string)
        size = self.f.abs(arg)
        digits = self.cast(self.cast(java, dt.Decimal(38, 21)), dt.string)
        plain = self.f.regexp_replace(self.f.regexp_replace(digits, r"0+\z", ""), r"\.\z", ".0")
        scientific = self.f.regexp_replace(self.f.regexp_replace(java, r"\.0E", "E"), r"E(\d)", "e+$1")
        scientific = self.f.regexp_replace(
            self.f.regexp_replace(scientific, "E-", "e-"), r"([+-])(\d)\z", "$10$2"
        )
        java_plain = (size < _literal(_JAVA_PLAIN_BELOW)) & (size >= _literal(_JAVA_PLAIN_FROM))
        ours_plain = (size < _literal(_PLAIN_BELOW)) & (size >= _literal(_PLAIN_FROM))
        named = self.f.lower(self.f.replace(java, sge.convert("Infinity"), sge.convert("inf")))
        strange = self.f.isnan(arg) | size.eq(self.POS_INF)
        return (
            sge.Case()
            .when(strange, named)
            .when(sge.paren(size.eq(_literal(0.0)) | java_plain), java)
            .when(ours_plain, plain)
            .else_(scientific)
        )

    def visit_TryCast(self, op: Any, *, arg: Any, to: Any) -> Any:
        """Text to a number or a time by the rules of the embedded engine."""
        kind = op.arg.dtype
        if kind.is_string() and to.is_floating():
            bare = self.f.regexp_replace(arg, r"(?<=\d)_(?=\d)", "")
            cast = super().visit_TryCast(op, arg=bare, to=to)
            return self.if_(self.f.anon.regexp_like(bare, _text(_NUMBER)), cast, sge.null())
        if kind.is_string() and to.is_timestamp():
            dashed = self.f.regexp_replace(arg, r"^(\d{4})/(\d{1,2})/(\d{1,2})", "$1-$2-$3")
            spaced = self.f.regexp_replace(dashed, r"^(\d{4}-\d{1,2}-\d{1,2}) +", "$1 ")
            return super().visit_TryCast(op, arg=spaced, to=to)
        if kind.is_floating() and to.is_integer():
            return super().visit_TryCast(op, arg=self.f.anon.rint(arg), to=to)
        return super().visit_TryCast(op, arg=arg, to=to)

    def visit_Round(self, op: Any, *, arg: Any, digits: Any) -> Any:
        """To some digits by way of multiplying, not by way of the decimal that a float prints as."""
        places = op.digits.value if isinstance(op.digits, ops.Literal) else None
        if not op.arg.dtype.is_floating() or not places:
            return super().visit_Round(op, arg=arg, digits=digits)
        scale = _literal(10.0**places)
        return self.f.round(sge.paren(arg) * scale) / scale

    def visit_CountStar(self, op: Any, *, arg: Any, where: Any) -> Any:
        """Where the condition is null for every row, none fits: a sum of it would be null."""
        if where is None:
            return super().visit_CountStar(op, arg=arg, where=where)
        return self.f.anon.count_if(where)

    def visit_Median(self, op: Any, *, arg: Any, where: Any) -> Any:
        """A condition belongs to the values alone: Spark wants the share to be a number and no expression."""
        values = arg if where is None else self.if_(where, arg, sge.null())
        return super().visit_Median(op, arg=values, where=None)

    def visit_RegexSearch(self, op: Any, *, arg: Any, pattern: Any) -> Any:
        """Java's `$` also stands before a last line break."""
        return self.f.anon.regexp_like(arg, _java(op.pattern, pattern))

    def visit_RegexExtract(self, op: Any, *, arg: Any, pattern: Any, index: Any) -> Any:
        """The same patterns as for a search."""
        return self.f.anon.regexp_extract(arg, _java(op.pattern, pattern), index)

    def visit_RegexReplace(self, op: Any, *, arg: Any, pattern: Any, replacement: Any) -> Any:
        r"""A group is `$1` to Java, and `\1` to other engines."""
        if isinstance(op.replacement, ops.Literal):
            replacement = _text(java_replacement(op.replacement.value))
        return self.f.anon.regexp_replace(arg, _java(op.pattern, pattern), replacement)

    def visit_Strip(self, op: Any, *, arg: Any) -> Any:
        """All blanks, not only spaces."""
        return self.f.anon.regexp_replace(arg, _text(rf"^{_BLANKS}|{_BLANKS}\z"), _text(""))

    def visit_StringSplit(self, op: Any, *, arg: Any, delimiter: Any) -> Any:
        """By a text, not by a pattern."""
        if isinstance(op.delimiter, ops.Literal):
            delimiter = _text("\\Q" + op.delimiter.value + "\\E")
        return self.f.anon.split(arg, delimiter)

    def visit_ArrayIndex(self, op: Any, *, arg: Any, index: Any) -> Any:
        """From the end where negative, and null beyond either end."""
        if isinstance(op.index, ops.Literal):
            place = op.index.value
            return self.f.anon.try_element_at(arg, sge.convert(place + 1 if place >= 0 else place))
        return self.f.anon.try_element_at(arg, self.if_(index >= 0, index + 1, index))

    def visit_DateDelta(self, op: Any, *, left: Any, right: Any, part: Any) -> Any:
        """Whole days between two dates; no other part is asked for."""
        if op.part.value != "day":
            raise NotImplementedError(f"a difference of dates in {op.part.value}s")
        return self.f.anon.datediff(left, right)

    def visit_DateFromYMD(self, op: Any, *, year: Any, month: Any, day: Any) -> Any:
        """The function's own name on Spark."""
        return self.f.anon.make_date(year, month, day)


def _literal(value: float) -> Any:
    return sge.Cast(this=sge.convert(repr(value)), to=sge.DataType.build("double"))


def _text(value: str) -> Any:
    return sge.convert(value)


def _java(op: Any, compiled: Any) -> Any:
    return _text(java_pattern(op.value)) if isinstance(op, ops.Literal) else compiled


def java_pattern(pattern: str) -> str:
    r"""A pattern that Java takes for what RE2 takes the given one for.

    `$` is the end alone, and not also before a last line break; `.` is all but a line feed; letters are equal in any case
    beyond ASCII where the pattern asks for any case.

    >>> print(java_pattern(r"^a\$[$]b$"))
    (?du)^a\$[$]b\z
    """
    found: list[str] = []
    inside = escaped = False
    for sign in pattern:
        if escaped or sign == "\\":
            escaped = not escaped
            found.append(sign)
            continue
        inside = sign == "[" or (inside and sign != "]")
        found.append(r"\z" if sign == "$" and not inside else sign)
    return "(?du)" + "".join(found)


def java_replacement(replacement: str) -> str:
    r"""What replaces a match, in Java's spelling.

    >>> print(java_replacement(r"\1:00$\2"))
    $1:00\$$2
    """
    found: list[str] = []
    escaped = False
    for sign in replacement:
        if escaped:
            found.append("$" + sign if sign.isdecimal() else "\\" + sign)
            escaped = False
        elif sign == "\\":
            escaped = True
        else:
            found.append("\\$" if sign == "$" else sign)
    return "".join(found)


@ibis.udf.scalar.builtin(name="unix_micros", signature=((_UTC,), dt.int64))
def _unix_micros(instant: Any) -> Any: ...


@ibis.udf.scalar.builtin(name="convert_timezone", signature=((dt.string, dt.string, _LOCAL), _LOCAL))
def _convert_timezone(source: Any, target: Any, local: Any) -> Any: ...


@ibis.udf.scalar.builtin(
    name="try_make_timestamp_ntz", signature=((dt.int64,) * 5 + (dt.Decimal(16, 6),), _LOCAL)
)
def _make_timestamp(year: Any, month: Any, day: Any, hour: Any, minute: Any, second: Any) -> Any: ...


class SparkFunctions:
    """Spark's names for the functions that engines spell differently. The session's time zone is UTC."""

    def epoch_us(self, instant: Value) -> Value:
        """Microseconds since the epoch."""
        return _unix_micros(instant)

    def to_utc(self, local: Value, zone: str) -> Value:
        """Wall-clock time to instant; Java takes the earlier of two such instants, so that the later is looked for."""
        if zone == "UTC":
            return local.cast(_UTC)
        first: Value = _convert_timezone(zone, "UTC", local)
        next_day: Value = first + ibis.interval(days=1)
        second = local - (_convert_timezone("UTC", zone, next_day) - next_day)
        twice: Value = (_convert_timezone("UTC", zone, second) == local) & (second > first)
        found: Value = ibis.cases((twice, second), else_=first)
        return found.cast(_UTC)

    def to_local(self, instant: Value, zone: str) -> Value:
        """Instant to wall-clock time."""
        return _convert_timezone("UTC", zone, instant.cast(_LOCAL))

    def parse_timestamp(self, text: Value, pattern: str) -> Value:
        """The parts by a pattern of Java's, put together by the calendar: null where they do not fit."""
        parts = parts_of(pattern)
        return parts.assembled(text, _make_timestamp)

    def as_float(self, integers: Value) -> Value:
        """Spark's sum of integers is one of 64 bits, which fails beyond them."""
        return integers.cast("float64")
