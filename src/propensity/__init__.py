"""propensity: which leads become prospects, as of a point in time, calibrated and explained.

The job in steps, for notebooks: `connect`, `snapshots`, `features`, `forward_split`, `PropensityClassifier`, `evaluate`,
`load_model`, `score`, `rank`. The jobs that the command line runs are in `propensity.workflow`: `check`, `train`,
`backtest`, `promote`, `rollback`, and `score`, which leaves a list on disk.

What is heavy is loaded when it is first used: `import propensity` itself loads no other package.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from propensity import workflow
    from propensity.config import Config
    from propensity.config.file import load_config
    from propensity.features.spec import Feature
    from propensity.model.bundle import Bundle
    from propensity.model.classifier import PropensityClassifier
    from propensity.notebook import (
        connect,
        evaluate,
        features,
        forward_split,
        load_model,
        rank,
        score,
        snapshots,
    )
    from propensity.workflow import backtest, check, promote, rollback, train

__version__ = "0.1.0"

__all__ = [
    "Bundle",
    "Config",
    "Feature",
    "PropensityClassifier",
    "__version__",
    "backtest",
    "check",
    "connect",
    "evaluate",
    "features",
    "forward_split",
    "load_config",
    "load_model",
    "promote",
    "rank",
    "rollback",
    "score",
    "snapshots",
    "train",
    "workflow",
]

_MODULES = frozenset({"features", "workflow"})
"""`features` is a package that can be called: importing it takes the name, whatever else bore it."""
_HOMES = {
    "Bundle": "propensity.model.bundle",
    "Config": "propensity.config",
    "Feature": "propensity.features.spec",
    "PropensityClassifier": "propensity.model.classifier",
    "backtest": "propensity.workflow",
    "check": "propensity.workflow",
    "connect": "propensity.notebook",
    "evaluate": "propensity.notebook",
    "forward_split": "propensity.notebook",
    "load_config": "propensity.config.file",
    "load_model": "propensity.notebook",
    "promote": "propensity.workflow",
    "rank": "propensity.notebook",
    "rollback": "propensity.workflow",
    "score": "propensity.notebook",
    "snapshots": "propensity.notebook",
    "train": "propensity.workflow",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"propensity.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'propensity' has no attribute {name!r}; there are {', '.join(__all__)}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
