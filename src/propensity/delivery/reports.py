"""Reports that appear whole or not at all."""

from __future__ import annotations

from pathlib import Path

from propensity.delivery.lists import staged
from propensity.errors import DeliveryError


def leave_report(folder: Path, name: str, text: str) -> Path:
    """Write `text` (UTF-8) as `folder`/`name`, in place of what it held; the same text gives the same bytes.

    Raises
    ------
    DeliveryError
        The folder cannot be made or written.
    """
    path = folder / name
    try:
        with staged(folder) as scratch:
            draft = scratch / name
            draft.write_text(text, encoding="utf-8", newline="\n")
            draft.replace(path)
    except (OSError, DeliveryError) as error:
        why = error.strerror if isinstance(error, OSError) else "the folder cannot be made or written"
        raise DeliveryError(
            f"{path} cannot be written: {why}. Set paths.reports to another folder."
        ) from error
    return path
