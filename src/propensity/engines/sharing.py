"""Values that a query uses several times, computed once: SQL has no names for them within one SELECT.

Ibis writes a value out in full wherever it is used. A time in a format of its own so becomes two million characters, which
Spark's parser takes a gigabyte to read. Here such values become columns of a SELECT beneath.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import ibis.expr.operations as ops
from ibis.backends.sql.rewrites import Select
from ibis.common.patterns import Object, replace

_MOST_NODES = 300
"""A SELECT of no more operations stays as it is: what it repeats costs less than another SELECT."""
_LEAST_NODES = 5
"""Smaller values are repeated."""
_BOUND = (ops.Reduction, ops.Analytic, ops.WindowFunction, ops.Subquery, ops.Unnest, ops.Impure)
"""What cannot be moved into a SELECT beneath, nor what is made of it."""
_LAMBDAS = (ops.ArrayMap, ops.ArrayFilter)
_TOTAL = (
    ops.Field, ops.Literal, ops.TryCast, ops.RegexSearch, ops.RegexExtract, ops.RegexReplace, ops.Lowercase, ops.Uppercase,
    ops.Strip, ops.Substring, ops.StrRight, ops.StringLength, ops.StringReplace, ops.StringConcat, ops.Comparison, ops.Between,
    ops.InValues, ops.And, ops.Or, ops.Not, ops.IsNull, ops.NotNull, ops.IsNan, ops.IsInf, ops.NullIf, ops.Coalesce,
    ops.SearchedCase, ops.Greatest, ops.Least,
)  # fmt: skip
"""What never fails, whatever it is given: such a value may be computed where a condition would have spared it."""


def share(select: Any) -> Any:
    """Put values that a SELECT (`ibis.backends.sql.rewrites.Select`) uses several times into SELECTs beneath it.

    The same SELECT where it repeats little. A value that can fail is moved only if it is computed for each row anyway:
    what stands behind a condition may be there because it fails without.
    """
    if select.qualified or select.distinct:
        return select
    tests = _Repeats(select.predicates)
    kept = _Repeats([*select.selections.values(), *select.sort_keys])
    if not tests.depths and not kept.depths:
        return select
    parent, predicates, moved = select.parent, select.predicates, dict[Any, Any]()
    read = sorted({field.name for field in (*tests.fields, *kept.fields)})
    if tests.depths:
        parent, moved = _stacked(parent, tests, {name: ops.Field(parent, name) for name in read})
        predicates = _renamed(predicates, moved)
    if kept.depths:
        if predicates:
            # What is kept is computed of the rows that are kept alone.
            now = {name: moved.get(field := ops.Field(select.parent, name), field) for name in read}
            parent, predicates = _select(parent, now, predicates=predicates), ()
        parent, moved = _stacked(parent, kept, {name: ops.Field(select.parent, name) for name in read})
    values = _renamed(select.selections.values(), moved)
    return _select(
        parent,
        dict(zip(select.selections, values, strict=True)),
        predicates=predicates,
        sort_keys=_renamed(select.sort_keys, moved),
    )


class _Repeats:
    """What several values have in common.

    Attributes
    ----------
    depths
        Each value that is worth moving, to the number of moves beneath it.
    fields
        The columns that all of it reads.
    """

    def __init__(self, roots: Sequence[Any]) -> None:
        order = _beneath_first(roots)
        self.fields = [node for node in order if isinstance(node, ops.Field)]
        self.depths: dict[Any, int] = {}
        sizes: dict[Any, int] = {}
        for node in order:
            sizes[node] = 1 + sum(sizes[child] for child in _values(node))
        if sum(sizes[root] for root in roots) <= max(_MOST_NODES, 2 * len(order)):
            return
        uses = Counter(child for node in order for child in _values(node)) + Counter(roots)
        movable, always = _movable(order), _always(roots)
        total: dict[Any, bool] = {}
        depth: dict[Any, int] = {}
        for node in order:
            children = _values(node)
            total[node] = isinstance(node, _TOTAL) and all(total[child] for child in children)
            depth[node] = max((depth[child] + (child in self.depths) for child in children), default=0)
            worth = uses[node] > 1 and sizes[node] >= _LEAST_NODES
            if worth and node in movable and (total[node] or node in always):
                self.depths[node] = depth[node]


def _stacked(parent: Any, repeats: _Repeats, fields: dict[str, Any]) -> tuple[Any, dict[Any, Any]]:
    """SELECTs over `parent` that add what repeats, one for each depth; and what stands for what in the end.

    `fields` are the columns by the names that they have in `parent`, as the repeated values read them.
    """
    moved = {field: ops.Field(parent, name) for name, field in fields.items()}
    names: dict[Any, str] = {}
    for depth in range(max(repeats.depths.values()) + 1):
        for node in (node for node, found in repeats.depths.items() if found == depth):
            names[node] = f"_shared_{len(names)}"
        columns = {name: moved[field] for name, field in fields.items()}
        columns |= {
            name: node.replace(moved, filter=ops.Value) if repeats.depths[node] == depth else moved[node]
            for node, name in names.items()
        }
        parent = _select(parent, columns)
        moved = {field: ops.Field(parent, name) for name, field in fields.items()}
        moved |= {node: ops.Field(parent, name) for node, name in names.items()}
    return parent, moved


def _select(parent: Any, columns: Any, **more: Any) -> Any:
    return Select(parent, columns, **more)


def _renamed(values: Iterable[Any], moved: dict[Any, Any]) -> tuple[Any, ...]:
    return tuple(value.replace(moved, filter=ops.Value) for value in values)


def _values(node: Any) -> tuple[Any, ...]:
    """What a value is made of, each as often as it is used; not the tables that it reads."""
    return tuple(child for child in node.__children__ if isinstance(child, ops.Value))


def _beneath_first(roots: Sequence[Any]) -> list[Any]:
    """All values, each once, after those that it is made of."""
    found: dict[Any, None] = {}
    waiting = [(root, False) for root in reversed(roots)]
    while waiting:
        node, expanded = waiting.pop()
        if expanded:
            found[node] = None
        elif node not in found:
            waiting.append((node, True))
            waiting += [(child, False) for child in reversed(_values(node)) if child not in found]
    return list(found)


def _movable(order: Sequence[Any]) -> set[Any]:
    """Values of a row alone. What a lambda is given may fail for all that is known, and is not computed always."""
    bound: set[Any] = set()
    found: set[Any] = set()
    for node in order:
        # To Ibis any function of an engine's own may be another one each time; ours never are.
        alone = _is(node, ops.ScalarUDF) or not _is(node, *_BOUND)
        if not alone or any(child in bound for child in _values(node)):
            bound.add(node)
        elif not node.shape.is_scalar() and not _is(node, ops.Field, ops.SortKey):
            found.add(node)
    return found


def _is(node: Any, *kinds: type) -> bool:
    return isinstance(node, kinds)


def _always(roots: Sequence[Any]) -> set[Any]:
    """What is computed for each row, whatever it holds."""
    found: set[Any] = set()
    waiting = list(roots)
    while waiting:
        node = waiting.pop()
        if node in found:
            continue
        found.add(node)
        if isinstance(node, ops.SearchedCase):
            waiting.append(node.cases[0])
        elif isinstance(node, (ops.Coalesce, ops.IfElse, *_LAMBDAS)):
            # Of a lambda, the array that it goes through.
            waiting.append(_values(node)[0])
        else:
            waiting += _values(node)
    return found


@replace(Object(Select))
def shared(_: Any, **__: Any) -> Any:
    """`share`, as Ibis applies it to a whole query."""
    return share(_)
