"""The saved model: a folder of text files that needs neither pickle nor scikit-learn to predict.

`model.txt` is LightGBM's own text, `bundle.json` everything else, `manifest.json` the SHA-256 and size of
both. Loading checks every byte before anything is parsed.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from propensity.errors import BundleError, FeatureMismatch
from propensity.model.calibration import Calibrator, calibrator_from_dict
from propensity.model.encoding import Encoder, Kind, Matrix, kind_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from propensity.model.classifier import PropensityClassifier

Floats = npt.NDArray[np.float64]
JSON = Any
FORMAT_VERSION: Final = 1
MODEL, BUNDLE, MANIFEST = "model.txt", "bundle.json", "manifest.json"
_RETRAIN: Final = "Fetch the model again from the registry, or train a new one."


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
class Tiers:
    """Fixed probability cut points: from `a` on it is tier A, from `b` on B, from `c` on C, else D."""

    a: float
    b: float
    c: float

    def __post_init__(self) -> None:
        if not 1 >= self.a >= self.b >= self.c >= 0:
            raise ValueError(
                f"Tiers must fall from A to C within [0, 1]; found a={self.a}, b={self.b}, c={self.c}."
            )

    @classmethod
    def from_probabilities(
        cls, probabilities: npt.ArrayLike, *, shares: tuple[float, float, float] = (0.1, 0.3, 0.6)
    ) -> Tiers:
        """Cut so that these cumulative shares of (n,) probabilities reach A, B and C; ties may add to them."""
        p = np.asarray(probabilities, dtype=np.float64)
        a, b, c = np.quantile(p, [1 - share for share in shares], method="inverted_cdf")
        return cls(float(a), float(b), float(c))

    def of(self, probabilities: npt.ArrayLike) -> npt.NDArray[np.str_]:
        """Return (n,) tiers "A" to "D".

        Examples
        --------
        >>> Tiers(0.5, 0.3, 0.1).of([0.5, 0.31, 0.1, 0.0]).tolist()
        ['A', 'B', 'C', 'D']
        """
        p = np.asarray(probabilities, dtype=np.float64)
        return np.array(["D", "C", "B", "A"])[(p >= self.c).astype(int) + (p >= self.b) + (p >= self.a)]


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
        return _digest({name: _sha(content) for name, content in self._contents().items()})

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
        folder = Path(folder)
        contents = self._contents()
        contents[MANIFEST] = _manifest(contents)
        folder.parent.mkdir(parents=True, exist_ok=True)
        if _holds(folder, contents):
            return folder
        if folder.exists():
            raise BundleError(
                f"{folder} exists and holds something else than this model; choose another folder."
            )
        scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            for name, content in contents.items():
                (scratch / name).write_bytes(content)
            scratch.chmod(0o755)
            try:
                scratch.rename(folder)
            except OSError as e:
                # Another process may have been first; that is fine if it wrote the same.
                if not _holds(folder, contents):
                    raise BundleError(f"Cannot write the model to {folder}: {e}.") from e
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        return folder

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
        contents = _verified(folder)
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
                f"{folder / BUNDLE} is intact but not a bundle this version reads: {e!r}. {_RETRAIN}"
            ) from e
        return bundle

    @cached_property
    def _booster(self) -> lgb.Booster:
        try:
            booster = lgb.Booster(model_str=self.booster_text)
        except lgb.basic.LightGBMError as e:
            raise BundleError(f"LightGBM cannot read the model's trees: {e}. {_RETRAIN}") from e
        if booster.num_feature() != len(self.features):
            raise BundleError(
                f"The trees read {booster.num_feature()} columns, "
                f"the bundle names {len(self.features)}. {_RETRAIN}"
            )
        return booster

    @cached_property
    def _encoder(self) -> Encoder:
        return Encoder(self.names, tuple(f.kind for f in self.features), self.categories)

    def _encoded(self, table: pa.Table) -> Matrix:
        names = set(table.column_names)
        if not names.issuperset(self.names):
            here = {
                f.name: _kind_name(table.schema.field(f.name).type) for f in self.features if f.name in names
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
        return {BUNDLE: _canonical(described), MODEL: self.booster_text.encode()}


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


def _kind_name(type_: pa.DataType) -> str:
    return kind_of(type_) or str(type_)


def _canonical(value: JSON) -> bytes:
    return (json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _digest(hashes: Mapping[str, str]) -> str:
    return _sha("".join(f"{name} {hashes[name]}\n" for name in sorted(hashes)).encode())


def _manifest(contents: Mapping[str, bytes]) -> bytes:
    hashes = {name: _sha(content) for name, content in contents.items()}
    files = {name: {"bytes": len(contents[name]), "sha256": sha} for name, sha in hashes.items()}
    digest = _digest(hashes)
    return _canonical(
        {"digest": digest, "files": files, "format": "propensity-bundle", "format_version": FORMAT_VERSION}
    )


def _holds(folder: Path, contents: Mapping[str, bytes]) -> bool:
    return (
        folder.is_dir()
        and {p.name for p in folder.iterdir()} == set(contents)
        and all((folder / name).read_bytes() == content for name, content in contents.items())
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as e:
        raise BundleError(f"{path} is missing or unreadable ({e.strerror}). {_RETRAIN}") from e


def _verified(folder: Path) -> dict[str, bytes]:
    """Return the files' bytes once each agrees with the manifest, and the manifest with itself."""
    raw = _read(folder / MANIFEST)
    try:
        manifest = json.loads(raw)
        version = manifest["format_version"]
        if manifest["format"] != "propensity-bundle" or version != FORMAT_VERSION:
            raise BundleError(
                f"{folder / MANIFEST} says format {manifest['format']!r} version {version!r}; this propensity "
                f"reads 'propensity-bundle' version {FORMAT_VERSION}. Upgrade it, or train a new model."
            )
        wanted = {str(name): str(entry["sha256"]) for name, entry in manifest["files"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as e:
        raise BundleError(f"{folder / MANIFEST} is damaged: {e!r}. {_RETRAIN}") from e
    if set(wanted) != {MODEL, BUNDLE}:
        raise BundleError(f"{folder / MANIFEST} lists {sorted(wanted)}, not {[BUNDLE, MODEL]}. {_RETRAIN}")
    contents = {name: _read(folder / name) for name in sorted(wanted)}
    for name, content in contents.items():
        if _sha(content) != wanted[name]:
            raise BundleError(
                f"{folder / name} is damaged: its SHA-256 is {_sha(content)}, "
                f"the manifest says {wanted[name]}. {_RETRAIN}"
            )
    if raw != _manifest(contents):
        raise BundleError(f"{folder / MANIFEST} is damaged: it does not describe its own files. {_RETRAIN}")
    return contents
