"""Prices adjusted for corporate actions, so that a series has no jumps but the market's own.

Forward, for what decides: the first bar is as it was traded, each action changes the bars from its ex-date on, and no bar depends
on a later one. Backward, for people and research: the last bar is as it was traded, each action changes the bars before it, as far
as the actions were known at a given date. Both take an action into account from a symbol's first bar on or after the ex-date;
one on or before the first bar's date is in the prices already. Volumes are adjusted for splits alone.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from msgspec.structs import replace

from domain.errors import DataError, InputError
from domain.sessions import session_dates
from domain.timeline import actions_by_bar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from domain.market import Bars, CorporateAction
    from domain.timeline import History

    type Convention = Literal["yahoo", "lean", "quandl"]


class _Step(NamedTuple):
    """From bar ``first`` on one old share is ``ratio`` new ones, and holding was worth ``growth`` times what the prices show."""

    first: int
    ratio: float
    growth: float


def adjust_forward(history: History, *, dividends: bool = False) -> tuple[Bars, ...]:
    """Return the bars as strategies see them: prices x, volume / the cumulative split factor since the first bar.

    With ``dividends`` prices also grow by 1 / (1 - dividend / close before) at each ex-date, as if it were reinvested at that
    close: a total return. Bar i depends on nothing later; the first bar is as it was traded. The bars know the calendar of
    their instrument. Raises DataError for a dividend that is not below the close before it.
    """
    effective = actions_by_bar(history)
    adjusted, offset = [], 0
    for instrument, bars in zip(history.instruments, history.bars, strict=True):
        mine = {number - offset: found for number, found in effective.items() if offset <= number < offset + len(bars)}
        steps = [step for index in sorted(mine) for step in _steps(bars, index, mine[index], "yahoo" if dividends else None)]
        adjusted.append(_forward(replace(bars, calendar=instrument.calendar), steps))
        offset += len(bars)
    return tuple(adjusted)


def adjust_backward(
    bars: Bars,
    actions: Iterable[CorporateAction],
    *,
    known_at: str | None = None,
    convention: Convention | None = "yahoo",
    references: Mapping[str, float] | None = None,
) -> Bars:
    """Return ``bars`` as one who knew the actions with an ex-date up to ``known_at`` (ISO date, None: all) would chart them.

    Splits divide the prices before them by their ratio. Dividends, by ``convention``, multiply them by 1 - dividend / close
    before (``yahoo``), by the same with the reference close of LEAN's factor file (``lean``; ``references`` has it by ex-date), or
    by close / (close + dividend) of the ex-date (``quandl``); None leaves dividends in. Raises InputError for a missing
    reference, DataError for a dividend that is not below the close it is compared with.
    """
    prices, shares = np.ones(len(bars)), np.ones(len(bars))
    for step in _known_steps(bars, actions, known_at, convention, references):
        prices[: step.first] /= step.ratio * step.growth
        shares[: step.first] /= step.ratio
    return _scaled(bars, prices, shares)


def _known_steps(
    bars: Bars,
    actions: Iterable[CorporateAction],
    known_at: str | None,
    convention: Convention | None,
    references: Mapping[str, float] | None,
) -> Iterator[_Step]:
    """Yield what each action known at a date does, from the first bar it is in."""
    days = session_dates(bars.time, bars.timeframe, bars.calendar)
    known = [one for one in actions if one.symbol == bars.symbol and (known_at is None or one.ex_date <= known_at)]

    def first_bar(action: CorporateAction) -> int:
        return int(np.searchsorted(days, np.datetime64(action.ex_date, "D").astype(np.int64)))

    for index, group in groupby(sorted(known, key=first_bar), first_bar):
        if 0 < index < len(bars):
            yield from _steps(bars, index, tuple(group), convention, references)


def _steps(
    bars: Bars,
    index: int,
    actions: Sequence[CorporateAction],
    convention: Convention | None,
    references: Mapping[str, float] | None = None,
) -> Iterator[_Step]:
    """Yield what each action before bar ``index`` does, by date; a dividend is per share after the splits of the same day."""
    ratio = 1.0
    for action in sorted(actions, key=lambda one: (one.ex_date, one.action != "split")):
        if action.action == "split":
            ratio *= action.value
            yield _Step(index, action.value, 1.0)
        elif action.action == "dividend" and convention is not None:
            yield _Step(index, 1.0, _growth(action, bars, index, ratio, convention, references))


def _growth(
    action: CorporateAction,
    bars: Bars,
    index: int,
    ratio: float,
    convention: Convention,
    references: Mapping[str, float] | None,
) -> float:
    """Return what holding over the ex-date was worth, / what the prices show of it."""
    if convention == "quandl":
        return 1.0 + action.value / float(bars.close[index])
    before = float(bars.close[index - 1]) / ratio
    if convention == "lean":
        if references is None or action.ex_date not in references:
            raise InputError(f"the lean convention needs a reference close of {action.symbol} for its dividend on {action.ex_date}")
        before = references[action.ex_date] / ratio
    if action.value >= before:
        raise DataError(
            f"the dividend of {action.value:g} of {action.symbol} on {action.ex_date} is not below the close before it, "
            f"{before:g}: correct the action or the bars"
        )
    return 1.0 / (1.0 - action.value / before)


def _forward(bars: Bars, steps: Sequence[_Step]) -> Bars:
    """Return the bars from each step on changed by it, factors multiplied in the order of a stream."""
    if not steps:
        return bars
    prices, shares = np.ones(len(bars)), np.ones(len(bars))
    for step in steps:
        prices[step.first :] *= step.ratio * step.growth
        shares[step.first :] *= step.ratio
    return _scaled(bars, prices, shares)


def _scaled(bars: Bars, prices: NDArray[np.float64], shares: NDArray[np.float64]) -> Bars:
    return replace(
        bars,
        open=bars.open * prices,
        high=bars.high * prices,
        low=bars.low * prices,
        close=bars.close * prices,
        volume=bars.volume / shares,
    )
