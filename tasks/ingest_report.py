"""What an ingest did, for a person, a flow's artifact and JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from domain.errors import TradingError


@dataclass(frozen=True, slots=True)
class SymbolReport:
    """What became of one symbol's rows; ``gaps`` and ``missing`` (bars) are those of everything stored of it."""

    symbol: str
    timeframe: str
    found: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    repeated: int = 0
    quarantined: dict[str, int] = field(default_factory=dict)
    flagged: dict[str, int] = field(default_factory=dict)
    gaps: int = 0
    missing: int = 0
    first: str | None = None
    last: str | None = None
    error: str | None = None


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
        """Return the report; raise ``error`` where every symbol failed."""
        if len(self.failed) == len(self.symbols):
            reasons = "; ".join(f"{one.symbol}: {one.error}" for one in self.failed[:5])
            raise error(f"nothing was stored from {self.source}: {reasons}")
        return self

    def document(self) -> dict[str, Any]:
        """Return the report as plain values for JSON."""
        return asdict(self)
