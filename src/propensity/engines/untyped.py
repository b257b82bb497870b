"""Ibis as a type checker should see it.

Ibis declares its tables and columns without the operators and methods that expressions are made of, so code that builds
expressions names them here: documentation for people, `Any` for the checker. What a function takes and gives is a
table or a value all the same, and an engine hands out real `ibis.Table`s.
"""

from __future__ import annotations

from typing import Any

Table = Any
"""An Ibis table expression."""
Value = Any
"""An Ibis column or scalar expression."""
