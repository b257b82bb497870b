"""Thirty nights in a row on a simulated CRM: data arrive, labels mature, inputs drift, faults happen; `make thirty-nights`.

Each night is a process of its own; those with a fault, and the first, begin from nothing, as cron would start them, the others are
forked from a process that has loaded the libraries. After each, what lies on disk is looked at: a valid list of this night, or a
refusal with the right code and the last good list as it was. The last line is the tally.

The drift of night 15 changes the history too: what had been tracked of those who do not consent is deleted. A change of what comes
from night 15 on alone could be reported, but not learned from within thirty nights: a snapshot has matured a horizon and a recording lag
(7 and 5 days) later, and a model is judged on snapshots that it has not learned from.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from nightly_faults import FAULTS, Faulted
from nightly_house import House, Looked
from nightly_world import Crm, first_night

HORIZON_DAYS = 7
AFTER_DAYS = 14
DRIFT_NIGHT, RETRAIN_NIGHT = 15, 20
REPORT_WITHIN = 3
CALIBRATION_RATIO = 1.25
"""How far the share that converted may lie from the mean probability, either way: the gate's own bound."""
Z = 1.96


@dataclass
class Tally:
    """What is counted over the nights."""

    nights: int = 0
    lists: int = 0
    refusals: Counter[int] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    doubled: int = 0
    wrong: list[str] = field(default_factory=list)

    def line(self) -> str:
        """The last line."""
        refused = (
            ", ".join(f"{count} x code {code}" for code, count in sorted(self.refusals.items())) or "none"
        )
        faults = ", ".join(f"{count} x {name}" for name, count in sorted(self.faults.items())) or "none"
        return (
            f"nights {self.nights}, lists {self.lists}, refusals: {refused}, faults injected: {sum(self.faults.values())} "
            f"({faults}), rows lost {self.lost}, rows doubled {self.doubled}"
        )


def faults_of(nights: int, rng: np.random.Generator, *, clear: set[int]) -> dict[int, str]:
    """Which night gets which fault: each kind once, kills seven times in all, in random order on random nights but the clear ones."""
    kinds = [*FAULTS, "kill", "kill", "kill in delivery"]
    free = [night for night in range(2, nights + 1) if night not in clear]
    chosen = rng.choice(free, size=min(len(kinds), len(free)), replace=False)
    order = rng.permutation(len(kinds))
    return {int(night): kinds[place] for night, place in zip(chosen, order, strict=False)}


