"""Cheap coins: positions of more lots than a float counts exactly, in every driver and in the trades."""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

import numba
import numpy as np
import pytest
from histories import HOURLY, fraction, history, market, quantity, run_alike, run_scripts, scripted
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import domain.kernel  # noqa: F401 - makes the rules known to the compiler
from domain.market import HOUR, AssetClass, CorporateAction
from domain.rules.costs import NO_LEVIES, Costs
from domain.rules.fills import UNLIMITED, simulate_fill
from domain.rules.planning import payable_lots
from domain.trades import FillRow, SplitRow, round_trips
from tasks.backtest_document import _splits_met, trades_of

if TYPE_CHECKING:
    from domain.run import RunSpec
    from domain.timeline import History

EXACT = 2**53
"""Whole numbers beyond it are not all floats."""

CRYPTO = {"SHIB-USD": AssetClass.CRYPTO, "PEPE-USD": AssetClass.CRYPTO}
PRICES = st.floats(0.8e-5, 1.25e-5)
VOLUMES = st.one_of(st.just(0.0), st.floats(1e8, 2e10))
TARGETS = st.sampled_from([".", ".", "1", "0", "0.5", "0.3333"])


@st.composite
def cheap_runs(draw: st.DrawFn) -> tuple[RunSpec, History]:
    """Draw one or two coins at about 1e-5 USD and a run of 1e17 lots and more over them, filled in parts."""
    symbols = list(CRYPTO)[: draw(st.integers(1, 2))]
    bars, scripts = [], {}
    for symbol in symbols:
        rows = draw(st.lists(st.tuples(PRICES, PRICES, VOLUMES), min_size=4, max_size=16))
        opens, closes, volumes = zip(*rows, strict=True)
        bars.append(market(symbol, opens, closes, volume=list(volumes), timeframe=HOURLY))
        scripts[symbol] = " ".join(["1", *draw(st.lists(TARGETS, max_size=len(rows) - 2)), "0"])
    past = history(*bars, classes=CRYPTO)
    costs = draw(st.sampled_from([Costs(0.0, 0.0), Costs(0.0005, 0.0002)]))
    options = {"costs": costs, "volume_limit": draw(st.sampled_from([0.0, 0.1, 0.3]))}
    return scripted(past, scripts, fraction(draw(st.floats(0.05, 0.95))), **options), past


