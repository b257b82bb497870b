"""propensity: which leads become prospects, as of a point in time, calibrated and explained.

What is heavy is loaded when it is first used: `import propensity` itself loads no other package.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from propensity.config import Config
    from propensity.configfile import load_config
    from propensity.model.bundle import Bundle
    from propensity.model.classifier import PropensityClassifier
    from propensity.stats.evaluation import evaluate
    from propensity.workflow import check, promote, rollback, score, train

__version__ = "0.1.0"

__all__ = [
    "Bundle",
    "Config",
    "PropensityClassifier",
    "__version__",
    "check",
    "evaluate",
    "load_config",
    "promote",
    "rollback",
    "score",
    "train",
]

_HOMES = {
    "Bundle": "propensity.model.bundle",
    "Config": "propensity.config",
    "PropensityClassifier": "propensity.model.classifier",
    "check": "propensity.workflow",
    "evaluate": "propensity.stats.evaluation",
    "load_config": "propensity.configfile",
    "promote": "propensity.workflow",
    "rollback": "propensity.workflow",
    "score": "propensity.workflow",
    "train": "propensity.workflow",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'propensity' has no attribute {name!r}; there are {', '.join(__all__)}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
