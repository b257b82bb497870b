"""The rungs of the ladder: each learns from the same rows and folds, and is calibrated alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import lightgbm as lgb
import numpy as np
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits

from propensity.model.calibration import Platt, fit_calibrator
from propensity.model.classifier import PropensityClassifier
from propensity.model.cores import BaseRate, Boosted, Encoded, NaiveBayes, Points, base_log_odds
from propensity.model.cores.logistic import RIDGES, Design
from propensity.model.cores.points import knowing
from propensity.model.encoding import Encoder
from propensity.model.folds import Fold, Recipe, learning_folds, time_axis
from propensity.model.inputs import group_codes
from propensity.model.sampling import Sample, sampled

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt
    import pyarrow as pa

    from propensity.model.calibration import Calibrator
    from propensity.model.cores import Core, Floats
    from propensity.model.scorecard import Scorecard

N_FOLDS: Final = 4
LOGISTIC_ROWS: Final = 50_000
"""Rows that a logistic regression learns from, at most: its matrix is dense, and beyond that its errors are of form."""
Calibration = Literal["auto", "platt", "beta", "isotonic"]


@dataclass(frozen=True)
class Lesson:
    """What all rungs learn from: rows encoded once, and the folds.

    Attributes
    ----------
    table : (n, f) features.
    time, gap : of the rows and one horizon, as `PropensityClassifier.fit` takes them; None without time.
    groups : (n,) account, else lead.
    encoder, data : the table's columns as numbers, with the labels.
    folds, recipe : see `folds.learning_folds`; the classifier makes the very same.
    threads : 0 for all.
    calibration : see `calibration.fit_calibrator`; the same for every rung.
    most_rows : that trees learn from.
    places : see `sampling.sampled`; None where no rung samples.
    """

    table: pa.Table
    time: Any
    gap: Any
    groups: Any
    encoder: Encoder
    data: Encoded
    folds: tuple[Fold, ...]
    recipe: Recipe
    threads: int
    calibration: Calibration = "auto"
    most_rows: int | None = None
    places: Floats | None = None

    @classmethod
    def of(  # noqa: PLR0913 - each is a fact of the rows, or a choice of the recipe
        cls,
        table: pa.Table,
        y: npt.ArrayLike,
        *,
        time: Any,
        gap: Any,
        groups: Any,
        n_folds: int = N_FOLDS,
        seed: int = 0,
        threads: int = 0,
        calibration: Calibration = "auto",
        most_rows: int | None = None,
        places: Floats | None = None,
    ) -> Lesson:
        """Encode the rows and lay the folds; `places` are needed for more rows than `LOGISTIC_ROWS` or `most_rows`."""
        encoder = Encoder.learn(table)
        data = Encoded.of(encoder, table, y)
        axis, width = (None, 0.0) if time is None else time_axis(time, gap)
        codes = group_codes(groups, data.y.size)
        folds, recipe = learning_folds(data.y, axis, codes, n_folds=n_folds, gap=width, seed=seed)
        return cls(
            table, time, gap, groups, encoder, data, folds, recipe, threads, calibration, most_rows, places
        )

    def sample(self, most: int | None, rows: npt.NDArray[np.int64] | None = None) -> Sample | None:
        """Draw about `most` of some rows, or of all; None where all are learned from."""
        y = self.data.y if rows is None else self.data.y[rows]
        if most is None or self.places is None:
            return None
        return sampled(y, self.places if rows is None else self.places[rows], most)

    @property
    def held_out(self) -> npt.NDArray[np.int64]:
        """Row numbers of the validation parts, fold after fold."""
        return np.concatenate([fold.valid for fold in self.folds])

    @property
    def fold_numbers(self) -> npt.NDArray[np.int64]:
        """Fold of each row of `held_out`, from 0."""
        return np.concatenate([np.full(fold.valid.size, k) for k, fold in enumerate(self.folds)])

    @property
    def y_held_out(self) -> npt.NDArray[np.int64]:
        """Labels of the rows of `held_out`."""
        return self.data.y[self.held_out]


@dataclass(frozen=True)
class HeldOut:
    """Margins of rows by cores that had not seen them.

    Attributes
    ----------
    rows : (m,) row numbers in the lesson. fold : (m,) number of the fold, from 0, forward in time.
    margin : (m,) log odds before calibration.
    """

    rows: npt.NDArray[np.int64]
    fold: npt.NDArray[np.int64]
    margin: Floats


@dataclass(frozen=True)
class Learned:
    """A rung that has learned.

    Attributes
    ----------
    name : of the rung.
    core, calibrator, encoder : what makes its probabilities.
    recipe : how the calibration was learned: on forward or shuffled folds, or "fixed".
    forecast : calibrated out-of-fold probabilities of the lesson's `held_out` rows; None without folds.
    facts : what it chose, as JSON: trees, ridge ...
    held_out : the margins behind the forecast; None without folds.
    """

    name: str
    core: Core
    calibrator: Calibrator
    encoder: Encoder
    recipe: Recipe
    forecast: Floats | None
    facts: Mapping[str, Any]
    held_out: HeldOut | None = None

    def probability(self, table: pa.Table, *, threads: int = 0) -> Floats:
        """Return (n,) probabilities of a table that holds the encoder's columns."""
        rows = self.encoder.columns(table.select(list(self.encoder.names)))
        return self.calibrator.transform(self.core.margin(rows, threads=threads))


