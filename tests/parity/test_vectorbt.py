"""Stops and slippage of vectorbt's tests (polakowo/vectorbt f9897528f675, tests/test_portfolio.py).

It buys at the close of a bar: here a market-on-close order, placed a bar before.
"""

import json
from typing import Any

import pytest
from histories import market
from msgspec.structs import replace
from peers import ORACLES, cases, run_holdings, run_wishes

from domain.market import Bars
from domain.rules.costs import Costs
from domain.strategy import Exits, OrderType, Side, Wish

CASES = cases("stop_fills")
SERIES = json.loads((ORACLES / "stop_fills.json").read_text())["series"]
STOPS = [(name, one) for name in ("stop_loss", "stop_loss_close_only") for one in CASES[name]["exits"]]


def bars_of(name: str) -> Bars:
    """Return the series of a case behind a bar on which nothing happens; ``close used for all prices`` where it says so."""
    kind, _, only_closes = CASES[name]["series"].partition(" ")
    series = {column: [values[0], *values] for column, values in SERIES[kind].items()}
    closes = series["close"]
    if only_closes:
        return market("AAA", closes)
    bars = market("AAA", series["open"], closes, highs=series["high"], lows=series["low"])
    quiet = dict.fromkeys(("open", "high", "low", "close"), closes[0])
    return replace(bars, **{column: _first(getattr(bars, column), price) for column, price in quiet.items()})


def _first(values: Any, price: float) -> Any:
    changed = values.copy()
    changed[0] = price
    return changed


@pytest.mark.parametrize(("name", "expected"), STOPS, ids=[f"{name}-{one['stop']}" for name, one in STOPS])
def test_stop_loss_fills_where_vectorbts_does(name: str, expected: dict[str, Any]) -> None:
    """All in at the close of the first bar; the stop leaves at a gapped open, at an open on its level, or inside the bar."""
    case = CASES[name]
    buy = Wish(Side.BUY, case["qty"], OrderType.MARKET_ON_CLOSE)
    run = run_wishes(bars_of(name), {0: [buy]}, 100.0, exits=Exits(stop_loss=expected["stop"]))
    entry, leave = run.fills
    assert (entry.side, entry.quantity, entry.price) == ("buy", case["qty"], case["entry_close"])
    times = run.history.bars[0].time
    assert (leave.side, leave.quantity, leave.time, leave.reason) == ("sell", case["qty"], times[1 + expected["bar"]], "stop_loss")
    assert leave.price == pytest.approx(expected["price"], abs=1e-9)
    assert run.equity[-1].cash == pytest.approx(case["qty"] * expected["price"], abs=1e-9)


def test_slippage_moves_prices_as_vectorbts() -> None:
    """10 %: one share bought at 1 costs 1.1, sold at 4 it brings 3.6."""
    bought, sold = CASES["slippage"]["fills"]
    bars = market("AAA", [1.0, bought["close"], 2.0, sold["close"]])
    run = run_holdings(bars, {0: 1, 2: 0}, 100.0, Costs(0.0, bought["slippage"]))
    assert [(fill.side, fill.quantity) for fill in run.fills] == [("buy", 1.0), ("sell", 1.0)]
    assert [fill.price for fill in run.fills] == pytest.approx([bought["price"], sold["price"]], abs=1e-9)
