"""Stored prices without the jumps of splits and dividends, for charts and research."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from domain.adjustment import adjust_backward
from domain.market import Instrument
from domain.symbol_changes import joined_by_changes, renamed_actions, with_predecessors
from domain.timeline import merged
from tasks.database.bars import read_actions, read_bars, read_instruments, read_symbol_changes

if TYPE_CHECKING:
    from domain.adjustment import Convention
    from domain.market import Bars, Timeframe
    from tasks.database.connection import Database


def adjusted_prices(
    database: Database,
    symbol: str,
    timeframe: Timeframe,
    *,
    known_at: str | None = None,
    convention: Convention | None = "yahoo",
) -> Bars:
    """Return the stored bars of ``symbol``, adjusted backward, with those from before its share had it; none where none are stored.

    ``known_at`` (ISO date) takes the actions with an ex-date up to then alone; ``convention`` None adjusts for splits and leaves
    dividends in. Both as ``domain.adjustment.adjust_backward`` says, with its errors.
    """
    changes = read_symbol_changes(database)
    wanted = sorted(with_predecessors([symbol], changes))
    known = read_instruments(database, wanted)
    stored = [replace(read_bars(database, one, timeframe), calendar=known.get(one, Instrument.of(one)).calendar) for one in wanted]
    series, names = joined_by_changes([bars for bars in stored if len(bars)], changes, [symbol])
    found = [bars for bars in series if bars.symbol == symbol] or [bars for bars in stored if bars.symbol == symbol]
    actions = merged(renamed_actions(read_actions(database, wanted), names, changes))
    return adjust_backward(found[0], actions, known_at=known_at, convention=convention)
