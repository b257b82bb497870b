"""Reading a core back from JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from propensity.model.cores.boosted import Boosted
from propensity.model.cores.core import BaseRate
from propensity.model.cores.logistic import Logistic
from propensity.model.cores.naive_bayes import NaiveBayes
from propensity.model.cores.points import Points

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from propensity.model.cores.core import Core


def core_from_dict(found: Mapping[str, Any]) -> Core:
    """Read back what a core's `to_dict` wrote.

    Raises
    ------
    ValueError
        Another kind of core.
    KeyError, TypeError
        Something is missing or of another type.
    """
    kind = str(found["kind"])
    if kind not in _READERS:
        raise ValueError(f"no such kind of model: {kind!r}; there are {', '.join(_READERS)}")
    return _READERS[kind](found)


def _boosted(found: Mapping[str, Any]) -> Boosted:
    return Boosted(str(found["text"]))


_READERS: Final[Mapping[str, Callable[[Mapping[str, Any]], Core]]] = {
    BaseRate.kind: BaseRate.from_dict,
    Points.kind: Points.from_dict,
    NaiveBayes.kind: NaiveBayes.from_dict,
    Logistic.kind: Logistic.from_dict,
    Boosted.kind: _boosted,
}
