"""Features of propensity beside the yardsticks', at several sizes: what docs/performance.md shows.

scale.py --yardsticks DIR --work DIR --leads 20000,50000 [--runs 3] [--stages score,train] [--fit] [--leads-a-range N] [--write docs]

The yardsticks are programs with the tables' generator, `make_tables.py`, and the same features written by hand in SQL,
`by_hand.py`, and in pandas, `with_pandas.py`. Each side runs in a process of its own, in turn, so that a slow spell of the
machine hits all; what counts is the CPU time of the process with all its threads, and the peak of its memory. Integers
of both sides are compared as well. With --fit each side then grows the same 300 trees on its own training frame.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

HERE = Path(__file__).parent
AS_OF = "2026-01-01"
TYPES = (
    "web_visit", "pricing_view", "content_download", "form_submit", "email_sent", "email_open",
    "email_click", "email_reply", "call", "meeting", "demo_request", "quote_request",
)  # fmt: skip
WINDOWS = (7, 30, 90, 365)
INTEGERS = {
    **{f"engagement_{kind}_count_{days}d": f"n_{kind}_{days}d" for kind in TYPES for days in WINDOWS},
    **{
        f"engagement_{way}_count_{days}d": f"n_{way}_{days}d"
        for way in ("inbound", "outbound")
        for days in WINDOWS
    },
    **{f"engagement_active_days_{days}d": f"active_days_{days}d" for days in WINDOWS},
    **{
        f"engagement_{channel}_channel_count_90d": f"n_channel_{channel}_90d"
        for channel in ("web", "email", "phone", "in_person", "chat")
    },
    "engagement_n_8_37d": "n_8_37d",
    "budget_fact_count": "budget_facts",
    "firmographic_seniority_level": "seniority",
    "engagement_account_other_leads": "account_other_leads",
}
"""Ours to the yardsticks' name, of what must be equal."""
OTHERS = (
    *(f"engagement_{name}" for name in (
        "days_since_inbound", "days_since_outbound", "days_since_any", "longest_silence_days", "momentum",
        "value_30d", "value_365d", "decayed_count", "decayed_value", "reply_ratio_30d", "reply_ratio_365d",
        "account_others_inbound_count_30d", "account_others_outbound_count_30d", "account_others_inbound_count_90d",
        "account_others_outbound_count_90d",
    )),
    "budget_latest_amount", "budget_age_days", "budget_to_deal_ratio", "budget_deal_size",
    *(f"firmographic_{name}" for name in (
        "lead_age_days", "employee_count", "annual_revenue", "source", "country", "product", "industry",
    )),
)  # fmt: skip


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
        1 << 20 if sys.platform == "darwin" else 1 << 10
    )


def ours(
    tables: Path, work: Path, stage: str, memory_gb: float, leads_a_range: int | None, *, fit: bool
) -> None:
    """Read and check the tables, compute the shared features, write them; print what each took, and a fit on them."""
    import pyarrow.parquet as pq  # noqa: PLC0415

    from propensity.config.file import load_config  # noqa: PLC0415
    from propensity.engines import open_engine  # noqa: PLC0415
    from propensity.features.catalogue import possible_features  # noqa: PLC0415
    from propensity.features.frame import features_of  # noqa: PLC0415
    from propensity.features.ranges import leads_a_range as usual_range  # noqa: PLC0415
    from propensity.sources.canonical import load  # noqa: PLC0415
    from propensity.timeline.snapshots import scoring_spine, training_spine  # noqa: PLC0415

    settings = [
        f"data.folder={tables}",
        f"paths.quarantine={work / 'quarantine'}",
        f"engine.memory_gb={memory_gb}",
    ]
    config = load_config(HERE / "scale.yaml", settings)
    began, wall = time.process_time(), time.perf_counter()
    engine = open_engine(config)
    canonical = load(engine, config)
    read, wall_read = time.process_time() - began, time.perf_counter() - wall
    names = [feature.name for feature in possible_features(canonical)]
    left = [name for name in names if name not in INTEGERS and name not in OTHERS]
    settings.append(f"features.exclude={json.dumps(left)}")
    canonical = canonical.__class__(
        **{**vars(canonical), "config": load_config(HERE / "scale.yaml", settings)}
    )
    began, wall, rows = time.process_time(), time.perf_counter(), 0
    if stage == "score":
        spine = scoring_spine(canonical, datetime.fromisoformat(AS_OF).replace(tzinfo=UTC))
        query = features_of(canonical, spine, leads_a_range=leads_a_range or usual_range(memory_gb))
    else:
        query = features_of(canonical, training_spine(canonical, config.data.through))
    writer = None
    for part in query.stream(20_480):
        writer = writer or pq.ParquetWriter(work / f"ours_{stage}.parquet", part.schema)
        writer.write_table(part)
        rows += part.num_rows
    if writer is not None:
        writer.close()
    found = {
        "rows": rows, "features": len(query.features), "read_cpu_s": read, "read_wall_s": wall_read,
        "cpu_s": time.process_time() - began, "wall_s": time.perf_counter() - wall, "peak_rss_mb": _peak_mb(),
    }  # fmt: skip
    engine.close()
    if fit and stage == "train":
        from fitting import fitted  # noqa: PLC0415

        names = [feature.name for feature in query.features]
        found |= {**fitted(work / "ours_train.parquet", names), "fit_peak_rss_mb": _peak_mb()}
    print(json.dumps(found))