def learn_base_rate(lesson: Lesson) -> Learned:
    """Learn the rate alone."""
    core = BaseRate.fit(lesson.data)
    # A rate for each fold would be a few points, through which a map draws the trend on into the future.
    margins = [np.full(fold.valid.size, core.log_odds) for fold in lesson.folds]
    return _calibrated("base_rate", core, lesson, margins, {})


def learn_scorecard(lesson: Lesson, scorecard: Scorecard) -> Learned:
    """Put the points of a human on the scale of probabilities; only the calibration is learned.

    Raises
    ------
    ValueError
        A rule does not fit the column that it names.
    """
    encoder = knowing(lesson.encoder, scorecard)
    core = Points.of(scorecard, encoder)
    margin = core.margin(lesson.data.matrix)
    facts = {"rules": len(scorecard.rules), "rules_used": sum(c is not None for c in core.columns)}
    margins = [margin[fold.valid] for fold in lesson.folds]
    if margins:
        return _calibrated("scorecard", core, lesson, margins, facts, encoder)
    # Points are not learned from the rows, so that calibrating on these very rows flatters nobody.
    calibrator = prior_calibrator(margin, lesson.data.y)
    return Learned("scorecard", core, calibrator, encoder, "fixed", None, facts)


def learn_naive_bayes(lesson: Lesson) -> Learned:
    """Learn by counting."""
    margins = [
        NaiveBayes.fit(lesson.data.take(fold.train)).margin(lesson.data.part(fold.valid))
        for fold in lesson.folds
    ]
    return _calibrated("naive_bayes", NaiveBayes.fit(lesson.data), lesson, margins, {})


def learn_logistic(lesson: Lesson) -> Learned:
    """Learn a ridge regression; the ridge is the one whose log loss over the folds, of which there must be some, is lowest.

    One thread for each linear algebra call, whatever the machine has: the last bits of a matrix product depend on how it
    is divided. The folds are what runs in parallel.
    """
    with threadpool_limits(limits=1, user_api="blas"):
        work = (delayed(_path)(lesson, fold) for fold in lesson.folds)
        jobs = -1 if lesson.threads == 0 else lesson.threads
        paths: Any = Parallel(n_jobs=jobs, backend="threading")(work)
        by_ridge = [[path[r] for path in paths] for r in range(len(RIDGES))]
        losses = [_log_loss(np.concatenate(margins), lesson.y_held_out) for margins in by_ridge]
        best = int(np.argmin(losses))
        every = lesson.sample(_logistic_rows(lesson))
        (core,) = Design(_taken(lesson, every)).path([RIDGES[best]])
    facts = {"ridge": RIDGES[best], **_told(lesson, every)}
    return _calibrated("logistic", core, lesson, by_ridge[best], facts)


