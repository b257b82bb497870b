"""Folders for working files: they hold personal data, and go with the process that made them, however it ends.

A process that is killed deletes nothing. Its folders are known by a lock that the kernel gave back; `sweep` takes them away.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import tempfile
from pathlib import Path
from typing import Final, Self

PREFIX: Final = "propensity-work-"
"""What the name of every such folder begins with, in the system's temporary folder."""
_MAKING: Final = ".propensity-making-"


class Scratch:
    """A new folder of this process alone (mode 0700), locked as long as it lives. Also a context manager.

    Attributes
    ----------
    path
        The folder.
    """

    def __init__(self) -> None:
        place = Path(tempfile.gettempdir())
        # It gets the name that `sweep` looks for once it is locked, and not before.
        making = Path(tempfile.mkdtemp(prefix=_MAKING, dir=place))
        self._held = os.open(making, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.path = place / f"{PREFIX}{secrets.token_hex(8)}"
        making.rename(self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def remove(self) -> None:
        """Delete the folder with all that is in it; a second time does nothing."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self._held >= 0:
            os.close(self._held)
            self._held = -1


def sweep() -> int:
    """Delete the folders of this user's processes that are no more; return how many went."""
    gone = 0
    for path in sorted(Path(tempfile.gettempdir()).glob(f"{PREFIX}*")):
        gone += _swept(path)
    return gone


def _swept(path: Path) -> bool:
    try:
        held = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        if os.fstat(held).st_uid != os.geteuid():
            return False
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(path, ignore_errors=True)
    except OSError:
        return False
    else:
        return not path.exists()
    finally:
        os.close(held)
