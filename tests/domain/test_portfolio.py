"""The books of an account."""

import pytest
from histories import MONDAY

from domain.events import CorporateActionApplied, OrderFilled
from domain.market import AssetClass, CorporateAction, Instrument, Side
from domain.portfolio import Portfolio
from domain.rules.accounting import Position

COIN = 100_000_000


def books() -> Portfolio:
    """Return the books of an account of 10,000 that may hold AAA, BBB and coins."""
    return Portfolio(10_000.0, (Instrument.of("AAA"), Instrument.of("BBB"), Instrument.of("BTC-USD", AssetClass.CRYPTO)))


def traded(symbol: str, side: Side, lots: int, price: float, fee: float = 0.0) -> OrderFilled:
    """Return a fill."""
    return OrderFilled(MONDAY, "id", symbol, "s", side, lots, price, fee, "target", lots, MONDAY)


def test_empty_books_are_worth_their_cash() -> None:
    """Nothing held, nothing made."""
    book = books()
    assert (book.equity, book.realised, book.unrealised, book.quantity("AAA")) == (10_000.0, 0, 0, 0.0)
    assert book.position("AAA") == Position()


def test_equity_is_cash_plus_everything_at_its_mark() -> None:
    """100 AAA at 20 and half a coin at 1,000, fees 3: cash 7,497; marked 21 and 900: 7,497 + 2,100 + 450."""
    book = books()
    book.book_fill(traded("AAA", Side.BUY, 100, 20.0, 2.0))
    book.book_fill(traded("BTC-USD", Side.BUY, COIN // 2, 1_000.0, 1.0))
    assert (book.cash, book.fees, book.quantity("BTC-USD")) == (7_497.0, 3.0, 0.5)
    book.marks.update({"AAA": 21.0, "BTC-USD": 900.0})
    assert book.equity == 10_047.0
    assert (book.value("AAA"), book.value("BTC-USD")) == (2_100.0, 450.0)
    assert (book.realised, book.unrealised) == (0.0, 50.0)


def test_equity_minus_initial_cash_is_realised_plus_unrealised_minus_fees() -> None:
    """60 of 100 sold at 25 for 1: 300 realised; 40 left, marked 18: 80 lost; fees 3: 217 in all."""
    book = books()
    book.book_fill(traded("AAA", Side.BUY, 100, 20.0, 2.0))
    book.book_fill(traded("AAA", Side.SELL, 60, 25.0, 1.0))
    book.marks["AAA"] = 18.0
    assert (book.realised, book.unrealised, book.fees) == (300.0, -80.0, 3.0)
    assert book.equity - book.initial_cash == 217.0


def test_held_symbols_are_in_code_point_order_and_leave_when_flat() -> None:
    """Equity is added up in this order, by every driver."""
    book = books()
    for symbol in ("BTC-USD", "AAA", "BBB"):
        book.book_fill(traded(symbol, Side.BUY, 1, 1.0))
    assert book.held == ["AAA", "BBB", "BTC-USD"]
    book.book_fill(traded("BBB", Side.SELL, 1, 1.0))
    assert book.held == ["AAA", "BTC-USD"]


def test_a_first_fill_is_its_own_mark_until_a_bar_closes() -> None:
    """Equity is defined at any moment."""
    book = books()
    book.book_fill(traded("AAA", Side.BUY, 10, 20.0))
    assert book.equity == 10_000.0


def test_a_dividend_is_cash_that_no_trade_explains() -> None:
    """It counts as flow, not as profit of the position."""
    book = books()
    book.book_fill(traded("AAA", Side.BUY, 100, 20.0))
    dividend = CorporateAction("AAA", "2021-03-02", "dividend", 0.5)
    book.book_action(CorporateActionApplied(MONDAY, dividend, 100, 100, 50.0, MONDAY), book.position("AAA"))
    assert (book.cash, book.flows, book.realised) == (8_050.0, 50.0, 0.0)


def test_cash_in_lieu_is_realised_not_flow() -> None:
    """3 for 2 on 101 at 20: 151 and half a share at 14, cost 13.3333."""
    book = books()
    book.book_fill(traded("AAA", Side.BUY, 101, 20.0))
    split = CorporateAction("AAA", "2021-03-02", "split", 1.5)
    after = Position(151, 20.0 / 1.5, 7.0 - 0.5 * 20.0 / 1.5)
    book.book_action(CorporateActionApplied(MONDAY, split, 101, 151, 7.0, MONDAY, 14.0), after)
    book.marks["AAA"] = 14.0
    assert (book.cash, book.flows) == (7_987.0, 0.0)
    assert book.equity - 10_000.0 == pytest.approx(book.realised + book.unrealised, abs=1e-9)
