"""The start of Spark: settings, and what is missing where it does not start."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING, Any

from propensity.errors import UsageError

if TYPE_CHECKING:
    from propensity.config import SparkConfig

INSTALL = "Install it with `pip install 'propensity[spark]'`, and Java 17 (Debian: apt-get install openjdk-17-jre-headless)."
_ON_THIS_MACHINE = {
    # With little data, planning costs more than running, and planning anew at each stage costs most.
    "spark.sql.adaptive.enabled": "false",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.sql.shuffle.partitions": "8",
}
_FIRST = {
    "spark.app.name": "propensity",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
}
_ANY_SESSION = {
    # Of plans with hundreds of columns Spark would write megabytes of text, for each stage, and nobody reads it.
    "spark.sql.maxPlanStringLength": "1000",
    "spark.sql.debug.maxToStringFields": "3",
}
_NEEDED = {
    "spark.sql.session.timeZone": "UTC",
    # What overflows, or is divided by nothing, fails instead of giving another number.
    "spark.sql.ansi.enabled": "true",
    # Columns may differ by case alone.
    "spark.sql.caseSensitive": "true",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.sources.partitionColumnTypeInference.enabled": "false",
    "spark.sql.parquet.mergeSchema": "true",
}


def opened_session(config: SparkConfig, *, memory_gb: float, threads: int | None) -> tuple[Any, bool]:
    """A session with views and settings of its own, and whether its application was started for it.

    Raises
    ------
    UsageError
        PySpark or Java is not installed, or the master does not answer.
    """
    try:
        from pyspark import SparkContext  # noqa: PLC0415
        from pyspark.errors import PySparkException  # noqa: PLC0415
        from pyspark.sql import SparkSession  # noqa: PLC0415
    except ImportError as error:
        raise UsageError(f"engine.kind is spark, but PySpark is not installed. {INSTALL}") from error
    running: object = getattr(SparkContext, "_active_spark_context", None)
    if running is not None:
        return _set(SparkSession.builder.getOrCreate().newSession(), config), False
    if shutil.which("java") is None and not os.environ.get("JAVA_HOME"):
        raise UsageError(f"engine.kind is spark, but there is no Java. {INSTALL}")
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    # spark-submit has said already where to run; its answer is in the Java that it started.
    submitted = "PYSPARK_GATEWAY_PORT" in os.environ
    here = f"local[{threads or '*'}]"
    master = config.master or (None if submitted else here)
    settings = {**_FIRST, "spark.driver.memory": f"{int(memory_gb * 1000)}m"}
    settings |= _ON_THIS_MACHINE if master is not None and master.startswith("local") else {}
    builder = SparkSession.builder if master is None else SparkSession.builder.master(master)
    for key, value in {**settings, **config.settings, **_NEEDED}.items():
        builder = builder.config(key, value)
    try:
        return _set(builder.getOrCreate(), config), True
    except (PySparkException, OSError, RuntimeError) as error:
        raise UsageError(
            f"Spark does not start on {master or 'the master of spark-submit'}: {first_line(error)}. {INSTALL}"
        ) from error


def _set(session: Any, config: SparkConfig) -> Any:
    """Settings that a running application may have otherwise; those that hold for a whole application stay as they are."""
    for key, value in {**_ANY_SESSION, **config.settings, **_NEEDED}.items():
        if session.conf.isModifiable(key):
            session.conf.set(key, value)
    return session


def first_line(error: Exception) -> str:
    """The cause that Spark names, without the trace."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    caused = [line for line in lines if line.startswith("Caused by")]
    return ([*caused, *lines] or [type(error).__name__])[0].rstrip(".!")
