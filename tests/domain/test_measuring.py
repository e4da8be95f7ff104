"""What the engine remembers of past bars."""

from __future__ import annotations

from math import isnan, sqrt

import numpy as np
import pytest
from histories import Scripted, history, market, run_spec

from domain.market import DAY, AssetClass, Bar
from domain.measuring import Measuring
from domain.rules.limits import Limits
from domain.rules.moments import NO_TRIPS, RETURNS
from domain.run import parse_sizing


def bar(symbol: str, day: int, opened: float, close: float | None = None) -> Bar:
    """Return a bar of ``symbol`` on a day."""
    shut = opened if close is None else close
    return Bar(symbol, day * DAY, opened, max(opened, shut), min(opened, shut), shut, 1e6)


def measuring(*symbols: str, rate: float = 0.0) -> Measuring:
    """Return the memory of a daily run of these symbols."""
    classes = {"BTC-USD": AssetClass.CRYPTO}
    past = history(*(market(symbol, [10.0, 10.0]) for symbol in symbols), classes=classes)
    return Measuring(run_spec(past, {symbol: Scripted() for symbol in symbols}, parse_sizing("risk_parity", 1)), rate)


def zigzag(one: Measuring, symbol: str, move: float, count: int = RETURNS + 1, phase: int = 1) -> None:
    """Show ``count`` closes that go up by ``move`` and back, every ``phase`` bars."""
    for day in range(count):
        one.observe(bar(symbol, day, 100.0 * (1.0 + move * (day // phase % 2))))


def test_a_window_needs_61_closes() -> None:
    """60 closes have no volatility, the 61st gives one."""
    one = measuring("AAA")
    zigzag(one, "AAA", 0.01, RETURNS)
    one.update()
    assert isnan(one.volatility("AAA"))
    assert isnan(one.parity("AAA"))
    one.observe(bar("AAA", RETURNS, 100.0))
    one.update()
    assert one.volatility("AAA") > 0.0
    assert one.parity("AAA") == 1.0


@pytest.mark.parametrize(("symbol", "periods"), [("AAA", 252), ("BTC-USD", 365)])
def test_volatility_is_annual(symbol: str, periods: int) -> None:
    """The sample deviation of the returns x sqrt(252), of coins x sqrt(365)."""
    one = measuring(symbol)
    zigzag(one, symbol, 0.01)
    one.update()
    returns = np.tile([0.01, 100.0 / 101.0 - 1.0], RETURNS // 2)
    assert one.volatility(symbol) == pytest.approx(returns.std(ddof=1) * sqrt(periods), rel=1e-9)


def test_what_is_measured_stands_until_the_next_update() -> None:
    """Bars alone move no window: all symbols of an instant are measured together."""
    one = measuring("AAA")
    zigzag(one, "AAA", 0.01)
    one.update()
    before = one.volatility("AAA")
    one.observe(bar("AAA", 99, 200.0))
    assert one.volatility("AAA") == before
    one.update()
    assert one.volatility("AAA") > before


def test_a_split_is_no_return() -> None:
    """100 throughout, 50 after 2 for 1: nothing moved."""
    one = measuring("AAA")
    zigzag(one, "AAA", 0.0, 30)
    one.split("AAA", 2.0)
    for day in range(30, RETURNS + 1):
        one.observe(bar("AAA", day, 50.0))
    one.update()
    assert one.volatility("AAA") == 0.0


def test_parity_weighs_the_calmer_symbol_more() -> None:
    """Equal risk of two: the one that moves less has more than half; together they are the whole."""
    one = measuring("AAA", "BBB")
    zigzag(one, "AAA", 0.01)
    zigzag(one, "BBB", 0.03, phase=2)
    one.update()
    assert one.parity("AAA") > 0.6
    assert one.parity("AAA") + one.parity("BBB") == pytest.approx(1.0, abs=1e-12)


def test_trips_run_from_the_open_after_a_signal_to_the_open_after_the_next() -> None:
    """Long on day 0, bought at day 1's open 10; out on day 2, sold at day 3's open 12: 20 %. Short then: at 12 to 9: 25 %."""
    one = measuring("AAA")
    for day, (opened, target) in enumerate([(8.0, 1.0), (10.0, None), (50.0, -0.5), (12.0, None), (12.5, 0.0), (9.0, None)]):
        one.observe(bar("AAA", day, opened, 77.0))
        if target is not None:
            one.signal("AAA", day * DAY, target)
        if day == 3:
            assert (one.trips("AAA").count, one.trips("AAA").mean) == (1, pytest.approx(0.2))
    trips = one.trips("AAA")
    assert (trips.count, trips.mean) == (2, pytest.approx(0.225))
    assert trips.squares == pytest.approx(2 * 0.025**2)


def test_a_trip_pays_its_costs_both_ways() -> None:
    """10 x 1.01 to 12 x 0.99."""
    one = measuring("AAA", rate=0.01)
    for day, (opened, target) in enumerate([(8.0, 1.0), (10.0, 0.0), (12.0, 0.0)]):
        one.observe(bar("AAA", day, opened))
        one.signal("AAA", day * DAY, target)
    assert one.trips("AAA").mean == pytest.approx(12 * 0.99 / 10.1 - 1)


def test_a_signal_of_the_same_side_makes_no_trip() -> None:
    """Half of it sold is still long; a signal whose bar has not come is not counted."""
    one = measuring("AAA")
    for day, target in enumerate([1.0, 0.5, 1.0]):
        one.observe(bar("AAA", day, 10.0 + day))
        one.signal("AAA", day * DAY, target)
    assert one.trips("AAA") == NO_TRIPS
    one.signal("AAA", 2 * DAY, 0.0)
    assert one.trips("AAA") == NO_TRIPS
    one.observe(bar("AAA", 3, 22.0))
    assert (one.trips("AAA").count, one.trips("AAA").mean) == (1, pytest.approx(1.0))


def test_trips_are_those_of_prices_adjusted_for_splits() -> None:
    """Bought at 10, 2 for 1, sold at 6: 12 in old shares, 20 %."""
    one = measuring("AAA")
    for day, (opened, target) in enumerate([(10.0, 1.0), (10.0, None), (6.0, 0.0), (6.0, None)]):
        if day == 2:
            one.split("AAA", 2.0)
        one.observe(bar("AAA", day, opened))
        if target is not None:
            one.signal("AAA", day * DAY, target)
    assert one.trips("AAA").mean == pytest.approx(0.2)


def test_a_month_is_entered_once_and_never_at_the_first_bar() -> None:
    """Each symbol by itself."""
    one = measuring("AAA", "BBB")
    assert [one.enters_month("AAA", month) for month in (5, 5, 6, 6, 8)] == [False, False, True, False, True]
    assert not one.enters_month("BBB", 8)


def test_a_cluster_is_what_moves_together() -> None:
    """AAA and BBB move alike, CCC by itself: 300 of BBB, not the 500 of CCC, count with AAA; a symbol unknown counts too."""
    one = measuring("AAA", "BBB", "CCC", "DDD")
    zigzag(one, "AAA", 0.01)
    zigzag(one, "BBB", 0.02)
    zigzag(one, "CCC", 0.01, phase=2)
    one.update()
    limits = Limits(cluster_correlation=0.7)
    assert one.cluster("AAA", [0.0, -300.0, 500.0, 0.0], limits) == 300.0
    assert one.cluster("AAA", [0.0, -300.0, 500.0, 70.0], limits) == 370.0


def test_lots_within_a_risk_are_found_for_the_symbol() -> None:
    """Half of all bars lose 1/101: 100,000 of AAA risk about 990, 0.99 %; 0.501 % allows 506 of 1,000."""
    one = measuring("AAA", "BBB")
    zigzag(one, "AAA", 0.01)
    one.update()
    lots, risk = one.within_risk("AAA", [0.0, 0.0], (1_000, 0), 100.0, 1, 100_000.0, 0.00501)
    assert lots == 506
    assert risk == pytest.approx(1.0 / 101.0)
    assert one.within_risk("BBB", [0.0, 0.0], (1_000, 0), 100.0, 1, 100_000.0, 0.005) == (0, float("inf"))
