"""The curves of a run on one clock: equity, its drawdown, what was held, and the same symbols simply bought and held."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from domain.adjustment import adjust_backward
from domain.market import Side
from domain.rules.accounting import split_lots
from domain.timeline import CLOSE, actions_by_bar, schedule

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from domain.market import Bars, CorporateAction
    from domain.timeline import Schedule
    from tasks.backtest import Run

    type Series = NDArray[np.float64]


@dataclass(frozen=True)
class Curves:
    """Columns of one length, a value for each point of the run's equity curve.

    ``time`` is the start of the bar that closed, int64 UTC microseconds. ``drawdown`` <= 0 is the fraction below the highest equity
    so far. ``benchmark`` is money. ``long`` >= 0 and ``short`` <= 0 are the market value held as fractions of the equity.
    ``adjusted`` are the bars with prices adjusted backward for the splits known at the end, in the order of the run's symbols.
    """

    time: NDArray[np.int64]
    session: NDArray[np.int64]
    equity: Series
    drawdown: Series
    benchmark: Series
    long: Series
    short: Series
    adjusted: tuple[Bars, ...]


def curves_of(run: Run) -> Curves:
    """Return the curves of ``run``."""
    plan = schedule(run.history)
    equity = np.array(run.equity.equity)
    adjusted = tuple(adjust_backward(bars, run.history.actions, convention=None) for bars in run.history.bars)
    actions = _actions_of_symbols(run)
    benchmark, long, short = _zeros(equity), _zeros(equity), _zeros(equity)
    share = run.spec.initial_cash / len(adjusted)
    closed, moved = _bars_at_closes(plan, len(adjusted)), _moves(run)
    for number, bars in enumerate(run.history.bars):
        places = closed[number]
        benchmark += share * _on_clock(_growth(adjusted[number]), places, before=1.0)
        value = _on_clock(_held_lots(moved[number], actions[number]) * bars.close, places, before=0.0)
        value /= run.spec.instruments[number].lots_per_unit
        long += np.maximum(value, 0.0)
        short += np.minimum(value, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        long, short = _shares(long, equity), _shares(short, equity)
        drawdown = equity / np.maximum.accumulate(equity) - 1.0
    time, session = np.array(run.equity.time, np.int64), np.array(run.sessions, np.int64)
    return Curves(time, session, equity, drawdown, benchmark, long, short, adjusted)


def _zeros(like: Series) -> Series:
    return np.zeros(len(like))


def _shares(value: Series, equity: Series) -> Series:
    return np.where(equity > 0.0, value / equity, 0.0)


def _actions_of_symbols(run: Run) -> list[dict[int, tuple[CorporateAction, ...]]]:
    """Return by symbol the actions that take effect before each of its bars, numbered from 0."""
    ends = np.cumsum([len(bars) for bars in run.history.bars])
    found: list[dict[int, tuple[CorporateAction, ...]]] = [{} for _ in ends]
    for number, actions in sorted(actions_by_bar(run.history).items()):
        symbol = int(np.searchsorted(ends, number, side="right"))
        found[symbol][number - int(ends[symbol]) + len(run.history.bars[symbol])] = actions
    return found


def _bars_at_closes(plan: Schedule, symbols: int) -> list[NDArray[np.int64]]:
    """Return by symbol, for each instant that closes bars, the number of its last closed bar; -1 before its first."""
    closes = plan.kind == CLOSE
    instant = np.repeat(np.cumsum(closes) - 1, np.diff(plan.start))
    member = np.repeat(closes, np.diff(plan.start))
    symbol = plan.symbol_at[member]
    order = np.argsort(symbol, kind="stable")
    closed = np.split(instant[member][order], np.searchsorted(symbol[order], np.arange(1, symbols)))
    clock = np.arange(plan.closings)
    return [np.searchsorted(mine, clock, side="right") - 1 for mine in closed]


def _on_clock(values: Series, places: NDArray[np.int64], before: float) -> Series:
    return np.where(places < 0, before, values[places]) if len(values) else np.full(len(places), before)


def _growth(adjusted: Bars) -> Series:
    """Return what 1 is worth at each close, put into the first close, or into the first open where bars are shorter than a day."""
    return adjusted.close / (adjusted.close if adjusted.timeframe.is_daily else adjusted.open)[:1]


def _moves(run: Run) -> list[NDArray[np.int64]]:
    """Return by symbol the lots that its fills moved on each of its bars, signed."""
    moved: list[NDArray[np.int64]] = [np.zeros(len(bars), np.int64) for bars in run.history.bars]
    fills: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for fill, lots in zip(run.fills, run.fill_lots, strict=True):
        fills[fill.symbol].append((fill.time, lots if fill.side == Side.BUY.name.lower() else -lots))
    for bars, moves in zip(run.history.bars, moved, strict=True):
        if fills[bars.symbol]:
            times, lots_of_fills = np.array(fills[bars.symbol], np.int64).T
            np.add.at(moves, np.searchsorted(bars.time, times), lots_of_fills)
    return moved


def _held_lots(moved: NDArray[np.int64], actions: dict[int, tuple[CorporateAction, ...]]) -> NDArray[np.int64]:
    """Return the lots held at the close of each bar, signed, from those ``moved`` on it and the splits on the way."""
    held = np.cumsum(moved)
    for index, effective in sorted(actions.items()):
        for action in effective:
            before = int(held[index] - moved[index])
            if action.action == "split" and before:
                after = split_lots(abs(before), action.value) * (1 if before > 0 else -1)
                held[index:] += after - before
    return held
