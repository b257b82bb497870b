"""From a fitted model to the leads to call."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.utils.validation import check_is_fitted

from propensity import markup, serving
from propensity.config import Config
from propensity.config.file import load_config
from propensity.errors import UsageError
from propensity.features.catalogue import parameters
from propensity.features.frame import FeatureQuery, features_of
from propensity.listing import stale
from propensity.model.bundle import Bundle, FeatureColumn, Tiers, bundle_from
from propensity.model.classifier import PropensityClassifier
from propensity.notebook.judging import learned_to, refuse_other_columns
from propensity.notebook.tables import Crm, shown
from propensity.scoring.lists import rank_parts
from propensity.scoring.reasons import AGAINST, FOR
from propensity.scoring.score import ScoredParts, refuse_other_features, score_parts
from propensity.scratch import Scratch
from propensity.timeline.snapshots import scoring_spine

if TYPE_CHECKING:
    import pandas as pd

_IN_TEXT, _IN_HTML = 10, 20


@dataclass(frozen=True)
class Scored:
    """Every lead at one as_of with its probability, in the order of the probabilities.

    Attributes
    ----------
    crm
        The connection they are of.
    as_of
        The instant at which we stand (UTC); None where leads have no dates.
    bundle
        The model as it would be saved.
    query, parts
        The features of these leads, and where they lie on disk until this object is gone.
    table
        Arrow: lead_id, account_id, as_of, margin (log odds), probability, tier.
    """

    crm: Crm
    as_of: datetime | None
    bundle: Bundle
    query: FeatureQuery
    parts: ScoredParts
    table: pa.Table

    def __len__(self) -> int:
        return self.table.num_rows

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to know before using them."""
        most = self.crm.config.checks.max_quarantined_share
        found = (
            *stale(self.as_of, self.crm.through),
            *self.parts.surprises.warnings(max_share=most),
        )
        learned = learned_to(self.bundle)
        if learned is None or self.as_of is None or learned < self.as_of:
            return found
        told = (
            f"the model learned from snapshots up to {shown(learned)}, not before {shown(self.as_of)}: these scores know "
            "what came after. To see how it would have done then, fit it on older snapshots"
        )
        return (*found, told)

    def to_pandas(self) -> pd.DataFrame:
        """The scores, a row a lead, most probable first."""
        return self.table.to_pandas()

    def __repr__(self) -> str:
        tiers = ", ".join(f"{tier} {leads}" for tier, leads, _ in self._tiers())
        return "\n".join(
            [f"{self._title()}; tiers {tiers}", *(f"  warning: {line}" for line in self.warnings)]
        )

    def _repr_html_(self) -> str:
        tiers = markup.table(["tier", "leads", "mean probability"], self._tiers(), align="lrr")
        return markup.paragraph(self._title()) + markup.bullets(self.warnings) + tiers

    def _title(self) -> str:
        p = self.table["probability"].to_numpy()
        return (
            f"{len(p):,} leads scored as of {shown(self.as_of)}: probability of conversion within "
            f"{self.bundle.horizon_days} days from {p.min():.1%} to {p.max():.1%}, {p.mean():.1%} on average"
        )

    def _tiers(self) -> list[tuple[str, str, str]]:
        tiers, p = self.table["tier"].to_numpy(), self.table["probability"].to_numpy()
        return [
            (t, f"{(tiers == t).sum():,}", f"{p[tiers == t].mean():.1%}") for t in sorted(set(tiers.tolist()))
        ]


