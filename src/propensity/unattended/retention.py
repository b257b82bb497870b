"""Old lists go; the newest good one never does."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from propensity.unattended.past import NIGHT, past_nights

if TYPE_CHECKING:
    from propensity.unattended.past import PastNight

_GOING, _SCRATCH = ".removed-", ".partial-"
_SURELY_DEAD = timedelta(days=1)


def forget_old_nights(out: Path, keep: int | None) -> tuple[str, ...]:
    """Delete the lists of all but the newest `keep` nights; return the names of those that went.

    Only folders whose name is a date and that hold a readable manifest are nights; everything else is left alone. The newest
    night whose files are all as its manifest says stays, whatever `keep` is. A folder gets another name before it is
    emptied, so that no half of a list ever has a night's name; a run that died in between is finished by the next.

    Raises
    ------
    OSError
        A folder cannot be renamed.
    """
    for half in out.glob(f"{_GOING}*"):
        shutil.rmtree(half, ignore_errors=True)
    if keep is None:
        return ()
    gone = old_nights([night for night in past_nights(out) if NIGHT.match(night.folder.name)], keep)
    for night in gone:
        going = night.folder.with_name(f"{_GOING}{night.folder.name}")
        night.folder.rename(going)
        shutil.rmtree(going, ignore_errors=True)
    return tuple(night.folder.name for night in gone)


def forget_scratch(out: Path, now: datetime) -> int:
    """Delete what runs that died left half-written below `out`, a day later: a run that still lives may own what is newer."""
    found = [path for pattern in (f"{_SCRATCH}*", f"*/{_SCRATCH}*") for path in out.glob(pattern)]
    dead = [path for path in found if path.lstat().st_mtime < (now - _SURELY_DEAD).timestamp()]
    for path in dead:
        shutil.rmtree(path, ignore_errors=True)
    return len(dead)


def old_nights(nights: Sequence[PastNight], keep: int) -> tuple[PastNight, ...]:
    """Those beyond the newest `keep` by the date that their folder names, but for the newest whole one."""
    newest_first = sorted(nights, key=lambda night: night.folder.name, reverse=True)
    good = next((night for night in newest_first if night.whole()), None)
    return tuple(night for night in newest_first[keep:] if night is not good)
