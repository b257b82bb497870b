"""What computes: the embedded engine, or Spark."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from propensity.config.types import Model, Real, Text, Whole


class SparkConfig(Model):
    """How to reach Spark; of no effect on the embedded engine."""

    master: Text | None = Field(
        default=None,
        description="`local[4]`, `spark://host:7077`, `yarn`, `k8s://...`; by default what spark-submit says, else this machine",
    )
    settings: Mapping[Text, Text] = Field(
        default={}, description="any of Spark's own, such as `spark.executor.memory: 8g`"
    )
    catalog: Text | None = Field(
        default=None,
        description="the catalog or database that a `table` without one of its own belongs to, such as `crm` or `lake.crm`",
    )
    scratch: Path | None = Field(
        default=None,
        description="folder for what is kept while a run lasts, which all machines see; a temporary one by default",
    )
    training_rows: Whole = Field(
        default=1_000_000,
        ge=1,
        description="snapshots, about, that are brought to this machine to learn from; of more, whole leads are drawn",
    )
    batch_rows: Whole = Field(default=10_000, ge=1, description="leads that an executor scores at a time")


class EngineConfig(Model):
    """What computes; `engine: spark` is short for `engine: {kind: spark}`."""

    kind: Literal["duckdb", "spark"] = Field(
        default="duckdb", description="embedded, or Spark (`pip install propensity[spark]`, and Java 17)"
    )
    memory_gb: Real = Field(
        default=2.0,
        gt=0.2,
        le=65_536,
        description="memory of the embedded engine in GB, above which it spills; of Spark on this machine",
    )
    threads: Whole | None = Field(
        default=None, ge=1, le=1_024, description="of the engine and the model; all cores by default"
    )
    spark: SparkConfig = SparkConfig()

    @model_validator(mode="before")
    @classmethod
    def _a_word_alone(cls, value: Any) -> Any:
        return {"kind": value} if isinstance(value, str) else value
