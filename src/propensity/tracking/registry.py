"""Which model is in use, which wants its place, and how to go back."""

from __future__ import annotations

import json
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from propensity.errors import BundleError, RegistryError
from propensity.model.bundle import Bundle
from propensity.tracking._mlflow import error_code, opened
from propensity.tracking.experiment import CHALLENGER, DIGEST_TAG, JUDGED, JUDGED_DIGEST_TAG
from propensity.tracking.package import BUNDLE_PATH
from propensity.tracking.promotions import Promotion, read, write

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from propensity.tracking.store import Store

CHAMPION: Final = "champion"
_FORMER_TAG: Final = "former_champions"
_MOST_FORMER: Final = 100


@dataclass(frozen=True)
class Version:
    """One registered model.

    Attributes
    ----------
    name, number : of the model and of its version.
    run_id : the training.
    digest : of its bundle.
    created : when it was registered, UTC; not part of any output.
    """

    name: str
    number: str
    run_id: str
    digest: str
    created: datetime = field(compare=False, repr=False)

    @property
    def uri(self) -> str:
        """The address that MLflow loads it by."""
        return f"models:/{self.name}/{self.number}"


class _UnknownModelError(RegistryError):
    def __init__(self, store: Store) -> None:
        super().__init__(
            f"The registry {store.shown} has no model {store.model_name!r}. "
            "Train one first: propensity train ..."
        )


class Registry:
    """The models of one store under one name, and a folder that keeps those that were downloaded.

    Parameters
    ----------
    store : where MLflow keeps them.
    cache : folder; a model lies in `NAME/VERSION-DIGEST12/`. Only a saving of time: the registry alone
        says which version is meant, and every load checks every byte.
    """

    def __init__(self, store: Store, cache: Path) -> None:
        self.store = store
        self.cache = Path(cache)

    def champion(self) -> Version | None:
        """Return the version in use; None where none was promoted yet.

        Raises
        ------
        RegistryError
            The store does not answer.
        """
        return self._aliased(CHAMPION)

    def challenger(self) -> Version | None:
        """Return the newest version that wants the champion's place; None where there is none."""
        return self._aliased(CHALLENGER)

    def in_use(self) -> Version:
        """Return the champion.

        Raises
        ------
        RegistryError
            There is none, or the store does not answer.
        """
        found = self.champion()
        if found is None:
            raise RegistryError(
                f"No model {self.store.model_name!r} is in use in {self.store.shown}: no version has the "
                f"alias {CHAMPION!r}. Train and promote first: propensity train ...; propensity promote ..."
            )
        return found

    def version(self, number: str) -> Version:
        """Return a version by its number.

        Raises
        ------
        RegistryError
            There is no such version, it is not a propensity model, or the store does not answer.
        """
        with self._opened() as client:
            return self._version(client, number)

    def bundle(self, version: Version) -> Bundle:
        """Return the model of a version from the cache, downloading it first where it is not there.

        Raises
        ------
        BundleError
            The cached or the downloaded files are damaged; nothing is downloaded again by itself.
        RegistryError
            The store does not answer.
        """
        folder = self._folder(version)
        if folder.exists():
            return self.cached(version)
        with self._opened() as client:
            from mlflow.artifacts import download_artifacts  # noqa: PLC0415

            location = client.get_model_version_download_uri(version.name, version.number)

            def fetch(into: Path) -> None:
                download_artifacts(
                    artifact_uri=f"{location}/{BUNDLE_PATH}",
                    dst_path=str(into),
                    tracking_uri=self.store.uri,
                    registry_uri=self.store.uri,
                )

            return _kept(fetch, Path(BUNDLE_PATH).name, folder, version.digest)

    def cached(self, version: Version) -> Bundle:
        """Return the model of a version from the cache alone, every byte checked; the store is not asked.

        Raises
        ------
        BundleError
            The cached files are damaged.
        RegistryError
            It is not in the cache.
        """
        folder = self._folder(version)
        if not folder.exists():
            raise RegistryError(
                f"Version {version.number} of {version.name!r} is not in {self.cache} either."
            )
        return _loaded(folder, version.digest, f"Delete the folder {folder} and it is downloaded again.")

    def _folder(self, version: Version) -> Path:
        return self.cache / version.name / f"{version.number}-{version.digest[:12]}"

    def judged(self, version: Version) -> Bundle:
        """Return the model of the same training before its refit, which the gate compares; not cached.

        Raises
        ------
        BundleError
            The downloaded files are damaged.
        RegistryError
            The store does not answer, or the run is gone.
        """
        with self._opened() as client, tempfile.TemporaryDirectory(prefix="propensity-") as folder:
            digest = self._found(client, version.number).tags.get(JUDGED_DIGEST_TAG, "")
            client.download_artifacts(version.run_id, JUDGED, folder)
            return _loaded(Path(folder) / JUDGED, digest, "Train again: the store's copy is damaged.")

    def promote(self, version: Version, promotion: Promotion | None = None) -> Version | None:
        """Make `version` the champion and return the one it replaces; None where there was none.

        Promoting the champion again changes nothing and returns it. `promotion` says why, and is kept with the version.
        The alias moves in one step, so that there is exactly one champion whenever this is killed.

        Raises
        ------
        RegistryError
            There is no such version, or the store does not answer.
        """
        with self._opened() as client:
            self._version(client, version.number)
            model = self._model(client)
            champion = _alias(model, CHAMPION)
            # First, so that no champion is without its reasons.
            if promotion is not None:
                write(client, version.name, version.number, version.run_id, promotion)
            # Remembered first: a crash in between leaves the champion atop its own history, which is ignored.
            if champion is not None and champion != version.number:
                self._remember(client, [*_former(model), champion])
            client.set_registered_model_alias(version.name, CHAMPION, version.number)
            if _alias(model, CHALLENGER) == version.number:
                client.delete_registered_model_alias(version.name, CHALLENGER)
            return None if champion is None else self._version(client, champion)

    def promotion(self, version: Version) -> Promotion | None:
        """Return why a version was promoted; None where it never was, or before reasons were kept.

        Raises
        ------
        RegistryError
            There is no such version, or the store does not answer.
        """
        with self._opened() as client:
            return read(self._found(client, version.number).tags)

    def former(self) -> tuple[Version, tuple[str, ...]]:
        """Return the version that a rollback restores, and the numbers of later ones that were deleted since.

        Raises
        ------
        RegistryError
            There is no champion or no former one, or the store does not answer.
        """
        champion = self.in_use()
        with self._opened() as client:
            former, deleted = _former(self._model(client)), list[str]()
            while former and (former[-1] == champion.number or not self._exists(client, former[-1])):
                # A rollback that died half-way leaves the present champion among the former ones.
                gone = former.pop()
                deleted += [] if gone == champion.number else [gone]
            if former:
                return self._version(client, former[-1]), tuple(deleted)
        gone = f" (deleted since: version {', '.join(deleted)})" if deleted else ""
        raise RegistryError(
            f"There is no champion of {champion.name!r} before version {champion.number} to go back to{gone}; it stays. "
            "Promote a version by its number: propensity promote --model-version N ..."
        )

    def rollback(self) -> tuple[Version, Version]:
        """Restore the former champion; again for the one before it.

        Returns
        -------
        restored, replaced : Version

        Raises
        ------
        RegistryError
            There is no champion or no former one, or the store does not answer.
        """
        replaced, (restored, _) = self.in_use(), self.former()
        with self._opened() as client:
            former = _former(self._model(client))
            # The alias first: a crash in between leaves the champion atop its own history, which is ignored.
            client.set_registered_model_alias(replaced.name, CHAMPION, restored.number)
            self._remember(client, former[: _place(former, restored.number)])
            return restored, replaced

    @contextmanager
    def _opened(self) -> Generator[Any]:
        """Open the store; asking must not create the SQLite file where there is none."""
        if self.store.database is not None and not self.store.database.exists():
            raise _UnknownModelError(self.store)
        with opened(self.store) as client:
            yield client

    def _aliased(self, alias: str) -> Version | None:
        try:
            with self._opened() as client:
                number = _alias(self._model(client), alias)
                return None if number is None else self._version(client, number)
        except _UnknownModelError:
            return None

    def _model(self, client: Any) -> Any:
        from mlflow.exceptions import MlflowException  # noqa: PLC0415

        try:
            return client.get_registered_model(self.store.model_name)
        except MlflowException as error:
            if error_code(error) != "RESOURCE_DOES_NOT_EXIST":
                raise
            raise _UnknownModelError(self.store) from error

    def _found(self, client: Any, number: str) -> Any:
        from mlflow.exceptions import MlflowException  # noqa: PLC0415

        self._model(client)
        try:
            return client.get_model_version(self.store.model_name, number)
        except MlflowException as error:
            if error_code(error) not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                raise
            raise RegistryError(
                f"The model {self.store.model_name!r} has no version {number!r} in {self.store.shown}. "
                "See which there are with `propensity models`, or with `mlflow ui`."
            ) from error

    def _exists(self, client: Any, number: str) -> bool:
        """Whether a former champion was not deleted since."""
        try:
            self._found(client, number)
        except RegistryError:
            return False
        return True

    def _version(self, client: Any, number: str) -> Version:
        found = self._found(client, number)
        digest = found.tags.get(DIGEST_TAG)
        if digest is None:
            raise RegistryError(
                f"Version {number} of {self.store.model_name!r} was not registered by propensity: it has no "
                f"tag {DIGEST_TAG!r}. Use another tracking.model_name, or another version."
            )
        created = datetime.fromtimestamp(found.creation_timestamp / 1000, UTC)
        return Version(found.name, str(found.version), str(found.run_id), digest, created)

    def _remember(self, client: Any, former: list[str]) -> None:
        kept = json.dumps(former[-_MOST_FORMER:])
        client.set_registered_model_tag(self.store.model_name, _FORMER_TAG, kept)


