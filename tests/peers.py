"""Runs of our drivers with the orders that follow from the rules of other programs.

A program whose sizes or moments differ from ours is followed by an adapter in its test, which works out what it orders; fills,
books, fees and equity are ours. The account holds spare cash beside that of the source: programs that size on the open, or let
cash go below zero at a gap, would be cut by our check at acceptance and at the fill.
"""

from __future__ import annotations

import csv
import gzip
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from histories import DAILY, TESTS, OrderScript, Scripted, history, quantity, run_alike, run_orders_alike, run_spec

from domain.indicators import crossed_above, sma
from domain.ledger import EquityCurve
from domain.market import Bars, CorporateAction
from domain.rules.costs import Costs
from domain.strategy import Cancel, Exits, Wish

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from domain.timeline import History
    from tasks.backtest import Run

ORACLES = TESTS / "oracles"
FREE = Costs(0.0, 0.0)
SPARE = 1_000_000.0
MOST = 4096.0  # shares; a power of two, so that n / MOST is exact


def cases(name: str) -> dict[str, Any]:
    """Return the cases of an oracle file by their ids."""
    return {case["id"]: case for case in json.loads((ORACLES / f"{name}.json").read_text())["cases"]}


def rows(name: str) -> list[dict[str, str]]:
    """Return the rows of an oracle's CSV."""
    with (ORACLES / name).open() as file:
        return list(csv.DictReader(file))


def compressed(path: Path, symbol: str) -> Bars:
    """Return the daily bars of a compressed CSV; without volumes they are unknown."""
    with gzip.open(path, "rt") as file:
        table = list(csv.DictReader(file))
    time = np.array([row["date"] for row in table], "datetime64[us]").astype(np.int64)
    columns = [np.array([float(row.get(name) or "nan") for row in table]) for name in ("open", "high", "low", "close", "volume")]
    return Bars(symbol, DAILY, time, *columns)


def crossings(bars: Bars, fast: int, slow: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return where the fast average of the closes crosses above the slow one and below it."""
    first, second = sma(bars.close, fast), sma(bars.close, slow)
    return crossed_above(first, second), crossed_above(second, first)


def opening_at(bars: Bars, prices: Mapping[int, float]) -> Bars:
    """Return the bars with other opens: of a program that fills on the bar that decided, the price it fills at there."""
    opened = bars.open.copy()
    opened[list(prices)] = list(prices.values())
    return msgspec.structs.replace(bars, open=opened, high=np.maximum(bars.high, opened), low=np.minimum(bars.low, opened))


def run_holdings(
    bars: Bars, wanted: Mapping[int, int], cash: float, costs: Costs = FREE, actions: tuple[CorporateAction, ...] = ()
) -> Run:
    """Hold ``wanted[i]`` shares, short where negative, from the close of bar ``i`` on, by every driver; without the spare cash."""
    script = " ".join(str(wanted[i] / MOST) if i in wanted else "." for i in range(len(bars)))
    past = history(bars, actions=actions)
    shorts = {"margin": True, "borrow_rate": 0.0} if min(wanted.values()) < 0 else {}
    spec = run_spec(past, {bars.symbol: Scripted(script)}, quantity(MOST), cash=cash + SPARE, costs=costs, **shorts)
    run = run_alike(spec, past, streamed=False)
    assert run.refusals == []
    curve = run.equity
    return replace(run, equity=EquityCurve(curve.time, [e - SPARE for e in curve.equity], [c - SPARE for c in curve.cash]))


def run_wishes(
    bars: Bars, wishes: Mapping[int, Sequence[Wish | Cancel]], cash: float, costs: Costs = FREE, exits: Exits | None = None
) -> Run:
    """Place ``wishes[i]`` at the close of bar ``i``, by both drivers; prices of orders are fine enough for adjusted bars."""
    past = _fine(history(bars))
    spec = run_spec(past, {bars.symbol: OrderScript(wishes, exits or Exits())}, quantity(1.0), cash=cash, costs=costs)
    run = run_orders_alike(spec, past)
    assert run.refusals == []
    return run


def _fine(past: History) -> History:
    instruments = tuple(msgspec.structs.replace(one, tick=1e-8, tick_below_one=1e-8) for one in past.instruments)
    return replace(past, instruments=instruments)
