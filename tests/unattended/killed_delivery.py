"""Deliver the same list again and again, each time in a process that kills itself one system call later than the last.

Prints at how many moments it was killed; ends with 1 where one of them left something that must not be.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from propensity.delivery import lists
from propensity.unattended.past import past_nights

FILES = {"list.csv": "lead_id\nL1\n", "scores.parquet": "scores"}
MANIFEST = {"as_of": "2026-06-02T00:00:00Z", "data_through": "2026-06-02T00:00:00Z", "inputs": {}}


def leave(out: Path) -> None:
    folder = out / "2026-06-02"
    with lists.staged(folder) as scratch:
        for name, text in FILES.items():
            (scratch / name).write_text(text)
        lists.deliver(scratch, folder, MANIFEST, dict.fromkeys(FILES, 1))


def killed_at(moment: int, out: Path) -> bool:
    """Whether the process died at its so-manieth call that makes something lasting."""
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

        for name in ("replace", "rename", "fsync", "mkdir"):
            setattr(os, name, counted(getattr(os, name)))
        leave(out)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def main(place: Path) -> int:
    moment = 1
    while True:
        out = place / str(moment)
        out.mkdir()
        killed = killed_at(moment, out)
        for path in (out / "2026-06-02").glob("[!.]*"):
            if path.name in FILES and path.read_text() != FILES[path.name]:
                print("half a file at", moment)  # noqa: T201
                return 1
        if not all(night.whole() for night in past_nights(out)):
            print("half a list at", moment)  # noqa: T201
            return 1
        if not killed:
            break
        leave(out)
        if len(past_nights(out)) != 1:
            print("the next run did not finish it at", moment)  # noqa: T201
            return 1
        moment += 1
    print(moment - 1, "moments")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
