"""The place where the nights happen: its folders, the processes that run there, and what lies on disk after each."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from nightly_runs import Ended, Warm, cold, finished
from nightly_world import Crm

from propensity.scoring.ledger import Ledger

ROOT = Path(__file__).parent.parent
MANIFEST, SCORES, LIST = "manifest.json", "scores.parquet", "list.parquet"
WRITING, LISTED, RECORDED, MONITORED = "Writing the lists", "list", "record", "monitor"
"""What a run's log says when it begins to write, and when these steps are over."""
ALARM = re.compile(r"^alarm: .*(drifted in the|moves the mean probability)")


@dataclass(frozen=True)
class Looked:
    """What a night left."""

    whole: bool
    as_of: str
    scored: int
    listed: int
    lost: int
    doubled: int
    wrong: tuple[str, ...]


class House:
    """Everything below one folder."""

    def __init__(self, place: Path, crm: Crm, horizon_days: int) -> None:
        self.place, self.crm, self.horizon_days = place, crm, horizon_days
        self.data, self.out, self.models = place / "data", place / "out", place / "models"
        self.database, self.state = place / "mlflow.db", place / "state"
        self.config = place / "crm.yaml"
        self.config.write_text(yaml.safe_dump(self._settings()), encoding="utf-8")
        self.temporary = place / "tmp"
        self.temporary.mkdir(exist_ok=True)
        self.environment = {"PYTHONPATH": str(ROOT / "src"), "TMPDIR": str(self.temporary)}
        self.spool = place / "spool"
        self.spool.mkdir(exist_ok=True)
        self.warm = Warm(self.spool, self.environment)
        self.usual_seconds = 10.0

    def _settings(self) -> dict[str, Any]:
        """The demo's configuration, with a shorter horizon, so that labels mature within the nights, and a small model."""
        tree = yaml.safe_load((ROOT / "configs" / "demo.yaml").read_text(encoding="utf-8"))
        tree["data"] = {"folder": "data", "currency": "EUR"}
        tree["paths"] = {"models": "models", "out": "out", "state": "state", "logs": "logs", "reports": "reports",
                         "quarantine": "quarantine", "ledger": "ledger"}  # fmt: skip
        tree["tracking"] = {"uri": "sqlite:///mlflow.db", "experiment": "nights", "model_name": "nights"}
        tree["outcome"]["horizon_days"] = self.horizon_days
        tree["snapshots"] = {
            "every": "2 weeks",
            "start": (self.crm.span.first - timedelta(days=150)).date().isoformat(),
        }
        tree["features"]["windows_days"] = [7, 30]
        tree["model"] = {"rungs": ["lightgbm"], "params": {"max_trees": 60}, "resamples": 50}
        tree["nightly"] = {
            # Of activities it is known that some will be deleted; of nothing else.
            "volume": {"min_ratio": 0.95, "tables": {"activities": {"min_ratio": 0.5}}},
            "retry": {"attempts": 2, "first_wait_seconds": 0.2},
            "keep_nights": 60,
            "retrain": {"min_new_conversions": 1, "min_days": 1},
        }
        return tree

    def command(self, verb: str, night: int, *more: str, now: datetime | None = None) -> list[str]:
        """What cron would run at three in the morning (UTC)."""
        at = self.crm.span.midnight(night) + timedelta(hours=3) if now is None else now
        return [verb, "--config", str(self.config), "--json", "--now", at.isoformat(), *more]

    def start(
        self,
        verb: str,
        night: int,
        *more: str,
        now: datetime | None = None,
        env: Mapping[str, str] = {},
        **how: Any,
    ) -> subprocess.Popen[str]:
        """Begin a run from nothing."""
        return cold(self.command(verb, night, *more, now=now), {**self.environment, **env}, **how)

    def run_cold(self, verb: str, night: int, *more: str, **how: Any) -> Ended:
        """Run from nothing to the end."""
        begun = time.monotonic()
        ended = finished(self.start(verb, night, *more, **how))
        if verb == "nightly" and ended.code == 0:
            self.usual_seconds = time.monotonic() - begun
        return ended

    def run(self, verb: str, night: int) -> Ended:
        """Run to the end, with the libraries loaded."""
        return self.warm.run(self.command(verb, night))

    def monitor(self) -> Mapping[str, Any]:
        """What `propensity monitor` says of the data that lie there."""
        ended = self.warm.run(["monitor", "--config", str(self.config), "--json"])
        if ended.told is None:
            raise RuntimeError(ended.err[-2_000:])
        return ended.told

    def lasted(self) -> dict[str, float]:
        """Seconds from the beginning of the newest whole run until each of its marks, as its log has them."""
        for path in sorted((self.place / "logs").glob("*.jsonl"), reverse=True):
            events = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
            if not events or events[-1]["event"] != "end" or events[-1]["exit_code"] != 0:
                continue
            begun = datetime.fromisoformat(events[0]["at"])
            marks = {str(event.get("title") or event.get("step")): event["at"] for event in events}
            if MONITORED in marks:
                return {
                    mark: (datetime.fromisoformat(at) - begun).total_seconds() for mark, at in marks.items()
                }
        return {WRITING: 0.0, LISTED: 2.0, RECORDED: 2.1, MONITORED: 2.5}

    def expect(self, tally: Any, code: int, ended: Ended, what: str) -> None:
        """Count it as wrong where a run ended otherwise."""
        if ended.code != code:
            why = (ended.told or {}).get("why") or ended.err.strip()[-400:]
            tally.wrong.append(f"{what} ended with {ended.code}, not {code}: {why}")

    def lists(self) -> dict[str, str]:
        """Each night's folder with a digest of all its final files."""
        found: dict[str, str] = {}
        for folder in sorted(path for path in self.out.glob("????-??-??") if path.is_dir()):
            digest = hashlib.sha256()
            for path in sorted(folder.rglob("*")):
                if path.is_file() and not any(
                    part.startswith(".") for part in path.relative_to(folder).parts
                ):
                    digest.update(path.name.encode() + path.read_bytes())
            found[folder.name] = digest.hexdigest()
        return found

    def whole(self, name: str) -> bool:
        """Whether a night's folder is a whole list: every file as its manifest says. An empty folder is no list, and no half."""
        folder = self.out / name
        there = [path for path in folder.iterdir() if not path.name.startswith(".")]
        if not there:
            return True
        try:
            manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        return all(_sha256(folder / file) == known["sha256"] for file, known in manifest["files"].items())

    def look(self, night: int) -> Looked:
        """What the newest list holds, against what the world knows."""
        names = [name for name in self.lists() if (self.out / name / MANIFEST).exists()]
        if not names:
            return Looked(False, "none", 0, 0, 0, 0, ("there is no list",))
        name, wrong = names[-1], list[str]()
        manifest = json.loads((self.out / name / MANIFEST).read_text(encoding="utf-8"))
        as_of = datetime.fromisoformat(manifest["as_of"])
        midnight = self.crm.span.midnight(night)
        if not midnight - timedelta(days=1) <= as_of <= midnight:
            wrong.append(f"the newest list is of {as_of}")
        whole = self.whole(name)
        if not whole:
            wrong.append("files differ from the manifest")
        scores = pq.read_table(self.out / name / SCORES, columns=["lead_id", "removed"])
        listed = pq.read_table(self.out / name / LIST, columns=["lead_id"])["lead_id"].to_pylist()
        ids = scores["lead_id"].to_pylist()
        expected = self.crm.leads_before(as_of)
        kept = {lead for lead, cause in zip(ids, scores["removed"].to_pylist(), strict=True) if cause is None}
        doubled = len(ids) - len(set(ids)) + len(listed) - len(set(listed))
        lost = len(expected ^ set(ids)) + len(kept ^ set(listed))
        return Looked(
            whole and not wrong, f"{as_of:%Y-%m-%d %H:%M}", len(ids), len(listed), lost, doubled, tuple(wrong)
        )

    def calibration(self, nights: Iterable[int], z: float) -> tuple[float, float, float]:
        """Conversions over the sum of the ledger's probabilities, of all open leads of these nights; interval by leads as clusters.

        A lead is on many nights, and converts once: the interval counts leads, not rows.
        """
        expected: dict[str, float] = {}
        came: dict[str, float] = {}
        midnights = {self.crm.span.midnight(night).date() for night in nights}
        for recorded in Ledger(self.place / "ledger").nights():
            # The data reach to within the day before a night's midnight.
            if (recorded.as_of + timedelta(days=1)).date() not in midnights:
                continue
            rows = recorded.rows(["lead_id", "probability", "removed"])
            settled = pa.compute.is_in(
                rows["removed"], value_set=pa.array(["already_converted", "disqualified", "open_deal"])
            )
            rows = rows.filter(pa.compute.invert(settled))
            won = self.crm.converted(recorded.as_of, self.horizon_days)
            for lead, probability in zip(
                rows["lead_id"].to_pylist(), rows["probability"].to_pylist(), strict=True
            ):
                expected[lead] = expected.get(lead, 0.0) + probability
                came[lead] = came.get(lead, 0.0) + (lead in won)
        total = sum(expected.values())
        if not total:
            return float("nan"), float("nan"), float("nan")
        ratio = sum(came.values()) / total
        spread = z * sum((came[lead] - ratio * expected[lead]) ** 2 for lead in expected) ** 0.5 / total
        return ratio, ratio - spread, ratio + spread

    def ledger(self) -> tuple[int, int]:
        """Delivered leads that the ledger lacks or has otherwise, and that it holds more than once."""
        recorded: dict[str, list[tuple[str, float]]] = {}
        for night in Ledger(self.place / "ledger").nights():
            rows = night.rows(["lead_id", "probability"])
            recorded.setdefault(night.as_of.isoformat(), []).extend(_pairs(rows))
        lost = doubled = 0
        for name in self.lists():
            manifest = json.loads((self.out / name / MANIFEST).read_text(encoding="utf-8"))
            delivered = set(
                _pairs(pq.read_table(self.out / name / SCORES, columns=["lead_id", "probability"]))
            )
            found = recorded.pop(datetime.fromisoformat(manifest["as_of"]).isoformat(), [])
            lost += len(delivered - set(found))
            doubled += len(found) - len(delivered & set(found))
        # What is left is of no night that was delivered.
        return lost, doubled + sum(len(leads) for leads in recorded.values())

    def left_over(self) -> list[str]:
        """What killed runs left and nobody took away: working folders, and halves of lists."""
        found = [*self.temporary.glob("propensity-work-*"), *self.out.glob(".*")]
        return sorted(path.name for path in found)

    def champion(self) -> str:
        """The version that was last seen in use, as the nights note it."""
        found = next(self.models.glob("*/champion.json"), None)
        return "?" if found is None else json.loads(found.read_text(encoding="utf-8"))["version"]

    def drift_alarms(self) -> list[str]:
        """What the last run's summary says of drift, as an alarm."""
        told = json.loads((self.state / "last-run.json").read_text(encoding="utf-8"))
        return [warning for warning in told["warnings"] if ALARM.match(warning)]


def _pairs(rows: pa.Table) -> list[tuple[str, float]]:
    return list(zip(rows["lead_id"].to_pylist(), rows["probability"].to_pylist(), strict=True))


def _sha256(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None
