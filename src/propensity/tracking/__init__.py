"""What a training remembers, and which model is in use: the only place that imports MLflow."""

from propensity.tracking.experiment import Registered, Training, log_training
from propensity.tracking.registry import Registry, Version
from propensity.tracking.store import Store

__all__ = ["Registered", "Registry", "Store", "Training", "Version", "log_training"]
