"""The court's verdicts, the limits in plain words, and the line that reproduces the training."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from propensity.audit.leakage import ColumnVerdict
from propensity.audit.report import Block, Bullets, Fold, Grid, Section, Words, plain, quoted
from propensity.audit.sections.facts import Facts, day, many, percent, told
from propensity.starting.names import is_personal
from propensity.stats import wilson

if TYPE_CHECKING:
    from propensity.config import Config

_MOST_CLEAR: Final = 200
_FEW_TIMES: Final = 5
_HARDLY: Final = 0.05
_LIBRARIES: Final = ("propensity", "lightgbm", "scikit-learn", "numpy", "duckdb", "ibis-framework", "pyarrow")
_PLACES: Final = frozenset({"path", "folder", "database", "own"})


def court(facts: Facts) -> Section:
    """Verdicts on the columns, what blocks first."""
    found, title = facts.court, "Does a column know the outcome?"
    if not found.verdicts:
        return Section(
            "court",
            title,
            (
                Words(
                    told(f"the leakage court did not sit: {found.excuse or 'there was no column to try'}"),
                    "note",
                ),
            ),
        )
    fed = [verdict for verdict in found.verdicts if verdict.feeds]
    blocking = [verdict for verdict in fed if verdict.blocks]
    others = [verdict for verdict in fed if not verdict.blocks and verdict.verdict != "clear"]
    clear = [verdict for verdict in fed if verdict.verdict == "clear"]
    blocks: list[Block] = [
        _whether_it_blocks(blocking, len(fed)),
        Words(
            "The court asks of each column whether it may have been written after the outcome. Convicted: proof by timing, or it "
            "decides the outcome alone. Suspect: a figure that honest columns rarely have.",
            "note",
        ),
    ]
    if blocking or others:
        rows = tuple(_row(verdict) for verdict in (*blocking, *others))
        blocks.append(
            Grid(
                "Columns with something against them",
                ("column", "verdict", "why", "declared known in time"),
                rows,
                "llll",
            )
        )
    if found.notes:
        blocks.append(Bullets(tuple(told(note) for note in found.notes)))
    if clear:
        names = ", ".join(quoted(verdict.name) for verdict in clear[:_MOST_CLEAR])
        blocks.append(Fold(f"{len(clear):,} clear columns", (Words(names),)))
    return Section("court", title, tuple(blocks))


def _whether_it_blocks(blocking: Sequence[ColumnVerdict], fed: int) -> Words:
    """The sentence that comes first: whether a column, of the `fed` that feed the model, keeps it from promotion."""
    if not blocking:
        return Words(f"None of {fed:,} columns that feed the model keeps it from being promoted.", "verdict")
    names = ", ".join(quoted(verdict.name) for verdict in blocking)
    return Words(
        f"{len(blocking):,} of {many(fed, 'column')} may know the outcome, and this keeps the model from being promoted: {names}.",
        "alarm",
    )


def _row(verdict: ColumnVerdict) -> tuple[str, ...]:
    word = verdict.verdict + (", blocks promotion" if verdict.blocks else "")
    return quoted(verdict.name), word, _reasons(verdict), plain(verdict.why or "no")


def _reasons(verdict: ColumnVerdict) -> str:
    # A reason may quote a value, and the values of such a column may be people.
    if is_personal(verdict.name):
        return "; ".join(
            f"{reason.statistic} {reason.value:.3f} against {reason.threshold:g}"
            for reason in verdict.reasons
        )
    return " ".join(told(reason.sentence) for reason in verdict.reasons)


def limits(facts: Facts) -> Section:
    """What the figures cannot say, each line from a fact of this training."""
    lines = tuple(told(line) for line in limits_of(facts))
    return Section("limits", "What this page cannot say", (Bullets(lines),))


def limits_of(facts: Facts) -> tuple[str, ...]:
    """The limits, the gravest first."""
    return (*facts.warnings, *_of_court(facts), *_of_test(facts), *_of_data(facts), *_always(facts))


def _of_court(facts: Facts) -> list[str]:
    found: list[str] = []
    blocking = facts.court.blocking
    if blocking:
        found.append(
            f"{many(len(blocking), 'column')} may know the outcome; as long as that feeds the model, every figure here may be too good"
        )
    declared = [
        verdict
        for verdict in facts.court.verdicts
        if verdict.feeds and verdict.why is not None and verdict.verdict != "clear"
    ]
    if declared:
        found.append(
            f"{many(len(declared), 'suspect column')} in use, because the configuration says: known in time; the page trusts that"
        )
    if not facts.court.verdicts:
        found.append("no column was tried for knowing the outcome")
    return found


def _of_test(facts: Facts) -> list[str]:
    judged, found = facts.judged, []
    if judged is None:
        return []
    fewest, least = (
        min(judged.conversions, judged.rows - judged.conversions),
        facts.config.checks.min_conversions,
    )
    if fewest < _FEW_TIMES * least:
        found.append(
            f"the test holds {fewest:,} leads of the rarer outcome: the intervals are wide, and small differences are noise"
        )
    drift = _drift(facts)
    if drift:
        found.append(drift)
    stable = facts.trained.stability
    if stable is not None and stable.verdicts:
        found.append(
            f"the probabilities are off beyond noise in {len(stable.verdicts):,} parts of the test (see stability)"
        )
    if judged.cohorts_left_out:
        found.append(f"{judged.cohorts_left_out:,} lists of the test hold no conversion, and are in no lift")
    return found


def _drift(facts: Facts) -> str:
    """That the conversion rate moved between the past and the test, where their 95 % intervals lie apart."""
    metadata, y = facts.trained.judged.metadata, facts.trained.test.y
    rows, yes = [metadata["rows"], len(y)], [metadata["conversions"], int(y.sum())]
    if facts.trained.split.kind != "forward" or min(rows) == 0:
        return ""
    low, high = wilson(yes, rows)
    if low[0] <= high[1] and low[1] <= high[0]:
        return ""
    before, after = (yes[i] / rows[i] for i in (0, 1))
    return (
        f"the conversion rate moved from {percent(before)} before the test to {percent(after)} in it: the world drifts, and the "
        "probabilities follow late"
    )


def _of_data(facts: Facts) -> list[str]:
    found: list[str] = []
    if facts.account_history is False:
        found.append(
            "accounts have no history (valid_from): what they are today is taken as what they were at each date"
        )
    if facts.flat:
        found.append("there is no stage history: when a lead converted is not known, only whether")
    filled = facts.trained.final.metadata["data"].get("filled", {})
    empty = sum(share < _HARDLY for share in filled.values())
    if empty:
        found.append(
            f"{empty:,} of {len(filled):,} features are known for fewer than 5 % of the snapshots and can say little"
        )
    aside = sum(table.quarantined for table in facts.report.tables.values())
    if aside:
        found.append(f"{aside:,} rows broke a rule and were set aside")
    return found


def _always(facts: Facts) -> list[str]:
    config = facts.config
    newest = config.outcome.horizon_days + config.outcome.recording_lag_days
    attention = (
        "reps choose whom to call, and what they do is in the data: part of a high score may be their own attention. The page "
        "says who converts, not what a call causes"
    )
    found = [
        attention,
        "the intervals say how far chance goes in who was in the data. They do not say that next year is like last year",
    ]
    if not facts.flat and facts.through is not None:
        found.append(
            f"leads of the newest {newest:g} days before {day(facts.through)} are not in the figures: what became of them is not known yet"
        )
    found.append(
        "the registered model has since learned from the test too, by the same recipe; these figures are of the model before that"
    )
    return found


def reproduce(facts: Facts) -> Section:
    """The command, and the hashes by which to tell that it was the same."""
    metadata, final = facts.trained.final.metadata, facts.trained.final
    rows = [
        ("configuration, without places (SHA-256)", config_sha256(facts.config)),
        ("seed", str(metadata["seed"])),
        ("model, as registered (digest)", final.digest),
        ("model, as judged (digest)", facts.trained.judged.digest),
        ("features (spec hash)", final.spec_hash),
        ("data through", day(facts.through)),
        *(
            (f"table {name} (SHA-256)", table.sha256 or "unknown")
            for name, table in facts.report.tables.items()
        ),
        ("Python", platform.python_version()),
        *((name, version(name)) for name in _LIBRARIES),
    ]
    text = (
        "Run this with the same configuration file and the same exports. The same inputs give the same model, digest by digest, "
        "whatever the number of threads."
    )
    if facts.trained.ladder.chosen == "tuned":
        text += " The tuned rung is found within a time limit: another machine may find other parameters."
    return Section(
        "reproduce",
        "How to get the same again",
        (
            Words(text),
            Words("propensity train --config YOUR-CONFIGURATION.yaml", "code"),
            Grid("By which to tell that it is the same", (), tuple(rows), "ll"),
        ),
    )


def config_sha256(config: Config) -> str:
    """SHA-256 over everything in a configuration that can change a model: not where files lie, nor what it runs on."""
    tree = {
        key: value for key, value in config.to_dict().items() if key not in {"paths", "tracking", "engine"}
    }
    text = json.dumps(_placeless(tree), sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _placeless(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _placeless(value) for key, value in node.items() if key not in _PLACES}
    return [_placeless(part) for part in node] if isinstance(node, list) else node
