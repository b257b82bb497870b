"""Tables whose tails are heavy, from even ones: one lead with a million acts, one account with 100,000 leads, half of the leads silent.

    heavy_tail.py --tables DIR --out DIR [--acts 1000000] [--account-leads 100000]

`benchmarks/night.py --heavy` makes them of its own tables, and measures a night on them.
"""

# ruff: noqa: S608 - the names are our own

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import duckdb

KEPT = ("accounts.parquet", "stages.parquet", "budgets.parquet")


def make(tables: Path, out: Path, *, acts: int, account_leads: int) -> None:
    """Write the heavy tables into `out`."""
    out.mkdir(parents=True)
    for name in KEPT:
        shutil.copyfile(tables / name, out / name)
    leads, activities = (f"read_parquet('{tables / name}.parquet')" for name in ("leads", "activities"))
    con = duckdb.connect(config={"temp_directory": str(out / "spill"), "memory_limit": "4GB"})
    con.execute("SET preserve_insertion_order = false; SET TimeZone = 'UTC'")
    # The oldest leads, so that the account and the busy lead are there at every as_of.
    con.execute(
        f"CREATE TABLE oldest AS SELECT lead_id, account_id FROM {leads} ORDER BY created_at, lead_id LIMIT {account_leads}"
    )
    con.execute(
        f"COPY (SELECT l.* REPLACE (CASE WHEN o.lead_id IS NULL THEN l.account_id ELSE (SELECT min(account_id) FROM oldest) END AS account_id) "
        f"FROM {leads} l LEFT JOIN oldest o USING (lead_id)) TO '{out / 'leads.parquet'}' (FORMAT parquet)"
    )
    busy = "(SELECT min(lead_id) FROM oldest)"
    # A lead is silent by its hash; acts of the silent ones go to the busy lead until it has enough, and the others are left out.
    con.execute(
        f"COPY (SELECT * EXCLUDE (_place, _silent) REPLACE (CASE WHEN _silent THEN {busy} ELSE lead_id END AS lead_id) FROM ("
        f"SELECT *, hash(lead_id) % 2 = 0 AS _silent, row_number() OVER (PARTITION BY hash(lead_id) % 2) AS _place FROM {activities}) "
        f"WHERE NOT _silent OR _place <= {acts}) TO '{out / 'activities.parquet'}' (FORMAT parquet)"
    )
    con.close()
    shutil.rmtree(out / "spill", ignore_errors=True)


def main() -> None:
    """Make them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--tables",
        type=Path,
        required=True,
        help="folder of even tables, as the yardsticks' generator writes them",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the heavy ones")
    parser.add_argument("--acts", type=int, default=1_000_000, help="of the busiest lead")
    parser.add_argument("--account-leads", type=int, default=100_000, help="of the largest account")
    args = parser.parse_args()
    make(args.tables, args.out, acts=args.acts, account_leads=args.account_leads)


if __name__ == "__main__":
    main()