@dataclass(frozen=True)
class CallList:
    """The leads to call, in order, with reasons.

    Attributes
    ----------
    table
        Arrow, the columns of the nightly `list.parquet`: rank, lead_id, contact_name, ..., tier, probability, reason_1
        to reason_3, against, ...
    removed
        Leads that are not listed, by cause; every cause is named, also with 0.
    as_of
        The instant at which we stand (UTC).
    """

    table: pa.Table
    removed: dict[str, int]
    as_of: datetime | None

    def __len__(self) -> int:
        return self.table.num_rows

    def to_pandas(self) -> pd.DataFrame:
        """The list, a row a lead."""
        return self.table.to_pandas()

    def __repr__(self) -> str:
        rows = self.table.slice(0, _IN_TEXT).to_pylist()
        lines = [
            f"  {row['rank']:>4} {row['lead_id']:12} {row['tier']} {row['probability']:6.1%}  {row['reason_1'] or ''}"
            for row in rows
        ]
        return "\n".join([self._title(), *lines, *self._rest(len(rows))])

    def _repr_html_(self) -> str:
        rows = self.table.slice(0, _IN_HTML).to_pylist()
        cells = [
            (
                str(row["rank"]),
                row["lead_id"],
                "\n".join(part for part in (row["contact_name"], row["company"]) if part),
                row["tier"],
                f"{row['probability']:.1%}",
                "\n".join(row[name] for name in FOR if row[name]),
                row[AGAINST],
            )
            for row in rows
        ]
        head = ["rank", "lead", "who", "tier", "probability", "why", "against"]
        return (
            markup.paragraph(self._title())
            + markup.table(head, cells, align="rlllrll")
            + "".join(markup.paragraph(line.strip()) for line in self._rest(len(rows)))
        )

    def _title(self) -> str:
        gone = ", ".join(
            f"{count:,} {cause.replace('_', ' ')}" for cause, count in self.removed.items() if count
        )
        return f"{len(self):,} leads to call as of {shown(self.as_of)}; not listed: {gone or 'none'}"

    def _rest(self, rows: int) -> list[str]:
        return [f"  and {len(self) - rows:,} more; .to_pandas() has them all"] if len(self) > rows else []


def load_model(
    source: Crm | Config | str | Path, version: str | int | None = None, *, judged: bool = False
) -> Bundle:
    """A registered model, to score with it, or to compare with it.

    Parameters
    ----------
    source
        An open connection, a configuration or its YAML file: they say where the registry is.
    version
        A registered version; the champion by default.
    judged
        Whether to take the one that was fitted on the training's past only. The registered model itself has learned
        from all matured snapshots, so that nothing is left to judge it on.

    Raises
    ------
    RegistryError
        There is no such version, or no champion.
    """
    config = source.config if isinstance(source, Crm) else source
    if not isinstance(config, Config):
        config = load_config(Path(config))
    number = None if version is None else str(version)
    found, bundle = serving.load_model(config, number)
    return serving.registry_of(config).judged(found) if judged else bundle


def score(
    model: PropensityClassifier | Bundle, crm: Crm, *, as_of: str | date | datetime | None = None
) -> Scored:
    """Every lead's probability at one instant.

    Parameters
    ----------
    model
        A PropensityClassifier that was fitted on `features(crm, ...)`, or what `load_model` gives.
    crm
        The connection.
    as_of
        The instant to stand at: an ISO 8601 date or time (UTC where it has no zone), a date (its midnight, UTC), or a
        datetime with a zone. How far the data reach by default.

    Raises
    ------
    UsageError
        as_of is none, or has no zone; the model is none that can be explained.
    HistoryError
        No lead was created before as_of.
    FeatureMismatch
        The model was fitted on other columns than this connection gives.
    """
    canonical = crm.canonical
    moment = instant_of(as_of, crm)
    query = features_of(canonical, scoring_spine(canonical, moment))
    bundle = _bundle(model, query)
    scratch = Scratch()
    try:
        batch_rows, threads = canonical.config.lists.batch_rows, canonical.config.engine.threads
        parts = score_parts(query, bundle, scratch.path, batch_rows=batch_rows, threads=threads)
        falling = [("probability", "descending"), ("margin", "descending")]
        table = pq.read_table(parts.scores).sort_by(
            [*falling, ("tie", "ascending"), ("lead_id", "ascending")]
        )
    except BaseException:
        scratch.remove()
        raise
    scored = Scored(crm, moment, bundle, query, parts, table.drop_columns(["tie"]))
    weakref.finalize(scored, scratch.remove)
    return scored


def rank(scored: Scored, *, capacity: int | None = None) -> CallList:
    """Gate, rank and explain: the list that the nightly job would deliver.

    Parameters
    ----------
    scored
        What `score` gives; its connection must still be open.
    capacity
        Leads that the list holds (a whole number); `lists.capacity` of the configuration by default.

    Raises
    ------
    UsageError
        capacity is not a whole number of at least 1, or the connection is closed.
    """
    canonical = scored.crm.canonical
    leads = None if capacity is None else _at_least_one(capacity)
    threads = canonical.config.engine.threads
    ranking = rank_parts(
        scored.query, scored.bundle, scored.parts, scored.as_of, capacity=leads, threads=threads
    )
    return CallList(canonical.engine.collect(ranking.listed), ranking.removed, scored.as_of)


