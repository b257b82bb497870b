"""A folder that appears whole or not at all: written beside the old one, made durable, then swapped with it.

At every moment the name leads to the whole old folder or to the whole new one. What is left over by a run that was killed
is cleared by the next one. Files in the old folder that are not ours are in the new one before the swap.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Collection, Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from propensity.errors import DeliveryError

MANIFEST = "manifest.json"
PARTIAL = ".partial-"
"""What the name of a scratch folder begins with; beside a folder, after a dot and its name."""
_OLD = ".old-"
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2
_NO_EXCHANGE = frozenset({errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM})
_FILE_MODE, _FOLDER_MODE = 0o600, 0o700


@contextmanager
def staged_beside(folder: Path, *, taking: Collection[str] = ()) -> Generator[Path]:
    """Give a scratch folder beside `folder`, to be filled and handed to `swap`; it is gone afterwards, whatever happened.

    What killed runs left is put right first: a swap that was interrupted is undone, and partial folders are cleared, unless
    a run that is still alive holds them.

    Raises
    ------
    DeliveryError
        The folder cannot be replaced as a whole; or it is none of ours, having no manifest, and holds a file of one of the names
        in `taking`, which would be lost.
    """
    place = folder.resolve()

    def make() -> Path:
        place.parent.mkdir(parents=True, exist_ok=True)
        recover(place)
        _refuse(folder, place)
        _refuse_foreign(folder, place, taking)
        return Path(tempfile.mkdtemp(prefix=f".{place.name}{PARTIAL}", dir=place.parent))

    with scratch_of(folder, make) as scratch:
        yield scratch


@contextmanager
def scratch_of(folder: Path, make: Callable[[], Path]) -> Generator[Path]:
    """Hold the scratch folder that `make` gives while something for `folder` is written; it is gone afterwards.

    Raises
    ------
    DeliveryError
        It cannot be made.
    """
    try:
        scratch = make()
    except OSError as error:
        why = _in_the_way(folder) or error.strerror
        raise DeliveryError(f"{folder} cannot be written: {why}. Give another folder with --out.") from error
    with held(scratch):
        try:
            yield scratch
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def _in_the_way(folder: Path) -> str | None:
    """The file that stands where a folder should be: the system says of it that it exists, which is no help."""
    # Not Path.exists, which raises where it may not look.
    found = next((path for path in (folder, *folder.parents) if os.path.exists(path)), None)  # noqa: PTH110
    return f"{found} is a file, not a folder" if found is not None and os.path.isfile(found) else None  # noqa: PTH113


def _refuse(folder: Path, place: Path) -> None:
    if place.exists() and not place.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    here = Path.cwd()
    if place == here or place in here.parents or (place.exists() and place.is_mount()):
        what = "a mount point" if place.exists() and place.is_mount() else "the folder that you are in"
        raise DeliveryError(
            f"{folder} cannot be replaced as a whole: it is {what}. Give a folder below it with --out."
        )


def _refuse_foreign(folder: Path, place: Path, taking: Collection[str]) -> None:
    found = [] if (place / MANIFEST).exists() else [name for name in taking if os.path.lexists(place / name)]
    if found:
        raise DeliveryError(
            f"{folder} holds {', '.join(found)}, but no {MANIFEST}: that is no list of ours, and would be lost. Give another "
            "folder with --out, or move it away."
        )


def recover(place: Path) -> None:
    """Put right what a killed run left beside `place`: give the old folder its name back, and clear partial ones."""
    for old in _beside(place, _OLD):
        with held(old) as alone:
            if alone and not place.exists():
                old.rename(place)
            elif alone:
                shutil.rmtree(old, ignore_errors=True)
    for partial in _beside(place, PARTIAL):
        clear(partial)


def clear(partial: Path) -> None:
    """Take away a scratch folder, unless a run that is still alive holds it."""
    with held(partial) as alone:
        if alone:
            shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def held(folder: Path) -> Generator[bool]:
    """Hold a folder as long as the process lives; whether nobody else does. The system lets go when a process dies."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        yield False
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            alone = True
        except OSError:
            alone = False
        yield alone
    finally:
        os.close(descriptor)


