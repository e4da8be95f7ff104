"""What an ingest did, for a person, a flow's artifact and JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

from domain.quality import REPEATED, iso

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from domain.errors import TradingError
    from domain.quality import Finding

NO_SYMBOL: Final = "(no symbol)"
"""What stands for a symbol in the report of rows that have none."""

_EXAMPLES: Final = 3


@dataclass(frozen=True, slots=True)
class SymbolReport:
    """What became of one symbol's rows; ``gaps`` and ``missing`` (bars) are those of everything stored of it.

    ``repaired`` bars came when the provider was asked again for holes. ``quarantined`` and ``flagged`` count findings by kind,
    ``examples`` are the first of each kind.
    """

    symbol: str
    timeframe: str
    found: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    repeated: int = 0
    quarantined: dict[str, int] = field(default_factory=dict)
    flagged: dict[str, int] = field(default_factory=dict)
    repaired: int = 0
    gaps: int = 0
    missing: int = 0
    first: str | None = None
    last: str | None = None
    error: str | None = None
    examples: dict[str, list[str]] = field(default_factory=dict)

    def findings(self) -> Iterator[tuple[str, str, int, list[str]]]:
        """Yield each kind of finding: what became of its rows, the kind, how many, and the first of them."""
        repeated = {REPEATED: self.repeated} if self.repeated else {}
        for fate, counts in (("quarantined", self.quarantined), ("dropped", repeated), ("used", self.flagged)):
            for kind, count in counts.items():
                yield fate, kind, count, self.examples.get(kind, [])


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What one ingest did, by symbol in code-point order."""

    source: str
    symbols: tuple[SymbolReport, ...]

    @property
    def failed(self) -> tuple[SymbolReport, ...]:
        """The symbols of which nothing was stored."""
        return tuple(report for report in self.symbols if report.error is not None)

    def or_raise(self, error: type[TradingError]) -> IngestReport:
        """Return the report; raise ``error`` where of no symbol anything is stored."""
        if all(one.error is not None or one.symbol == NO_SYMBOL for one in self.symbols):
            reasons = "; ".join(f"{one.symbol}: {one.error}" for one in self.failed[:5])
            raise error(f"nothing was stored from {self.source}: {reasons}")
        return self

    def document(self) -> dict[str, Any]:
        """Return the report as plain values for JSON."""
        return asdict(self)


def first_findings(findings: Iterable[Finding]) -> dict[str, list[str]]:
    """Return the first findings of each kind for a person, kinds in the order they were met."""
    shown: dict[str, list[str]] = {}
    for finding in findings:
        told = shown.setdefault(finding.kind, [])
        if len(told) < _EXAMPLES:
            told.append(f"row {finding.row}, {iso(finding.time)}: {finding.detail.removeprefix(f'row {finding.row}: ')}")
    return shown
