"""The nights that were delivered: read from the manifests of their lists, which appear last."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from propensity.delivery.lists import MANIFEST

NIGHT = re.compile(r"^\d{4}-\d{2}-\d{2}$")
"""Names of the folders of nights; what else lies beside them is no night's."""


@dataclass(frozen=True)
class PastNight:
    """A list that lies below paths.out.

    Attributes
    ----------
    folder : of the list.
    as_of, data_through : of its manifest; null for data without dates.
    rows : of each table then.
    files : SHA-256 by name.
    """

    folder: Path
    as_of: datetime | None
    data_through: datetime | None
    rows: Mapping[str, int]
    files: Mapping[str, str]

    def whole(self) -> bool:
        """Whether every file is there, byte for byte."""
        return all(_sha256(self.folder / name) == digest for name, digest in self.files.items())


def past_nights(out: Path) -> tuple[PastNight, ...]:
    """The nights below `out`, the one whose data reach furthest last; a folder without a readable manifest is none."""
    # What begins with a dot is on its way to its place, or away from it.
    found = [night for path in out.glob(f"[!.]*/{MANIFEST}") if (night := _night(path)) is not None]
    return tuple(
        sorted(found, key=lambda night: (_order(night.data_through), _order(night.as_of), night.folder.name))
    )


def _order(instant: datetime | None) -> str:
    return "" if instant is None else instant.isoformat()


def _night(path: Path) -> PastNight | None:
    try:
        tree: Any = json.loads(path.read_text(encoding="utf-8"))
        rows = {str(name): int(table["rows"]) for name, table in _items(tree["inputs"])}
        files = {str(name): str(file["sha256"]) for name, file in _items(tree["files"])}
        return PastNight(path.parent, _instant(tree["as_of"]), _instant(tree["data_through"]), rows, files)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _items(tree: Any) -> list[tuple[Any, Any]]:
    return list(cast("Mapping[Any, Any]", tree).items())


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _sha256(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
