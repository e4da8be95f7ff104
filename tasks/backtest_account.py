"""What a regulator or broker would have held against a back-test's account: warnings, the fills stay as they are."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from domain.market import AssetClass
from domain.sessions import session_dates
from domain.settlement import Split, Traded, good_faith_violations, pattern_day_trades

if TYPE_CHECKING:
    from collections.abc import Sequence

    from domain.trades import SplitRow
    from tasks.backtest import Run

_EPOCH: Final = date(1970, 1, 1)
_GOOD_FAITH: Final = (
    "good-faith violations: {count}, the first on {first}: sales of shares bought with proceeds that had not settled; the run "
    "allows them, a broker restricts the account to settled cash for 90 days after a few (docs/costs.md)"
)
_DAY_TRADES: Final = (
    "pattern day trader: {count} sessions, the first {first}, on which the rule then in force would have restricted this account: "
    "too many day trades for its equity; the run goes on (docs/costs.md)"
)


def account_warnings(run: Run, splits: Sequence[SplitRow], account: str) -> list[str]:
    """Return what to say of a ``cash`` or ``margin`` account; ``splits`` are those its positions met."""
    if all(instrument.asset_class is not AssetClass.EQUITY for instrument in run.spec.instruments):
        return []
    events = _events(run, splits)
    if account == "cash":
        days = [sale.day for sale in good_faith_violations(events, run.spec.initial_cash)]
        return [_GOOD_FAITH.format(count=len(days), first=_iso(days[0]))] if days else []
    closes = list(dict(zip(run.sessions, run.equity.equity, strict=True)).items())
    days = pattern_day_trades(events, closes, run.spec.initial_cash)
    return [_DAY_TRADES.format(count=len(days), first=_iso(days[0]))] if days else []


def _iso(day: int) -> str:
    return (_EPOCH + timedelta(day)).isoformat()


def _events(run: Run, splits: Sequence[SplitRow]) -> list[Traded | Split]:
    """Return fills and splits in booking order, the splits of a day before its fills."""
    at_once = {instrument.symbol: instrument.asset_class is not AssetClass.EQUITY for instrument in run.spec.instruments}
    events: list[Traded | Split] = [
        Split(day, row.symbol, row.ratio)
        for row, day in zip(splits, _days(run, [(row.symbol, row.time_us) for row in splits]), strict=True)
    ]
    for fill, day in zip(run.fills, _days(run, [(fill.symbol, fill.time) for fill in run.fills]), strict=True):
        side = 1 if fill.side == "buy" else -1
        events.append(Traded(day, fill.symbol, side, fill.quantity, fill.price, fill.fee, at_once[fill.symbol]))
    return sorted(events, key=lambda event: event.day)


def _days(run: Run, bars: Sequence[tuple[str, int]]) -> list[int]:
    """Return the session of each bar, given as symbol and start."""
    calendars = {instrument.symbol: instrument.calendar for instrument in run.spec.instruments}
    time = np.array([start for _, start in bars], np.int64)
    by_calendar = {name: session_dates(time, run.spec.timeframe, name) for name in set(calendars.values())}
    return [int(by_calendar[calendars[symbol]][place]) for place, (symbol, _) in enumerate(bars)]
