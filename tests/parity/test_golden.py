"""The golden table of fill model 1: cases of one to five bars worked out by hand, equal in kernel and event engine.

Each row says its arithmetic in ``why``. Where a row and the code differ, one of them is wrong about ``fills.md``; the numbers here
were not taken from a run.
"""

from __future__ import annotations

from collections import Counter

import pytest
from golden_account import CASH, COSTS, VOLUMES
from golden_actions import ACTIONS
from golden_brackets import BRACKETS
from golden_exits import PROFITS, TIMES, TRAILS
from golden_limits import LIMITS
from golden_losses import LOSSES
from golden_margin import MARGIN
from golden_market import MARKET
from golden_mixed import MIXED
from golden_reserved import RESERVED
from golden_stops import STOPS
from golden_table import FLAT, Case, borrowing, check
from golden_trailing import STOP_LIMITS, TRAILING_STOPS
from histories import history, market, quantity, run_scripts

from domain.market import AssetClass

CASES = (
    *MARKET,
    *STOPS,
    *STOP_LIMITS,
    *TRAILING_STOPS,
    *LIMITS,
    *BRACKETS,
    *LOSSES,
    *PROFITS,
    *TRAILS,
    *TIMES,
    *VOLUMES,
    *COSTS,
    *CASH,
    *MARGIN,
    *ACTIONS,
    *MIXED,
    *RESERVED,
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_fills_are_those_worked_out_by_hand(case: Case) -> None:
    """Bar, side, quantity, price, reason, and where the row says so fee, cash, equity; refusals and ambiguous bars always."""
    check(case)


def test_every_row_is_short_named_once_and_explained() -> None:
    """One to five bars, a name of its own, its arithmetic; a bar that is none is a mistake of the table."""
    assert [name for name, count in Counter(case.name for case in CASES).items() if count > 1] == []
    for case in CASES:
        assert 1 <= len(case.bars) <= 5, case.name
        assert case.why, case.name
        assert all(low <= min(first, last) and max(first, last) <= high for first, high, low, last, *_ in case.bars), case.name


def test_a_wrong_row_fails() -> None:
    """The table can tell: another price, quantity, reason, refusal or ambiguity is noticed."""
    row = Case("wrong", "bought at 10, not 11", (FLAT, FLAT), (), script="1")
    with pytest.raises(AssertionError):
        check(row)


def test_a_killed_order_says_what_it_needed_and_what_there_was() -> None:
    """50 at the open of 12 are 600, and 550 are left."""
    told = {case.name: [(r.value, r.bound) for r in case.run().refusals] for case in MIXED if case.name.startswith("fok_")}
    assert told["fok_beside_a_market_order_is_refused_what_that_left_too_little_for"] == [(600.0, 550.0)]


def test_sells_come_before_buys_at_one_opening_though_not_at_acceptance() -> None:
    """AAA is bought with all 1,000; on close 1 it is to go and BBB to come: pending sells count 0, so BBB is refused as cash.

    On close 2 AAA wants in again and BBB wants in: 1,200 from the sale pay 100 AAA at 12, the 200 left are no share of BBB's 100
    at 12 but 16: 84 are refused.
    """
    past = history(market("AAA", [10, 10, 12, 12]), market("BBB", [10, 10, 12, 12]))
    run = run_scripts(past, {"AAA": "1 0 1", "BBB": ". 1 0"}, quantity(100.0), cash=1_000.0)
    start = past.bars[0].time
    assert [(f.time, f.symbol, f.side, f.quantity, f.price) for f in run.fills] == [
        (start[1], "AAA", "buy", 100.0, 10.0),
        (start[2], "AAA", "sell", 100.0, 12.0),
        (start[3], "AAA", "buy", 100.0, 12.0),
    ]
    assert [(r.time, r.symbol, r.breach, r.lots) for r in run.refusals] == [(start[1], "BBB", "cash", 100)]
    assert run.equity[-1].cash == 0.0


def test_cash_at_one_opening_goes_to_symbols_in_code_point_order() -> None:
    """1,000 accept 50 AAA and 50 BBB at 10; both open at 15: 50 AAA take 750, the 250 left pay 16 BBB, 34 are refused."""
    past = history(market("AAA", [10, 15]), market("BBB", [10, 15]))
    run = run_scripts(past, {"AAA": "1", "BBB": "1"}, quantity(50.0), cash=1_000.0)
    assert [(f.symbol, f.quantity, f.price) for f in run.fills] == [("AAA", 50.0, 15.0), ("BBB", 16.0, 15.0)]
    assert [(r.symbol, r.breach, r.lots) for r in run.refusals] == [("BBB", "cash", 34)]
    assert run.equity[-1].cash == 10.0


def test_sells_of_one_opening_pay_its_buys() -> None:
    """100 AAA at 10 leave 500; on close 1 AAA goes and 50 BBB come; BBB gaps from 10 to 20: 500 pay 25, AAA's sale the rest."""
    past = history(market("AAA", [10, 10, 10]), market("BBB", [10, 10, 20]))
    run = run_scripts(past, {"AAA": "1 0", "BBB": ". 0.5"}, quantity(100.0), cash=1_500.0)
    assert [(f.symbol, f.side, f.quantity, f.price) for f in run.fills] == [
        ("AAA", "buy", 100.0, 10.0),
        ("AAA", "sell", 100.0, 10.0),
        ("BBB", "buy", 50.0, 20.0),
    ]
    assert run.refusals == []
    assert run.equity[-1].cash == 500.0


@pytest.mark.parametrize(("script", "fee"), [(". . . . -1 . 0", 72.0), (". . . -1 0", 36.0)])
def test_a_short_coin_beside_shares_is_borrowed_by_its_own_days(script: str, fee: float) -> None:
    """36 % of 360 x 100 / 360 are 36 a day: Saturday to Monday is two of them, Friday to Saturday one, though no share trades."""
    coins, shares = market("BTC-USD", [100.0] * 12, days=range(12)), market("AAA", [10.0] * 10)
    past = history(coins, shares, classes={"BTC-USD": AssetClass.CRYPTO})
    run = run_scripts(past, {"AAA": "", "BTC-USD": script}, quantity(360.0), **borrowing(0.36))
    assert [fill.quantity for fill in run.fills] == [360.0, 360.0]
    assert run.borrow_fees == pytest.approx(fee, abs=1e-9)
    assert run.equity[-1].cash == pytest.approx(100_000.0 - fee, abs=1e-9)
