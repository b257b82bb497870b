"""What goes wrong at night. Each fault is real: processes are killed, files go, disks fill; then the house is mended."""

from __future__ import annotations

import ctypes
import json
import resource
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from nightly_house import LISTED, MONITORED, RECORDED, WRITING, House
from nightly_runs import Ended, finished

DAC_OVERRIDE, DAC_READ_SEARCH, PR_CAPBSET_DROP = 1, 2, 24
FEW_BYTES = 60_000


@dataclass(frozen=True)
class Faulted:
    """How a faulted night went: the codes of its processes, whether that is right, and whether a list came of it."""

    codes: tuple[int, ...]
    right: bool
    listed: bool
    said: str


Fault = Callable[[House, int, np.random.Generator], Faulted]


def _ended(ended: Ended, code: int, *, warned: str | None = None) -> Faulted:
    warnings = " ".join((ended.told or {}).get("warnings", ()))
    right = ended.code == code and (warned is None or warned in warnings)
    why = (ended.told or {}).get("why") or ended.err.strip()[-300:]
    return Faulted(
        (ended.code,),
        right,
        ended.code == 0,
        f"code {ended.code}" + ("" if right else f", not {code}: {why}"),
    )


def kill(house: House, night: int, rng: np.random.Generator) -> Faulted:
    """SIGKILL at any moment of the run, from its first breath to past its end."""
    process = house.start("nightly", night)
    deadline = time.monotonic() + float(rng.uniform(0, 1.1)) * house.usual_seconds
    while time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.02)
    process.kill()
    ended = finished(process)
    right = ended.code in (0, -signal.SIGKILL)
    return Faulted((ended.code,), right, ended.code == 0, f"code {ended.code}")


def _killed_between(first: str, last: str) -> Fault:
    """SIGKILL at any moment between two marks of a run's log."""

    def fault(house: House, night: int, rng: np.random.Generator) -> Faulted:
        lasted = house.lasted()
        wait = float(rng.uniform(0, 1.1)) * (lasted[last] - lasted[first])
        process = house.start("nightly", night)
        if process.stderr is None:
            raise RuntimeError("the run has no log")
        for line in process.stderr:
            event = json.loads(line) if line.startswith("{") else {}
            if first in (event.get("title"), event.get("step")):
                break
        time.sleep(wait)
        process.kill()
        ended = finished(process)
        right = ended.code in (0, -signal.SIGKILL)
        return Faulted(
            (ended.code,), right, ended.code == 0, f"code {ended.code}, {wait:.2f} s after `{first}`"
        )

    return fault


def registry_gone(house: House, night: int, _rng: np.random.Generator) -> Faulted:
    """The registry's file is not there."""
    away = house.database.with_suffix(".away")
    house.database.rename(away)
    try:
        return _ended(house.run_cold("nightly", night), 0, warned="does not answer")
    finally:
        away.rename(house.database)


def registry_locked(house: House, night: int, _rng: np.random.Generator) -> Faulted:
    """Somebody else holds the registry's file."""
    holder = sqlite3.connect(house.database, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        return _ended(house.run_cold("nightly", night), 0, warned="does not answer")
    finally:
        holder.execute("ROLLBACK")
        holder.close()


def read_only(house: House, night: int, _rng: np.random.Generator) -> Faulted:
    """The folder of the lists takes no new entry."""
    house.out.chmod(0o500)
    try:
        return _ended(house.run_cold("nightly", night, preexec_fn=without_privilege), 5)
    finally:
        house.out.chmod(0o700)


def disk_full(house: House, night: int, _rng: np.random.Generator) -> Faulted:
    """No file may grow beyond a few kilobytes."""
    return _ended(house.run_cold("nightly", night, preexec_fn=no_room), 5)


def truncated(house: House, night: int, rng: np.random.Generator) -> Faulted:
    """An export that stopped on its way."""
    name = ("leads.csv", "activities.parquet", "stages.parquet")[int(rng.integers(3))]
    path = house.data / name
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * rng.uniform(0.05, 0.9))])
    try:
        return _ended(house.run_cold("nightly", night), 3)
    finally:
        path.write_bytes(whole)


def missing(house: House, night: int, rng: np.random.Generator) -> Faulted:
    """An export that did not come."""
    path = house.data / ("leads.csv", "activities.parquet", "accounts.csv")[int(rng.integers(3))]
    away = path.with_suffix(".away")
    path.rename(away)
    try:
        return _ended(house.run_cold("nightly", night), 3)
    finally:
        away.rename(path)


def twice(house: House, night: int, _rng: np.random.Generator) -> Faulted:
    """Two runs at once."""
    both = [house.start("nightly", night), house.start("nightly", night)]
    codes = tuple(sorted(finished(process).code for process in both))
    right = codes == (0, 8)
    return Faulted(codes, right, 0 in codes, f"codes {codes}")


def corrupted(house: House, night: int, rng: np.random.Generator) -> Faulted:
    """A bit of the cached champion flips."""
    folder = max(house.models.glob("*/*-*/"), key=lambda path: int(path.name.partition("-")[0]))
    files = sorted(path for path in folder.iterdir() if path.is_file())
    path = files[int(rng.integers(len(files)))]
    whole = bytearray(path.read_bytes())
    whole[int(rng.integers(len(whole)))] ^= 1 << int(rng.integers(8))
    path.write_bytes(whole)
    try:
        return _ended(house.run_cold("nightly", night), 4)
    finally:
        shutil.rmtree(folder)


def clock_back(house: House, night: int, rng: np.random.Generator) -> Faulted:
    """The clock stands days before the truth."""
    now = house.crm.span.midnight(night) - timedelta(days=int(rng.integers(2, 40)))
    return _ended(house.run_cold("nightly", night, now=now), 3)


def other_zone(house: House, night: int, rng: np.random.Generator) -> Faulted:
    """The machine believes that it is elsewhere."""
    zone = ("Pacific/Kiritimati", "America/St_Johns", "Europe/Berlin")[int(rng.integers(3))]
    return _ended(house.run_cold("nightly", night, env={"TZ": zone}), 0)


def without_privilege() -> None:
    """Make permissions count for the process, also where it belongs to root."""
    libc = ctypes.CDLL(None)
    for capability in (DAC_OVERRIDE, DAC_READ_SEARCH):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)


def no_room() -> None:
    """Let no file of the process grow; the signal that the kernel would send is ignored, as Python does by itself."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (FEW_BYTES, FEW_BYTES))


FAULTS: dict[str, Fault] = {
    "kill": kill,
    "kill in delivery": _killed_between(WRITING, LISTED),
    "kill in record": _killed_between(LISTED, RECORDED),
    "kill in monitor": _killed_between(RECORDED, MONITORED),
    "registry gone": registry_gone,
    "registry locked": registry_locked,
    "read-only": read_only,
    "disk full": disk_full,
    "truncated": truncated,
    "missing": missing,
    "two at once": twice,
    "corrupted model": corrupted,
    "clock back": clock_back,
    "other zone": other_zone,
}
