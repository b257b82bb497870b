"""What the other leads of the same account do."""

from __future__ import annotations

from propensity.features.counters import Counter
from propensity.features.engagement import engagement_feature
from propensity.features.spec import Feature


def account_features(*, with_activities: bool) -> list[Feature]:
    """What the lead's colleagues do: totals of the account without the lead itself."""
    features = [
        engagement_feature(
            "account_other_leads", "colleagues who are leads", "leads", "{value} colleagues are leads as well",
            "account_leads", lambda t: t.count().cast("float64"),
            null_when="the lead has no account", zero="no colleague is a lead",
        )
    ]  # fmt: skip
    if not with_activities:
        return features
    for days in (30, 90):
        for way in ("inbound", "outbound"):
            did = "did something" if way == "inbound" else "were approached"
            features.append(
                engagement_feature(
                    f"account_others_{way}_count_{days}d", "what colleagues do" if way == "inbound" else "colleagues approached",
                    "acts", f"colleagues {did} {{times}} in the last {days} days", "account_activities",
                    Counter(days, direction=way), null_when="the lead has no account",
                    zero=f"colleagues {did.replace('did something', 'did nothing').replace('were', 'were not')} in the last {days} days",
                )
            )  # fmt: skip
    return features
