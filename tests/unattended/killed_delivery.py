"""Deliver a night over an earlier one again and again, each time in a process that kills itself one step later than the last.

Steps are the system calls that make something lasting, the exchange of two folders among them. Arguments: a folder to work in, and
`exchange` or `turns`: whether the file system can exchange folders. Prints at how many moments the process was killed; ends with 1 where
one of them left something that must not be.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from pathlib import Path

from propensity.delivery import folders, lists
from propensity.unattended.past import past_nights

EARLIER = {"list.csv": "earlier", "reps/ada.csv": "earlier"}
LATER = {"list.csv": "later", "reps/bo.csv": "later", "scores.parquet": "later"}
MANIFEST = {"as_of": "2026-06-02T00:00:00Z", "data_through": "2026-06-02T00:00:00Z", "inputs": {}}
NOTE = "a rep's note"


def leave(out: Path, files: dict[str, str]) -> None:
    folder = out / "2026-06-02"
    with folders.staged_beside(folder) as scratch:
        for name, text in files.items():
            (scratch / name).parent.mkdir(exist_ok=True)
            (scratch / name).write_text(text)
        lists.deliver(scratch, folder, MANIFEST, dict.fromkeys(files, 1))


def killed_at(moment: int, out: Path, *, exchanges: bool) -> bool:
    """Whether the process died right before its so-manieth lasting step."""
    child = os.fork()
    if child == 0:
        left = moment

        def counted(real):
            def call(*arguments, **more):
                nonlocal left
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return real(*arguments, **more)

            return call

        for name in ("replace", "rename", "fsync", "mkdir", "link", "unlink", "rmdir", "chmod"):
            setattr(os, name, counted(getattr(os, name)))
        folders.swap.__kwdefaults__["trade"] = counted(folders.exchange if exchanges else refused)
        leave(out, LATER)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def refused(one: Path, other: Path) -> None:
    raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), str(one), None, str(other))


def held(folder: Path) -> dict[str, str]:
    """The texts of a night's own files."""
    names = {*EARLIER, *LATER}
    return {name: (folder / name).read_text() for name in names if (folder / name).exists()}


def wrong(out: Path, *, exchanges: bool) -> str | None:
    """What a killed run left that must not be."""
    folder = out / "2026-06-02"
    if not folder.exists():
        # In turns there is a moment without a name; the next run gives the old folder its own again.
        if exchanges:
            return "no list"
        with folders.staged_beside(folder):
            pass
    if held(folder) not in (EARLIER, LATER):
        return f"a list of two nights: {held(folder)}"
    if not all(night.whole() for night in past_nights(out)) or len(past_nights(out)) != 1:
        return "half a list"
    if (folder / "note.txt").read_text() != NOTE:
        return "no note"
    leave(out, LATER)
    if held(folder) != LATER or [path.name for path in out.iterdir()] != ["2026-06-02"]:
        return f"not finished by the next run: {sorted(path.name for path in out.iterdir())}"
    return None if (folder / "note.txt").read_text() == NOTE else "no note after the next run"


def main(place: Path, *, exchanges: bool) -> int:
    moment, killed, seen = 0, True, set[str]()
    while killed:
        moment += 1
        out = place / str(moment)
        out.mkdir()
        leave(out, EARLIER)
        (out / "2026-06-02" / "note.txt").write_text(NOTE)
        killed = killed_at(moment, out, exchanges=exchanges)
        seen |= set(held(out / "2026-06-02").values())
        found = wrong(out, exchanges=exchanges)
        if found is not None:
            print(found, "at", moment)  # noqa: T201
            return 1
    if seen != {"earlier", "later"}:
        print("seen", seen)  # noqa: T201
        return 1
    print(moment - 1, "moments")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), exchanges=sys.argv[2] == "exchange"))
