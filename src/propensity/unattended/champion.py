"""The champion of tonight. The registry decides; only where it does not answer, the one it named last, verified."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from propensity.errors import RegistryError, RegistryUnavailable
from propensity.results import shown
from propensity.tracking.registry import Registry, Version
from propensity.tracking.store import Store
from propensity.unattended.retry import persisted

if TYPE_CHECKING:
    from propensity.config import Config
    from propensity.model.bundle import Bundle
    from propensity.unattended.events import Log

SEEN = "champion.json"


@dataclass(frozen=True)
class InUse:
    """A model to score with, and what must be said of how it was found."""

    version: Version
    bundle: Bundle
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Seen:
    """The version that a registry named last, and when."""

    store: str
    version: Version
    at: datetime


def champion_in_use(config: Config, log: Log) -> InUse:
    """The champion that the registry names; where it does not answer, the one that it named last, with a warning.

    Nothing else is ever put in its place: a registry that answers, and has no champion, has none; and a champion whose
    files are damaged is not replaced by an older one.

    Raises
    ------
    RegistryError
        There is no champion, or the registry does not answer and none was seen before.
    BundleError
        The champion's files are damaged.
    """
    registry = Registry(Store.from_config(config.tracking), config.paths.models)
    seen = last_seen(registry)
    try:
        version = persisted(lambda: _named(registry, seen), config.nightly.retry, log, what="model")
    except RegistryUnavailable as error:
        return _remembered(registry, seen, error, log)
    bundle = persisted(lambda: registry.bundle(version), config.nightly.retry, log, what="model")
    return InUse(version, bundle, _noted(registry, Seen(registry.store.shown, version, log.now)))


def _named(registry: Registry, seen: Seen | None) -> Version:
    database = registry.store.database
    if seen is not None and database is not None and not database.exists():
        # It was there: a file that is gone is no registry that says there is no champion.
        raise RegistryUnavailable(f"the registry {registry.store.shown} is gone: there is no such file.")
    return registry.in_use()


def _remembered(registry: Registry, seen: Seen | None, error: RegistryUnavailable, log: Log) -> InUse:
    if seen is None:
        raise error
    try:
        bundle = registry.cached(seen.version)
    except RegistryError as missing:
        raise RegistryError(f"{error} {missing}") from error
    days = (log.now - seen.at).total_seconds() / 86_400
    warning = (
        f"the registry {registry.store.shown} does not answer; scored with version {seen.version.number} of "
        f"{seen.version.name!r}, its champion when it last did ({shown(seen.at)}, {days:.1f} days ago). A promotion or "
        "rollback since then is not in this list."
    )
    return InUse(seen.version, bundle, (warning,))


def last_seen(registry: Registry) -> Seen | None:
    """The champion that this registry named last, as noted in the cache; None where nothing readable is noted of it."""
    try:
        found = json.loads(_path(registry).read_text(encoding="utf-8"))
        version = Version(
            found["name"],
            found["version"],
            found["run_id"],
            found["digest"],
            datetime.fromisoformat(found["created"]),
        )
        seen = Seen(found["store"], version, datetime.fromisoformat(found["seen_at"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    ours = (registry.store.shown, registry.store.model_name)
    return seen if (seen.store, version.name) == ours and seen.at.tzinfo is not None else None


def _noted(registry: Registry, seen: Seen) -> tuple[str, ...]:
    path = _path(registry)
    found = {
        "store": seen.store,
        "name": seen.version.name,
        "version": seen.version.number,
        "run_id": seen.version.run_id,
        "digest": seen.version.digest,
        "created": seen.version.created.astimezone(UTC).isoformat(),
        "seen_at": seen.at.isoformat(),
    }
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        return (
            f"{path} cannot be written: {error.strerror}. Without it a night fails when the registry does not answer.",
        )
    return ()


def _path(registry: Registry) -> Path:
    return registry.cache / registry.store.model_name / SEEN
