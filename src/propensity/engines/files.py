"""Which files a path stands for."""

from __future__ import annotations

from pathlib import Path

from propensity.errors import SourceError

PATTERN_SIGNS = "*?["


def files_of(path: Path) -> list[Path]:
    """The file of that name; else the files that a pattern in the last part of the path stands for, in order.

    Raises
    ------
    SourceError
        There is none, or one has not a single byte.
    """
    pattern = any(sign in path.name for sign in PATTERN_SIGNS) and not is_file(path)
    files = sorted(path.parent.glob(path.name)) if pattern else [path]
    if not files or not all(is_file(file) for file in files):
        raise SourceError(
            f"{path} does not exist. Set the table's `path`, or data.folder that it is relative to."
        )
    empty = [file for file in files if file.stat().st_size == 0]
    if empty:
        raise SourceError(f"{empty[0]} is empty: it has not even a header.")
    return files


def is_file(path: Path) -> bool:
    """Whether there is a file of that name.

    Raises
    ------
    SourceError
        The name is too long, or a folder on the way may not be entered.
    """
    try:
        return path.is_file()
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}.") from error
