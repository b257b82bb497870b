"""How the leakage court does: leaks found by kind and honest columns suspected, then the verdicts on the flat files.

    .venv/bin/python benchmarks/court.py --seeds 201 202 203 --leads 6000
    .venv/bin/python benchmarks/court.py --real FOLDER

Worlds are simulated anew from each seed, with the columns of `planted.py`. In `crm` they stand beside activities and
stages; in `flat` the leads stand alone with their outcome; in `poor` most of the honest columns are gone too. The flat
files are read from FOLDER/<name>, where they are there.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import planted
import pyarrow.csv as pacsv

from propensity.audit.leakage import ColumnVerdict, Court, hold_court
from propensity.config import Config
from propensity.config.file import load_config
from propensity.session import Progress, Session, opened, training_frame

ROOT = Path(__file__).parent.parent
KINDS = ("crm", "flat", "poor")
REAL = ("bank-marketing", "x-education", "maven-crm")
KNOWN_LEAKS = {
    "bank-marketing": {"duration"},
    "x-education": {
        "Tags", "Lead Quality", "Lead Profile", "Asymmetrique Activity Index", "Asymmetrique Profile Index",
        "Asymmetrique Activity Score", "Asymmetrique Profile Score", "Last Activity", "Last Notable Activity",
    },
    "maven-crm": {"close_date", "close_value"},
}  # fmt: skip
"""As the descriptions of the files say."""
_LEFT_IN_POOR = {"lead_id", "created_at", "source", "country", "outcome", "do_not_contact"}
_NUMBERS = {
    "filled_for_few", "rating_overwritten_5", "rating_overwritten_20", "acts_in_total", "acts_capped", "account_rate",
    "small_group_rate", "customer_number", "deal_amount", "corrected_score", "sum_of_calls", "emails_in_total",
    "visits_in_total", "idle_days", "above_expectation", "qualification_call_minutes", "strong_fit_score", "created_number", "random_number",
    "acts_first_day", "sign_up_hour", "postcode", "years_in_business", "budget_at_sign_up",
}  # fmt: skip


def config_of(kind: str, folder: Path, *, mapped: bool) -> Config:
    """The demo's configuration over a planted world, or one of flat leads; `mapped`: the columns feed the model."""
    places = [f"paths.quarantine={folder / 'q'}", f"tracking.uri=sqlite:///{folder / 'm.db'}"]
    if kind != "crm":
        (folder / f"{kind}.yaml").write_text(
            f"data: {{through: 2026-06-01}}\ntables: {{leads: {{path: {kind}.csv}}}}\n", encoding="utf-8"
        )
        return load_config(folder / f"{kind}.yaml", places)
    sets = [f"data.folder={folder}", *places]
    if mapped:
        dates = {"updated_at", "closed_on", "signed_up_at", "first_seen_at", "webinar_on"}
        names = [name for name in (*planted.LEAKS, *planted.HONEST) if name not in dates]
        extra = [f"{n}: {{static: true, type: {'number' if n in _NUMBERS else 'category'}}}" for n in names]
        sets.append(f"tables.leads.extra={{{', '.join(extra)}}}")
    return load_config(ROOT / "configs" / "demo.yaml", sets)


def tried(kind: str, folder: Path) -> dict[str, ColumnVerdict]:
    """The gravest verdict on each planted column, each tried as if it were the only one."""
    if kind == "poor":
        with (folder / "flat.csv").open(encoding="utf-8", newline="") as file:
            names = next(csv.reader(file))
        kept = [n for n in names if n in _LEFT_IN_POOR | {*planted.LEAKS, *planted.HONEST}]
        options = pacsv.ConvertOptions(include_columns=kept, column_types=dict.fromkeys(names, "string"))
        pacsv.write_csv(pacsv.read_csv(folder / "flat.csv", convert_options=options), folder / "poor.csv")
    with opened(config_of(kind, folder, mapped=False), Progress()) as session:
        found = {v.name: v for v in hold_court(session.canonical, session.through, candidates=True).verdicts}
    if kind != "crm":
        return found
    with opened(config_of(kind, folder, mapped=True), Progress()) as session:
        beside = beside_features(session)
    for name, verdict in beside.items():
        if name in found and verdict.verdict != "clear" and found[name].verdict == "clear":
            found[name] = replace(found[name], verdict=verdict.verdict, reasons=verdict.reasons)
    return found


def beside_features(session: Session) -> dict[str, ColumnVerdict]:
    """The verdicts beside the features whose time is on record; there each column is tried by itself."""
    from propensity.audit.leakage import tried_snapshots  # noqa: PLC0415

    return tried_snapshots(session.canonical, training_frame(session), {})


