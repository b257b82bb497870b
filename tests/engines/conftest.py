"""Both engines, and one Spark application for all tests of a file, on this machine."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest

from propensity.config import SparkConfig
from propensity.engines.duckdb import DuckDBEngine
from propensity.engines.spark import SparkEngine

REQUIRED = "PROPENSITY_REQUIRE_SPARK"
SETTINGS = {
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
    "spark.sql.shuffle.partitions": "1",
    "spark.sql.adaptive.enabled": "false",
    # A query of a few rows takes less time than the compiling of its code, by Spark and by Java.
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    # Of wide plans, what is known of each column costs much to derive, and the filters it would add spare nothing.
    "spark.sql.constraintPropagation.enabled": "false",
    # Each sort takes a page at once, by default of 16 MB.
    "spark.buffer.pageSize": "1m",
    # Without the larger cache Java forgets compiled code and compiles it again.
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:ReservedCodeCacheSize=256m",
}


@pytest.fixture(scope="module")
def application() -> Iterator[SparkConfig]:
    """One Spark application for all, and how to join it; each engine has a session of its own in it."""
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        if REQUIRED in os.environ:
            pytest.fail(f"{REQUIRED} is set, and there is no Java: install openjdk-17-jre-headless")
        pytest.skip("there is no Java here; Spark needs Java 17")
    with SparkEngine(SparkConfig(master="local[2]", settings=SETTINGS), memory_gb=1):
        yield SparkConfig()


@pytest.fixture
def spark(application: SparkConfig) -> Iterator[SparkEngine]:
    with SparkEngine(application) as engine:
        yield engine


@pytest.fixture
def duck() -> Iterator[DuckDBEngine]:
    with DuckDBEngine(threads=1) as engine:
        yield engine
