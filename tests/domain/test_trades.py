"""Fills paired into trades from flat to flat."""

from __future__ import annotations

from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.trades import FillRow, SplitRow, Trade, round_trips


def buy(time: int, quantity: float, price: float, fee: float = 0.0, symbol: str = "SPY") -> FillRow:
    """Return a buy for a target."""
    return FillRow(time, symbol, 1, quantity, price, fee, "target")


def sell(time: int, quantity: float, price: float, fee: float = 0.0, symbol: str = "SPY", reason: str = "target") -> FillRow:
    """Return a sale."""
    return FillRow(time, symbol, -1, quantity, price, fee, reason)


def test_round_trip_is_net_of_fees() -> None:
    """Bought 10 at 100, sold at 110 for 3 of fees: 97, and 9.7 % of what was paid."""
    assert round_trips([buy(1, 10, 100.0, 1.0), sell(5, 10, 110.0, 2.0, reason="stop_loss")]) == [
        Trade("SPY", 1, 10.0, 1, 100.0, 5, 110.0, 3.0, 97.0, 0.097, "stop_loss")
    ]


def test_short_round_trip_earns_the_fall() -> None:
    """Sold first, bought back lower."""
    (trade,) = round_trips([sell(1, 10, 100.0), buy(2, 10, 90.0)])
    assert (trade.side, trade.entry_price, trade.exit_price, trade.pnl) == (-1, 100.0, 90.0, 100.0)


def test_open_position_is_no_trade() -> None:
    """What is not flat at the end is not counted, nor is a part sold of it."""
    assert round_trips([buy(1, 10, 100.0), sell(2, 9, 110.0)]) == []
    assert round_trips([]) == []


def test_partial_fills_are_one_trade_at_average_prices() -> None:
    """Entries and exits in pieces: the quantity is all that was entered, prices are weighted by it."""
    (trade,) = round_trips([buy(1, 10, 100.0), buy(2, 30, 104.0), sell(3, 20, 110.0), buy(4, 10, 108.0), sell(6, 30, 112.0)])
    assert trade.quantity == 50.0
    assert trade.entry_price == pytest.approx((1000 + 3120 + 1080) / 50)
    assert trade.exit_price == pytest.approx((2200 + 3360) / 50)
    assert trade.pnl == pytest.approx(360.0)
    assert (trade.entry_time, trade.exit_time) == (1, 6)


def test_fill_through_zero_closes_one_trade_and_opens_the_next() -> None:
    """The fee is shared by quantity."""
    first, second = round_trips([buy(1, 10, 100.0), sell(2, 40, 110.0, 4.0), buy(3, 30, 105.0)])
    assert (first.side, first.quantity, first.fees, first.pnl) == (1, 10.0, 1.0, 99.0)
    assert (second.side, second.quantity, second.fees, second.pnl) == (-1, 30.0, 3.0, 147.0)
    assert (second.entry_time, second.entry_price) == (2, 110.0)


def test_symbols_are_paired_apart_in_the_order_of_their_ends() -> None:
    """Fills of two symbols in turn."""
    fills = [buy(1, 1, 10.0, symbol="A"), buy(1, 1, 20.0, symbol="B"), sell(2, 1, 21.0, symbol="B"), sell(3, 1, 12.0, symbol="A")]
    assert [(trade.symbol, trade.pnl) for trade in round_trips(fills)] == [("B", 1.0), ("A", 2.0)]


def test_split_on_the_way_changes_units_and_makes_no_money() -> None:
    """7 for 1, effective before the fills of its bar: the trade is told in the units of its end."""
    fills = [buy(1, 100, 700.0), sell(5, 700, 101.0), buy(5, 10, 101.0), sell(6, 10, 102.0)]
    first, second = round_trips(fills, [SplitRow(5, "SPY", 7.0), SplitRow(5, "OTHER", 2.0)])
    assert (first.quantity, first.entry_price, first.exit_price, first.pnl) == (700.0, 100.0, 101.0, 700.0)
    assert (second.quantity, second.pnl) == (10.0, 10.0)


def test_cash_in_lieu_of_a_fraction_counts() -> None:
    """15 shares in a 1-for-10: one is left, half a one was paid in cash."""
    (trade,) = round_trips([buy(1, 15, 10.0), sell(9, 1, 110.0)], [SplitRow(4, "SPY", 0.1, 1.0, 52.0)])
    assert trade.quantity == 1.5
    assert trade.entry_price == pytest.approx(100.0)
    assert trade.pnl == pytest.approx(110.0 + 52.0 - 150.0)


@pytest.mark.parametrize(("fill", "cash", "pnl"), [(buy(1, 5, 10.0), 48.0, -2.0), (sell(1, 5, 10.0), -48.0, 2.0)])
def test_position_that_a_split_dissolves_is_a_trade(fill: FillRow, cash: float, pnl: float) -> None:
    """5 shares in a 1-for-10 leave none: the cash closes them, received for a long one and paid for a short one."""
    (trade,) = round_trips([fill], [SplitRow(4, "SPY", 0.1, 0.0, cash)])
    assert (trade.reason, trade.exit_time) == ("corporate_action", 4)
    assert trade.pnl == pytest.approx(pnl)


@given(st.lists(st.tuples(st.integers(-(10**9), 10**9).filter(bool), st.integers(1, 10**6)), max_size=30))
def test_money_of_closed_trades_is_the_cash_of_their_fills(moves: list[tuple[int, int]]) -> None:
    """In satoshis: flat is found exactly however floats add, and at flat all pnl is the cash earned."""
    moves = [*moves, (-sum(lots for lots, _ in moves), 777)]
    moves = [move for move in moves if move[0]]
    fills = [
        FillRow(time, "BTC-USD", 1 if lots > 0 else -1, abs(lots) / 1e8, price / 100.0, 0.01, "target")
        for time, (lots, price) in enumerate(moves)
    ]
    trades = round_trips(fills)
    cash = sum(-fill.side * fill.quantity * fill.price - fill.fee for fill in fills)
    assert sum(trade.pnl for trade in trades) == pytest.approx(cash, abs=1e-6 + 1e-12 * sum(f.quantity * f.price for f in fills))
    held = list(accumulate((lots for lots, _ in moves), initial=0))
    assert len(trades) == sum(after == 0 or before * after < 0 for before, after in pairwise(held) if before)
