"""Which files a path stands for."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from propensity.errors import SourceError

PATTERN_SIGNS = "*?["
_REMEDY = "Set the table's `path`, or data.folder that it is relative to."


def files_of(path: Path) -> list[Path]:
    """The file of that name; else the files that a pattern in the last part of the path stands for, in order.

    Raises
    ------
    SourceError
        There is none, or one has not a single byte.
    """
    pattern = any(sign in path.name for sign in PATTERN_SIGNS) and not is_file(path)
    files = sorted(path.parent.glob(path.name)) if pattern else [path]
    if not files:
        raise SourceError(f"{path} does not exist: there is no file of that pattern. {_REMEDY}")
    for file in files:
        if not is_file(file):
            raise SourceError(f"{file} {_what_instead(file)}. {_REMEDY}")
    empty = [file for file in files if file.stat().st_size == 0]
    if empty:
        raise SourceError(f"{empty[0]} is empty: it has not even a header.")
    return files


def parts_of(folder: Path) -> Path:
    """What stands for the Parquet files of a folder: those in it, else the folder itself, whose files lie in folders of it."""
    return folder / "*.parquet" if any(folder.glob("*.parquet")) else folder


def files_within(path: Path) -> list[Path]:
    """The files that a path stands for; of a folder its Parquet files, or those of the folders in it, in order."""
    if not path.is_dir():
        return files_of(path)
    return sorted(path.glob("*.parquet")) or sorted(path.rglob("*.parquet")) or files_of(path)


def _what_instead(path: Path) -> str:
    """What is there in place of a file."""
    try:
        mode = path.lstat().st_mode
    except OSError:
        return "does not exist"
    if stat.S_ISLNK(mode):
        return f"is a link to {os.readlink(path)}, where there is no file"  # noqa: PTH115 - as it is written, not resolved
    return "is a folder, not a file" if stat.S_ISDIR(mode) else "is no file but a pipe, socket or device"


def stamp(path: Path) -> tuple[int, ...]:
    """What changes when a file is written to or replaced: its device, number, size and time.

    Raises
    ------
    SourceError
        It is there no more, or may not be read.
    """
    try:
        found = path.stat()
    except OSError as error:
        raise unreadable(path, error) from error
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


def unreadable(path: Path, error: OSError) -> SourceError:
    """What to say of a file that the system does not let us read."""
    return SourceError(
        f"{path} cannot be read: {error.strerror or error}. Whoever runs this must be allowed to read it."
    )


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
