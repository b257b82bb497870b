"""Statistics: arrays in, frozen dataclasses out; pure."""

from propensity.stats.bootstrap import Difference, Metric, bootstrap, paired
from propensity.stats.calibration import (
    CalibrationLine,
    ReliabilityBin,
    calibration_line,
    perfect_calibration_error_quantile,
    reliability_curve,
    wilson,
)
from propensity.stats.clusters import MeanTest, holm, mean_test
from propensity.stats.contrast import Contrast, Promise, contrast, promised, smallest_difference
from propensity.stats.evaluation import AtCapacity, Evaluation, GainsCurve, at_capacity, evaluate
from propensity.stats.measures import Measure, conversions_at
from propensity.stats.metrics import (
    HIGHER_IS_BETTER,
    METRICS,
    BrierDecomposition,
    CohortLift,
    average_precision,
    brier,
    brier_decomposition,
    calibration_error,
    cohort_lift,
    lift_top_decile,
    log_loss,
    roc_auc,
)

__all__ = [
    "HIGHER_IS_BETTER",
    "METRICS",
    "AtCapacity",
    "BrierDecomposition",
    "CalibrationLine",
    "CohortLift",
    "Contrast",
    "Difference",
    "Evaluation",
    "GainsCurve",
    "MeanTest",
    "Measure",
    "Metric",
    "Promise",
    "ReliabilityBin",
    "at_capacity",
    "average_precision",
    "bootstrap",
    "brier",
    "brier_decomposition",
    "calibration_error",
    "calibration_line",
    "cohort_lift",
    "contrast",
    "conversions_at",
    "evaluate",
    "holm",
    "lift_top_decile",
    "log_loss",
    "mean_test",
    "paired",
    "perfect_calibration_error_quantile",
    "promised",
    "reliability_curve",
    "roc_auc",
    "smallest_difference",
    "wilson",
]
