"""What the engine remembers of past bars for sizes and limits that measure returns."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

import numpy as np

from domain.rules.measures import lots_within_risk, parity_weights
from domain.rules.moments import NO_TRIPS, RETURNS, Trips, add_trip, annual_volatility, cluster_value, round_trip, window
from domain.rules.sizing import SizingRule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from domain.market import Bar
    from domain.rules.limits import Limits
    from domain.run import RunSpec


class _Past:
    """The bars of one symbol, adjusted forward, and the round trips of its targets."""

    def __init__(self) -> None:
        self.factor = 1.0
        self.time = array("q")
        self.opens = array("d")
        self.closes = array("d")
        self.signals: list[tuple[int, float]] = []
        self.month = -1
        self._taken = 0
        self._bar = 0
        self._side = 0
        self._entry = 0.0
        self._trips = NO_TRIPS

    def append(self, bar: Bar) -> None:
        """Add a bar that closed."""
        self.time.append(bar.time)
        self.opens.append(bar.open * self.factor)
        self.closes.append(bar.close * self.factor)

    def trips(self, rate: float) -> Trips:
        """Return the closed round trips of the targets so far: each from one next open to another, after costs."""
        while self._taken < len(self.signals):
            at, target = self.signals[self._taken]
            while self._bar < len(self.time) and self.time[self._bar] <= at:
                self._bar += 1
            if self._bar == len(self.time):
                break
            self._trade(1 if target > 0.0 else (-1 if target < 0.0 else 0), self.opens[self._bar], rate)
            self._taken += 1
        return self._trips

    def _trade(self, side: int, price: float, rate: float) -> None:
        if side == self._side:
            return
        if self._side:
            self._trips = add_trip(self._trips, round_trip(self._side, self._entry, price, rate))
        self._side, self._entry = side, price


class Measuring:
    """Windows of 60 returns, weights and risk of all symbols of a run."""

    def __init__(self, spec: RunSpec, rate: float) -> None:
        self._symbols = [instrument.symbol for instrument in spec.instruments]
        self._place = {symbol: place for place, symbol in enumerate(self._symbols)}
        self._past = {symbol: _Past() for symbol in self._symbols}
        self._bars_a_year = {instrument.symbol: spec.bars_a_year(instrument) for instrument in spec.instruments}
        self._rate = rate
        self._by_parity = any(one.sizing.rule == SizingRule.RISK_PARITY for one in spec.assignments)
        count = len(self._symbols)
        self._windows = np.zeros((count, RETURNS))
        self._known = np.zeros(count, np.bool_)
        self._covariances = np.zeros((count, count))
        self._compact, self._parity, self._scratch = np.zeros(count), np.zeros(count), np.zeros(RETURNS)

    def split(self, symbol: str, ratio: float) -> None:
        """Adjust what follows for a split."""
        self._past[symbol].factor *= ratio

    def observe(self, bar: Bar) -> None:
        """Take a bar that closed."""
        self._past[bar.symbol].append(bar)

    def signal(self, symbol: str, bar_time: int, target: float) -> None:
        """Take a target that changed at the close of the bar that began at ``bar_time``."""
        self._past[symbol].signals.append((bar_time, target))

    def enters_month(self, symbol: str, month: int) -> bool:
        """Return whether ``month`` is another one than at the last close of the symbol, and remember it."""
        past = self._past[symbol]
        before, past.month = past.month, month
        return before not in (-1, month)

    def update(self) -> None:
        """Take the windows and weights of this instant."""
        for symbol, place in self._place.items():
            closes = self._past[symbol].closes
            self._known[place] = window(closes, 0, len(closes), self._windows[place])
        if self._by_parity:
            parity_weights(self._windows, self._known, len(self._symbols), self._covariances, self._compact, self._parity)

    def volatility(self, symbol: str) -> float:
        """Return the annual volatility of the last 60 returns."""
        return float(annual_volatility(self._windows[self._place[symbol]], RETURNS, self._bars_a_year[symbol]))

    def trips(self, symbol: str) -> Trips:
        """Return the closed round trips of the symbol's targets."""
        return self._past[symbol].trips(self._rate)

    def parity(self, symbol: str) -> float:
        """Return the symbol's weight of equal risk."""
        return float(self._parity[self._place[symbol]])

    def cluster(self, symbol: str, values: Sequence[float], limits: Limits) -> float:
        """Return what is held of symbols that move with this one; ``values`` are in the order of the symbols."""
        place = self._place[symbol]
        return cluster_value(self._windows, self._known, values, len(values), place, limits.cluster_correlation)

    def within_risk(
        self, symbol: str, values: list[float], lots: tuple[int, int], price: float, lots_per_unit: int, equity: float, bound: float
    ) -> tuple[int, float]:
        """Return the most lots, from those kept to those wanted, that the value at risk allows, and the risk of all of them."""
        wanted, kept = lots
        place = self._place[symbol]
        return lots_within_risk(
            self._windows, values, len(values), place, wanted, kept, price, lots_per_unit, equity, bound, self._scratch
        )
