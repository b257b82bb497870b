"""A search for better parameters of LightGBM, by Optuna: bounded, pruned, and taken up again where it ended.

Each trial is judged on the lesson's folds, from the oldest on, but for the newest: that one is kept for the comparison
with the other rungs, which would otherwise be won by whatever tried most often. A trial whose mean log loss lies above
the median of the earlier ones after a fold is given up (Optuna's MedianPruner). The search ends at the deadline, also in
the middle of a trial, or when so many trials are done. Trial k draws from a seed of its own, so that two halves give
what one whole gives.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from propensity.errors import ConfigError
from propensity.model.boosting import Rows, learn_trees, parameters
from propensity.model.classifier import PropensityClassifier

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from propensity.model.folds import Fold
    from propensity.model.rungs import Lesson

SPACE: Final[Mapping[str, tuple[str, float, float]]] = {
    "learning_rate": ("log", 0.02, 0.2),
    "num_leaves": ("log whole", 4, 63),
    "min_child_samples": ("log whole", 10, 300),
    "feature_fraction": ("even", 0.1, 1.0),
    "lambda_l2": ("log", 0.1, 100.0),
    "cat_smooth": ("log", 1.0, 100.0),
    "extra_trees": ("either", 0, 1),
}
"""Parameter to how it is drawn, and from where to where. The defaults lie inside, and are the first trial."""
_STARTUP: Final = 5
_NAME_LENGTH: Final = 16


@dataclass(frozen=True)
class Tuned:
    """What the search found.

    Attributes
    ----------
    params : the best trial's; what the configuration fixes is not among them.
    log_loss : of that trial, mean over the folds it was judged on.
    trials : that ended or were given up, those of earlier searches on the same rows included.
    """

    params: dict[str, Any]
    log_loss: float
    trials: int


def tune(
    lesson: Lesson,
    fixed: Mapping[str, Any],
    *,
    seconds: float,
    trials: int,
    study: Path,
    seed: int,
    clock: Callable[[], float] = time.monotonic,
) -> Tuned | None:
    """Search until `seconds` have passed or `trials` are done.

    Parameters
    ----------
    lesson : rows with at least one fold.
    fixed : parameters of PropensityClassifier that are given; those of SPACE among them are not searched.
    study : SQLite file that remembers the trials; those of the same rows, folds and fixed parameters count.
    seed : of the draws. Where the trials end the search and not the time, the same seed finds the same.
    clock : seconds that only grow.

    Returns
    -------
    Tuned, or None where not one trial ended in time.

    Raises
    ------
    ConfigError
        Optuna is not installed.
    """
    optuna = _optuna()
    deadline = clock() + seconds
    base = {**PropensityClassifier().get_params(deep=False), **fixed}
    searched = {name: how for name, how in SPACE.items() if name not in fixed}
    found = _opened(optuna, study, _identity(lesson, base), base, searched)
    done = _done(optuna, found)
    while done < trials and clock() < deadline:
        draw = int(np.random.SeedSequence((seed, done)).generate_state(1)[0])
        found.sampler = optuna.samplers.TPESampler(seed=draw, n_startup_trials=_STARTUP)
        trial = found.ask()
        chosen = {name: _drawn(trial, name, *how) for name, how in searched.items()}
        try:
            loss = _judged(trial, lesson, {**base, **chosen}, lambda: clock() >= deadline)
        except _OutOfTimeError:
            found.tell(trial, state=optuna.trial.TrialState.FAIL)
            break
        if loss is None:
            found.tell(trial, state=optuna.trial.TrialState.PRUNED)
        else:
            found.tell(trial, loss)
        done += 1
    whole = found.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
    if not whole:
        return None
    best = min(whole, key=lambda trial: (trial.value, trial.number))
    return Tuned({name: best.params[name] for name in searched}, float(best.value), done)


class _OutOfTimeError(Exception):
    """The deadline has passed in the middle of a trial."""


def _optuna() -> Any:
    try:
        optuna = importlib.import_module("optuna")
    except ImportError as error:
        raise ConfigError(
            "model.tuning.seconds asks for tuning, and Optuna is not installed. Install it with "
            "`pip install 'propensity[tune]'`, or set model.tuning.seconds to 0."
        ) from error
    # It would report each trial on stderr.
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def _opened(optuna: Any, path: Path, name: str, base: Mapping[str, Any], searched: Mapping[str, Any]) -> Any:
    path.parent.mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(
        storage=f"sqlite:///{path}",
        study_name=name,
        direction="minimize",
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=_STARTUP),
    )
    states = optuna.trial.TrialState
    for trial in study.get_trials(deepcopy=False, states=(states.RUNNING,)):
        # Of a training that was killed; nobody will end it.
        study.tell(trial.number, state=states.FAIL)
    if not _done(optuna, study) and not study.get_trials(deepcopy=False, states=(states.WAITING,)):
        study.enqueue_trial({parameter: base[parameter] for parameter in searched})
    return study


def _done(optuna: Any, study: Any) -> int:
    states = optuna.trial.TrialState
    return len(study.get_trials(deepcopy=False, states=(states.COMPLETE, states.PRUNED)))


def _identity(lesson: Lesson, base: Mapping[str, Any]) -> str:
    """Name the study after what its figures rest on."""
    content = hashlib.sha256()
    for column in range(lesson.data.matrix.shape[1]):
        content.update(lesson.data.matrix[:, column].tobytes())
    content.update(lesson.data.y.tobytes())
    drawn = lesson.sample(lesson.most_rows)
    content.update(b"" if drawn is None else drawn.weights.tobytes())
    for fold in lesson.folds:
        content.update(fold.train.tobytes() + fold.valid.tobytes())
    content.update(json.dumps([SPACE, sorted(base.items())], default=str).encode())
    return f"tuning-{content.hexdigest()[:_NAME_LENGTH]}"


def _drawn(trial: Any, name: str, how: str, low: float, high: float) -> Any:
    if how == "either":
        return trial.suggest_categorical(name, [False, True])
    if how == "log whole":
        return trial.suggest_int(name, int(low), int(high), log=True)
    return trial.suggest_float(name, low, high, log=how == "log")


def _judged(trial: Any, lesson: Lesson, chosen: Mapping[str, Any], late: Callable[[], bool]) -> float | None:
    """Return the mean log loss over the folds, weighted by their rows; None where it was given up."""

    def stop() -> None:
        if late():
            raise _OutOfTimeError

    categories = lesson.encoder.category_positions
    drawn = lesson.sample(lesson.most_rows)
    rows = Rows(
        lesson.data.columns, lesson.data.y, None, categories, None if drawn is None else drawn.weights
    )
    params = parameters(chosen, lesson.encoder, seed=int(chosen["random_state"]), threads=lesson.threads)
    total, seen = 0.0, 0
    for number, fold in enumerate(folds_to_tune_on(lesson)):
        grown = learn_trees(
            params,
            rows,
            (fold,),
            max_trees=int(chosen["max_trees"]),
            patience=int(chosen["patience"]),
            before_tree=stop,
        )
        total += min(grown.curve) * fold.valid.size
        seen += fold.valid.size
        trial.report(total / seen, number)
        if trial.should_prune():
            return None
    return total / seen


def folds_to_tune_on(lesson: Lesson) -> tuple[Fold, ...]:
    """All folds but the newest, where there are two or more."""
    return lesson.folds[:-1] or lesson.folds
