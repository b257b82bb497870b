"""The saved model: a folder of text files that needs neither pickle nor scikit-learn to predict.

`bundle.json` holds everything but boosted trees, which are `model.txt` in LightGBM's own text; `manifest.json` the
SHA-256 and size of each. Loading checks every byte before anything is parsed.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from importlib.metadata import version as version_of
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow.types as pat

from propensity.errors import BundleError, FeatureMismatch
from propensity.model import files
from propensity.model.calibration import Calibrator, calibrator_from_dict
from propensity.model.cores import Boosted, Core, core_from_dict
from propensity.model.encoding import Encoder, Kind, kind_of
from propensity.model.intervals import Intervals
from propensity.model.tiers import Tiers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from propensity.model.classifier import PropensityClassifier

Floats = npt.NDArray[np.float64]
JSON = Any
MODEL: Final = "model.txt"
BUNDLE: Final = "bundle.json"


@dataclass(frozen=True)
class FeatureColumn:
    """One column the model reads, with the words for it.

    Attributes
    ----------
    name, family, concept, unit, sentence : as in the feature's spec; the sentence is a template for reasons.
    kind : "number" or "category".
    monotone : 1, -1, or 0 for no constraint.
    """

    name: str
    family: str = ""
    concept: str = ""
    unit: str = ""
    sentence: str = ""
    kind: Kind = "number"
    monotone: int = 0


@dataclass(frozen=True)
class Bundle:
    """A model as it is saved, moved and used for scoring.

    Attributes
    ----------
    core : what gives the margin: boosted trees or a simpler rung of the ladder; its columns are `features`, in order.
    calibrator : margin -> probability.
    features : the columns, in model order.
    categories : per category column its values in code order.
    tiers : cut points.
    horizon_days : how far ahead a conversion counts.
    spec_hash : of the feature specs that made the training table.
    metadata : JSON: seed, recipe, what the rung chose, the ladder's decisions, training as_of range, rows, conversions, data hash, metrics, versions ...
    intervals : probability -> its interval; None where nothing was held out, and in models of before there were any.
    """

    core: Core
    calibrator: Calibrator
    features: tuple[FeatureColumn, ...]
    categories: dict[str, tuple[str, ...]]
    tiers: Tiers
    horizon_days: int
    spec_hash: str
    metadata: dict[str, JSON]
    intervals: Intervals | None = None

    def __repr__(self) -> str:
        known = self.metadata
        learned = f", learned from {known['rows']:,} snapshots" if "rows" in known else ""
        return (
            f"Bundle: {self._kind()} on {len(self.features)} features, "
            f"{type(self.calibrator).__name__.lower()} calibration, horizon {self.horizon_days} days{learned}"
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Feature names in model order."""
        return tuple(f.name for f in self.features)

    @property
    def concepts(self) -> tuple[str, ...]:
        """Concepts in the order in which features first name them; a feature without one is its own."""
        return tuple(dict.fromkeys(f.concept or f.name for f in self.features))

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the hashes of the files: the same content has the same digest, wherever it lies."""
        return files.digest(self._contents())

    def margin(self, table: pa.Table, *, threads: int = 0) -> Floats:
        """Return (n,) log odds of an Arrow table that holds at least the model's columns, in any order.

        `threads` 0 is what OpenMP offers; the result does not depend on it.
        """
        return self._fitting().margin(self._encoder.columns(self._own(table)), threads=threads)

    def probability(self, margin: npt.ArrayLike) -> Floats:
        """Return (n,) calibrated probabilities."""
        return self.calibrator.transform(margin)

    def contributions(self, table: pa.Table, *, threads: int = 0) -> Floats:
        """Return (n, features) parts of the margin, without its base (`core.base`)."""
        return self._fitting().contributions(self._encoder.encode(self._own(table)), threads=threads)

    def by_concept(self, contributions: Floats) -> dict[str, Floats]:
        """Sum (n, features) contributions to (n,) per concept; keys in the order of `concepts`."""
        members: dict[str, list[int]] = {c: [] for c in self.concepts}
        for i, f in enumerate(self.features):
            members[f.concept or f.name].append(i)
        return {c: contributions[:, rows].sum(axis=1) for c, rows in members.items()}

    def check(self, found: Mapping[str, str] | Sequence[tuple[str, str]]) -> None:
        """Raise FeatureMismatch unless just the model's columns are there, each with its kind, in any order.

        Parameters
        ----------
        found : name -> kind ("number" or "category"), as pairs or a mapping.
        """
        have, want = dict(found), {f.name: f.kind for f in self.features}
        lines = [f"  - missing: {n} ({k})" for n, k in want.items() if n not in have]
        lines += [f"  + extra:   {n} ({k})" for n, k in have.items() if n not in want]
        lines += [
            f"  ~ changed: {n} was {want[n]}, is {k}" for n, k in have.items() if n in want and want[n] != k
        ]
        if lines:
            raise FeatureMismatch(
                "The features differ from those the model was trained on:\n"
                + "\n".join(lines)
                + "\nScore with the configuration of the training, or train a new model."
            )

    def save(self, folder: Path) -> Path:
        """Write the bundle as `folder`, whole or not at all; one that already holds the same is left alone.

        Raises
        ------
        BundleError
            `folder` exists and holds something else.
        """
        version = files.TREES_VERSION if isinstance(self.core, Boosted) else files.FORMAT_VERSION
        return files.write(Path(folder), self._contents(), version=version)

    @classmethod
    def load(cls, folder: Path, *, digest: str | None = None) -> Bundle:
        """Read a bundle after checking every file against the manifest, and the manifest against `digest` where given.

        Raises
        ------
        BundleError
            A file is missing, damaged or of another format version, or the whole is another model; the message names
            the file and both hashes.
        """
        folder = Path(folder)
        contents = files.read(folder, frozenset({MODEL, BUNDLE}), frozenset({BUNDLE}))
        if digest is not None and files.digest(contents) != digest:
            raise BundleError(
                f"{folder} holds the model {files.digest(contents)}, and {digest} is wanted. {files.RETRAIN}"
            )
        try:
            found = json.loads(contents[BUNDLE])
            bundle = cls(
                core=Boosted(contents[MODEL].decode())
                if MODEL in contents
                else core_from_dict(found["core"]),
                calibrator=calibrator_from_dict(found["calibrator"]),
                features=tuple(FeatureColumn(**f) for f in found["features"]),
                categories={k: tuple(v) for k, v in found["categories"].items()},
                tiers=Tiers(**found["tiers"]),
                horizon_days=int(found["horizon_days"]),
                spec_hash=str(found["spec_hash"]),
                metadata=found["metadata"],
                intervals=Intervals.from_dict(found["intervals"]) if "intervals" in found else None,
            )
        except (ValueError, KeyError, TypeError, AttributeError) as e:
            raise BundleError(
                f"{folder / BUNDLE} is intact but not a bundle this version reads: {e!r}. {files.RETRAIN}"
            ) from e
        return bundle

    def _kind(self) -> str:
        if isinstance(self.core, Boosted):
            return f"{self.metadata.get('n_trees', '?')} trees"
        return self.core.kind.replace("_", " ")

    def _fitting(self) -> Core:
        if self.core.width != len(self.features):
            what = "trees read" if isinstance(self.core, Boosted) else "model reads"
            raise BundleError(
                f"The {what} {self.core.width} columns, the bundle names {len(self.features)}. {files.RETRAIN}"
            )
        return self.core

    @cached_property
    def _encoder(self) -> Encoder:
        return Encoder(self.names, tuple(f.kind for f in self.features), self.categories)

    def _own(self, table: pa.Table) -> pa.Table:
        """The model's columns, in its order."""
        schema, names = table.schema, set(table.column_names)
        here = {
            f.name: _found_kind(schema.field(f.name).type, f.kind) for f in self.features if f.name in names
        }
        self.check(here)
        return table.select(list(self.names))

    def _contents(self) -> dict[str, bytes]:
        described = {
            "calibrator": self.calibrator.to_dict(),
            "categories": {k: list(v) for k, v in self.categories.items()},
            "features": [asdict(f) for f in self.features],
            "horizon_days": self.horizon_days,
            "metadata": self.metadata,
            "spec_hash": self.spec_hash,
            "tiers": asdict(self.tiers),
        }
        # An older propensity reads past what it does not know, so that this needs no format version of its own.
        if self.intervals is not None:
            described["intervals"] = self.intervals.to_dict()
        if isinstance(self.core, Boosted):
            return {BUNDLE: files.canonical(described), MODEL: self.core.text.encode()}
        return {BUNDLE: files.canonical({**described, "core": self.core.to_dict()})}


