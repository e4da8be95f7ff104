"""How much trades and how much it moves, as known before each bar."""

from math import inf, nan, sqrt

import numpy as np
import pytest
from histories import HOURLY, MONDAY, history, market
from hypothesis import given
from hypothesis import strategies as st

from domain.liquidity import FIRST_VOLATILITY, flows_of, liquidity
from domain.market import HOUR, AssetClass, CorporateAction
from domain.rules.costs import Liquidity


def rows(closes: list[float], volume: list[float], **options: object) -> list[tuple[float, float]]:
    """Return volatility and volume before each daily bar of AAA."""
    return [tuple(row) for row in liquidity(history(market("AAA", closes, volume=volume), **options)).tolist()]


def test_volatility_is_that_of_the_returns_before_the_bar() -> None:
    """100, 110, 99, 99: returns 10 % and -10 % are known before the fourth bar: sqrt(0.02 / 1); before them 2 % is assumed."""
    known = rows([100, 110, 99, 99], [1e6] * 4)
    assert [row[0] for row in known] == [FIRST_VOLATILITY] * 3 + [pytest.approx(sqrt(0.02), rel=1e-12)]


def test_volume_is_the_mean_of_the_sessions_before_and_at_first_that_of_the_bar_itself() -> None:
    """400; then 400, (400 + 200) / 2, (400 + 200 + 600) / 3."""
    assert [row[1] for row in rows([10.0] * 4, [400, 200, 600, 5])] == [400.0, 400.0, 300.0, 400.0]


def test_only_the_last_20_sessions_count() -> None:
    """The first volume of 1e6 is no longer known before bar 21, the first return of 100 % not before bar 22."""
    known = rows([50.0, *[100.0] * 22], [1e6, *[100.0] * 22])
    assert known[20][1] == (1e6 + 19 * 100.0) / 20
    assert known[21][1] == 100.0
    assert known[21][0] == pytest.approx(sqrt(1.0 / 20), rel=1e-12)  # one return of 1 among 20
    assert known[22][0] == 0.0


def test_a_split_is_no_return_and_scales_the_volume() -> None:
    """2 for 1 before bar 2: 100, 100, 50, 50 move nothing; 400 and 600 shares are 800 and 1,200 of the new ones."""
    split = [CorporateAction("AAA", "2021-03-03", "split", 2.0)]
    known = rows([100, 100, 50, 50], [400, 600, 2_000, 5], actions=split)
    assert [row[0] for row in known[2:]] == [FIRST_VOLATILITY, 0.0]
    assert [row[1] for row in known] == [400.0, 400.0, 1_000.0, 4_000.0 / 3]


def test_bars_of_a_session_share_what_was_known_before_it() -> None:
    """Two days of three coins' hours: Monday knows nothing but each bar, Tuesday the volume of Monday, 60."""
    bars = market("BTC-USD", [10.0] * 6, volume=[10, 20, 30, 40, 50, 60], timeframe=HOURLY)
    bars.time[:] = MONDAY + np.array([0, 1, 2, 24, 25, 26]) * HOUR
    known = liquidity(history(bars, classes={"BTC-USD": AssetClass.CRYPTO}))
    assert known[:, 1].tolist() == [10.0, 20.0, 30.0, 60.0, 60.0, 60.0]


def test_unknown_volume_stays_unknown() -> None:
    """Currencies have none: NaN, which costs count as the order alone."""
    known = rows([1.1] * 3, [nan] * 3)
    assert np.isnan([row[1] for row in known]).all()


def test_sessions_without_volume_leave_the_bars_own() -> None:
    """A mean of 0 says nothing."""
    assert [row[1] for row in rows([10.0] * 3, [0, 0, 500])] == [0.0, 0.0, 500.0]


def test_flows_are_the_same_by_symbol_and_time() -> None:
    """Symbol after symbol, bar after bar."""
    past = history(market("AAA", [10, 11, 12], volume=100), market("BBB", [20, 19], volume=300))
    flows = flows_of(past)
    assert list(flows) == [("AAA", int(time)) for time in past.bars[0].time] + [("BBB", int(time)) for time in past.bars[1].time]
    assert [tuple(flow) for flow in flows.values()] == [tuple(row) for row in liquidity(past).tolist()]
    assert flows["BBB", int(past.bars[1].time[1])] == Liquidity(FIRST_VOLATILITY, 300.0)


@given(st.lists(st.tuples(st.floats(1.0, 100.0), st.floats(1.0, 1e6)), min_size=2, max_size=30), st.data())
def test_nothing_later_changes_what_was_known(bars: list[tuple[float, float]], data: st.DataObject) -> None:
    """The rows of a shorter history are those of the longer one."""
    closes, volume = [list(column) for column in zip(*bars, strict=True)]
    cut = data.draw(st.integers(1, len(bars) - 1))
    assert rows(closes, volume)[:cut] == rows(closes[:cut], volume[:cut])


def test_the_default_is_a_market_that_nothing_moves() -> None:
    """No volatility and endless volume."""
    assert Liquidity() == (0.0, inf)
