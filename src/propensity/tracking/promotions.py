"""Why a version became champion, kept with it: tags on the version and on its run, and the whole table as a file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from propensity.masking import masked
from propensity.stats.evaluation import json_safe

FILE: Final = "gate/gate.json"
_VERDICT: Final = "gate_verdict"
_AGAINST: Final = "gate_against"
_REASON: Final = "gate_reason"
_OVERRIDDEN: Final = "gate_overridden"
_TABLE: Final = "gate_table"
_NOTHING: Final = "-"
# Older tracking servers hold no more than 5,000 characters in a tag.
_LONGEST: Final = 4_000


@dataclass(frozen=True)
class Promotion:
    """Why a version was promoted.

    Attributes
    ----------
    against : number of the champion that it replaced; None for the first.
    reason : why it was forced; None where it passed.
    overridden : names of the checks that were overridden.
    table : the gate's table as text.
    gate : the same as JSON; empty when read back, since it lies in the run's `gate/gate.json`.
    """

    against: str | None
    reason: str | None
    overridden: tuple[str, ...]
    table: str
    gate: Mapping[str, Any]

    @property
    def sentence(self) -> str:
        """Why it was promoted, in plain words."""
        rival = "as the first champion" if self.against is None else f"against version {self.against}"
        if self.reason is None:
            return f"it passed the gate {rival}"
        what = (
            f", overriding {', '.join(self.overridden)}"
            if self.overridden
            else ", though nothing stood against it"
        )
        return f'it was forced {rival}{what}: "{self.reason}"'

    def to_dict(self) -> dict[str, Any]:
        """JSON types."""
        return {
            "against": self.against,
            "forced": self.reason is not None,
            "reason": self.reason,
            "overridden": list(self.overridden),
        }


def write(client: Any, name: str, number: str, run_id: str, promotion: Promotion) -> None:
    """Keep `promotion` with a version and its run; what an earlier promotion of it left is replaced."""
    told = {**promotion.to_dict(), "gate": promotion.gate}
    text = json.dumps(json_safe(masked(told)), indent=1, ensure_ascii=False, allow_nan=False)
    client.log_text(run_id, text + "\n", FILE)
    for key, value in _tags(promotion).items():
        client.set_tag(run_id, key, value)
        client.set_model_version_tag(name, number, key, value)


def read(tags: Mapping[str, str]) -> Promotion | None:
    """Return what the tags of a version say; None for one promoted before they were kept."""
    if _VERDICT not in tags:
        return None
    found = {key: tags.get(key, _NOTHING) for key in (_AGAINST, _REASON, _OVERRIDDEN, _TABLE)}
    said = {key: None if value == _NOTHING else value for key, value in found.items()}
    overridden = tuple((said[_OVERRIDDEN] or "").split(", ")) if said[_OVERRIDDEN] else ()
    reason = (said[_REASON] or "") if tags[_VERDICT] == "forced" else None
    return Promotion(said[_AGAINST], reason, overridden, said[_TABLE] or "", {})


def plain(text: str) -> str:
    """Return `text` in one line without secrets or characters that a terminal would obey."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return str(masked(" ".join(printable.split())))


def _tags(promotion: Promotion) -> dict[str, str]:
    return {
        _VERDICT: "passed" if promotion.reason is None else "forced",
        _AGAINST: promotion.against or _NOTHING,
        _REASON: _cut(plain(promotion.reason or "")) or _NOTHING,
        _OVERRIDDEN: _cut(", ".join(promotion.overridden)) or _NOTHING,
        _TABLE: _cut(str(masked(promotion.table))) or _NOTHING,
    }


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}\n... the rest is in the run's {FILE}"