def bundle_from(
    classifier: PropensityClassifier,
    features: Sequence[FeatureColumn],
    *,
    tiers: Tiers,
    horizon_days: int,
    spec_hash: str,
    metadata: Mapping[str, JSON],
) -> Bundle:
    """Return the bundle of a fitted classifier; `features` describe its columns, in any order.

    Kinds are taken from the fit, n_trees, calibration and recipe are added to the metadata.

    Raises
    ------
    FeatureMismatch
        `features` are not the columns the classifier was fitted on.
    """
    learned = {
        "n_trees": classifier.n_trees_,
        "recipe": classifier.recipe_,
        "lightgbm": version_of("lightgbm"),
    }
    return assembled(
        Boosted.of(classifier.booster_),
        classifier.calibrator_,
        classifier.encoder_,
        features,
        tiers=tiers,
        horizon_days=horizon_days,
        spec_hash=spec_hash,
        metadata={**metadata, **learned},
    )


def assembled(  # noqa: PLR0913 - the parts of a bundle
    core: Core,
    calibrator: Calibrator,
    encoder: Encoder,
    features: Sequence[FeatureColumn],
    *,
    tiers: Tiers,
    horizon_days: int,
    spec_hash: str,
    metadata: Mapping[str, JSON],
    intervals: Intervals | None = None,
) -> Bundle:
    """Return the bundle of a fitted core; `features` describe the encoder's columns, in any order.

    Raises
    ------
    FeatureMismatch
        `features` are not the columns that the core was fitted on.
    """
    described = {f.name: f for f in features}
    missing = [n for n in encoder.names if n not in described]
    extra = [n for n in described if n not in encoder.names]
    if missing or extra:
        raise FeatureMismatch(
            f"The classifier's columns and the features differ: missing {missing}, extra {extra}."
        )
    columns = tuple(
        replace(described[name], kind=kind) for name, kind in zip(encoder.names, encoder.kinds, strict=True)
    )
    return Bundle(
        core=core,
        calibrator=calibrator,
        features=columns,
        categories=dict(encoder.categories),
        tiers=tiers,
        horizon_days=horizon_days,
        spec_hash=spec_hash,
        metadata=dict(metadata),
        intervals=intervals,
    )


def _found_kind(type_: pa.DataType, wanted: Kind) -> str:
    # A column without a single value has Arrow's null type, which is any kind.
    return wanted if pat.is_null(type_) else kind_of(type_) or str(type_)
