"""Files that appear whole or not at all: written beside their place, flushed to the disk, then renamed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

FOLDER_MODE = 0o700
"""People's names lie in these folders: nobody else reads them."""
PARTIAL = ".partial-"
"""What a file is called until it is whole; no reader takes such a name."""


@contextmanager
def written_whole(path: Path, *, replace: bool = True) -> Generator[Path]:
    """Give the path of an empty file to write (mode 0600); it takes the name `path` when the block ends without an error.

    Parameters
    ----------
    path
        The final name. Folders on the way are made (mode 0700).
    replace
        Whether it takes the place of a file that is there.

    Raises
    ------
    FileExistsError
        `replace` is false and the name is taken.
    OSError
        The file cannot be written; nothing is left behind.
    """
    _make(path.parent)
    handle, name = tempfile.mkstemp(prefix=PARTIAL, suffix=path.suffix, dir=path.parent)
    os.close(handle)
    scratch = Path(name)
    try:
        yield scratch
        _flush(scratch)
        if replace:
            scratch.replace(path)
        else:
            os.link(scratch, path)
        _flush(path.parent)
    finally:
        with suppress(FileNotFoundError):
            scratch.unlink()


def _make(folder: Path) -> None:
    """Make a folder and those above it; `Path.mkdir` gives the mode to the last one alone."""
    if not folder.is_dir():
        _make(folder.parent)
        folder.mkdir(mode=FOLDER_MODE, exist_ok=True)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
