"""What asks for Spark, and what is said where it cannot be had; nothing here starts it."""

from __future__ import annotations

import pytest

from propensity.config import SparkConfig
from propensity.config.file import load_config, parse_config
from propensity.engines.sparksession import opened_session
from propensity.errors import ConfigError, UsageError


def test_without_java_it_says_what_to_install(monkeypatch):
    from pyspark import SparkContext  # noqa: PLC0415

    monkeypatch.setattr(SparkContext, "_active_spark_context", None)
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(
        UsageError, match=r"there is no Java\. Install it with .*propensity\[spark\].*Java 17"
    ):
        opened_session(SparkConfig(), memory_gb=1, threads=1)


def test_one_word_asks_for_spark(tmp_path):
    tree = {"tables": {"leads": {"table": "crm.leads"}}, "engine": "spark"}
    assert parse_config(tree, base=tmp_path).engine.kind == "spark"
    file = tmp_path / "crm.yaml"
    file.write_text("tables: {leads: {path: x}}\nengine: spark\n")
    config = load_config(file, ["engine.threads=3", "engine.spark.scratch=kept"])
    assert (config.engine.kind, config.engine.threads) == ("spark", 3)
    assert config.engine.spark.scratch == tmp_path / "kept"
    with pytest.raises(ConfigError, match=r"leads\.table needs data\.database"):
        parse_config({**tree, "engine": "duckdb"}, base=tmp_path)
