"""What turns a row into a margin: the rungs of the ladder, from a constant to boosted trees, behind one protocol."""

from propensity.model.cores.boosted import Boosted
from propensity.model.cores.core import BaseRate, Core, Encoded, Floats, Matrix, base_log_odds
from propensity.model.cores.logistic import Logistic
from propensity.model.cores.naive_bayes import NaiveBayes
from propensity.model.cores.points import Points
from propensity.model.cores.stored import core_from_dict

__all__ = [
    "BaseRate",
    "Boosted",
    "Core",
    "Encoded",
    "Floats",
    "Logistic",
    "Matrix",
    "NaiveBayes",
    "Points",
    "base_log_odds",
    "core_from_dict",
]
