"""When the base rate moves: the map refitted on the newest matured months, where the past says that it pays.

Whether it pays is decided like everything else: on validation folds, going forward in time with maps that knew only
what had matured, by paired bootstrap of the log loss. A gain within noise gives way to the map that stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from propensity.model.calibration import Platt, fit_calibrator
from propensity.model.recalibration import Kind, fit_shift, shifted
from propensity.model.rungs import HeldOut
from propensity.selection.rolling import Clock, newest_level, newest_matured, rolled
from propensity.stats.bootstrap import LEVEL, Difference, paired
from propensity.stats.evaluation import json_safe

if TYPE_CHECKING:
    import numpy.typing as npt

    from propensity.config import Config
    from propensity.features.frame import FeatureFrame
    from propensity.model.calibration import Floats
    from propensity.model.rungs import Learned

    Ints = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]

MONTHS: Final = (12, 6, 3)
"""Windows that are tried, from the calmest on."""
ASKED_MONTHS: Final = 6
"""The window where a kind was asked for and no window."""
Choice = Literal["off", "intercept", "slope"]
STATIC: Final = "off"
WORDS: Final = {"intercept": "level alone", "slope": "level and slope"}
KINDS: Final[tuple[Kind, ...]] = ("intercept", "slope")
_DECISIVE: Final = "log_loss"


@dataclass(frozen=True)
class Trial:
    """One way to recalibrate, tried on the validation folds; figures as in `ladder.Step`."""

    kind: Kind
    months: int
    took: bool
    reason: str
    log_loss: float
    gain: float
    low: float
    high: float
    rows: int


@dataclass(frozen=True)
class Month:
    """One period of the test under the map of the training and under the rolling one.

    Attributes
    ----------
    name : `2026-03`, or `part 31 of 40`.
    rows, conversions : of the period.
    static, rolling : log loss under each, in nats.
    expected_static, expected_rolling : conversions that each adds up to.
    slope, intercept : the rolling map's move. learned_from : rows that it rests on.
    roc_auc : under either map, since both rise with the margin; None where one class alone is there.
    """

    name: str
    rows: int
    conversions: int
    static: float
    rolling: float
    expected_static: float
    expected_rolling: float
    slope: float
    intercept: float
    learned_from: int
    roc_auc: float | None = None


@dataclass(frozen=True)
class Recalibration:
    """What was decided, and what rolling would have given on the test.

    Attributes
    ----------
    base : `margin` where the margin is taken at its word, as log odds; `calibrated` where a map was learned.
    base_reason : why, in one sentence.
    chosen : `intercept` or `slope`; `off` where the map stays as it is.
    months : newest matured months that a rolling map learns from.
    reason : the choice in one sentence. assumed : of maturity; empty where it is known.
    trials : the ways that were tried.
    simulated : what `by_month` shows: the chosen way, or the first where none was.
    by_month : the test period by period; it only reports.
    gain, low, high : log loss of the static map less that of the rolling one over the test, with its 95 % interval; None
        without a test.
    """

    chosen: Choice
    months: int
    reason: str
    assumed: str = ""
    trials: tuple[Trial, ...] = ()
    simulated: Kind = "intercept"
    by_month: tuple[Month, ...] = ()
    gain: float | None = None
    low: float | None = None
    high: float | None = None
    base: Literal["margin", "calibrated"] = "calibrated"
    base_reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        found: dict[str, Any] = json_safe(asdict(self))
        return found


def choose(learned: Learned, past: FeatureFrame, clock: Clock | None, config: Config) -> Recalibration:
    """Decide on the validation folds whether and how the rung's map is refitted on the newest months.

    In each fold but the first, the map that stays knows the earlier folds' rows that had matured when the fold began; the
    rolling one starts there and learns period by period.

    Parameters
    ----------
    learned
        The chosen rung, as it learned from `past`.
    past
        The snapshots before the test, with labels.
    clock
        Of `past`, its periods counted over the whole history; None where there is no time.
    """
    asked, window = config.model.recalibration, config.model.recalibration_months
    held, conversions = learned.held_out, int(past.y.sum())
    stays = Recalibration(STATIC, window or ASKED_MONTHS, "")
    if min(conversions, len(past) - conversions) < config.checks.min_conversions:
        return replace(stays, reason="the map stays as it is: too few conversions to try a rolling one on")
    if clock is None or held is None or learned.recipe != "forward":
        return replace(
            stays,
            reason="the map stays as it is: without folds forward in time nothing says what rolling would give",
        )
    rows = _Validation.of(held, past, clock.take(held.rows), config)
    if rows is None:
        return replace(stays, reason="the map stays as it is: too few folds to try a rolling one on")
    rows, base = _based(rows, config)
    if asked == STATIC:
        return replace(
            base, months=window or ASKED_MONTHS, reason="the map stays as it is: model.recalibration is off"
        )
    if asked != "auto":
        reason = (
            f"{WORDS[asked]} refitted on the newest {window or ASKED_MONTHS} matured months, as asked for"
        )
        return replace(base, chosen=asked, months=window or ASKED_MONTHS, reason=reason, simulated=asked)
    found = _contest(rows, (window,) if window is not None else MONTHS, config, base)
    return found if found.chosen != STATIC else _followed(found, learned, held, past, window)


def _followed(
    found: Recalibration, learned: Learned, held: HeldOut, past: FeatureFrame, window: int | None
) -> Recalibration:
    """Move the level where the newest fold contradicts it beyond noise, though no earlier fold asked for it.

    What the folds saw is whether moving paid before; that the base rate has moved by now shows in the newest alone.
    """
    said = based(learned, found).calibrator.transform(held.margin)
    cluster = np.unique(past.groups[held.rows].astype(str), return_inverse=True)[1]
    level = newest_level(held.fold, said, past.y[held.rows], cluster)
    words = f"the newest fold holds {level.observed:,.0f} conversions where it expects {level.expected:,.1f}"
    if level.p_value >= 1 - LEVEL:
        return replace(found, reason=f"{found.reason}; {words}, which is within noise")
    months = window or ASKED_MONTHS
    return replace(
        found, chosen="intercept", months=months, simulated="intercept",
        reason=f"level alone refitted on the newest {months} matured months: {words}, which is beyond noise",
    )  # fmt: skip


def _based(rows: _Validation, config: Config) -> tuple[_Validation, Recalibration]:
    """Decide whether the margin needs a map at all: one that is learned from drifting folds may carry the drift further.

    A method that the configuration names is not questioned.
    """
    base = Recalibration(STATIC, ASKED_MONTHS, "", rows.clock.assumed)
    method = config.model.params.get("calibration", "auto")
    if method != "auto":
        return rows, replace(base, base_reason=f"a calibrated map, {method}, as asked for")
    plain = replace(rows, static=tuple((number, rows.margin) for number, _ in rows.static))
    found = _difference(rows, plain.forecast(None, 0), rows.forecast(None, 0), config, tries=1)
    figures = (
        f"log loss {found.challenger:.4f} against {found.champion:.4f}, gain {-found.value:+.4f} ({-found.high:+.4f} to "
        f"{-found.low:+.4f})"
    )
    if found.better:
        return rows, replace(
            base,
            base_reason=f"a calibrated map: better than the margin as it comes on the newest fold, {figures}",
        )
    reason = (
        f"the margin as it comes: a calibrated map is no better beyond noise on the newest fold, {figures}"
    )
    return plain, replace(base, base="margin", base_reason=reason)


def based(learned: Learned, how: Recalibration) -> Learned:
    """The rung with the map that was decided for: its own, or none but the margin itself."""
    held = learned.held_out
    if how.base == "calibrated" or held is None:
        return learned
    return replace(learned, calibrator=Platt(), forecast=Platt().transform(held.margin))


@dataclass(frozen=True)
class _Validation:
    """Held-out rows of all folds, and the maps that stay, one for each fold that is judged."""

    clock: Clock
    fold: Ints
    y: npt.NDArray[np.float64]
    cluster: Ints
    margin: Floats
    """What the margin says as it comes, as a probability."""
    static: tuple[tuple[int, Floats], ...]
    """Number of a fold, and what the map that was fitted before it says of every row."""

    @classmethod
    def of(cls, held: HeldOut, past: FeatureFrame, clock: Clock, config: Config) -> _Validation | None:
        y = past.y[held.rows].astype(np.float64)
        method: Any = config.model.params.get("calibration", "auto")
        static: list[tuple[int, Floats]] = []
        for number in range(1, int(held.fold.max()) + 1):
            start = int(clock.order[held.fold == number].min())
            known = (held.fold < number) & (clock.order + clock.delay <= start)
            if 0 < y[known].sum() < known.sum():
                fitted = fit_calibrator(held.margin[known], y[known], method=method, fold=held.fold[known])
                static.append((number, fitted.transform(held.margin)))
        if not static:
            return None
        cluster = np.unique(past.groups.astype(str), return_inverse=True)[1].astype(np.int64)
        plain = Platt().transform(held.margin)
        return cls(clock, held.fold, y, cluster[held.rows], plain, tuple(static))

    @property
    def judged(self) -> Flags:
        """The rows of the newest fold: its model has seen nearly all that the last one has.

        What the models of earlier folds were off by, the last one makes good; a map that pays there may bend it.
        """
        return self.fold == self.fold.max()

    def forecast(self, kind: Kind | None, months: int) -> Floats:
        """Probabilities of the judged rows; under the maps that stay where `kind` is None."""
        found = np.full(self.y.size, np.nan)
        for number, said in self.static:
            here = self.fold == number
            found[here] = (
                said[here]
                if kind is None
                else rolled(self.clock, said, self.y, here, kind=kind, months=months)[0][here]
            )
        return found[self.judged]


def _difference(
    rows: _Validation,
    champion: Floats,
    challenger: Floats,
    config: Config,
    *,
    tries: int,
) -> Difference:
    judged = rows.judged
    return paired(
        rows.y[judged], champion, challenger, seed=config.model.seed, cluster=rows.cluster[judged],
        resamples=config.model.resamples, metrics=(_DECISIVE,), level=1 - (1 - LEVEL) / tries,
    )[_DECISIVE]  # fmt: skip


def _contest(rows: _Validation, windows: Sequence[int], config: Config, base: Recalibration) -> Recalibration:
    """From the calmest way to the most nimble: each must beat the best so far, allowing for how many are tried."""
    tries = len(windows) + 1
    best, trials = rows.forecast(None, 0), list[Trial]()
    chosen: tuple[Choice, int] = ("off", windows[0])
    ways: list[tuple[Kind, int]] = [(kind, window) for kind in KINDS for window in windows]
    for kind, window in ways:
        # A slope of its own is tried on the window that served the level best, else on the longest.
        if kind == "slope" and window != chosen[1]:
            continue
        found = rows.forecast(kind, window)
        difference = _difference(rows, best, found, config, tries=tries)
        took = bool(difference.better)
        reason = _told(kind, window, difference, chosen)
        figures = -difference.value, -difference.high, -difference.low
        trials.append(
            Trial(kind, window, took, reason, difference.challenger, *figures, int(rows.judged.sum()))
        )
        if took:
            best = found
            chosen = (kind, window)
    final, window = chosen
    reason = (
        "the map stays as it is: on the validation folds none that is refitted on the newest months is better beyond noise"
        if final == STATIC
        else f"{WORDS[final]} refitted on the newest {window} matured months: "
        + next(trial.reason for trial in reversed(trials) if trial.took)
    )
    simulated: Kind = "intercept" if final == STATIC else final
    return replace(
        base, chosen=final, months=window, reason=reason, trials=tuple(trials), simulated=simulated
    )


def _told(kind: Kind, months: int, found: Difference, against: tuple[str, int]) -> str:
    other = "the map that stays" if against[0] == STATIC else f"{against[1]} months, {WORDS[against[0]]}"
    verdict = "better beyond noise" if found.better else "worse" if found.worse else "no better beyond noise"
    return (
        f"{months} months, {WORDS[kind]}: {verdict} than {other}, log loss {found.challenger:.4f} against "
        f"{found.champion:.4f}, gain {-found.value:+.4f} ({-found.high:+.4f} to {-found.low:+.4f})"
    )


def moved(
    learned: Learned, y: npt.NDArray[Any], clock: Clock | None, how: Recalibration, *, at: int
) -> Learned:
    """The rung with its map moved to the newest months that had matured at time `at`; as it is where that was not chosen.

    `y` and `clock` are those of the rows that the rung learned from; only held-out rows move the map.
    """
    held = learned.held_out
    if how.chosen == STATIC or clock is None or held is None:
        return learned
    times = clock.take(held.rows)
    known = newest_matured(times, at, months=how.months)
    said = learned.calibrator.transform(held.margin[known])
    shift = fit_shift(said, y[held.rows[known]], kind=how.chosen)
    calibrator = shifted(learned.calibrator, shift)
    facts = {
        "moved": {
            "kind": how.chosen, "months": how.months, "slope": shift.slope, "intercept": shift.intercept,
            "rows": int(known.sum()), "conversions": int(y[held.rows[known]].sum()),
        }
    }  # fmt: skip
    # What the map says now, and how sure one may be of it, is a matter of the rows that moved it.
    newest = HeldOut(held.rows[known], held.fold[known], held.margin[known])
    return replace(
        learned,
        calibrator=calibrator,
        forecast=calibrator.transform(newest.margin),
        facts={**learned.facts, **facts},
        held_out=newest,
    )