def learn_lightgbm(
    lesson: Lesson,
    params: Mapping[str, Any],
    *,
    name: str = "lightgbm",
    facts: Mapping[str, Any] | None = None,
) -> Learned:
    """Fit the classifier with these of its parameters.

    Raises
    ------
    ValueError
        A parameter that it does not have, or a value that it cannot take.
    """
    classifier = PropensityClassifier(n_jobs=lesson.threads or -1).set_params(**params)
    every = lesson.sample(lesson.most_rows)
    classifier.fit_sample(
        lesson.table,
        lesson.data.y,
        None if every is None else every.weights,
        as_of=lesson.time,
        groups=lesson.groups,
        gap=lesson.gap or None,
    )
    found = {
        "n_trees": classifier.n_trees_,
        "lightgbm": lgb.__version__,
        **_told(lesson, every),
        **(facts or {}),
    }
    oof = classifier.oof_
    forecast = None if oof is None else oof.after
    held_out = None if oof is None else HeldOut(oof.index, oof.fold, oof.margin)
    core, calibrator = Boosted.of(classifier.booster_), classifier.calibrator_
    return Learned(name, core, calibrator, classifier.encoder_, classifier.recipe_, forecast, found, held_out)


def prior_calibrator(margin: Floats, y: npt.NDArray[np.int64]) -> Platt:
    """Return the calibration of margins that were not learned from these rows.

    Platt's line with its prior where both classes are there. With one class there is nothing to learn a slope from:
    everyone has the base rate under Jeffreys' prior, and the margin only orders.
    """
    if 0 < y.sum() < y.size:
        return Platt.fit(margin, y)
    return Platt(slope=0.0, intercept=base_log_odds(y))


def _calibrated(
    name: str,
    core: Core,
    lesson: Lesson,
    margins: Sequence[Floats],
    facts: Mapping[str, Any],
    encoder: Encoder | None = None,
) -> Learned:
    encoder = lesson.encoder if encoder is None else encoder
    if not margins:
        return Learned(name, core, Platt(), encoder, "fixed", None, facts)
    margin = np.concatenate(margins)
    found = fit_calibrator(margin, lesson.y_held_out, method=lesson.calibration, fold=lesson.fold_numbers)
    held_out = HeldOut(lesson.held_out, lesson.fold_numbers, margin)
    return Learned(name, core, found, encoder, lesson.recipe, found.transform(margin), facts, held_out)


def _path(lesson: Lesson, fold: Fold) -> list[Floats]:
    """Margins of the validation part, one array a ridge."""
    valid, most = lesson.data.part(fold.valid), _logistic_rows(lesson)
    learned = _taken(lesson, lesson.sample(most, fold.train), fold.train)
    return [core.margin(valid) for core in Design(learned).path(RIDGES)]


def _logistic_rows(lesson: Lesson) -> int:
    return min(LOGISTIC_ROWS, LOGISTIC_ROWS if lesson.most_rows is None else lesson.most_rows)


def _taken(lesson: Lesson, sample: Sample | None, rows: npt.NDArray[np.int64] | None = None) -> Encoded:
    """Some rows of the lesson, or all, as far as they were drawn."""
    if sample is None:
        return lesson.data if rows is None else lesson.data.take(rows)
    kept = sample.rows
    return lesson.data.take(kept if rows is None else rows[kept], sample.weights[kept])


def _told(lesson: Lesson, sample: Sample | None) -> dict[str, Any]:
    """What a rung that learned from a sample says of it."""
    return {} if sample is None else {"sampled": sample.described(lesson.data.y)}


def _log_loss(margin: Floats, y: npt.NDArray[np.int64]) -> float:
    return float((np.logaddexp(0, margin) - y * margin).mean())
