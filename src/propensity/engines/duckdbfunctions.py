"""DuckDB's names for the scalar functions that engines spell differently."""

from __future__ import annotations

from functools import cache
from typing import Any

import duckdb
import ibis
import ibis.expr.datatypes as dt

from propensity.engines.untyped import Value
from propensity.errors import ConfigError

_UTC, _LOCAL = dt.Timestamp(timezone="UTC", scale=6), dt.Timestamp(scale=6)


@ibis.udf.scalar.builtin(name="epoch_us", signature=((_UTC,), dt.int64))
def _epoch_us(instant: Any) -> Any: ...


@ibis.udf.scalar.builtin(name="timezone", signature=((dt.string, _LOCAL), _UTC))
def _timezone(zone: Any, local: Any) -> Any: ...


@ibis.udf.scalar.builtin(name="timezone", signature=((dt.string, _UTC), _LOCAL))
def _wall_clock(zone: Any, instant: Any) -> Any: ...


@ibis.udf.scalar.builtin(name="try_strptime", signature=((dt.string, dt.string), _LOCAL))
def _try_strptime(text: Any, pattern: Any) -> Any: ...


@ibis.udf.scalar.builtin(name="try_strptime", signature=((dt.string, dt.string), _UTC))
def _try_strptime_zoned(text: Any, pattern: Any) -> Any: ...


class DuckDBFunctions:
    """DuckDB's names for the functions that engines spell differently."""

    def epoch_us(self, instant: Value) -> Value:
        """Microseconds since the epoch; Ibis's own `delta` is a hundred times slower."""
        return _epoch_us(instant)

    def to_utc(self, local: Value, zone: str) -> Value:
        """Wall-clock time to instant, by ICU's rules for nights when clocks change."""
        return _timezone(zone, local)

    def to_local(self, instant: Value, zone: str) -> Value:
        """Instant to wall-clock time, by ICU's rules."""
        return _wall_clock(zone, instant)

    def parse_timestamp(self, text: Value, pattern: str) -> Value:
        """Strptime that gives null where the text does not fit."""
        return _try_strptime_zoned(text, pattern) if _reads_zone(pattern) else _try_strptime(text, pattern)

    def as_float(self, integers: Value) -> Value:
        """DuckDB's integer sum is a HUGEINT that casts to DOUBLE without loss up to 2**53."""
        return integers.cast("float64")


@cache
def _reads_zone(pattern: str) -> bool:
    """Whether a strptime pattern gives instants; DuckDB says so, and each connection costs milliseconds."""
    with duckdb.connect() as probe:
        try:
            kind = probe.execute("SELECT typeof(try_strptime('', $1))", [pattern]).fetchone()
        except duckdb.Error as error:
            raise ConfigError(f"{pattern!r} is no strptime format: {str(error).splitlines()[0]}") from error
    return kind is not None and "ZONE" in str(kind[0])
