"""What the price chart shows of each symbol: its bars, thinned where they are many, and the fills on them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dashboards.formatting import number
from dashboards.report.decimation import extremes, spans_much
from domain.market import MINUTE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from dashboards.report.curves import Curves
    from domain.ledger import LedgerRow
    from domain.market import Bars
    from tasks.backtest import Run

MOST_SYMBOLS: Final = 60
MOST_CANDLES: Final = 260
MOST_POINTS: Final = 40_000  # of all symbols: 0.7 MB of the file
LEAST_POINTS_OF_SYMBOL: Final = 600
MOST_POINTS_OF_SYMBOL: Final = 5_000
MOST_FILLS: Final = 6_000
MOST_FILLS_OF_SYMBOL: Final = 800


@dataclass(frozen=True)
class Prices:
    """``symbols`` is what the page's script draws, one record a symbol; with ``candles`` whole bars, otherwise their closes.

    A record's times are minutes since 1970, its prices adjusted backward for splits; a fill's ``price`` is the one it traded at and
    ``level`` where it is drawn; ``hollow`` is how opaque the body of a bar is: faint where it rose. ``wide`` prices are drawn on a
    logarithmic scale. ``left_out`` symbols are not in it.
    """

    symbols: list[dict[str, Any]]
    candles: bool
    wide: bool
    left_out: int

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of a record's bars."""
        return ("time", "open", "high", "low", "close", "hollow") if self.candles else ("time", "close")


def prices_of(run: Run, curves: Curves) -> Prices:
    """Return the bars and fills to draw: of at most ``MOST_SYMBOLS`` symbols, those with the most fills."""
    fills: dict[str, list[LedgerRow]] = defaultdict(list)
    for fill in run.fills:
        fills[fill.symbol].append(fill)
    places = [place for place, bars in enumerate(run.history.bars) if len(bars)]
    chosen = sorted(sorted(places, key=lambda place: -len(fills[run.history.bars[place].symbol]))[:MOST_SYMBOLS])
    candles = max(len(run.history.bars[place]) for place in chosen) <= MOST_CANDLES
    points = min(max(MOST_POINTS // len(chosen), LEAST_POINTS_OF_SYMBOL), MOST_POINTS_OF_SYMBOL)
    marks = min(MOST_FILLS // len(chosen), MOST_FILLS_OF_SYMBOL)
    symbols = []
    for place in chosen:
        bars, adjusted = run.history.bars[place], curves.adjusted[place]
        drawn = np.arange(len(bars)) if candles else extremes(adjusted.close, points)
        columns = _candles(adjusted) if candles else {"close": _short(adjusted.close[drawn])}
        symbols.append(_record(bars, adjusted, drawn, columns, fills[bars.symbol], marks))
    wide = any(spans_much(curves.adjusted[place].low) for place in chosen)
    return Prices(symbols, candles, wide, len(places) - len(chosen))


def _candles(bars: Bars) -> dict[str, Any]:
    columns: dict[str, Any] = {name: _short(getattr(bars, name)) for name in ("open", "high", "low", "close")}
    return {**columns, "hollow": np.where(bars.close < bars.open, 0.9, 0.12).tolist()}


def _record(
    bars: Bars, adjusted: Bars, drawn: NDArray[np.int64], columns: dict[str, Any], fills: list[LedgerRow], marks: int
) -> dict[str, Any]:
    shown = _spread(fills, marks)
    return {
        **columns,
        "symbol": bars.symbol,
        "time": (bars.time[drawn] // MINUTE).tolist(),
        "buy": _marks(bars, adjusted, [fill for fill in shown if fill.side == "buy"]),
        "sell": _marks(bars, adjusted, [fill for fill in shown if fill.side != "buy"]),
        "note": _note(bars, adjusted, len(drawn), len(fills), len(shown)),
    }


def _spread(fills: list[LedgerRow], most: int) -> list[LedgerRow]:
    """Return at most ``most`` fills, evenly spread over all."""
    return [fills[index] for index in np.unique(np.linspace(0, len(fills) - 1, min(most, len(fills))).astype(int)).tolist()]


def _marks(bars: Bars, adjusted: Bars, fills: Sequence[LedgerRow]) -> dict[str, list[Any]]:
    times = np.array([fill.time for fill in fills], np.int64)
    index = np.searchsorted(bars.time, times)
    price = np.array([fill.price for fill in fills], np.float64)
    level = price * adjusted.open[index] / bars.open[index]
    return {
        "time": (times // MINUTE).tolist(),
        "price": price.tolist(),
        "level": _short(level),
        "quantity": [fill.quantity for fill in fills],
        "fee": [fill.fee for fill in fills],
        "reason": [fill.reason.replace("_", " ") for fill in fills],
    }


def _short(values: NDArray[np.float64]) -> list[float]:
    """Return values with the seven digits that a drawing can show at most."""
    return [float(f"{value:.7g}") for value in values.tolist()]


def _note(bars: Bars, adjusted: Bars, drawn: int, fills: int, shown: int) -> str:
    parts = [f"{number(fills, 0)} fills"]
    if shown < fills:
        parts[0] += f", of which {number(shown, 0)}, evenly spread, are marked"
    if drawn < len(bars):
        parts.append(f"{number(drawn, 0)} of {number(len(bars), 0)} closes drawn, among them each high and low")
    if not np.array_equal(adjusted.close, bars.close):
        parts.append("prices before a split divided by its ratio")
    return "; ".join(parts)
