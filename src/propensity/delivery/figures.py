"""Figures as a JSON file that appears whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from propensity.delivery.lists import staged
from propensity.errors import DeliveryError


def write_figures(path: Path, tree: Mapping[str, Any], *, setting: str, indent: int | None = 2) -> None:
    """Write `tree` (JSON types, no NaN) in place of what `path` held; the same figures give the same bytes.

    Raises
    ------
    DeliveryError
        The folder cannot be made or written; `setting` is the key of the configuration that says another.
    """
    text = json.dumps(tree, indent=indent, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
    try:
        with staged(path.parent) as scratch:
            draft = scratch / path.name
            draft.write_text(text, encoding="utf-8")
            draft.replace(path)
    except (OSError, DeliveryError) as error:
        why = error.strerror if isinstance(error, OSError) else "the folder cannot be made"
        raise DeliveryError(f"{path} cannot be written: {why}. Set {setting} to another folder.") from error
