"""Running an export that may be wrong, and holding what comes of it against what went in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow.csv as pacsv
import pytest

from hostile.company import Company
from propensity.config.file import parse_config
from propensity.errors import PropensityError
from propensity.session import Progress, Session, opened, training_frame
from propensity.sources.checks import NOT_A_ROW

SHORTEST, LONGEST = 40, 6_000


class Place:
    """A folder in which one export after another is written and read."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.turns = folder, 0

    def ends(
        self,
        export: Company,
        *,
        share: float = 1.0,
        due: Callable[[str], int] | None = None,
        names: set[str],
        features: bool = False,
    ) -> str:
        """Check an export: every row is accounted for, or it is refused in words that name what is wrong.

        `due` says how many rows of a table the export must become; `features` goes on to those of the training.
        """
        self.turns += 1
        folder = self.folder / str(self.turns)
        folder.mkdir(parents=True)
        export.write(folder)
        tree = dict(export.tree)
        if isinstance(tree.get("data"), dict):
            tree["data"] = {"folder": str(folder), **tree["data"]}
        tree.setdefault("paths", {"quarantine": "quarantine"})
        tree = {"checks": {"max_quarantined_share": share}, "engine": {"threads": 1}, **tree}
        try:
            config = parse_config(tree, base=folder)
            with opened(config, Progress()) as session:
                held(session, folder / "quarantine", due)
                if features:
                    training_frame(session)
        except PropensityError as error:
            refused(error, names)
            return type(error).__name__
        return "read"


def held(session: Session, quarantine: Path, due: Callable[[str], int] | None) -> None:
    """Every row is kept, or set aside, and what is set aside lies in the quarantine under its rule."""
    canonical = session.canonical
    for name, report in canonical.report.tables.items():
        kept = canonical.engine.collect(canonical.tables[name].count().as_table()).column(0)[0].as_py()
        broken = {found.rule: found.rows for found in report.broken}
        assert report.kept == kept, name
        assert report.rows == kept + sum(broken.values()), name
        assert quarantined(quarantine / f"{name}.csv", broken) == broken, name
        if due is not None:
            assert report.rows == due(name), name


def quarantined(file: Path, broken: Mapping[str, int]) -> Counter[str]:
    """What the quarantine holds by rule; of lines that were no rows, one entry may stand for several."""
    found: Counter[str] = Counter()
    if file.exists():
        rules = pacsv.read_csv(file, parse_options=pacsv.ParseOptions(newlines_in_values=True))["_rule"]
        for rule in rules.to_pylist():
            found[NOT_A_ROW if rule.startswith(NOT_A_ROW) else rule] += 1
    if 0 < found[NOT_A_ROW] < broken.get(NOT_A_ROW, 0):
        found[NOT_A_ROW] = broken[NOT_A_ROW]
    return +found


def refused(error: PropensityError, names: set[str]) -> None:
    """The exit code is one of the two for bad input, and the message says what it is about."""
    said = str(error)
    assert error.exit_code in (2, 3), said
    assert SHORTEST <= len(said) <= LONGEST, said[:500]
    assert said.rstrip().endswith((".", "?", ")", "'", "]")) or "\n" in said, said
    shown = {repr(name)[1:-1][:40] for name in names if name.strip()} | {
        name[:40] for name in names if name.strip()
    }
    assert any(name in said for name in shown), (said, sorted(shown))
    assert said.isprintable() or all(line.isprintable() for line in said.splitlines()), said


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(tmp_path_factory.mktemp("hostile"))
