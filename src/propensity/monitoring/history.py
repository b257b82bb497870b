"""The nights as monitoring knows them: one small JSON file a night, kept when the lists themselves are gone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from propensity.delivery.figures import write_figures
from propensity.errors import DeliveryError
from propensity.monitoring.night import PROFILE, VERSION

FOLDER: Final = "monitor"
"""Below paths.reports."""
_MODELS: Final = "models"
_OUTCOMES: Final = "outcomes"
_WEEKS: Final = (1, 2, 3, 4)
_WEEK: Final = timedelta(days=7)
_HALF_A_DAY: Final = timedelta(hours=12)


@dataclass(frozen=True)
class Night:
    """One night's aggregates, as `profile.json` has them.

    Attributes
    ----------
    as_of : ISO 8601 with Z; None for data without dates.
    data_through : how far the data reached.
    model : name, version, digest.
    reference : of the model; None for a model that keeps none.
    night : what was counted.
    tables : what arrived.
    surprises : empty and new.
    """

    as_of: str | None
    data_through: str | None
    model: Mapping[str, str]
    reference: Mapping[str, Any] | None
    night: Mapping[str, Any]
    tables: Mapping[str, Any]
    surprises: Mapping[str, Any]

    @property
    def at(self) -> datetime | None:
        """as_of as an instant."""
        return None if self.as_of is None else datetime.fromisoformat(self.as_of)

    def population(self, name: str) -> Mapping[str, Any] | None:
        """Rows, mean probability and counts of `open` or `new`; None where it has no lead."""
        return self.night["populations"].get(name)

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> Night:
        """From the content of a file."""
        names = ("as_of", "data_through", "model", "reference", "night", "tables", "surprises")
        return cls(**{name: found[name] for name in names})


class History:
    """The nights below `paths.reports`; a night that is made again takes its own place, and no other changes.

    Parameters
    ----------
    reports
        `paths.reports`.
    """

    def __init__(self, reports: Path) -> None:
        self.folder = reports / FOLDER

    def nights(self) -> list[Night]:
        """All of them, by as_of."""
        found = [night for path in sorted(self.folder.glob("night-*.json")) if (night := self._read(path))]
        return sorted(found, key=lambda night: night.as_of or "")

    def add(self, night: Night) -> bool:
        """Keep a night, and its model's reference once; return whether the night was not there, or differed.

        Raises
        ------
        DeliveryError
            The folder cannot be written.
        """
        if night.reference is not None:
            model = self.folder / _MODELS / f"{night.model['digest']}.json"
            if not model.exists():
                write_figures(model, night.reference, setting="paths.reports", indent=None)
        kept = {
            "version": VERSION,
            "as_of": night.as_of,
            "data_through": night.data_through,
            "model": dict(night.model),
            "night": night.night,
            "tables": night.tables,
            "surprises": night.surprises,
        }
        path = self.folder / f"night-{_stamp(night.as_of)}.json"
        if _json(path) == kept:
            return False
        write_figures(path, kept, setting="paths.reports", indent=None)
        return True

    def verdicts(self) -> dict[str, Mapping[str, Any]]:
        """What was found night by night, by as_of."""
        found = [_json(path) for path in sorted(self.folder.glob("verdict-*.json"))]
        return {one["as_of"] or "": one for one in found if one is not None}

    def add_verdict(self, verdict: Mapping[str, Any]) -> None:
        """Keep what was found of a night."""
        path = self.folder / f"verdict-{_stamp(verdict['as_of'])}.json"
        if _json(path) != verdict:
            write_figures(path, verdict, setting="paths.reports", indent=None)

    def outcomes(self) -> dict[str, Mapping[str, Any]]:
        """What came of matured nights, by as_of."""
        found = [_json(path) for path in sorted((self.folder / _OUTCOMES).glob("*.json"))]
        return {one["as_of"]: one for one in found if one is not None and "as_of" in one}

    def add_outcome(self, outcome: Mapping[str, Any]) -> None:
        """Keep what came of a night."""
        path = self.folder / _OUTCOMES / f"{_stamp(outcome['as_of'])}.json"
        if _json(path) != outcome:
            write_figures(path, outcome, setting="paths.reports", indent=None)

    def _read(self, path: Path) -> Night | None:
        found = _json(path)
        if found is None or found.get("version") != VERSION:
            return None
        reference = _json(self.folder / _MODELS / f"{found['model']['digest']}.json")
        return Night.of({**found, "reference": reference})


def recent(nights: Sequence[Night], night: Night) -> list[Night]:
    """Of the same model, the nights one to four whole weeks before, give or take half a day; the newest first.

    The same weekday, for what was done lately hangs on it: no other night stands in. A week apart, for windows of a week
    then share nothing.
    """
    here = night.at
    if here is None:
        return []
    found: list[Night] = []
    for weeks in _WEEKS:
        held = [
            (abs(here - weeks * _WEEK - one.at), one)
            for one in nights
            if one.at is not None and one.model["digest"] == night.model["digest"]
        ]
        near = [(away, one) for away, one in held if away <= _HALF_A_DAY]
        if near:
            found.append(min(near, key=lambda pair: (pair[0], pair[1].as_of or ""))[1])
    return found


def left_nights(out: Path) -> list[Night]:
    """The nights whose folders lie below `out` and hold a profile, by as_of."""
    found = [_json(path) for path in sorted(out.glob(f"*/{PROFILE}"))]
    nights = [Night.of(one) for one in found if one is not None and one.get("version") == VERSION]
    return sorted(nights, key=lambda night: night.as_of or "")


def _stamp(as_of: str | None) -> str:
    return "undated" if as_of is None else as_of.replace(":", "").replace("/", "")


def _json(path: Path) -> dict[str, Any] | None:
    """None for a file that is not there; one that cannot be read stops the run: a gap would hide drift."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise DeliveryError(
            f"{path} cannot be read ({error}). Restore it, or remove it: monitoring then goes on without that night."
        ) from error
