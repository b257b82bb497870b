"""A disk that takes no more: told from data that cannot be read, whatever the engine was about when it met it."""

from __future__ import annotations

import errno
import os
import tempfile

from propensity.errors import DeliveryError

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
"""What a disk says that takes no more."""
_WRITING = "write"


def refuse_full(error: Exception) -> None:
    """Raise where an engine could not write its working files; its own words say so, and are of nothing else.

    Raises
    ------
    DeliveryError
        There is no room.
    """
    text = str(error)
    found = next((os.strerror(number) for number in NO_ROOM if os.strerror(number) in text), None)
    if found is not None and _WRITING in text.lower():
        raise DeliveryError(
            f"there is no room to work: a working file in {tempfile.gettempdir()}: {found}. Make room there, or name another "
            "folder with the environment variable TMPDIR, and run again."
        ) from error
