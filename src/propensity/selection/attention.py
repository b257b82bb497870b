"""What the model would be without the features of what reps did: their attention is not the lead's merit."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from propensity.selection.ladder import relearn

if TYPE_CHECKING:
    from propensity.config import Config
    from propensity.features.frame import FeatureFrame
    from propensity.features.spec import Feature
    from propensity.model.rungs import Learned
    from propensity.selection.ladder import Ladder

WITHOUT: Final = "without_outbound"
MIXED: Final = (
    "outbound", "unanswered", "response_hours", "reply_ratio", "inbound_share", "dialogue", "is_two_way", "channel_count",
    "channel_value", "active_days", "days_since_any", "longest_silence", "momentum",
)  # fmt: skip
"""Parts of names of features that count our acts, alone or among the lead's, or that take two to happen."""


def of_our_acts(feature: Feature, config: Config) -> bool:
    """Whether a feature tells what reps did: our acts, those that are mixed with ours, and dialogues.

    What the lead did in answer, such as opening an e-mail, stays: it is the lead's, though we came first.
    """
    if feature.family != "engagement":
        return False
    ours = [kind for kind, act in config.features.types.items() if act.direction == "outbound" or act.two_way]
    return any(word in feature.name for word in (*MIXED, *(f"engagement_{kind}_count" for kind in ours)))


def learned_without(
    ladder: Ladder, past: FeatureFrame, config: Config, *, dated: bool
) -> tuple[Learned, tuple[str, ...]] | None:
    """Learn the chosen rung once more, from the past alone, without what reps did.

    Returns
    -------
    The rung and the names that were left out; None where there is no such feature, or no other.
    """
    left = tuple(feature.name for feature in past.features if of_our_acts(feature, config))
    kept = tuple(feature for feature in past.features if feature.name not in left)
    if not left or not kept:
        return None
    return relearn(ladder, replace(past, features=kept), config, dated=dated), left