def differing(work: Path, stage: str) -> int:
    """Rows that one side lacks, and values of the integers that differ from the yardstick's, over all snapshots."""
    import duckdb  # noqa: PLC0415

    wrong = " + ".join(
        ["(o.lead_id IS NULL OR h.lead_id IS NULL)::INT"]
        + [f"(o.{ours} IS DISTINCT FROM h.{theirs})::INT" for ours, theirs in INTEGERS.items()]
    )
    sql = (
        f"SELECT sum({wrong}) FROM read_parquet(?) o "  # noqa: S608 - names of our own
        "FULL JOIN read_parquet(?) h ON o.lead_id = h.lead_id::VARCHAR AND o.as_of = h.as_of"
    )
    files = [str(work / f"ours_{stage}.parquet"), str(work / f"features_{stage}.parquet")]
    found = duckdb.connect().execute(sql, files).fetchone()
    return int(found[0]) if found else 0


def _run(command: list[str]) -> list[dict]:
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def measure(args: argparse.Namespace, leads: int, stage: str) -> dict:
    """Medians of each side at one size."""
    yardsticks, tables = args.yardsticks, args.work / f"tables_{leads}"
    if not tables.is_dir():
        _run(
            [sys.executable, str(yardsticks / "make_tables.py"), "--leads", str(leads), "--out", str(tables)]
        )
    asked = {"score": "features", "train": "train"}[stage]
    common = ["--tables", str(tables), "--as-of", AS_OF, "--out", str(args.work), "--stages", asked]
    one = [sys.executable, __file__, "--one", stage, "--tables", str(tables), "--work", str(args.work)]
    one += ["--memory-gb", str(args.memory_gb)]
    if args.fit:
        one.append("--fit")
    if args.leads_a_range is not None:
        one += ["--leads-a-range", str(args.leads_a_range)]
    programs = {"sql": "by_hand.py", "pandas": "with_pandas.py"}
    sides: dict[str, list[dict]] = {"ours": []} | {side: [] for side in args.sides.split(",")}
    wrong = None
    for _ in range(args.runs):
        sides["ours"] += _run(one)
        for side, lines in sides.items():
            if side in programs:
                lines.append(_took(_run([sys.executable, str(yardsticks / programs[side]), *common])))
                # Both leave their features under one name.
                wrong = differing(args.work, stage) if side == "sql" else wrong
    found = {
        side: {name: median(line[name] for line in lines) for name in lines[0]}
        for side, lines in sides.items()
    }
    return {"leads": leads, "stage": stage, "wrong": wrong, **found}


def _took(lines: list[dict]) -> dict:
    """Of a yardstick, reading and features with their peak, before any fitting; and the fit."""
    stages = [line for line in lines if line["stage"] not in ("end", "train_fit")]
    found = {
        "cpu_s": sum(line["cpu_s"] for line in stages),
        "wall_s": sum(line["wall_s"] for line in stages),
        "peak_rss_mb": stages[-1]["peak_rss_mb_so_far"],
    }
    for line in lines:
        if line["stage"] == "train_fit":
            found |= {
                "fit_cpu_s": line["cpu_s"],
                "fit_wall_s": line["wall_s"],
                "fit_peak_rss_mb": line["peak_rss_mb_so_far"],
            }
    return found


