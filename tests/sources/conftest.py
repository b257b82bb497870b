"""Tables in, canonical tables out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from propensity.config.file import parse_config
from propensity.engines.duckdb import DuckDBEngine
from propensity.sources.canonical import Canonical, load

LEADS = "lead_id,created_at\n1,2024-01-05 10:00:00\n2,2024-01-06 10:00:00\n"


class Loaded:
    """What a load gave, as plain Python."""

    def __init__(self, canonical: Canonical, folder: Path) -> None:
        self.canonical, self.folder, self.report = canonical, folder, canonical.report

    def rows(self, name: str, *columns: str) -> list[Any]:
        """The rows of a table; tuples of the columns asked for, or bare values for one; in the order of the first."""
        table = self.canonical.tables[name]
        names = columns or tuple(table.columns)
        found = self.canonical.engine.collect(table.select(*names)).to_pylist()
        found.sort(key=lambda row: tuple((row[name] is not None, row[name]) for name in names))
        return [tuple(row.values()) if len(names) > 1 else row[names[0]] for row in found]

    def broken(self, name: str) -> dict[str, int]:
        return {broken.rule: broken.rows for broken in self.report.tables[name].broken}

    def examples(self, name: str) -> dict[str, tuple[str, ...]]:
        return {broken.rule: broken.examples for broken in self.report.tables[name].broken}

    def findings(self, name: str) -> list[str]:
        return [f"{f.severity}: {f.message}" for f in self.report.findings if f.table == name]

    def quarantine(self, name: str) -> Path:
        return self.folder / "quarantine" / f"{name}.csv"


Load = Callable[..., Loaded]


def put(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, pa.Table):
        pq.write_table(content, path)
    else:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


@pytest.fixture
def load_tables(tmp_path: Path) -> Iterator[Load]:
    """Write files (text, bytes or Arrow tables by file name), load them, and close the engine afterwards.

    `tables` are the configuration's tables; a file `leads.csv` without one feeds `leads`.
    """
    engines: list[DuckDBEngine] = []

    def run(
        files: Mapping[str, Any], tables: Mapping[str, Any] | None = None, *, share: float = 1.0, **more: Any
    ) -> Loaded:
        for name, content in files.items():
            put(tmp_path / name, content)
        tree: dict[str, Any] = {
            "data": {"folder": str(tmp_path), **more.pop("data", {})},
            "tables": {Path(name).name.partition(".")[0]: {"path": name} for name in files}
            if tables is None
            else {**tables},
            "checks": {"max_quarantined_share": share},
            "paths": {"quarantine": str(tmp_path / "quarantine")},
            **more,
        }
        tree["tables"].setdefault("leads", {"path": "leads.csv"})
        if tree["tables"]["leads"] == {"path": "leads.csv"} and not (tmp_path / "leads.csv").exists():
            put(tmp_path / "leads.csv", LEADS)
        engine = DuckDBEngine(threads=1)
        engines.append(engine)
        return Loaded(load(engine, parse_config(tree, base=tmp_path)), tmp_path)

    yield run
    for engine in engines:
        engine.close()
