"""Fewer SELECTs around joins: of wide tables each lists hundreds of columns, which Spark parses and resolves anew."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import ibis.expr.operations as ops
from ibis.common.graph import Graph

_OWN_SELECT = (ops.Reduction, ops.Analytic, ops.WindowFunction, ops.Subquery, ops.Unnest, ops.Impure)
"""What needs a SELECT over the joined rows."""


def fused(root: Any) -> Any:
    """Let joins give what the projections right above them take, and make projections of what leaves columns out.

    A join that several tables are made of stays as it is, so that it is not written twice.

    Parameters
    ----------
    root
        A relation of `ibis.expr.operations`.
    """
    uses: Counter[Any] = Counter()
    graph: Any = Graph.from_bfs(root)
    for node, children in graph.items():
        if not isinstance(node, ops.Field):
            uses.update(set(filter(_is_relation, children)))

    def change(node: Any, kwargs: Any) -> Any:
        if not isinstance(node, (ops.Project, ops.DropColumns)):
            return node.__recreate__(kwargs) if kwargs else node
        now = kwargs or dict(zip(node.__argnames__, node.__args__, strict=True))
        parent, names = now["parent"], _names(node)
        values = now.get("values") or {name: ops.Field(parent, name) for name in names}
        if isinstance(parent, ops.JoinChain) and uses[node.parent] == 1 and _fits(parent, values):
            moved = {ops.Field(parent, name): value for name, value in parent.values.items()}
            found = {name: value.replace(moved, filter=ops.Value) for name, value in values.items()}
            return ops.JoinChain(parent.first, parent.rest, found)
        return ops.Project(parent, values)

    return root.replace(change)


def _is_relation(node: Any) -> bool:
    return isinstance(node, ops.Relation)


def _names(relation: Any) -> tuple[str, ...]:
    return relation.schema.names


def _fits(join: Any, values: Mapping[str, Any]) -> bool:
    """Whether the values can be told of the join's own row, and nothing that the join computes would be written twice."""
    plain = Counter(value.name for value in values.values() if isinstance(value, ops.Field))
    inside: set[str] = set()
    for value in values.values():
        if not isinstance(value, ops.Field):
            if value.find(_OWN_SELECT, filter=ops.Value):
                return False
            inside |= {field.name for field in value.find(ops.Field, filter=ops.Value)}
    made = {name for name, value in join.values.items() if not isinstance(value, ops.Field)}
    return not made & inside and all(plain[name] <= 1 for name in made)