def main() -> int:
    """Run the nights; 0 where every one of them was as it must be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nights", type=int, default=30)
    parser.add_argument("--leads", type=int, default=5_000)
    parser.add_argument("--months", type=int, default=8)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--drift", type=int, default=DRIFT_NIGHT, help="first night of the changed inputs")
    parser.add_argument("--retrain", type=int, default=RETRAIN_NIGHT, help="night of the retraining")
    parser.add_argument("--no-faults", action="store_true")
    parser.add_argument("--keep", type=Path, help="work here, and leave what the nights wrote")
    options = parser.parse_args()
    if options.keep is not None:
        options.keep.mkdir(parents=True, exist_ok=True)
        return nights(options, options.keep)
    with TemporaryDirectory(prefix="thirty-nights-") as folder:
        return nights(options, Path(folder))


def nights(options: argparse.Namespace, place: Path) -> int:
    """All nights below `place`."""
    begun = time.monotonic()
    span = first_night(options.nights, options.drift)
    crm = Crm(span, leads=options.leads, months=options.months, after_days=AFTER_DAYS, seed=options.seed)
    house = House(place, crm, HORIZON_DAYS)
    rng = np.random.default_rng(options.seed)
    planned = {} if options.no_faults else faults_of(span.nights, rng, clear={options.drift, options.retrain})
    say(
        f"{options.leads:,} leads; faults on nights {', '.join(f'{night} {planned[night]}' for night in sorted(planned))}"
    )
    crm.export(1, house.data)
    house.expect(tally := Tally(), 0, house.run("retrain", 1), "the first training")
    say(f"trained in {time.monotonic() - begun:.0f} s")
    reported: dict[int, list[str]] = {}
    for night in range(1, span.nights + 1):
        crm.export(night, house.data)
        said = one_night(house, tally, night, planned.get(night), rng)
        reported[night] = house.drift_alarms()
        say(f"night {night:2}: {said}  [{time.monotonic() - begun:.0f} s]")
        if night == options.retrain:
            retrained(house, tally, night)
    judged(house, tally, options)
    drift(tally, options, reported)
    crm.export(span.nights + AFTER_DAYS, house.data)
    outcomes(house, tally, options)
    lost, doubled = house.ledger()
    say(f"ledger: {lost} rows of delivered nights missing or otherwise, {doubled} too many")
    tally.lost += lost
    tally.doubled += doubled
    tally.wrong += [f"left over: {name}" for name in house.left_over()]
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    say(
        f"{time.monotonic() - begun:.0f} seconds in all, of which the runs computed {used.ru_utime + used.ru_stime + house.warm.computed:.0f}"
    )
    for wrong in tally.wrong:
        say(f"WRONG: {wrong}")
    print(tally.line(), flush=True)
    return 1 if tally.wrong or tally.lost or tally.doubled else 0


def one_night(house: House, tally: Tally, night: int, fault: str | None, rng: np.random.Generator) -> str:
    """One night: with its fault, if any, and then without where the fault cost the list."""
    tally.nights += 1
    before = house.lists()
    faulted = None
    if fault is not None:
        tally.faults[fault] += 1
        faulted = FAULTS[fault](house, night, rng)
        check_fault(house, tally, night, fault, faulted, before)
    if faulted is None or not faulted.listed:
        there = house.lists()
        ended = house.run_cold("nightly", night) if night == 1 else house.run("nightly", night)
        house.expect(tally, 0, ended, f"night {night}{f' after {fault}' if fault else ''}")
        # What a killed run had delivered is made again, and must be the same.
        changed = [name for name, digest in house.lists().items() if there.get(name, digest) != digest]
        tally.wrong += [f"night {night}: the list {name} was made again otherwise" for name in changed]
    found = house.look(night)
    tally.lists += found.whole
    tally.lost += found.lost
    tally.doubled += found.doubled
    for wrong in found.wrong:
        tally.wrong.append(f"night {night}: {wrong}")
    return told(found, fault, faulted)


def told(found: Looked, fault: str | None, faulted: Faulted | None) -> str:
    """A night in one line."""
    ended = (
        ""
        if fault is None or faulted is None
        else f"{fault}: {faulted.said}; then " * (not faulted.listed) or f"{fault}: {faulted.said}; "
    )
    return f"{ended}list of {found.as_of}, {found.listed} of {found.scored:,}"


def check_fault(
    house: House, tally: Tally, night: int, fault: str, faulted: Faulted, before: dict[str, str]
) -> None:
    """Whether a faulted run ended as it must, and harmed nothing."""
    for code in faulted.codes:
        if code > 0:
            tally.refusals[code] += 1
    if not faulted.right:
        tally.wrong.append(f"night {night}, {fault}: {faulted.said}")
    after = house.lists()
    harmed = [name for name, digest in before.items() if after.get(name) != digest]
    if harmed:
        tally.wrong.append(f"night {night}, {fault}: earlier lists {', '.join(harmed)} changed")
    half = [name for name in after if name not in before and not house.whole(name)]
    if half:
        tally.wrong.append(f"night {night}, {fault}: {', '.join(half)} is half a list under a final name")


def retrained(house: House, tally: Tally, night: int) -> None:
    """The retraining: enough has matured, and the challenger passes the gate."""
    ended = house.run("retrain", night)
    house.expect(tally, 0, ended, "the retrain")
    told = ended.told or {}
    say(
        f"night {night:2}: retrain: {told.get('outcome')}; trained {told.get('trained')}, promoted {told.get('promoted')}, "
        f"version {told.get('version')}"
    )
    if not told.get("promoted"):
        tally.wrong.append("the retrain did not pass the gate")


def judged(house: House, tally: Tally, options: argparse.Namespace) -> None:
    """Calibration of the ledger's nights by what became of every lead: before the drift, with it, and after the retrain."""
    parts = {
        "before the drift": range(1, options.drift),
        "drifted": range(options.drift, options.retrain + 1),
        "retrained": range(options.retrain + 1, tally.nights + 1),
    }
    for name, which in parts.items():
        ratio, low, high = house.calibration(which, Z)
        if np.isnan(ratio):
            continue
        within = low <= CALIBRATION_RATIO and high >= 1 / CALIBRATION_RATIO
        say(
            f"realised calibration {name}: {ratio:.2f} times the mean probability converted (95 %: {low:.2f} to {high:.2f})"
        )
        if name != "drifted" and not within:
            tally.wrong.append(f"calibration {name} lies out of bounds: {ratio:.2f}")


def drift(tally: Tally, options: argparse.Namespace, reported: dict[int, list[str]]) -> None:
    """Whether the nights' summaries raised an alarm of the drift in time, and of none before it."""
    early = [night for night, alarms in reported.items() if alarms and night < options.drift]
    for night in early:
        tally.wrong.append(f"night {night}: an alarm of drift that is none: {reported[night][0]}")
    if tally.nights < options.drift + REPORT_WITHIN:
        return
    first = next((night for night, alarms in reported.items() if alarms and night >= options.drift), None)
    said = f": {reported[first][0]}" if first is not None else ""
    say(f"drift of night {options.drift} reported on night {first}{said}")
    if first is None or first >= options.drift + REPORT_WITHIN:
        tally.wrong.append(
            f"the drift of night {options.drift} was not reported within {REPORT_WITHIN} nights"
        )


def outcomes(house: House, tally: Tally, options: argparse.Namespace) -> None:
    """What `propensity monitor` makes of all nights once the last has matured: of the retrained model's, no alarm of calibration."""
    found = house.monitor()
    say(f"matured for monitoring: {len(found['outcomes'])} of {tally.nights} nights")
    if len(found["outcomes"]) != tally.nights:
        tally.wrong.append(f"only {len(found['outcomes'])} of {tally.nights} nights came to an outcome")
    pooled = found["calibration"]
    if pooled is None or tally.nights <= options.retrain:
        return
    say(
        f"monitoring, of version {pooled['model_version']} on {len(pooled['nights'])} nights a week apart: {pooled['conversions']} converted, "
        f"{pooled['expected']:.1f} expected ({pooled['ratio_low']:.2f} to {pooled['ratio_high']:.2f} times)"
    )
    tally.wrong += [
        f"after the retrain: {one['what']}" for one in found["findings"] if one["about"] == "calibration"
    ]


def say(line: str) -> None:
    """A line at once."""
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
