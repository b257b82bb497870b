"""What a night takes from earlier nights, and what it leaves to later ones: the ledger and the reps' reports, wired into scoring."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from propensity.delivery.lists import MANIFEST, SCORES
from propensity.errors import LedgerError
from propensity.scoring.feedback import Feedback, reported
from propensity.scoring.ledger import Ledger
from propensity.scoring.lists import Before

if TYPE_CHECKING:
    from propensity.config import Config
    from propensity.scoring.ledger import Night


class Nights:
    """The nights of one configuration.

    A ledger that cannot be read or written costs a warning: the list is made without what changed, and the next run records what
    is missing. Reports of reps that cannot be read are refused: they may hold who asked not to be called.

    Parameters
    ----------
    config
        With `paths.ledger` and `paths.out`.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._ledger = Ledger(config.paths.ledger)
        self._warnings: list[str] = []

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to know, in sentences."""
        return (*self._ledger.problems, *self._warnings)

    def catch_up(self, listed: Path) -> None:
        """Record the nights that were delivered and not recorded, because a run ended in between: no gap, and none twice.

        Looks at every night below `paths.out`, and at the one in `listed`, before another takes its place.
        """
        # A folder whose name begins with a dot is one that a run is writing, or left.
        found = [path.parent for path in sorted(self._config.paths.out.glob(f"*/{MANIFEST}"))]
        folders = [folder for folder in found if not folder.name.startswith(".")]
        for place in dict.fromkeys([*folders, listed]):
            manifest = _manifest(place)
            if manifest is None or not self._ours(manifest) or self._ledger.holds(manifest):
                continue
            if _whole(place, manifest) and self._recorded(place, manifest):
                self._warnings.append(
                    f"the night of {manifest['as_of']} in {place} had been delivered but not recorded; it is now"
                )

    def before(self, as_of: datetime | None) -> Before:
        """What the list of `as_of` must know of earlier nights.

        Raises
        ------
        LedgerError
            A file of reports is damaged.
        """
        told = reported(Feedback(self._config.paths.ledger).reports(), as_of, self._config.lists)
        return Before(None if as_of is None else self._readable_before(as_of), told)

    def record(self, folder: Path) -> None:
        """Record a night that was delivered to `folder`."""
        manifest = _manifest(folder)
        if manifest is not None:
            self._recorded(folder, manifest)

    def _readable_before(self, as_of: datetime) -> Night | None:
        night = self._ledger.before(as_of)
        if night is None:
            return None
        try:
            night.rows(["lead_id", "probability"])
        except LedgerError as error:
            self._warnings.append(f"no lead's trend is known: {error}")
            return None
        return night

    def _recorded(self, folder: Path, manifest: Mapping[str, Any]) -> bool:
        try:
            return self._ledger.record(folder, manifest)
        except LedgerError as error:
            self._warnings.append(str(error))
            return False

    def _ours(self, manifest: Mapping[str, Any]) -> bool:
        """Whether a night is of this configuration's model; several may share a folder."""
        return manifest["model"]["name"] == self._config.tracking.model_name


def _manifest(folder: Path) -> Mapping[str, Any] | None:
    """The manifest of a night; None where there is none of ours."""
    try:
        found = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        told = (found["as_of"], found["model"]["name"], found["files"][SCORES]["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if told[0] is not None else None


def _whole(folder: Path, manifest: Mapping[str, Any]) -> bool:
    """Whether the scores are those of the manifest: a run that was killed while it delivered may have left others."""
    try:
        with (folder / SCORES).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == manifest["files"][SCORES]["sha256"]
    except OSError:
        return False