many = settings(
    max_examples=60 if numba.config.DISABLE_JIT else 300,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@many
@given(cheap_runs())
def test_drivers_agree_to_the_bit_beyond_exact_floats(drawn: tuple[RunSpec, History]) -> None:
    """Fills, fees, equity and refusals of kernel, engine and streamed engine, with positions of up to 1e18 lots."""
    spec, past = drawn
    run = run_alike(spec, past)
    assert len(run.fill_lots) == len(run.fills)
    assert all(lots / 100_000_000 == fill.quantity for lots, fill in zip(run.fill_lots, run.fills, strict=True))


@many
@given(cheap_runs())
def test_a_trade_ends_exactly_where_the_books_are_flat(drawn: tuple[RunSpec, History]) -> None:
    """As many trades as there are ways back to no lot at all, counted in whole numbers."""
    spec, past = drawn
    run = run_alike(spec, past, streamed=False)
    flats = 0
    for symbol in CRYPTO:
        moves = [
            lots if fill.side == "buy" else -lots
            for fill, lots in zip(run.fills, run.fill_lots, strict=True)
            if fill.symbol == symbol
        ]
        flats += sum(before != 0 and after == 0 for before, after in pairwise(accumulate(moves, initial=0)))
    assert len(trades_of(run)) == flats


def test_partial_fills_of_a_cheap_coin_are_one_trade() -> None:
    """Bought in three parts, sold in three: the quantities as floats do not add up, the lots do, so there is one trade."""
    volumes = [1e12, 7.1e9, 1_000.1234567, 1e12, 1e12, 333.3333333, 5.1e9, 1e12, 1e12]
    coin = market("SHIB-USD", [1e-5] * 5 + [1.1e-5] * 4, volume=volumes, timeframe=HOURLY)
    past = history(coin, classes=CRYPTO)
    run = run_scripts(past, {"SHIB-USD": "1 . . . 0"}, fraction(0.95), volume_limit=0.3)
    assert [fill.side for fill in run.fills] == ["buy"] * 3 + ["sell"] * 3
    assert sum(run.fill_lots[:3]) == sum(run.fill_lots[3:]) > EXACT
    rounded = [round(fill.quantity * 100_000_000) for fill in run.fills]
    assert sum(rounded[:3]) != sum(rounded[3:])
    (trade,) = trades_of(run)
    assert trade.quantity == sum(run.fill_lots[:3]) / 100_000_000
    assert trade.pnl == pytest.approx(run.equity[-1].equity - 100_000.0, rel=1e-9)


def test_a_split_of_a_cheap_coin_keeps_its_trade() -> None:
    """Three for two on 1e17 lots and an odd one, between buying and selling in parts: flat after the last sale, one trade."""
    volumes = [1e12, 1_000.1234567, 1e12, 1e12, 333.3333333, 1e12, 1e12]
    coin = market("SHIB-USD", [1.5e-5] * 3 + [1e-5] * 4, volume=volumes)
    past = history(coin, actions=[CorporateAction("SHIB-USD", "2021-03-04", "split", 1.5)], classes=CRYPTO)
    run = run_scripts(past, {"SHIB-USD": "1 . . 0"}, fraction(0.95), volume_limit=0.3)
    assert [fill.side for fill in run.fills] == ["buy"] * 2 + ["sell"] * 2
    assert [split.lots_after for split in _splits_met(run)] == [sum(run.fill_lots[2:])]
    assert sum(run.fill_lots[2:]) > EXACT
    (trade,) = trades_of(run)
    assert trade.quantity == pytest.approx(sum(run.fill_lots[2:]) / 100_000_000, rel=1e-12)
    assert trade.pnl == pytest.approx(run.equity[-1].equity - 100_000.0, abs=1e-3)


def test_a_split_says_what_is_left_in_lots() -> None:
    """An odd number of lots beyond 2**53, bought, doubled and sold: flat, though no float tells the quantity."""
    before, units = EXACT * 64 + 1, 100_000_000
    bought = FillRow(1, "SHIB-USD", 1, before / units, 2e-5, 0.0, "target", before, units)
    sold = FillRow(3, "SHIB-USD", -1, 2 * before / units, 1e-5, 0.0, "target", 2 * before, units)
    (trade,) = round_trips([bought, sold], [SplitRow(2, "SHIB-USD", 2.0, 2 * before / units, 0.0, 2 * before)])
    assert trade.exit_time == 3
    assert round_trips([bought, sold._replace(lots=2 * before - 1)], [SplitRow(2, "SHIB-USD", 2.0, None, 0.0, 2 * before)]) == []


def test_trades_of_shares_are_told_in_shares() -> None:
    """A lot of an equity is a share: 100 of them, not a hundred-millionth."""
    run = run_scripts(history(market("AAA", [10.0] * 4)), {"AAA": "1 0"}, quantity(100))
    assert [(trade.quantity, trade.entry_price, trade.exit_price) for trade in trades_of(run)] == [(100.0, 10.0, 10.0)]


@numba.njit  # type: ignore[untyped-decorator]  # numba has no types
def compiled_plan(lots: int, each: float, spendable: float) -> int:
    """Run the rule of planning as the kernel does."""
    return payable_lots(lots, each, 0.0, spendable, 100_000_000)


@numba.njit  # type: ignore[untyped-decorator]  # numba has no types
def compiled_fee(lots: int, price: float, costs: Costs) -> float:
    """Run the rule of fills as the kernel does."""
    return simulate_fill(1, lots, price, UNLIMITED, 1e300, costs, NO_LEVIES, 100_000_000).fee


LOTS = st.integers(EXACT, 2**62 - 1)


@settings(deadline=None)
@given(LOTS, st.floats(0.8e-5, 1.25e-5))
def test_planning_divides_large_lots_alike_in_both_drivers(lots: int, price: float) -> None:
    """Cash that pays exactly for the order pays for it compiled and interpreted."""
    spendable = float(lots) / 100_000_000 * price
    assert compiled_plan(lots, price, spendable) == payable_lots(lots, price, 0.0, spendable, 100_000_000) == lots


@settings(deadline=None)
@given(LOTS, st.floats(1e6, 1e8))
def test_fees_of_large_lots_are_alike_in_both_drivers(lots: int, price: float) -> None:
    """So dear that a last bit of the value is a cent of the fee."""
    costs = Costs(0.01, 0.0)
    assert compiled_fee(lots, price, costs) == simulate_fill(1, lots, price, UNLIMITED, 1e300, costs, NO_LEVIES, 100_000_000).fee


def test_an_exit_of_many_lots_stands_in_a_margin_call() -> None:
    """An exit of 4.75e9 lots that leaves more than the call asks for is not replaced, in compiled code either.

    AAA is ordered at a mark of 0.1 and filled at 10, so its 11,870 are far above the equity of 1,000 at the close at which BTC-USD
    is to be left.
    """
    hours = [0, 1, *range(4, 10)]
    shares = market("AAA", [10.0] * 8, [10.0, 0.1, *[10.0] * 6], volume=[1e6, 1e6, 0.0, *[1e6] * 5], timeframe=HOURLY)
    shares.time[:] = shares.time[0] + np.array(hours) * HOUR
    coins = market("BTC-USD", [10.0] * 8, timeframe=HOURLY)
    past = history(shares, coins, classes={"BTC-USD": AssetClass.CRYPTO})
    scripts = {"AAA": ". 0.25", "BTC-USD": ". . . 1 . 0"}
    spec = scripted(past, scripts, fraction(0.475), cash=1_000.0, margin=True, borrow_rate=0.03)
    run = run_alike(spec, past)
    sold = [(fill.symbol, fill.quantity, fill.reason) for fill in run.fills if fill.side == "sell"]
    assert sold == [("AAA", 843.0, "liquidation"), ("BTC-USD", 47.5, "target")]
