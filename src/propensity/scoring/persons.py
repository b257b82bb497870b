"""Which leads are the same person: they share an e-mail address or a telephone number, spelled alike or not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import numpy.typing as npt

    from propensity.engines.untyped import Value
    from propensity.sources.canonical import Canonical

# Arrow registers its compute functions at run time: a type checker does not see them.
pc: Any = pyarrow.compute
_LEAST_DIGITS = 7
_NO_SIGN = r"[\s\p{C}]+"


def persons(canonical: Canonical) -> ir.Table:
    """Return `lead_id` and `person` (string) of the leads that share an address or a number with another lead.

    Who is whom goes from lead to lead: where A and B share an address, and B and C a number, the three are one person, named
    by the least of their ids. What more than `lists.same_person_most` leads share is a switchboard or a word for nothing, and
    says nothing about persons. Addresses count in lower case without blanks; numbers by their digits, without the zeros they
    begin with, from seven digits on.
    """
    engine, rules = canonical.engine, canonical.config.lists
    leads: Any = canonical.tables["leads"]
    spelled = {"email": email_key, "phone": phone_key}
    parts = [leads.select("lead_id", key=spelled[name](leads[name])) for name in rules.same_person_by]
    if not parts:
        return engine.register("persons", named(pa.array([], pa.string()), pa.array([], pa.string())))
    keys = ibis.union(*parts) if len(parts) > 1 else parts[0]
    keys = keys.filter(keys["key"].notnull())
    sharers: Any = keys.group_by("key").aggregate(sharers=keys.count())
    shared = sharers.filter((sharers["sharers"] > 1) & (sharers["sharers"] <= rules.same_person_most))
    found = engine.collect(keys.semi_join(shared, "key").order_by("key", "lead_id"))
    return engine.register("persons", named(found["lead_id"], found["key"]))


def email_key(email: Value) -> Value:
    """The address in one spelling; null for what is none."""
    plain = email.re_replace(_NO_SIGN, "").lower()
    return ibis.cases((plain.contains("@"), ibis.literal("mail ") + plain), else_=ibis.null("string"))


def phone_key(phone: Value) -> Value:
    """The digits of a number without leading zeros; null below seven digits."""
    digits = phone.re_replace(r"[^0-9]", "").re_replace("^0+", "")
    long_enough = digits.length() >= _LEAST_DIGITS
    return ibis.cases((long_enough, ibis.literal("phone ") + digits), else_=ibis.null("string"))


def named(lead_ids: pa.ChunkedArray | pa.Array, keys: pa.ChunkedArray | pa.Array) -> pa.Table:
    """Join what shares a key: `lead_id` and `person` (the least id of its group), a row a lead, by lead_id.

    Parameters
    ----------
    lead_ids
        Strings; a lead may come several times.
    keys
        Strings: what each row shares with others.

    >>> named(pa.array(["b", "a", "c", "b"]), pa.array(["x", "x", "y", "y"])).to_pydict()
    {'lead_id': ['a', 'b', 'c'], 'person': ['a', 'a', 'a']}
    """
    unique = pc.unique(lead_ids)
    ids = unique.take(pc.sort_indices(unique))
    left = _whole(pc.index_in(lead_ids, value_set=ids))
    right = _whole(pc.index_in(keys, value_set=pc.unique(keys))) + len(ids)
    group = _components(left, right, len(ids))
    _, first, place = np.unique(group, return_index=True, return_inverse=True)
    return pa.table({"lead_id": ids, "person": ids.take(pa.array(first[place]))})


def _whole(places: pa.ChunkedArray | pa.Array) -> npt.NDArray[np.intp]:
    return np.asarray(
        places.to_numpy(zero_copy_only=False) if isinstance(places, pa.Array) else places.to_numpy(),
        dtype=np.intp,
    )


def _components(left: npt.NDArray[np.intp], right: npt.NDArray[np.intp], count: int) -> npt.NDArray[np.intp]:
    """The group of each of the first `count` nodes of a graph with an edge from each left to its right."""
    if not len(left):
        return np.zeros(0, dtype=np.intp)
    size = int(right.max()) + 1
    edges = coo_array((np.ones(len(left), dtype=np.int8), (left, right)), shape=(size, size))
    return connected_components(edges, directed=False)[1][:count]