def _at_least_one(capacity: Any) -> int:
    if isinstance(capacity, bool) or not isinstance(capacity, int | np.integer) or capacity < 1:
        raise UsageError(
            f"capacity is how many leads can be called, at least 1; found {capacity!r}. Leave it out to list all of them."
        )
    return int(capacity)


def instant_of(as_of: Any, crm: Crm) -> datetime | None:
    """The instant in UTC that `score` means by `as_of`; how far the data reach where it is None."""
    if as_of is None:
        return crm.through
    if not crm.canonical.dated:
        raise UsageError("as_of needs leads with dates, and these have none. Leave it out.")
    found = as_of
    try:
        if isinstance(as_of, str):
            found = datetime.fromisoformat(as_of)
            found = found.replace(tzinfo=UTC) if found.tzinfo is None else found
        elif isinstance(as_of, date) and not isinstance(as_of, datetime):
            found = datetime(as_of.year, as_of.month, as_of.day, tzinfo=UTC)
        # NaT is a datetime to Python, and the only one that is not itself.
        if isinstance(found, datetime) and found == found and found.tzinfo is not None:  # noqa: PLR0124
            utc = found.astimezone(UTC)
            return datetime.combine(utc.date(), utc.time(), UTC)
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f"as_of {as_of!r} is no date or time, such as 2026-06-01 or 2026-06-01T06:00+02:00."
        ) from error
    if isinstance(found, datetime) and found == found:  # noqa: PLR0124
        raise UsageError(
            f"as_of {found} has no time zone, and hours decide what was known. Give it one: "
            f'datetime(..., tzinfo=UTC), or the text "{found:%Y-%m-%d}" for midnight UTC.'
        )
    raise UsageError(
        f'as_of {as_of!r} is no date or time; give text such as "2026-06-01", or a datetime with a zone.'
    )


def _bundle(model: Any, query: FeatureQuery) -> Bundle:
    if isinstance(model, Bundle):
        refuse_other_features(model, query.features, query.spec_hash, parameters(query.canonical))
        return model
    if not isinstance(model, PropensityClassifier):
        raise UsageError(
            f"a {type(model).__name__} cannot score: the reasons come from the trees of a PropensityClassifier. Give one "
            "that is fitted on pp.features(crm, ...).X, or pp.load_model(crm)."
        )
    check_is_fitted(model)
    names = [feature.name for feature in query.features]
    refuse_other_columns(model.encoder_.names, names)
    config = query.canonical.config
    columns = [
        FeatureColumn(f.name, f.family, f.concept, f.unit, f.sentence, f.kind, f.direction)
        for f in query.features
    ]
    bundle = bundle_from(
        model,
        columns,
        tiers=_tiers(model, query),
        horizon_days=model.gap_.days if isinstance(model.gap_, timedelta) else config.outcome.horizon_days,
        spec_hash=query.spec_hash,
        metadata={"use": "notebook", "parameters": parameters(query.canonical), "as_of": _as_of_range(model)},
    )
    bundle.check([(feature.name, feature.kind) for feature in query.features])
    return bundle


def _as_of_range(model: PropensityClassifier) -> list[str] | None:
    """As a training writes it; None where it is not known as times."""
    last = learned_to(model)
    if not isinstance(last, datetime) or model.as_of_range_ is None:
        return None
    return [f"{edge:%Y-%m-%dT%H:%M:%SZ}" for edge in model.as_of_range_]


def _tiers(model: PropensityClassifier, query: FeatureQuery) -> Tiers:
    """As configured, else by the shares that training takes; without out-of-fold rows, of the leads to be scored."""
    cuts = query.canonical.config.model.tiers
    if cuts is not None:
        return Tiers(*cuts)
    if model.oof_ is not None:
        return Tiers.from_probabilities(model.oof_.after)
    return Tiers.from_probabilities(model.predict_proba(query.collect().values)[:, 1])
