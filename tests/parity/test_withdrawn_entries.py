"""What a margin call leaves of orders that wait: the part that reduces a position. Two symbols of one account, by every driver.

Long 1,900 AAA at 100 on 100,000: cash -90,000. AAA closes bar 2 at 60: equity 24,000, required 25 % of 114,000 = 28,500. Of 1,900
floor(1,900 x 24,000 / 28,500) = 1,600 stay, 300 go at open 3 = 60, and then 25 % of 96,000 are just met.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from golden_table import BUY, LIMIT, SELL, STOP, borrowing
from histories import OrderScript, history, market, quantity, run_orders_alike, run_scripts, run_spec

from domain.market import AssetClass
from domain.wishes import Wish

if TYPE_CHECKING:
    from domain.market import Bars
    from tasks.backtest import Run

FALLING = market("AAA", [100.0, 100, 100, 60, 60, 60], [100.0, 100, 60, 60, 60, 60])
LIQUIDATED = [(1, "AAA", "buy", 1_900.0, 100.0), (3, "AAA", "sell", 300.0, 60.0)]


def ten(**columns: object) -> Bars:
    """Return six bars of BBB at 10."""
    return market("BBB", [10.0] * 6, **columns)


NOTHING_ON_BAR_2 = ten(volume=[1e9, 1e9, 0.0, 1e9, 1e9, 1e9])
BOTH_WAYS_ON_BAR_3 = ten(highs=[10.0, 10, 10, 12, 10, 10], lows=[10.0, 10, 10, 8, 10, 10])


def bar_numbers(run: Run) -> dict[tuple[str, int], int]:
    """Return the number of each bar by its symbol and start."""
    return {(one.symbol, int(time)): number for one in run.history.bars for number, time in enumerate(one.time)}


def booked(run: Run) -> list[tuple[int, str, str, float, float]]:
    """Return the fills as bar, symbol, side, quantity and price."""
    place = bar_numbers(run)
    return [(place[fill.symbol, fill.time], fill.symbol, fill.side, fill.quantity, fill.price) for fill in run.fills]


def refused(run: Run) -> list[tuple[int, str, str, int]]:
    """Return the refusals as bar, symbol, word and lots."""
    place = bar_numbers(run)
    return [(place[one.symbol, one.time], one.symbol, one.breach, one.lots) for one in run.refusals]


def test_a_margin_call_withdraws_a_short_that_waits_from_flat() -> None:
    """475 BBB are to be sold at open 2, where nothing trades: the call at close 2 takes the order.

    Wanted again at close 3, it finds 24,000 that back 48,000, less than the AAA that stay.
    """
    past = history(FALLING, NOTHING_ON_BAR_2)
    run = run_scripts(past, {"AAA": "1", "BBB": ". -0.25"}, quantity(1_900), **borrowing())
    assert booked(run) == LIQUIDATED
    assert refused(run) == [(2, "BBB", "margin_call", 475), (3, "BBB", "margin", 475)]
    assert (run.refusals[0].value, run.refusals[0].bound) == (24_000.0, 28_500.0)


def test_a_margin_call_leaves_of_a_turn_to_short_the_sale_of_what_is_held() -> None:
    """190 BBB are held, 380 to be sold: 190 close the position, the other 190 are refused.

    cash 100,000 - 190,000 - 1,900; equity at close 2 24,000, required 25 % of 115,900 = 28,975: floor(1,900 x 24,000 / 28,975) =
    1,573 AAA stay, 327 go. Of BBB 33 would have to go, less than the 190 under way.
    """
    past = history(FALLING, NOTHING_ON_BAR_2)
    run = run_scripts(past, {"AAA": "1", "BBB": "0.1 -0.1"}, quantity(1_900), **borrowing())
    assert booked(run) == [
        (1, "AAA", "buy", 1_900.0, 100.0),
        (1, "BBB", "buy", 190.0, 10.0),
        (3, "AAA", "sell", 327.0, 60.0),
        (3, "BBB", "sell", 190.0, 10.0),
    ]
    assert refused(run)[0] == (2, "BBB", "margin_call", 190)


@pytest.mark.parametrize("wish", [Wish(SELL, 475, LIMIT, 11.0), Wish(SELL, 475, STOP, stop=9.0), Wish(BUY, 475, LIMIT, 9.0)])
def test_a_margin_call_withdraws_the_own_orders_that_would_open_a_position(wish: Wish) -> None:
    """Each would be met on bar 3, which goes from 12 to 8."""
    past = history(FALLING, BOTH_WAYS_ON_BAR_3)
    strategies = {"AAA": OrderScript({0: [Wish(BUY, 1_900)]}), "BBB": OrderScript({1: [wish]})}
    run = run_orders_alike(run_spec(past, strategies, quantity(1), **borrowing()), past)
    assert booked(run) == LIQUIDATED
    assert refused(run) == []


def test_a_stale_liquidation_of_a_strategy_of_own_orders_closes_nothing_else() -> None:
    """AAA's close on Wednesday calls for coins while their bar, three hours longer, is under way; that bar turns the position.

    AAA's close: cash 100,000 - 160,000 + 1,000 = -59,000, equity 76,000 - 59,000 - 1,000 = 16,000, required 19,000 + 1,000: of 10
    coins short 2 are to be bought, of 1,600 AAA 320 to be sold. Two stops at 110 for all that is short: the first buys 10, which
    leaves the second nothing, and none of the 2 that were to be bought, while the 320 AAA go.
    """
    falling = market("AAA", [100.0, 100, 100, 47.5, 47.5, 47.5], [100.0, 100, 47.5, 47.5, 47.5, 47.5])
    coins = market("BTC-USD", [100.0] * 6, days=range(6), highs=[100.0, 100, 120, 100, 100, 100])
    past = history(falling, coins, classes={"BTC-USD": AssetClass.CRYPTO})
    turning = OrderScript({0: [Wish(SELL, 10)], 1: [Wish(BUY, 10, STOP, stop=110.0)] * 2})
    strategies = {"AAA": OrderScript({0: [Wish(BUY, 1_600)]}), "BTC-USD": turning}
    run = run_orders_alike(run_spec(past, strategies, quantity(1), **borrowing()), past)
    assert booked(run) == [
        (1, "BTC-USD", "sell", 10.0, 100.0),
        (1, "AAA", "buy", 1_600.0, 100.0),
        (2, "BTC-USD", "buy", 10.0, 110.0),
        (3, "AAA", "sell", 320.0, 47.5),
    ]
    assert refused(run) == []


@pytest.mark.parametrize("borrow_rate", [None, 0.1])
def test_a_liquidation_sells_nothing_that_an_own_stop_sold_before(borrow_rate: float | None) -> None:
    """AAA's close calls for 8.97 of 20 coins; their own stop at 85 sells all of them before midnight. None is sold short then.

    1,200 AAA at 10 and 20 coins at 100 on 10,000: cash -4,000. AAA closes at 3: equity 3,600 + 2,000 - 4,000 = 1,600, required
    25 % of 3,600 and all of 2,000 = 2,900: 0.5517 of each position stays.
    """
    falling = market("AAA", [10.0, 10, 10, 3, 3], [10.0, 10, 3, 3, 3])
    coins = market("BTC-USD", [100.0, 100, 100, 90, 95], [100.0, 100, 90, 95, 95], days=range(5), lows=[100.0, 100, 80, 90, 95])
    past = history(falling, coins, classes={"BTC-USD": AssetClass.CRYPTO})
    own = OrderScript({0: [Wish(BUY, 20)], 1: [Wish(SELL, 20, STOP, stop=85.0)]})
    strategies = {"AAA": OrderScript({0: [Wish(BUY, 1_200)]}), "BTC-USD": own}
    run = run_orders_alike(run_spec(past, strategies, quantity(1), cash=10_000.0, margin=True, borrow_rate=borrow_rate), past)
    assert [fill[2:] for fill in booked(run) if fill[1] == "BTC-USD"] == [("buy", 20.0, 100.0), ("sell", 20.0, 85.0)]