def _alias(model: Any, alias: str) -> str | None:
    """Return the number an alias points to; a number to a database store, text to a server."""
    found = model.aliases.get(alias)
    return None if found is None else str(found)


def _former(model: Any) -> list[str]:
    """Return the numbers of former champions, the latest last."""
    numbers = [str(n) for n in json.loads(model.tags.get(_FORMER_TAG, "[]"))]
    while numbers and numbers[-1] == _alias(model, CHAMPION):
        numbers.pop()
    return numbers


def _place(former: list[str], number: str) -> int:
    """Where a number stands last."""
    return len(former) - 1 - former[::-1].index(number)


def _loaded(folder: Path, digest: str, remedy: str) -> Bundle:
    try:
        bundle = Bundle.load(folder)
    except BundleError as error:
        raise BundleError(f"{error} {remedy}") from error
    if bundle.digest != digest:
        raise BundleError(
            f"{folder} holds another model (digest {bundle.digest[:12]}) than the registry names "
            f"({digest[:12]}). {remedy}"
        )
    return bundle


def _kept(fetch: Callable[[Path], None], name: str, folder: Path, digest: str) -> Bundle:
    """Download beside `folder`, check, and move there: it appears whole or not at all."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".download-", dir=folder.parent))
    try:
        fetch(scratch)
        bundle = _loaded(scratch / name, digest, "The registry's copy is damaged: train again.")
        bundle.save(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return bundle
