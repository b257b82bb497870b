"""How a model lies on disk: a folder of files, and a manifest with the SHA-256 and size of each.

The manifest is canonical JSON, so that it has one spelling only: a changed byte anywhere is found.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from typing import TYPE_CHECKING, Any, Final

from propensity.errors import BundleError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FORMAT: Final = "propensity-bundle"
TREES_VERSION: Final = 1
FORMAT_VERSION: Final = 2
READABLE: Final = (TREES_VERSION, FORMAT_VERSION)
"""Version 1 knew boosted trees only. These lie in the same files today, and are still written as version 1, so that an
older propensity that scores elsewhere goes on reading them."""
MANIFEST: Final = "manifest.json"
RETRAIN: Final = "Fetch the model again from the registry, or train a new one."


def canonical(value: Any) -> bytes:
    """Return JSON with sorted keys, UTF-8; ValueError for NaN, TypeError for what JSON lacks."""
    return (json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n").encode()


def digest(contents: Mapping[str, bytes]) -> str:
    """Return the SHA-256 over names and hashes of the files: the content's address."""
    lines = (f"{name} {_sha(contents[name])}\n" for name in sorted(contents))
    return _sha("".join(lines).encode())


def write(folder: Path, contents: Mapping[str, bytes], *, version: int = FORMAT_VERSION) -> Path:
    """Write the files and their manifest of this format version as `folder`, whole or not at all.

    Raises
    ------
    BundleError
        `folder` exists and holds something else, or cannot be written.
    """
    files = {**contents, MANIFEST: _manifest(contents, version=version)}
    if _holds(folder, files):
        return folder
    if folder.exists():
        raise BundleError(f"{folder} exists and holds something else than this model; choose another folder.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = folder.parent / f".{folder.name}.{os.getpid()}.unfinished"
    try:
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        for name, content in files.items():
            _write_through(scratch / name, content)
        scratch.rename(folder)
    except OSError as e:
        # Another process may have been first; that is fine if it wrote the same.
        if not _holds(folder, files):
            raise BundleError(f"Cannot write the model to {folder}: {e}.") from e
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


def read(folder: Path, *shapes: frozenset[str]) -> dict[str, bytes]:
    """Return the bytes of the files, whose names are one of `shapes`, once each agrees with the manifest, and the manifest with itself.

    Raises
    ------
    BundleError
        A file is missing or damaged (the message names it and both hashes), or the format is another.
    """
    path = folder / MANIFEST
    raw = _bytes(path)
    try:
        manifest = json.loads(raw)
        found = (manifest["format"], manifest["format_version"])
        wanted = {str(name): str(entry["sha256"]) for name, entry in manifest["files"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as e:
        raise BundleError(f"{path} is damaged: {e!r}. {RETRAIN}") from e
    if found[0] != FORMAT or found[1] not in READABLE:
        raise BundleError(
            f"{path} says format {found[0]!r} version {found[1]!r}; this propensity reads {FORMAT!r} version "
            f"{FORMAT_VERSION}. Upgrade propensity, or train a new model."
        )
    if wanted.keys() not in shapes:
        expected = " or ".join(str(sorted(names)) for names in shapes)
        raise BundleError(f"{path} is damaged: it lists {sorted(wanted)}, not {expected}. {RETRAIN}")
    contents = {name: _bytes(folder / name) for name in sorted(wanted)}
    for name, content in contents.items():
        if _sha(content) != wanted[name]:
            raise BundleError(
                f"{folder / name} is damaged: its SHA-256 is {_sha(content)}, "
                f"the manifest says {wanted[name]}. {RETRAIN}"
            )
    sound = _manifest(contents, version=found[1])
    if raw != sound:
        raise BundleError(
            f"{path} is damaged: its SHA-256 is {_sha(raw)}, its files call for {_sha(sound)}. {RETRAIN}"
        )
    return contents


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _manifest(contents: Mapping[str, bytes], *, version: int = FORMAT_VERSION) -> bytes:
    files = {name: {"bytes": len(content), "sha256": _sha(content)} for name, content in contents.items()}
    return canonical(
        {"digest": digest(contents), "files": files, "format": FORMAT, "format_version": version}
    )


def _holds(folder: Path, files: Mapping[str, bytes]) -> bool:
    if not folder.is_dir() or {p.name for p in folder.iterdir()} != set(files):
        return False
    return all((folder / name).read_bytes() == content for name, content in files.items())


def _write_through(path: Path, content: bytes) -> None:
    with path.open("wb") as f:
        f.write(content)
        f.flush()
        # A rename may reach the disk before the bytes do; a power cut would leave the files empty.
        os.fsync(f.fileno())


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as e:
        raise BundleError(f"{path} is missing or unreadable ({e.strerror}). {RETRAIN}") from e
