"""Checks for dividends that are taken out of prices once more than the declared ones say.

Two things can tell. An adjusted close beside the close shows each adjustment by itself: over an ex-date their ratio steps by what
was taken out. Without it there are only the openings of the ex-dates, and one of them is lost in the noise of a night; the
openings of many show together whether the prices fall by the dividends. The series is in time order, and no bar in it breaks a
rule of ``domain.hard_checks``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from domain.local_scale import NORMAL, around
from domain.quality import DIVIDEND_TWICE, Mark
from domain.sessions import session_dates

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from domain.quality import Check, Series

_HALFWAY: Final = 1.5  # between taken out once and twice
_ROUNDING: Final = 0.005  # vendors print adjusted closes with two decimals
_FEWEST: Final = 4
_AS_TRADED: Final = -0.5  # halfway between prices as traded, which fall by the dividend, and adjusted ones, which stay
_DEVIATIONS: Final = 4.0
_LEAST_SIGMA: Final = 1e-4


class _ExDates(NamedTuple):
    """First bars of ex-dates, and what the dividends take out of the prices before them, as a positive logarithm."""

    bar: NDArray[np.int64]
    taken: NDArray[np.float64]


def _adjusted_twice(series: Series) -> Iterator[Mark]:
    """Mark ex-dates on which more is taken out than declared; where no adjusted close tells, the first of a series of them."""
    if not any(action.action == "dividend" for action in series.actions):
        return
    dates, adjusted = _ex_dates(series), series.rows.adjusted
    if len(dates.bar):
        yield _by_openings(series, dates) if adjusted is None else _by_steps(series, dates, adjusted[series.row])


def _ex_dates(series: Series) -> _ExDates:
    """Return the bars of ex-dates with dividends alone: with a split on the same day nobody knows which shares one was paid on."""
    mine: dict[str, float] = {}
    for action in series.actions:
        if action.action == "dividend":
            mine[action.ex_date] = mine.get(action.ex_date, 0.0) + action.value
    for action in series.actions:
        if action.action != "dividend":
            mine.pop(action.ex_date, None)
    days = session_dates(series.time, series.timeframe, series.instrument.calendar)
    dates = np.array(list(mine), "datetime64[D]").astype(np.int64)
    cash = np.array(list(mine.values()), np.float64)
    bar = np.searchsorted(days, dates)
    inside = (bar > 0) & (bar < len(days))
    inside[inside] = days[bar[inside]] == dates[inside]  # a dividend within a hole is a step of its own no longer
    bar, cash = bar[inside], cash[inside]
    before = series.column("close")[bar - 1]
    paid = (cash > 0.0) & (cash < before)
    return _ExDates(bar[paid], -np.log(1.0 - cash[paid] / before[paid]))


def _by_steps(series: Series, dates: _ExDates, adjusted: NDArray[np.float64]) -> Mark:
    """Mark the ex-dates over which the ratio of adjusted to plain close steps by more than one and a half times the dividend."""
    close, bar = series.column("close"), dates.bar
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio, rounding = np.log(adjusted / close), _ROUNDING / adjusted
        step, noise = ratio[bar] - ratio[bar - 1], rounding[bar] + rounding[bar - 1]
        wrong = np.isfinite(step) & (step > _HALFWAY * dates.taken + noise)
    times = np.zeros(len(series))
    times[bar] = step / dates.taken
    marked = np.zeros(len(series), np.bool_)
    marked[bar[wrong]] = True
    return Mark(marked, DIVIDEND_TWICE, lambda at: f"the adjusted close takes the declared dividend out {times[at]:.2g} times")


def _by_openings(series: Series, dates: _ExDates) -> Mark:
    """Mark the first ex-date of daily bars that open as if the dividends were taken out of the prices already.

    The gap over an ex-date is the night's noise and a share of the dividend: about -1 as traded, 0 adjusted, 1 adjusted twice. The
    share is estimated by weighted least squares over all ex-dates and must lie by four standard errors above the halfway mark.
    """
    marked = np.zeros(len(series), np.bool_)
    if not series.timeframe.is_daily or len(dates.bar) < _FEWEST:
        return Mark(marked, DIVIDEND_TWICE, str)
    open_, close = np.log(series.column("open")), np.log(series.column("close"))
    gap = np.concatenate([np.zeros(1), open_[1:] - close[:-1]])
    sigma = np.maximum(NORMAL * around(np.abs(gap)), _LEAST_SIGMA)[dates.bar]
    # One large dividend or one night of news must not decide: neither counts for more than four usual nights.
    sigma = np.maximum(sigma, dates.taken / _DEVIATIONS)
    due = dates.taken / sigma
    seen = np.clip(gap[dates.bar] / sigma, -due - _DEVIATIONS, due + _DEVIATIONS)
    share = float(seen @ due / (due @ due))
    marked[dates.bar.min()] = share - _DEVIATIONS / float(np.sqrt(due @ due)) > _AS_TRADED
    told = f"over {len(due)} ex-dates prices open by {share:+.2f} of the dividend: -1 is as traded, 0 adjusted, 1 adjusted twice"
    return Mark(marked, DIVIDEND_TWICE, lambda _: told)


ADJUSTMENT_CHECKS: Final[Sequence[Check]] = (_adjusted_twice,)
