"""Features are data: specs in, one Ibis expression out, and a frame that carries both.

In a notebook `propensity.features` is also a verb: `features(crm, spine)` gives the frame of some snapshots.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from propensity.features.frame import FeatureFrame


class _Room(ModuleType):
    """A package that can be called: importing it binds its name in `propensity`, which would hide a function."""

    def __call__(self, crm: Any, spine: Any) -> FeatureFrame:
        """Every feature of every snapshot of a spine, as it was known; see `propensity.notebook.features`."""
        return import_module("propensity.notebook").features(crm, spine)


sys.modules[__name__].__class__ = _Room
