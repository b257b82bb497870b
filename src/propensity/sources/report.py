"""What the checks found, in a form that people and machines read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from propensity.schema import TableName


@dataclass(frozen=True, slots=True)
class Broken:
    """A rule that rows of a table break: how many, and three of them as text."""

    rule: str
    rows: int
    examples: tuple[str, ...]
    counts: bool = True
    """False where the rows are not to blame, such as activities of a lead that was itself set aside."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something worth a person's look. A warning makes --strict runs end with exit code 6."""

    severity: Literal["info", "warning"]
    table: TableName | None
    message: str


@dataclass(frozen=True, slots=True)
class TableReport:
    """One table: where it came from, its rows, the rows set aside by rule, and the SHA-256 of its source."""

    origin: str
    rows: int
    kept: int
    broken: tuple[Broken, ...]
    sha256: str | None = None

    @property
    def quarantined(self) -> int:
        """Rows that were set aside."""
        return sum(broken.rows for broken in self.broken)


@dataclass(frozen=True, slots=True)
class CheckReport:
    """All tables and findings."""

    tables: Mapping[TableName, TableReport]
    findings: tuple[Finding, ...] = field(default=())

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """The findings that --strict counts."""
        return tuple(finding for finding in self.findings if finding.severity == "warning")

    def with_findings(self, more: Sequence[Finding]) -> CheckReport:
        """The same report with further findings."""
        return CheckReport(self.tables, (*self.findings, *more))

    def to_dict(self) -> dict[str, Any]:
        """Return `tables` (rows, quarantined by rule) and `findings` as JSON holds them."""
        return {
            "tables": {
                name: {
                    "origin": table.origin,
                    "rows": table.rows,
                    "kept": table.kept,
                    "quarantined": {broken.rule: broken.rows for broken in table.broken},
                    "examples": {broken.rule: list(broken.examples) for broken in table.broken},
                    "sha256": table.sha256,
                }
                for name, table in self.tables.items()
            },
            "findings": [asdict(finding) for finding in self.findings],
        }
