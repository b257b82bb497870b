"""Features of the data scientist's own: `Feature` objects in a Python file that the configuration names.

The file is code that runs. Its features get the tables that the shipped ones get, already cut at as_of and without the
label, and may only speak of one lead at one as_of: what would mix rows of several is refused.
"""

from __future__ import annotations

import hashlib
import re
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, get_args

import ibis.expr.operations as ops
import ibis.expr.types as ir

from propensity.errors import ConfigError
from propensity.features.spec import Family, Feature, Kind

if TYPE_CHECKING:
    from propensity.config import FeaturesConfig
    from propensity.engines.untyped import Table, Value

TABLES = ("attributes", "activities", "stages", "budgets", "features")
"""What a feature of one's own may be over."""
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)+")
_ROW_WISE = ("attributes", "features")
_MOST_COLUMNS = 60


def own_features(config: FeaturesConfig) -> list[Feature]:
    """Run the files of `features.own` and take the features that they declare, in the order of their declaration.

    A declaration is a `Feature` under a name of the module, or in a list or tuple under one.

    Raises
    ------
    ConfigError
        A file is missing, cannot run, declares nothing, or declares what is no feature; names the file and the line.
    """
    return [feature for path in config.own for feature in _declared(path)]


def own_digests(config: FeaturesConfig) -> dict[str, str]:
    """SHA-256 of each file of `features.own` by its place and name: a model is of one version of them."""
    return {
        f"{place} {path.name}": hashlib.sha256(_source(path)).hexdigest()
        for place, path in enumerate(config.own, 1)
    }


def value_of(feature: Feature, table: Table) -> Value:
    """The feature's expression over its table; that of a feature of one's own is checked first.

    Raises
    ------
    ConfigError
        It fails, is no column or aggregate of the kind that it says, or mixes the rows of several leads or instants.
    """
    if not feature.origin:
        return feature.expression(table)
    try:
        value: Any = feature.expression(table)
    except Exception as error:
        columns = ", ".join(table.columns[:_MOST_COLUMNS])
        raise _mistake(
            feature,
            f"the expression fails: {_in_short(error)}. The table {feature.over!r} has the columns {columns}",
            error,
        ) from error
    if not isinstance(value, ir.Value):
        raise _mistake(feature, f"the expression gives {type(value).__name__}, not a column of an Ibis table")
    wanted = "text" if feature.kind == "category" else "a number"
    kind = value.type()
    if not (kind.is_string() if feature.kind == "category" else kind.is_numeric() or kind.is_boolean()):
        raise _mistake(
            feature, f"its kind is {feature.kind!r}, which wants {wanted}, but the expression gives {kind}"
        )
    _refuse_other_rows(feature, value)
    return value


def blamed(features: Sequence[Feature], failing: Any) -> ConfigError | None:
    """Which feature of one's own cannot be computed, though its expression could be built; None if all can.

    `failing` takes a feature and gives the error of computing it alone, or None.
    """
    for feature in features:
        error = failing(feature) if feature.origin else None
        if error is not None:
            return _mistake(feature, f"it cannot be computed: {_in_short(error)}")
    return None


def _refuse_other_rows(feature: Feature, value: Any) -> None:
    operation = value.op()
    mixing: list[Any] = [ops.Analytic, ops.WindowFunction, ops.Subquery]
    if feature.over in _ROW_WISE:
        mixing.append(ops.Reduction)
    if operation.find(tuple(mixing), filter=ops.Value):
        raise _mistake(
            feature,
            "it mixes the rows of several leads or instants (a window, a subquery or, over attributes and features, an "
            "aggregate), and so could see what was not known yet",
        )
    if operation.find((ops.Impure, ops.TimestampNow, ops.DateNow), filter=ops.Value):
        raise _mistake(
            feature, "it reads the clock or draws at random, so that no run would give what the last one gave"
        )
    if feature.over not in _ROW_WISE and not operation.shape.is_scalar():
        raise _mistake(
            feature, f"over {feature.over!r} an aggregate is wanted, such as t.count() or t['age_us'].min()"
        )


def _declared(path: Path) -> Iterator[Feature]:
    source, module = _source(path), ModuleType(path.stem)
    module.__file__ = str(path)
    try:
        exec(compile(source, str(path), "exec"), vars(module))  # noqa: S102 - the file is named in the configuration to be run
    except SyntaxError as error:
        raise ConfigError(f"features.own: {path}, line {error.lineno}: {error.msg}.") from error
    except (Exception, SystemExit) as error:
        line = _line_in(path, error)
        raise ConfigError(f"features.own: {path}{line}: {_in_short(error)}.") from error
    found: dict[int, Feature] = {}
    for value in vars(module).values():
        for part in value if isinstance(value, list | tuple) else (value,):
            if isinstance(part, Feature):
                found.setdefault(id(part), part)
    if not found:
        raise ConfigError(
            f"features.own: {path} declares no feature. Write name = Feature(...) in it, after "
            "`from propensity import Feature`."
        )
    for feature in found.values():
        yield _checked(replace(feature, origin=_origin(path, feature)))


def _checked(feature: Feature) -> Feature:
    """A declaration whose parts are what they must be."""
    choices = (
        ("family", feature.family, get_args(Family)),
        ("over", feature.over, TABLES),
        ("kind", feature.kind, get_args(Kind)),
        ("direction", feature.direction, (-1, 0, 1)),
    )
    for part, value, known in choices:
        if value not in known:
            raise _mistake(feature, f"{part} is {value!r}; there are {', '.join(map(str, known))}")
    if not _NAME.fullmatch(feature.name) or not feature.name.startswith(f"{feature.family}_"):
        raise _mistake(
            feature,
            f"the name must be small letters, digits and single underscores, and begin with {feature.family}_",
        )
    texts = (feature.concept, feature.unit, feature.sentence, feature.null_when, feature.zero)
    if not all(isinstance(text, str) for text in texts) or not feature.concept or not feature.sentence:  # pyright: ignore[reportUnnecessaryIsInstance] - the file is no part of what is type-checked
        raise _mistake(
            feature,
            "concept, unit, sentence, null_when and zero are texts, and the first and third not empty",
        )
    return feature


def _source(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"features.own: {path} cannot be read ({error.strerror}). Paths are relative to the configuration file."
        ) from error


def _origin(path: Path, feature: Feature) -> str:
    """The file, and the line of the expression where it is a function written there."""
    code = getattr(feature.expression, "__code__", None)
    if code is None or code.co_filename != str(path):
        return str(path)
    return f"{path}, line {code.co_firstlineno}"


def _line_in(path: Path, error: BaseException) -> str:
    lines = [
        frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)
    ]
    return f", line {lines[-1]}" if lines else ""


def _mistake(feature: Feature, what: str, error: BaseException | None = None) -> ConfigError:
    where = feature.origin
    if error is not None:
        path = where.rpartition(", line ")[0] or where
        where = f"{path}{_line_in(Path(path), error)}" if _line_in(Path(path), error) else where
    return ConfigError(f"features.own: {where}: feature {feature.name!r}: {what}.")


def _in_short(error: BaseException) -> str:
    # Ibis lists a table's columns itself, which the message does for every error.
    text = " ".join(str(error).split()).partition(" Existing columns:")[0]
    return f"{type(error).__name__}: {text[:300]}".rstrip(": .")
