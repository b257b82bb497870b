"""Spark behind Ibis, for data that no single machine holds. With `sparksession` the only file that knows PySpark."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.operations as ops
import ibis.expr.schema as sch
import pyarrow as pa
import pyarrow.parquet as pq

from propensity import errors
from propensity.engines import ROW, Source, Work
from propensity.engines.duckdb import DuckDBEngine
from propensity.engines.files import PATTERN_SIGNS, files_of, files_within
from propensity.engines.naming import named
from propensity.engines.parquet import same_columns
from propensity.engines.sparksession import first_line, opened_session
from propensity.engines.sparksql import Compiler, SparkFunctions
from propensity.errors import PropensityError, SchemaError, SourceError

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from propensity.config import CsvOptions, SparkConfig

_COPY_ROWS = 100_000
_ROWS_OF_A_PARTITION = 2**33
"""Spark's growing number of a row holds the partition above these bits."""


class SparkEngine:
    """A Spark session of its own, and a folder for what is kept while it lasts.

    An application that runs already, as in a notebook of a cluster, is joined and left running; else one is started, and
    stopped by `close`.

    Parameters
    ----------
    config
        Master, settings, catalog and folder.
    memory_gb
        Of the machine that this runs on, in GB, where the application is started here.
    threads
        Of this machine where it is the master too; all cores where None.
    """

    def __init__(self, config: SparkConfig, *, memory_gb: float = 2.0, threads: int | None = None) -> None:
        self._config = config
        if config.scratch is not None:
            config.scratch.mkdir(parents=True, exist_ok=True)
        self.folder = Path(tempfile.mkdtemp(prefix="propensity-", dir=config.scratch))
        try:
            self._session, self._started = opened_session(config, memory_gb=memory_gb, threads=threads)
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise
        self._backend: Any = ibis.pyspark.connect(self._session)
        self._backend.compiler = Compiler()
        self._kept: dict[str, Path] = {}
        self._count = 0
        self._memory_gb = memory_gb
        self.functions = SparkFunctions()
        self.training_rows: int | None = config.training_rows

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Forget the views, delete the folder, and stop the application if it was started here."""
        for name in self._kept:
            self._session.catalog.dropTempView(name)
        if self._started:
            self._session.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def read_csv(self, path: Path, options: CsvOptions) -> Source:
        """As the embedded engine reads it, on this machine, with its row numbers and its account of what is no row.

        Spark's own reader loses lines in silence and numbers none. What one machine cannot read in good time belongs into Parquet.
        """
        with self._embedded() as reader:
            return self._copied(reader, reader.read_csv(path, options))

    def read_database(self, path: Path, table: str) -> Source:
        """A table of a DuckDB file, copied by this machine."""
        with self._embedded() as reader:
            return self._copied(reader, reader.read_database(path, table))

    def tables_of(self, path: Path) -> tuple[str, ...]:
        """The tables and views of a DuckDB file."""
        with self._embedded() as reader:
            return reader.tables_of(path)

    def _embedded(self) -> DuckDBEngine:
        return DuckDBEngine(memory_gb=self._memory_gb, threads=1)

    def _copied(self, reader: DuckDBEngine, source: Source) -> Source:
        rejected = None if source.rejected is None else self._copy(reader, source.rejected)
        return Source(self._copy(reader, source.table), source.columns, rejected)

    def _copy(self, reader: DuckDBEngine, table: ir.Table) -> ir.Table:
        schema = table.schema().to_pyarrow()
        batches = (batch.cast(schema) for batch in reader.stream(table, _COPY_ROWS))
        return self.register_batches(self._next("copied").name, schema, batches)

    def read_parquet(self, path: Path) -> Source:
        """A file, the files of a pattern, or a folder of folders such as `month=2026-06/`, whose names become columns of text."""
        files = files_within(path) if path.is_dir() else files_of(path)
        names = same_columns(files)
        root = path if path.is_dir() else path.parent
        _refuse_odd_names(files)
        with _explained(path):
            reader = self._session.read.option("basePath", str(root))
            frame = reader.parquet(*(str(file) for file in files))
            found = self._numbered_by_place(frame)
            rows = sum(pq.read_metadata(file).num_rows for file in files)
            if (seen := found.count()) != rows:
                raise SourceError(
                    f"{path} has {rows:,} rows, of which Spark reads {seen:,}. Give the files other names or another folder."
                )
        more = [name for name in frame.columns if name not in names]
        return self._opened(found, (*names, *more), path.name)

    def read_table(self, table: str) -> Source:
        """A table or view of the catalog: numbered by file and place where it has such, else by the order of all its columns."""
        name = table if "." in table or self._config.catalog is None else f"{self._config.catalog}.{table}"
        with _explained(f"table {table!r}"):
            frame = self._session.table(name)
            try:
                found = self._numbered_by_place(frame)
            except _analysis_error():
                found = self._numbered_by_order(frame)
        return self._opened(found, tuple(frame.columns), table)

    def _numbered_by_place(self, frame: Any) -> Any:
        """The rows of files, numbered from 1 in the order of the files' names and of the rows in them."""
        from pyspark.sql import functions as f  # noqa: PLC0415

        placed = frame.select(
            "*", f.col("_metadata.file_path").alias("_file"), f.col("_metadata.row_index").alias("_place")
        )
        counts = placed.groupBy("_file").count().orderBy("_file").collect()
        if len(counts) <= 1:
            return placed.select((f.col("_place") + 1).alias(ROW), *frame.columns)
        return self._offset(placed, "_file", [(row[0], row[1]) for row in counts], frame.columns)

    def _numbered_by_order(self, frame: Any) -> Any:
        """The rows numbered from 1 by all their columns: rows that are equal in all may change places, and nobody can tell."""
        from pyspark.sql import functions as f  # noqa: PLC0415

        ordered = frame.repartitionByRange(*frame.columns).sortWithinPartitions(*frame.columns)
        row = f.monotonically_increasing_id()
        placed = ordered.select("*", f.spark_partition_id().alias("_file"), row.alias("_id"))
        folder = self._next("ordered")
        placed.write.parquet(str(folder))
        kept = self._session.read.parquet(str(folder))
        kept = kept.withColumn("_place", f.col("_id") % _ROWS_OF_A_PARTITION)
        counts = kept.groupBy("_file").count().orderBy("_file").collect()
        return self._offset(kept, "_file", [(row[0], row[1]) for row in counts], frame.columns)

    def _offset(
        self, placed: Any, key: str, counts: Sequence[tuple[Any, int]], columns: Sequence[str]
    ) -> Any:
        """Add what comes before each file or partition to the place of a row in it."""
        from pyspark.sql import functions as f  # noqa: PLC0415

        before, offsets = 0, list[tuple[Any, int]]()
        for name, count in counts:
            offsets.append((name, before))
            before += count
        kind = "int" if not counts or isinstance(counts[0][0], int) else "string"
        small = self._session.createDataFrame(offsets, f"{key} {kind}, _before bigint")
        joined = placed.join(f.broadcast(small), key)
        return joined.select((f.col("_before") + f.col("_place") + 1).alias(ROW), *columns)

    def _opened(self, frame: Any, columns: Sequence[str], shown: str) -> Source:
        """Rename the columns of a numbered frame, and refuse what Spark would write as other text than other engines."""
        odd = [field.name for field in frame.schema.fields if not _readable(field.dataType)]
        if odd:
            raise SchemaError(
                f"{shown} has columns that Spark holds in kinds without one spelling as text: {named(odd)}. Write it without "
                "them, or with them as text."
            )
        names = [f"c{place}" for place, _ in enumerate(columns, 1)]
        frame = frame.toDF(ROW, *names)
        self._count += 1
        view = f"source_{self._count}"
        frame.createOrReplaceTempView(view)
        return Source(self._table(view, _kinds(frame)), tuple(columns))

    def materialise(self, expression: ir.Table, name: str, *, compressed: bool = True) -> ir.Table:  # noqa: ARG002 - Parquet is
        """Compute into Parquet in the engine's folder, in place of an earlier table of that name."""
        folder = self._next(name)
        with _explained(None):
            frame = self._frame(expression)
            frame.write.parquet(str(folder))
        return self._known(name, folder, expression.schema(), frame.schema)

    def register(self, name: str, table: pa.Table) -> ir.Table:
        """Write an Arrow table into the engine's folder."""
        folder = self._next(name)
        folder.mkdir()
        pq.write_table(table, folder / "part.parquet", coerce_timestamps="us")
        return self._known(name, folder, sch.Schema.from_pyarrow(table.schema))

    def register_batches(self, name: str, schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> ir.Table:
        """Write batches into the engine's folder while they come; this machine reads them all."""
        folder = self._next(name)
        folder.mkdir()
        with pq.ParquetWriter(folder / "part.parquet", schema, coerce_timestamps="us") as writer:
            for batch in batches:
                writer.write_batch(batch)
        return self._known(name, folder, sch.Schema.from_pyarrow(schema))

    def _known(self, name: str, folder: Path, schema: sch.Schema, written: Any = None) -> ir.Table:
        """What lies in a folder, under a name of this session; the folder that had it before goes.

        Where Spark wrote it, `written` says as what, so that it need not look into every part for that.
        """
        reader = self._session.read if written is None else self._session.read.schema(written)
        reader.parquet(str(folder)).createOrReplaceTempView(name)
        former = self._kept.get(name)
        self._kept[name] = folder
        if former is not None:
            shutil.rmtree(former, ignore_errors=True)
        return self._table(name, schema)

    def _table(self, name: str, schema: sch.Schema) -> ir.Table:
        """The view as Ibis should see it: any column may be null, and times are in microseconds."""
        kinds = {column: _general(kind) for column, kind in schema.items()}
        return ops.DatabaseTable(name=name, schema=ibis.schema(kinds), source=self._backend).to_expr()

    def collect(self, expression: ir.Table) -> pa.Table:
        """Bring a result into the memory of this machine."""
        with _explained(None):
            return self._frame(expression).toArrow().cast(_arrow(expression))

    def stream(self, expression: ir.Table, rows: int) -> Iterator[pa.RecordBatch]:
        """Let Spark write the result, and read it batch by batch: several times faster than Spark's own iterator."""
        folder, schema = self._next("streamed"), _arrow(expression)
        with _explained(None):
            self._frame(expression).write.parquet(str(folder))
        try:
            for part in _parts(folder):
                with pq.ParquetFile(part) as file:
                    for batch in file.iter_batches(rows):
                        if batch.num_rows:
                            yield batch.cast(schema)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def read_parts(self, folder: Path, name: str | None = None) -> ir.Table:
        """The Parquet parts of a folder as one table, perhaps in the place of another."""
        frame = self._session.read.parquet(str(folder))
        self._count += 1
        view = name or f"parts_{self._count}"
        frame.createOrReplaceTempView(view)
        return self._table(view, _kinds(frame))

    def write_parts(self, expression: ir.Table, folder: Path) -> int:
        """Let the executors write a result."""
        with _explained(None):
            self._frame(expression).write.parquet(str(folder))
        return self._session.read.parquet(str(folder)).count()

    def map_parts(self, expression: ir.Table, work: Work, files: Path, folder: Path) -> None:
        """Send the files to the executors, which check them before they use them, and let them write what they make."""
        self._count += 1
        place = self.folder / f"{files.name}-{self._count}"
        shutil.copytree(files, place)
        self._session.sparkContext.addFile(str(place), recursive=True)
        name = place.name

        def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            from pyspark import SparkFiles  # noqa: PLC0415 - this runs on an executor

            doing = work.opened(Path(SparkFiles.get(name)))
            for batch in batches:
                yield from doing(pa.Table.from_batches([batch])).to_batches()

        from pyspark.sql.pandas.types import from_arrow_schema  # noqa: PLC0415

        key = "spark.sql.execution.arrow.maxRecordsPerBatch"
        before = self._session.conf.get(key)
        self._session.conf.set(key, str(self._config.batch_rows))
        try:
            with _explained(None):
                made = self._frame(expression).mapInArrow(run, from_arrow_schema(work.schema))
                made.write.parquet(str(folder))
        finally:
            self._session.conf.set(key, before)

    def _frame(self, expression: ir.Table) -> Any:
        return self._session.sql(self._backend.compile(expression))

    def _next(self, name: str) -> Path:
        self._count += 1
        return self.folder / f"{name}_{self._count}"


def _analysis_error() -> type[Exception]:
    from pyspark.errors import AnalysisException  # noqa: PLC0415

    return AnalysisException


@contextmanager
def _explained(source: object) -> Generator[None]:
    """Data that turn out to be unreadable; mistakes of our own in what Spark is asked for stay what they are."""
    from py4j.protocol import Py4JJavaError  # noqa: PLC0415
    from pyspark.errors import AnalysisException, PySparkException  # noqa: PLC0415

    try:
        yield
    except AnalysisException as error:
        if source is None:
            raise
        raise SourceError(
            f"{source} cannot be read by Spark: {first_line(error)}. Give what is there."
        ) from error
    except (PySparkException, Py4JJavaError) as error:
        if (refused := _refused(error)) is not None:
            raise refused from error
        what = "the data" if source is None else source
        raise SourceError(
            f"{what} cannot be read by Spark: {first_line(error)}. Times must be in microseconds, and the files of one table alike."
        ) from error


def _refused(error: Exception) -> PropensityError | None:
    """What propensity itself raised on an executor, such as a model that was damaged on its way."""
    found = re.search(r"^propensity\.errors\.(\w+): (.*)$", str(error), re.MULTILINE)
    kind = None if found is None else getattr(errors, found[1], None)
    if found is None or not isinstance(kind, type) or not issubclass(kind, PropensityError):
        return None
    return kind(found[2])


def _refuse_odd_names(files: Sequence[Path]) -> None:
    """Spark leaves out files that begin with _ or . without a word, and takes some signs for a pattern."""
    odd = [
        file.name for file in files if file.name[0] in "_." or set(str(file)) & set(PATTERN_SIGNS + "{}\\")
    ]
    if odd:
        raise SourceError(
            f"{named(odd)}: Spark reads no file whose name begins with _ or ., or whose path holds one of "
            f"{PATTERN_SIGNS}{{}}\\. Rename it."
        )


def _readable(kind: Any) -> bool:
    return (
        kind.typeName() not in ("array", "map", "struct", "binary", "variant", "void")
        and "interval" not in kind.typeName()
    )


def _kinds(frame: Any) -> sch.Schema:
    """The columns as Ibis calls them: what Spark calls a timestamp is an instant, and Ibis does not know that."""
    from ibis.backends.pyspark.datatypes import PySparkType  # noqa: PLC0415

    kinds = {
        field.name: dt.Timestamp(timezone="UTC", scale=6)
        if field.dataType.typeName() == "timestamp"
        else PySparkType.to_ibis(field.dataType)
        for field in frame.schema.fields
    }
    return ibis.schema(kinds)


def _general(kind: dt.DataType) -> dt.DataType:
    if isinstance(kind, dt.Timestamp):
        return dt.Timestamp(timezone="UTC" if kind.timezone else None, scale=6)
    return kind.copy(nullable=True)


def _arrow(expression: ir.Table) -> pa.Schema:
    kinds = {name: _general(kind) for name, kind in expression.schema().items()}
    return ibis.schema(kinds).to_pyarrow()


def _parts(folder: Path) -> list[Path]:
    """The parts that Spark wrote, in its order: that of the rows where they have one."""
    return sorted(folder.glob("part-*.parquet"), key=lambda part: int(part.name.split("-")[1]))
