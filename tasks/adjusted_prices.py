"""Stored prices without the jumps of splits and dividends, for charts and research."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from domain.adjustment import adjust_backward
from domain.market import Instrument
from tasks.database.bars import read_actions, read_bars, read_instruments

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
    """Return the stored bars of ``symbol``, adjusted backward; none where none are stored.

    ``known_at`` (ISO date) takes the actions with an ex-date up to then alone; ``convention`` None adjusts for splits and leaves
    dividends in. Both as ``domain.adjustment.adjust_backward`` says, with its errors.
    """
    instrument = read_instruments(database, [symbol]).get(symbol, Instrument.of(symbol))
    bars = replace(read_bars(database, symbol, timeframe), calendar=instrument.calendar)
    return adjust_backward(bars, read_actions(database, [symbol]), known_at=known_at, convention=convention)