def exchange(one: Path, other: Path) -> None:
    """Let two names trade what they lead to, in one step (Linux' renameat2).

    Raises
    ------
    OSError
        With ENOSYS where the system knows no such step; with EINVAL where the file system does not.
    """
    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if call is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    if call(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(one), None, str(other))


def swap(scratch: Path, folder: Path, *, trade: Callable[[Path, Path], None] = exchange) -> None:
    """Put a whole folder in the place of `folder`; what lay there and was not ours is in it afterwards.

    Parameters
    ----------
    scratch
        The folder that `staged_beside` gave, complete. Afterwards it holds the old folder, or is not there.
    folder
        Its place.
    trade
        Exchanges two folders in one step, or raises OSError where that is not possible: then the old one is renamed away
        first, and `recover` gives it its name back if the run is killed between the two steps.

    Raises
    ------
    OSError
        The swap could not be made; the old folder is in its place.
    """
    place = folder.resolve()
    _make_durable(scratch)
    if not place.exists():
        scratch.rename(place)
        _sync(place.parent)
        return
    ours = _ours(place)
    _carry(place, scratch, ours)
    for path in (*scratch.rglob("*/"), scratch):
        _sync(path)
    try:
        trade(scratch, place)
        old = scratch
    except OSError as error:
        if error.errno not in _NO_EXCHANGE:
            raise
        old = _in_turns(scratch, place)
    _sync(place.parent)
    # What somebody wrote into the old folder while the two traded places.
    with suppress(OSError):
        _carry(old, place, ours, again=True)
    if old != scratch:
        shutil.rmtree(old, ignore_errors=True)


def private(folder: Path) -> None:
    """Let nobody but the owner read the folder, and what is in it."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(_FOLDER_MODE if path.is_dir() else _FILE_MODE)


def _in_turns(scratch: Path, place: Path) -> Path:
    old = place.with_name(f".{place.name}{_OLD}{scratch.name.rpartition('-')[2]}")
    with held(place):
        place.rename(old)
        try:
            scratch.rename(place)
        except OSError:
            old.rename(place)
            raise
    return old


def _beside(place: Path, infix: str) -> list[Path]:
    start = f".{place.name}{infix}"
    found = (path for path in place.parent.iterdir() if path.name.startswith(start))
    return sorted(path for path in found if path.is_dir() and not path.is_symlink())


def _ours(place: Path) -> frozenset[str]:
    """The files of a night by its own manifest, as paths in the folder."""
    try:
        files = json.loads((place / MANIFEST).read_text(encoding="utf-8"))["files"]
        return frozenset({MANIFEST, *files})
    except (OSError, ValueError, KeyError, TypeError):
        return frozenset({MANIFEST})


def _carry(old: Path, new: Path, ours: Collection[str], below: str = "", *, again: bool = False) -> None:
    """Have what lies in `old` and is not ours in `new` as well; a name that `new` has already stays what it is.

    `again`: after the swap; then a file that is another one by now goes before the one that was carried.
    """
    for entry in sorted(os.scandir(old), key=lambda found: found.name):
        name, target = f"{below}{entry.name}", new / entry.name
        if name in ours or entry.name.startswith(PARTIAL):
            continue
        if entry.is_dir(follow_symlinks=False):
            if not any(known.startswith(f"{name}/") for known in ours):
                target.mkdir(_FOLDER_MODE, exist_ok=True)
            _carry(Path(entry.path), target, ours, f"{name}/", again=again)
        elif not os.path.lexists(target):
            target.parent.mkdir(_FOLDER_MODE, exist_ok=True)
            _link(entry.path, target)
        elif again and target.lstat().st_ino != entry.inode() and name not in _ours(new):
            Path(entry.path).replace(target)


def _link(source: str, target: Path) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        # A file system without hard links, or a file of somebody else.
        shutil.copy2(source, target, follow_symlinks=False)


def _make_durable(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_dir() or path.is_file():
            _sync(path)
    _sync(folder)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