def worlds(seeds: list[int], leads: int, kinds: list[str]) -> None:
    """Two tables: leaks found by kind, honest columns suspected."""
    hits: dict[tuple[str, str], list[str]] = defaultdict(list)
    quiet: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for seed in seeds:
        with tempfile.TemporaryDirectory() as place:
            planted.plant(Path(place), leads=leads, seed=seed)
            for kind in kinds:
                for name, verdict in tried(kind, Path(place)).items():
                    hits[kind, name].append(verdict.verdict)
                    if kind == kinds[0] and "auc_alone" in verdict.measured:
                        quiet[name].append((verdict.measured["auc_alone"], verdict.measured["auc_added"]))
                sys.stderr.write(f"{kind} {seed}\n")
    _table("leak", planted.LEAKS, hits, quiet, kinds)
    own = sorted({name for _, name in hits} - {*planted.LEAKS, *planted.HONEST})
    _table("honest", [*planted.HONEST, *own], hits, quiet, kinds)
    for kind in kinds:
        honest = [v for (k, name), vs in hits.items() if k == kind and name not in planted.LEAKS for v in vs]
        leaked = [v for (k, name), vs in hits.items() if k == kind and name in planted.LEAKS for v in vs]
        wrong, caught = (sum(v != "clear" for v in vs) for vs in (honest, leaked))
        print(
            f"\n{kind}: {caught} of {len(leaked)} leaks found, {wrong} of {len(honest)} honest columns suspected"
        )


def _table(title: str, names: list[str] | tuple[str, ...], hits: dict, quiet: dict, kinds: list[str]) -> None:
    print(f"\n| {title} | AUC alone | adds | {' | '.join(kinds)} |\n|---|---|---|{'---|' * len(kinds)}")
    for name in names:
        cells = [
            f"{sum(v != 'clear' for v in hits[kind, name])}/{len(hits[kind, name])}"
            if hits[kind, name]
            else "-"
            for kind in kinds
        ]
        alone, added = (sum(q[i] for q in quiet[name]) / max(1, len(quiet[name])) for i in (0, 1))
        print(f"| {name} | {alone:.2f} | {added:+.3f} | {' | '.join(cells)} |")


def flat_files(real: Path) -> None:
    """The verdicts over all columns of the real files."""
    for name in REAL:
        if not (real / name).is_dir():
            sys.stderr.write(f"{real / name} is not there; left out\n")
            continue
        with tempfile.TemporaryDirectory() as place:
            config = load_config(
                ROOT / "configs" / f"{name}.yaml",
                [f"data.folder={real / name}", f"paths.quarantine={place}/q"],
            )
            with opened(config, Progress()) as session:
                court = hold_court(session.canonical, session.through, candidates=True)
        _verdicts(name, court)


def _verdicts(name: str, court: Court) -> None:
    leaks = KNOWN_LEAKS[name]
    print(
        f"\n### {name}\n\n| column | feeds | known leak | verdict | AUC alone | others | adds | why |\n|---|---|---|---|---|---|---|---|"
    )
    for v in court.verdicts:
        m = v.measured
        numbers = [f"{m[key]:.2f}" if key in m else "-" for key in ("auc_alone", "auc_others")]
        added = f"{m['auc_added']:+.3f}" if "auc_added" in m else "-"
        why = ", ".join(reason.statistic for reason in v.reasons) + (" (declared)" if v.why else "")
        print(f"| {v.name} | {'yes' if v.feeds else ''} | {'yes' if v.name in leaks else ''} | {v.verdict} "
              f"| {' | '.join(numbers)} | {added} | {why} |")  # fmt: skip
    honest = [v for v in court.verdicts if v.name not in leaks]
    wrong = [v.name for v in honest if v.verdict != "clear"]
    missed = [v.name for v in court.verdicts if v.name in leaks and v.verdict == "clear"]
    print(f"\nHonest columns suspected: {len(wrong)} of {len(honest)} ({', '.join(wrong) or 'none'}). "
          f"Known leaks not suspected: {', '.join(missed) or 'none'}.")  # fmt: skip
    for note in court.notes:
        print(f"Note: {note}")


def main() -> None:
    """Parse and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="*", default=[])
    parser.add_argument("--leads", type=int, default=6_000)
    parser.add_argument("--kinds", nargs="*", choices=KINDS, default=list(KINDS))
    parser.add_argument("--real", type=Path)
    args = parser.parse_args()
    if args.seeds:
        worlds(args.seeds, args.leads, args.kinds)
    if args.real is not None:
        flat_files(args.real)


if __name__ == "__main__":
    main()
