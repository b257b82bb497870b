"""The saved model: a folder of text files that needs neither pickle nor scikit-learn to predict.

`model.txt` is LightGBM's own text, `bundle.json` everything else, `manifest.json` the SHA-256 and size of
both. Loading checks every byte before anything is parsed.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
import pyarrow.types as pat

from propensity.errors import BundleError, FeatureMismatch
from propensity.model import files
from propensity.model.calibration import Calibrator, calibrator_from_dict
from propensity.model.encoding import Encoder, Kind, Matrix, kind_of
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
    booster_text : LightGBM's text format; the trees' columns are `features`, in order.
    calibrator : margin -> probability.
    features : the columns, in model order.
    categories : per category column its values in code order.
    tiers : cut points.
    horizon_days : how far ahead a conversion counts.
    spec_hash : of the feature specs that made the training table.
    metadata : JSON: seed, n_trees, training as_of range, rows, conversions, data hash, metrics, versions ...
    """

    booster_text: str
    calibrator: Calibrator
    features: tuple[FeatureColumn, ...]
    categories: dict[str, tuple[str, ...]]
    tiers: Tiers
    horizon_days: int
    spec_hash: str
    metadata: dict[str, JSON]

    def __repr__(self) -> str:
        known = self.metadata
        learned = f", learned from {known['rows']:,} snapshots" if "rows" in known else ""
        return (
            f"Bundle: {known.get('n_trees', '?')} trees on {len(self.features)} features, "
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
        found = self._booster.predict(self._encoded(table), raw_score=True, num_threads=threads)
        return np.asarray(found, dtype=np.float64)

    def probability(self, margin: npt.ArrayLike) -> Floats:
        """Return (n,) calibrated probabilities."""
        return self.calibrator.transform(margin)

    def contributions(self, table: pa.Table, *, threads: int = 0) -> Floats:
        """Return (n, features) parts of the margin (TreeSHAP), without the base value."""
        found = self._booster.predict(self._encoded(table), pred_contrib=True, num_threads=threads)
        return np.asarray(found, dtype=np.float64)[:, :-1]

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
        return files.write(Path(folder), self._contents())

    @classmethod
    def load(cls, folder: Path) -> Bundle:
        """Read a bundle after checking every file against the manifest.

        Raises
        ------
        BundleError
            A file is missing, damaged or of another format version; the message names the file and both
            hashes.
        """
        folder = Path(folder)
        contents = files.read(folder, frozenset({MODEL, BUNDLE}))
        try:
            found = json.loads(contents[BUNDLE])
            bundle = cls(
                booster_text=contents[MODEL].decode(),
                calibrator=calibrator_from_dict(found["calibrator"]),
                features=tuple(FeatureColumn(**f) for f in found["features"]),
                categories={k: tuple(v) for k, v in found["categories"].items()},
                tiers=Tiers(**found["tiers"]),
                horizon_days=int(found["horizon_days"]),
                spec_hash=str(found["spec_hash"]),
                metadata=found["metadata"],
            )
        except (ValueError, KeyError, TypeError, AttributeError) as e:
            raise BundleError(
                f"{folder / BUNDLE} is intact but not a bundle this version reads: {e!r}. {files.RETRAIN}"
            ) from e
        return bundle

    @cached_property
    def _booster(self) -> lgb.Booster:
        try:
            booster = lgb.Booster(model_str=self.booster_text)
        except lgb.basic.LightGBMError as e:
            raise BundleError(f"LightGBM cannot read the model's trees: {e}. {files.RETRAIN}") from e
        if booster.num_feature() != len(self.features):
            raise BundleError(
                f"The trees read {booster.num_feature()} columns, "
                f"the bundle names {len(self.features)}. {files.RETRAIN}"
            )
        return booster

    @cached_property
    def _encoder(self) -> Encoder:
        return Encoder(self.names, tuple(f.kind for f in self.features), self.categories)

    def _encoded(self, table: pa.Table) -> Matrix:
        schema, names = table.schema, set(table.column_names)
        here = {
            f.name: _found_kind(schema.field(f.name).type, f.kind) for f in self.features if f.name in names
        }
        self.check(here)
        return self._encoder.encode(table.select(list(self.names)))

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
        return {BUNDLE: files.canonical(described), MODEL: self.booster_text.encode()}


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
    encoder = classifier.encoder_
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
    learned = {"n_trees": classifier.n_trees_, "recipe": classifier.recipe_, "lightgbm": lgb.__version__}
    return Bundle(
        booster_text=portable(classifier.booster_.model_to_string()),
        calibrator=classifier.calibrator_,
        features=columns,
        categories=dict(encoder.categories),
        tiers=tiers,
        horizon_days=horizon_days,
        spec_hash=spec_hash,
        metadata={**metadata, **learned},
    )


def portable(booster_text: str) -> str:
    """Return LightGBM's text without the number of threads, in which alone equal models differ."""
    head, mark, parameters = booster_text.partition("\nparameters:\n")
    lines = [
        "[num_threads: 0]" if line.startswith("[num_threads:") else line for line in parameters.split("\n")
    ]
    return head + mark + "\n".join(lines)


def _found_kind(type_: pa.DataType, wanted: Kind) -> str:
    # A column without a single value has Arrow's null type, which is any kind.
    return wanted if pat.is_null(type_) else kind_of(type_) or str(type_)