def table(results: list[dict]) -> str:
    """Markdown: CPU seconds, with the checking of our tables apart, and peak memory."""
    lines = [
        "| leads | stage | side | CPU s | of SQL | wall s | peak MB |",
        "|---:|---|---|---:|---:|---:|---:|",
    ]
    for result in results:
        base = result["sql"]["cpu_s"] if "sql" in result else float("nan")
        for side in ("ours", "sql", "pandas"):
            if side not in result:
                continue
            one = result[side]
            lines.append(
                f"| {result['leads']:,} | {result['stage']} | {side} | {one['cpu_s']:.2f} | {one['cpu_s'] / base:.2f} | "
                f"{one['wall_s']:.1f} | {one['peak_rss_mb']:,.0f} |"
            )
        for side in ("ours", "sql", "pandas"):
            one = result.get(side, {})
            if "fit_cpu_s" in result["ours"] and "fit_cpu_s" in one:
                of = one["fit_cpu_s"] / result["sql"]["fit_cpu_s"] if "sql" in result else float("nan")
                lines.append(
                    f"| {result['leads']:,} | 300 trees | {side} | {one['fit_cpu_s']:.1f} | {of:.2f} | "
                    f"{one['fit_wall_s']:.1f} | {one['fit_peak_rss_mb']:,.0f} |"
                )
        lines.append(
            f"| {result['leads']:,} | {result['stage']} | ours, reading and checking | {result['ours']['read_cpu_s']:.1f} | | {result['ours']['read_wall_s']:.1f} | |"
        )
    return "\n".join(lines)


def plot(results: list[dict]) -> str:
    """An SVG of CPU seconds by leads, a line a side, both axes logarithmic."""
    import io  # noqa: PLC0415

    import matplotlib as mpl  # noqa: PLC0415

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "propensity"
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure, axes = plt.subplots(figsize=(5, 3.2))
    scored = [result for result in results if result["stage"] == "score"]
    for side, name in (("ours", "propensity"), ("sql", "SQL by hand"), ("pandas", "pandas")):
        seen = [result for result in scored if side in result]
        axes.plot([r["leads"] for r in seen], [r[side]["cpu_s"] for r in seen], marker="o", label=name)
    axes.set(xscale="log", yscale="log", xlabel="leads", ylabel="CPU s of the features of a night")
    axes.legend(frameon=False)
    figure.tight_layout()
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()


def main() -> None:
    """Measure, print the table, and write both where asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--yardsticks", type=Path, help="folder of the yardsticks")
    parser.add_argument("--work", type=Path, required=True, help="folder for tables and results")
    parser.add_argument("--leads", default="20000,50000", help="sizes, comma-separated")
    parser.add_argument("--stages", default="score", help="score, train or both")
    parser.add_argument("--sides", default="sql,pandas", help="the yardsticks: sql, pandas or both")
    parser.add_argument("--runs", type=int, default=3, help="of each side, in turn; the medians count")
    parser.add_argument("--leads-a-range", type=int, help="of scoring on our side (default: that of a night)")
    parser.add_argument("--memory-gb", type=float, default=0.5, help="engine.memory_gb of our side")
    parser.add_argument("--fit", action="store_true", help="grow 300 trees on the training's frame, too")
    parser.add_argument("--write", type=Path, help="folder for performance.svg and performance.json")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--tables", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    if args.one:
        ours(args.tables, args.work, args.one, args.memory_gb, args.leads_a_range, fit=args.fit)
        return
    sizes = [int(size) for size in args.leads.split(",")]
    print(
        f"Python {platform.python_version()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}",
        flush=True,
    )
    results = [measure(args, leads, stage) for leads in sizes for stage in args.stages.split(",")]
    for result in results:
        if result["wrong"] is not None:
            print(f"{result['leads']:,} leads: {result['wrong']} integers differ from the SQL's")
    print(table(results))
    if args.write is not None:
        (args.write / "performance.json").write_text(json.dumps(results, indent=1) + "\n")
        (args.write / "performance.svg").write_text(plot(results))


if __name__ == "__main__":
    main()
