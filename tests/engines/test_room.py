"""A full disk is told from data that cannot be read."""

from __future__ import annotations

import resource
from collections.abc import Generator
from contextlib import contextmanager

import pyarrow as pa
import pytest

from propensity.config import CsvOptions
from propensity.engines.duckdb import DuckDBEngine
from propensity.errors import DeliveryError, SourceError

ROWS = 200_000


@contextmanager
def no_file_above(size: int) -> Generator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_takes_no_more_is_no_broken_csv(tmp_path):
    path = tmp_path / "leads.csv"
    path.write_text("lead_id,word\n" + "".join(f"{n},{n * 7919 % 100_003}\n" for n in range(ROWS)))
    with DuckDBEngine() as engine:
        with no_file_above(50_000), pytest.raises(DeliveryError, match="no room to work: a working file in"):
            engine.read_csv(path, CsvOptions())
        with no_file_above(50_000), pytest.raises(DeliveryError, match="TMPDIR"):
            engine.register("numbers", pa.table({"n": [n * 7919 % 100_003 for n in range(ROWS)]}))


def test_data_that_cannot_be_read_stay_such(tmp_path):
    path = tmp_path / "leads.parquet"
    path.write_bytes(b"PAR1 no such thing PAR1")
    with DuckDBEngine() as engine, pytest.raises(SourceError, match="cannot be read as Parquet"):
        engine.read_parquet(path)
