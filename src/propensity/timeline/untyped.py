"""Ibis as the type checker has to see it.

Ibis declares `table["x"]` as `Column`, which lacks the operators and methods that every real column has. Rather than
silence each line, the rooms that build expressions take tables and values as Any; their tests recompute every value.
"""

from __future__ import annotations

from typing import Any

Table = Any
"""An `ibis.expr.types.Table`."""
Value = Any
"""An `ibis.expr.types.Value`: a column, a scalar, or an aggregate."""
