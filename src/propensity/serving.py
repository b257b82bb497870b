"""Wiring of what uses a model: fetch it, score every lead with it, leave the list. What training needs is not loaded."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from propensity.delivery.database import upsert
from propensity.engines.garbage import settled
from propensity.errors import RegistryError
from propensity.listing import list_night
from propensity.nights import Nights
from propensity.results import ScoreResult
from propensity.scoring.ahead import meanwhile
from propensity.session import Progress, opened
from propensity.tracking.registry import Registry, Version
from propensity.tracking.store import Store

if TYPE_CHECKING:
    from propensity.config import Config
    from propensity.model.bundle import Bundle


def score(
    config: Config,
    *,
    out: Path | None = None,
    as_of: datetime | None = None,
    version: str | None = None,
    progress: Progress | None = None,
) -> ScoreResult:
    """Score every lead, rank those who may be called, and leave the list in `out`.

    Parameters
    ----------
    config
        The configuration that the model was trained with.
    out
        Folder of the list; `paths.out`/<as_of> by default. It takes the place of an earlier one as a whole; files in it
        that are not ours stay.
    as_of
        The instant to stand at (UTC); how far the data reach by default.
    version
        A registered version; the champion by default.
    progress
        Told what happens.
    """
    progress = progress or Progress()
    progress.step("Fetching the model")
    with (
        settled(),
        meanwhile(lambda: load_model(config, version)) as fetched,
        opened(config, progress) as session,
    ):
        model, bundle = fetched()
        nights = Nights(config)
        scored = list_night(session, model, bundle, nights, out=out, as_of=as_of, progress=progress)
        nights.record(scored.out)
        publish(config, scored, progress)
        return replace(scored, warnings=(*scored.warnings, *nights.warnings))


def publish(config: Config, scored: ScoreResult, progress: Progress) -> bool:
    """Write the scores and the list of a delivered night to the database that is configured; False where none is."""
    if config.lists.database is None:
        return False
    progress.step("Writing to the database")
    upsert(config.lists.database, scored.out, scored.as_of, (scored.model, scored.version))
    return True


def load_model(config: Config, version: str | None) -> tuple[Version, Bundle]:
    """The champion, or the version asked for, through the verified local cache.

    Raises
    ------
    RegistryError, BundleError
        There is none, the store does not answer, or what it gave is damaged.
    """
    registry = registry_of(config)
    found = registry.version(version) if version is not None else registry.champion()
    if found is None:
        raise RegistryError(
            f"model {config.tracking.model_name!r} has no champion. Run `propensity train`, then `propensity promote`, "
            "with the same --config."
        )
    return found, registry.bundle(found)


def registry_of(config: Config) -> Registry:
    """The models of a configuration, and the folder that keeps those that were fetched."""
    return Registry(Store.from_config(config.tracking), config.paths.models)
