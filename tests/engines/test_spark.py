"""Spark, on this machine: what it computes is what the embedded engine computes of the same data.

Where there is no Java these tests are skipped, but where PROPENSITY_REQUIRE_SPARK is set, as CI sets it, they fail. Trainings,
nights in a row and questions, which take minutes, are in `test_spark_whole.py`.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conftest import scoring_config
from oracles.alike import differences
from oracles.bench import open_world
from oracles.nasty import AS_OF, THROUGH, TREE, nasty_world
from propensity import workflow
from propensity.config import CsvOptions, SparkConfig
from propensity.demo.world import simulate, write
from propensity.engines import Engine, Source
from propensity.engines.spark import SparkEngine
from propensity.errors import BundleError, ConfigError, SchemaError, SourceError
from propensity.features.frame import features_of
from propensity.model.files import MANIFEST
from propensity.scoring.distributed import Scoring
from propensity.sources.acts import LEAD_NUMBER
from propensity.sources.canonical import Canonical
from propensity.sources.parsing import Reading, ambiguous, parse
from propensity.timeline.snapshots import is_drawn, training_spine

# PySpark leaves the sockets of its own results to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.usefixtures("application"),
]
KINDS = ("duckdb", "spark")


@pytest.fixture
def nasty(spark, duck, tmp_path):
    """The nasty world, opened on both engines."""
    found: list[Canonical] = []
    for engine in (duck, spark):
        place = tmp_path / type(engine).__name__
        place.mkdir()
        found.append(open_world(nasty_world(), TREE, place, engine=engine))
    return found


def test_the_nasty_world_has_the_same_snapshots_labels_and_features(nasty):
    # An engine of many machines makes parts of its own: ranges of one snapshot are not asked for.
    ours, theirs = (
        features_of(canonical, training_spine(canonical, THROUGH), leads_a_range=size)
        for canonical, size in zip(nasty, (None, 1), strict=True)
    )
    assert theirs.ranges is None
    mine, other = ours.collect().table, theirs.collect().table
    assert mine.num_rows > 100
    assert set(mine["label"].to_pylist()) == {0, 1}
    assert differences(mine, other) == []
    drawn: list[pa.Table] = []
    for canonical in nasty:
        engine: Any = canonical.engine
        engine.training_rows = 40
        spine: Any = training_spine(canonical, THROUGH)
        # Leads have numbers on the embedded engine alone, which joins by them.
        columns = [name for name in spine.columns if name != LEAD_NUMBER]
        drawn.append(engine.collect(spine.order_by("snapshot_id").select(columns)))
    assert 10 < drawn[0].num_rows < 80
    assert differences(*drawn) == []


@pytest.fixture(scope="module")
def nights(champion_place, tmp_path_factory):
    """The same night on both engines, without questions: those ask for the features once more."""
    world = tmp_path_factory.mktemp("few")
    write(simulate(leads=150, months=24, seed=7), world)
    found: dict[str, tuple[Any, Path]] = {}
    for kind in KINDS:
        place = tmp_path_factory.mktemp(kind)
        more = (f"engine={{kind: {kind}, threads: 2}}", "lists.rep_capacity=20", "lists.questions=0")
        config = scoring_config(world, champion_place, place, *more)
        found[kind] = (workflow.score(config, out=place / "night"), place / "night")
    return found


@pytest.mark.parametrize("file", ["scores", "list", "qualification"])
def test_a_night_gives_the_same_rows(nights, file):
    ours, theirs = (pq.read_table(folder / f"{file}.parquet") for _, folder in nights.values())
    assert ours.num_rows
    assert differences(ours, theirs) == []


def test_a_night_gives_the_same_counts_and_files(nights):
    (ours, mine), (theirs, other) = nights.values()
    assert theirs.removed == ours.removed
    assert theirs.listed == ours.listed > 0
    assert theirs.warnings == ours.warnings
    assert {path.name for path in other.iterdir()} == {path.name for path in mine.iterdir()}
    counted = [json.loads((place / "profile.json").read_text())["night"] for place in (mine, other)]
    first, second = (
        {name: found["counts"] for name, found in night["populations"].items()} for night in counted
    )
    assert first["open"]
    assert second == first
    for name in ("list.csv", "nurture.csv", "referrals.csv", "suspects.csv"):
        assert (other / name).read_bytes() == (mine / name).read_bytes(), name


ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "America/Sao_Paulo",
)
DAYS = ((2024, 3, 31), (2024, 10, 27), (2024, 11, 3), (2024, 4, 7), (2018, 11, 4), (2026, 6, 1), (1970, 1, 3))
NIGHTS = tuple(datetime(*day) for day in DAYS)  # noqa: DTZ001 - wall-clock times


def test_wall_clocks_are_read_alike_on_nights_when_clocks_change(spark, duck):
    times = [night + timedelta(minutes=15 * step, microseconds=1) for night in NIGHTS for step in range(16)]
    table = pa.table({"n": range(len(times)), "local": pa.array(times, pa.timestamp("us"))})
    ours, theirs = (_zoned(engine, table) for engine in (duck, spark))
    assert differences(ours, theirs) == []


def _zoned(engine: Engine, table: pa.Table) -> pa.Table:
    known: Any = engine.register("times", table)
    do = engine.functions
    columns = {}
    for place, zone in enumerate(ZONES):
        instant = do.to_utc(known["local"], zone)
        columns |= {
            f"utc{place}": instant,
            f"us{place}": do.epoch_us(instant),
            f"back{place}": do.to_local(instant, zone),
        }
    return engine.collect(known.select("n", **columns).order_by("n"))


TEXTS = (
    None, "", " ", "1", "-1.50", "1e3", "1_000", "1d", "0x1p3", "nan", "inf", " 7 ", "7.0", "1,5", "1.234,50",
    "€ 1.234,50", "10k-50k", "200-499", "yes", "F", "2024-01-05", "2024/1/5", "2024-01-05 10:30", "2024-01-05T10:30:00Z",
    "2024-01-05T10:30:00.123456+02:00", "2024-02-30", "05.01.2024", "31.12.2024 23:59", "5 Jan 2024", "\u00a0x\n", "x\n", "x@y@Z",
    "2024-03-31 02:30", "2024-10-27 02:30:00", "Ünïcode", "a\\b$c", "12:30", "2024-01-05 11:15 PM", "29.02.2023",
)  # fmt: skip
READINGS = (
    ("number", Reading()),
    ("number", Reading(decimal=",")),
    ("number", Reading(band="middle")),
    ("boolean", Reading()),
    ("id", Reading()),
    ("text", Reading(null_words=("F",), values={"yes": "ja"})),
    ("timestamp", Reading(zone="Europe/Berlin")),
    ("timestamp", Reading(formats=("%d.%m.%Y", "%d.%m.%Y %H:%M"))),
    ("timestamp", Reading(formats=("%d %b %Y", "%Y-%m-%d %I:%M %p"), zone="America/New_York")),
    ("timestamp", Reading(formats=("%Y-%m-%dT%H:%M:%S.%f%z",))),
)


def test_text_is_read_alike(spark, duck):
    table = pa.table({"n": range(len(TEXTS)), "text": pa.array(TEXTS, pa.string())})
    ours, theirs = (_read(engine, table) for engine in (duck, spark))
    assert differences(ours, theirs) == []
    doubts = [_doubtful(engine, table) for engine in (duck, spark)]
    assert doubts[0] == doubts[1] != []


def _doubtful(engine: Engine, table: pa.Table) -> list[str]:
    """Texts that two formats read differently."""
    known: Any = engine.register("texts", table)
    how = Reading(formats=("%d.%m.%Y", "%m.%d.%Y", "%d %b %Y"), zone="America/New_York")
    doubt = ambiguous(known["text"], how, engine.functions)
    found = engine.collect(known.select("n", "text", doubt=doubt).order_by("n")).to_pylist()
    return [row["text"] for row in found if row["doubt"]]


def _read(engine: Engine, table: pa.Table) -> pa.Table:
    known: Any = engine.register("texts", table)
    columns: dict[str, Any] = {}
    for place, (kind, how) in enumerate(READINGS):
        parsed = parse(known["text"], kind, how, engine.functions)
        columns[f"value{place}"] = parsed.value
        if parsed.bad is not None:
            columns[f"bad{place}"] = parsed.bad
    return engine.collect(known.select("n", **columns).order_by("n"))


FLOATS = (None, 0.0, -0.0, 0.1, 1.5, 2.5, -2.5, 1.005, 2.675, 1e-5, 0.00012345678901234567, 123456.789, 12345678.9, 1e15 + 0.5, 1e16, 1e300, float("inf"), float("nan"))  # fmt: skip


def test_operations_that_engines_spell_differently_agree(spark, duck):
    table = pa.table(
        {
            "n": pa.array(range(len(FLOATS)), pa.int64()),
            "x": pa.array(FLOATS, pa.float64()),
            "t": pa.array(
                [f"a{place % 3}-b\n" if place % 4 else None for place in range(len(FLOATS))], pa.string()
            ),
            "at": pa.array(
                [AS_OF + timedelta(hours=7 * place) for place in range(len(FLOATS))],
                pa.timestamp("us", "UTC"),
            ),
        }
    )
    ours, theirs = (_operations(engine, table) for engine in (duck, spark))
    assert differences(ours, theirs) == []


def _operations(engine: Engine, table: pa.Table) -> pa.Table:
    t: Any = engine.register("numbers", table)
    small = ibis.cases((t["x"].abs() < 1e15, t["x"]), else_=ibis.null("float64"))
    nothing = t["t"].nullif(t["t"])
    age = t["n"] * 86_400_000_001
    by = t.group_by(g=t["n"] % 3).aggregate(
        counted=t.count(where=t["t"] == "a1-b\n"),
        never=t.count(where=nothing == "a"),
        distinct=t["t"].nunique(where=t["n"] > 2),
        median=age.median(),
        some=t["x"].median(where=t["n"].between(2, 9)),
        packed=(t["n"].cast("int64") * 2**45).sum(),
    )
    packed = (by["packed"].cast("int64") >> 30) & (2**15 - 1)
    by = by.mutate(packed=packed, low=by["counted"].cast("int64") & 3)
    window = ibis.window(group_by=t["n"] % 2, order_by=age.desc(), range=(1, None))
    rows = t.mutate(
        g=t["n"] % 3,
        text=t["x"].cast("string"),
        whole=small.round().cast("int64"),
        nearest=small.cast("int64"),
        cents=(small * 1.0).round(2),
        third=t["n"] / 3,
        weight=ibis.literal(2.0) ** (-age.cast("float64") / 7e10),
        last=t["t"].split("-")[-1],
        first=t["t"].split("-")[0],
        beyond=t["t"].split("-")[7],
        ends=t["t"].re_search("b$"),
        swapped=t["t"].re_replace(r"(a)(\d)", r"\2$\1"),
        bare=t["t"].strip(),
        digest=t["t"].hexdigest("sha256"),
        instant=t["at"].cast("string"),
        days=(t["at"] + ibis.interval(days=30)).date().delta(t["at"].date(), unit="day"),
        year_end=ibis.date(t["at"].year(), 12, 31),
        later=age.max(where=t["t"].notnull()).over(window),
        shifted=age.lag(1).over(ibis.window(group_by=t["n"] % 2, order_by=age.desc())),
    ).drop("x", "at", "t")
    return engine.collect(rows.left_join(by, "g").drop("g_right").order_by("n"))


def test_a_csv_is_read_with_its_numbers_and_its_rejects(spark, duck, tmp_path):
    path = tmp_path / "leads.csv"
    path.write_text('id,Name\n1,"a\nb"\n2,x,too many\n\n3,\n4,"open\n')
    ours, theirs = (engine.read_csv(path, CsvOptions()) for engine in (duck, spark))
    assert theirs.columns == ours.columns == ("id", "Name")
    assert differences(rows(duck, ours), rows(spark, theirs)) == []
    lost = [
        engine.collect(found.rejected.order_by("file", "line"))
        for engine, found in ((duck, ours), (spark, theirs))
    ]
    assert lost[0].num_rows
    assert differences(*lost) == []


def rows(engine: Engine, source: Source) -> pa.Table:
    table: Any = source.table
    return engine.collect(table.order_by("_row"))


def test_rows_of_parquet_files_are_numbered_by_file_and_place(spark, duck, tmp_path):
    for part, numbers in (("b", range(70, 100)), ("a", range(70))):
        table = pa.table({"n": numbers, "When": [AS_OF] * len(numbers), "when": ["x"] * len(numbers)})
        pq.write_table(table.select(["n", "When"]), tmp_path / f"{part}.parquet", row_group_size=20)
    found = [rows(engine, engine.read_parquet(tmp_path / "*.parquet")) for engine in (duck, spark)]
    assert found[1]["c1"].to_pylist() == list(range(100))
    assert differences(*found) == []
    pq.write_table(table, tmp_path / "case.PARQUET")
    assert (
        differences(
            *(rows(engine, engine.read_parquet(tmp_path / "case.PARQUET")) for engine in (duck, spark))
        )
        == []
    )


def test_folders_of_partitions_become_columns_of_text(spark, tmp_path):
    for month, numbers in (("2026-05", [3, 4]), ("2026-04", [1, 2])):
        folder = tmp_path / "acts" / f"month={month}"
        folder.mkdir(parents=True)
        pq.write_table(pa.table({"n": numbers}), folder / "part.parquet")
    source = spark.read_parquet(tmp_path / "acts")
    assert source.columns == ("n", "month")
    assert rows(spark, source).to_pydict() == {
        "_row": [1, 2, 3, 4], "c1": [1, 2, 3, 4], "c2": ["2026-04", "2026-04", "2026-05", "2026-05"],
    }  # fmt: skip


def test_what_spark_would_leave_out_or_write_otherwise_is_refused(spark, tmp_path):
    pq.write_table(pa.table({"n": [1]}), tmp_path / "_hidden.parquet")
    with pytest.raises(SourceError, match=r"_hidden\.parquet: Spark reads no file"):
        spark.read_parquet(tmp_path / "_hidden.parquet")
    pq.write_table(pa.table({"n": [1], "many": [[1]]}), tmp_path / "lists.parquet")
    with pytest.raises(SchemaError, match="kinds without one spelling as text: many"):
        spark.read_parquet(tmp_path / "lists.parquet")
    pq.write_table(pa.table({"t": pa.array([1], pa.timestamp("ns"))}), tmp_path / "ns.parquet")
    with pytest.raises(SourceError, match="cannot be read by Spark"):
        spark.read_parquet(tmp_path / "ns.parquet")
    with pytest.raises(SourceError, match=r"table 'nowhere' cannot be read by Spark"):
        spark.read_table("nowhere")


def test_a_table_of_the_catalog_is_numbered_the_same_way_in_every_run(spark):
    frame = spark._session.createDataFrame([(3, "c"), (1, "a"), (2, None), (1, "a")], "n int, t string")
    frame.repartition(3).createOrReplaceTempView("crm_leads")
    source = spark.read_table("crm_leads")
    assert source.columns == ("n", "t")
    assert rows(spark, source).to_pydict() == {
        "_row": [1, 2, 3, 4],
        "c1": [1, 1, 2, 3],
        "c2": ["a", "a", None, "c"],
    }


def test_batches_are_kept_while_they_come_and_their_failure_is_its_own(spark, duck):
    schema = pa.schema(
        [("n", pa.int64()), ("at", pa.timestamp("us", tz="UTC")), ("day", pa.date32()), ("t", pa.string())]
    )
    parts = [
        pa.record_batch([[n], [datetime(1, 1, 1, tzinfo=UTC)], [date(1500, 1, 1)], [None]], schema=schema)
        for n in (1, 2)
    ]
    found: list[pa.Table] = []
    for engine in (duck, spark):
        kept: Any = engine.register_batches("arrived", schema, iter(parts))
        found.append(engine.collect(kept.order_by("n")))
    assert differences(*found) == []

    def broken() -> Iterator[pa.RecordBatch]:
        yield parts[0]
        raise SourceError("the server is gone")

    with pytest.raises(SourceError, match="the server is gone"):
        spark.register_batches("lost", schema, broken())


def test_what_is_kept_is_replaced_streamed_in_order_and_gone_afterwards():
    with SparkEngine(SparkConfig()) as engine:
        folder = engine.folder
        source: Any = engine.register("n", pa.table({"n": range(1000)}))
        kept: Any = engine.materialise(source.mutate(m=source["n"] * 2), "kept")
        kept = engine.materialise(kept.mutate(m=kept["m"] + 1), "kept")
        batches = list(engine.stream(kept.order_by(kept["n"].desc()), 300))
        assert max(batch.num_rows for batch in batches) <= 300
        assert pa.Table.from_batches(batches)["m"].to_pylist() == [2 * n + 1 for n in range(999, -1, -1)]
        assert list(engine.stream(kept.filter(kept["n"] < 0), 10)) == []
        assert folder.is_dir()
    assert not folder.exists()


def test_a_model_that_was_damaged_on_its_way_scores_nobody(spark, champion_place, tmp_path):
    model = tmp_path / "model"
    shutil.copytree(next(champion_place.glob(f"models/**/{MANIFEST}")).parent, model)
    text = next(path for path in sorted(model.iterdir()) if path.name != MANIFEST)
    text.write_bytes(text.read_bytes() + b" ")
    known = spark.register("few", pa.table({"lead_id": ["a"]}))
    with pytest.raises(BundleError, match="is damaged"):
        spark.map_parts(known, Scoring(0.1, "none"), model, tmp_path / "scores")


def test_a_format_that_spark_would_read_otherwise_is_refused(spark):
    known: Any = spark.register("text", pa.table({"t": ["x"]}))
    for pattern in ("%Q", "%j.%Y", "%d.%d.%Y"):
        with pytest.raises(ConfigError, match="the Spark engine reads each of"):
            spark.functions.parse_timestamp(known["t"], pattern)


def test_the_same_leads_are_drawn(spark, duck):
    table = pa.table({"lead_id": [f"L{number}" for number in range(2_000)]})
    found: list[list[str]] = []
    for engine in (duck, spark):
        known: Any = engine.register("leads", table)
        found.append(
            engine.collect(known.filter(is_drawn(known["lead_id"], 0.2)).order_by("lead_id"))[
                "lead_id"
            ].to_pylist()
        )
    assert found[0] == found[1]
    assert 320 < len(found[0]) < 480
