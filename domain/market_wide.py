"""Moves that the whole market made: what several symbols did at the same instant is no vendor's error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from domain.local_scale import NORMAL

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from domain.quality import Finding, Series

MOVES: Final = frozenset({"spike", "drop"})
_FEWEST_OTHERS: Final = 2
_BEFORE: Final = 40
_LEAST_SIGMAS: Final = 10.0
_SHARE: Final = 0.5
_MOST_DOUBTED: Final = 10_000  # a file with more of them holds no market
_AT_ONCE: Final = 1_000  # instants for which every symbol is looked at together
_LEAST_USUAL: Final = 1e-5


class _Market(NamedTuple):
    """One symbol's bars in time order, prices as logarithms; NaN where there is none."""

    symbol: str
    time: NDArray[np.int64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]


def without_market_wide(all_series: Sequence[Series], findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings without spikes and drops that the others confirm.

    The (lower) median of their excursions in that bar, in robust deviations of their own last 40 returns, must reach 10 and half
    of the doubted one's. Two other symbols at least must have a bar of that time.
    """
    doubted = [finding for finding in findings if finding.kind in MOVES]
    if len(all_series) <= _FEWEST_OTHERS or not 0 < len(doubted) <= _MOST_DOUBTED:
        return list(findings)
    confirmed = {id(finding) for finding in _confirmed([_market_of(series) for series in all_series], doubted)}
    return [finding for finding in findings if id(finding) not in confirmed]


def _confirmed(markets: Sequence[_Market], doubted: Sequence[Finding]) -> Iterator[Finding]:
    """Yield the doubted moves that the other markets made too."""
    number = {market.symbol: place for place, market in enumerate(markets)}
    for kind in MOVES:
        moves = sorted((finding for finding in doubted if finding.kind == kind), key=lambda finding: finding.time)
        times = np.unique([finding.time for finding in moves])
        for first in range(0, len(times), _AT_ONCE):
            chunk = times[first : first + _AT_ONCE]
            sigmas = np.stack([_excursions(market, chunk, kind) for market in markets])
            for finding in moves:
                at = int(np.searchsorted(chunk, finding.time))
                if at < len(chunk) and chunk[at] == finding.time and _is_confirmed(sigmas[:, at], number[finding.symbol]):
                    yield finding


def _is_confirmed(sigmas: NDArray[np.float64], own: int) -> bool:
    """Return whether the excursions of all symbols at one instant explain that of the symbol ``own``."""
    others = np.delete(sigmas, own)
    others = np.sort(others[~np.isnan(others)])
    # The lower median: one of two others may itself hold an error.
    bound = max(_LEAST_SIGMAS, _SHARE * float(np.nan_to_num(sigmas[own])))
    return len(others) >= _FEWEST_OTHERS and bool(others[(len(others) - 1) // 2] >= bound)


def _market_of(series: Series) -> _Market:
    ordered = series.in_time_order()
    with np.errstate(invalid="ignore", divide="ignore"):
        prices = [np.log(ordered.column(name)) for name in ("open", "high", "low", "close")]
    return _Market(series.instrument.symbol, ordered.time, *(np.where(np.isfinite(one), one, np.nan) for one in prices))


def _excursions(market: _Market, times: NDArray[np.int64], kind: str) -> NDArray[np.float64]:
    """Return how far the bars of ``times`` went up (a spike) or down from their open and the close before; NaN without a bar."""
    sigmas = np.full(len(times), np.nan)
    place = np.searchsorted(market.time, times)
    there = (place >= 2) & (place < len(market.time))  # a return before it
    there[there] = market.time[place[there]] == times[there]
    at = place[there]
    opened, before = market.open[at], market.close[at - 1]
    up, down = market.high[at] - np.maximum(opened, before), np.minimum(opened, before) - market.low[at]
    move = up if kind == "spike" else down  # a gap over night is no excursion
    sigmas[there] = move / np.maximum(NORMAL * _usual_returns(market.close, at), _LEAST_USUAL)
    return sigmas


def _usual_returns(close: NDArray[np.float64], at: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the median absolute return between the last 40 closes before each of the bars ``at``, fewer near the first."""
    returns, usual = np.abs(np.diff(close)), np.empty(len(at))
    whole = at >= _BEFORE
    if whole.any():
        windows = np.lib.stride_tricks.sliding_window_view(returns, _BEFORE - 1)
        usual[whole] = np.median(windows[at[whole] - _BEFORE], axis=1)
    usual[~whole] = [np.median(returns[: bar - 1]) for bar in at[~whole].tolist()]
    return usual
