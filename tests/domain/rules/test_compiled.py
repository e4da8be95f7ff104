"""Compiled rules give the bits of the interpreted ones, for random arguments: one compilation for all of them."""

from __future__ import annotations

from math import inf, nan
from typing import TYPE_CHECKING

import numba
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import domain.kernel_loop  # noqa: F401 - it makes every rule known to the compiler
from domain.rules.accounting import Position
from domain.rules.costs import Costs, Levies, Liquidity, commission, friction
from domain.rules.exits import ExitRules, Grid, stop_loss_price, take_profit_price, trailing_price
from domain.rules.fills import simulate_market_fill
from domain.rules.limits import Barred, Breach, Exposure, Limits
from domain.rules.margin import MarginTable, borrow_fee, maintenance_margin, reduction, share_to_keep
from domain.rules.planning import Account, plan_order
from domain.rules.sizing import Sizing, SizingRule, size
from domain.rules.ticks import limit_on_tick, stop_on_tick
from domain.run import EQUITY_MARGIN

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

pytestmark = pytest.mark.skipif(numba.config.DISABLE_JIT, reason="nothing is compiled with NUMBA_DISABLE_JIT")


def money_of(
    side: int, lots: int, price: float, cash: float, costs: Costs, levies: Levies, liquidity: Liquidity
) -> tuple[Any, ...]:
    """Return what a market order costs and gets, and the parts of it."""
    fill = simulate_market_fill(side, lots, price, 500, cash, costs, levies, liquidity, 1)
    return fill, commission(float(lots), lots * price, costs), friction(costs, float(lots), liquidity)


def exits_of(side: int, lots: int, price: float, exits: ExitRules, grid: Grid) -> tuple[Any, ...]:
    """Return every price that goes to a grid."""
    position = Position(side * lots, price, 0.0)
    ours = stop_on_tick(side, price, grid.ticks, grid.ticks_below_one), limit_on_tick(side, price, grid.ticks, grid.ticks_below_one)
    theirs = stop_loss_price(position, exits, grid), take_profit_price(position, exits, grid)
    return ours, theirs, trailing_price(side, price, exits.trailing, grid)


def margin_of(lots: int, price: float, equity: float, table: MarginTable) -> tuple[Any, ...]:
    """Return what a margin account asks of a position."""
    required = maintenance_margin(lots, price, 1, table)
    share = share_to_keep(equity, required)
    return required, share, reduction(lots, 0, share), borrow_fee(lots, price, 0.03, 3, 1)


def plan_of(
    sizing: Sizing, target: float, held: int, price: float, measured: float, limits: Limits, account: Account
) -> tuple[Any, ...]:
    """Return the size and the plan of a target."""
    wanted = size(sizing, target, account.equity, price, 0.001, 1, measured)
    return wanted, plan_order(wanted, held, price, 0.001, 1, limits, account)


@pytest.fixture(scope="module")
def compiled() -> dict[str, Callable[..., tuple[Any, ...]]]:
    """Compile the four once, with every rule they call, as the kernel compiles them."""
    return {function.__name__: numba.njit(error_model="numpy")(function) for function in (money_of, exits_of, margin_of, plan_of)}


SIDE, LOTS, PRICE, MONEY = st.sampled_from([1, -1]), st.integers(1, 1_000), st.floats(0.05, 500.0), st.floats(-100.0, 1e6)
RATE = st.floats(0.0, 0.02)
COSTS = st.tuples(
    RATE, RATE, RATE, RATE, st.floats(0.0, 5.0), st.floats(0.0, 5.0), st.sampled_from([inf, 0.01]), st.floats(0.0, 2.0)
)
BOUND = st.sampled_from([inf, inf, 0.3, 1.0])
checked = settings(max_examples=300, deadline=None)


def same(one: Any, other: Any) -> bool:
    """Return whether two answers have the same numbers to the bit, NaN included."""
    if isinstance(one, tuple):
        return len(one) == len(other) and all(same(*pair) for pair in zip(one, other, strict=True))
    return bool(one == other or (one != one and other != other))  # noqa: PLR0124 - NaN


@checked
@given(SIDE, LOTS, PRICE, MONEY, COSTS.map(lambda drawn: Costs(*drawn)), st.floats(0.0, 1.0), st.floats(0.0, 2_000.0))
def test_fills_and_costs(
    compiled: dict[str, Callable[..., tuple[Any, ...]]],
    side: int,
    lots: int,
    price: float,
    cash: float,
    costs: Costs,
    volatility: float,
    volume: float,
) -> None:
    """Commission, friction, levies and the cut to the cash."""
    arguments = (side, lots, price, cash, costs, Levies(2e-5, 0.0002, 9.0), Liquidity(volatility, volume))
    assert same(compiled["money_of"](*arguments), money_of(*arguments))


@checked
@given(SIDE, LOTS, PRICE, st.tuples(*[st.just(nan) | st.floats(0.001, 0.9)] * 2), st.floats(0.001, 0.9))
def test_exit_prices(
    compiled: dict[str, Callable[..., tuple[Any, ...]]],
    side: int,
    lots: int,
    price: float,
    exits: tuple[float, float],
    trail: float,
) -> None:
    """Every price on its grid."""
    arguments = (side, lots, price, ExitRules(*exits, trail), Grid(100.0, 10_000.0))
    assert same(compiled["exits_of"](*arguments), exits_of(*arguments))


@checked
@given(st.integers(-1_000, 1_000), PRICE, MONEY)
def test_margin(compiled: dict[str, Callable[..., tuple[Any, ...]]], lots: int, price: float, equity: float) -> None:
    """Maintenance, the share kept, the reduction, the borrow fee."""
    arguments = (lots, price, equity, EQUITY_MARGIN)
    assert same(compiled["margin_of"](*arguments), margin_of(*arguments))


@checked
@given(
    st.sampled_from(SizingRule),
    st.floats(-1.0, 1.0),
    st.integers(-1_000, 1_000),
    PRICE,
    st.just(nan) | st.floats(0.0, 1.0),
    st.tuples(*[BOUND] * 11),
    st.tuples(*[MONEY] * 3),
    st.sampled_from([0, Breach.HALTED.value]),
    st.sampled_from([0, 1]),
    st.sampled_from([0.0, 0.5]),
)
def test_sizes_and_plans(
    compiled: dict[str, Callable[..., tuple[Any, ...]]],
    rule: SizingRule,
    target: float,
    held: int,
    price: float,
    measured: float,
    bounds: tuple[float, ...],
    money: tuple[float, float, float],
    barred: int,
    shorting: int,
    initial: float,
) -> None:
    """Every sizing rule, limit, margin and cash."""
    exposure = Exposure(money[0], abs(money[1]), money[1], money[2], money[1] * money[1], abs(money[2]))
    account = Account(1e5, exposure, abs(money[2]), Barred(barred, 0.0, 0.0), shorting, initial, 300, 0.2)
    limits = Limits(*bounds[:7], 0.7, bounds[7] * 500.0, bounds[8] * 5_000.0, bounds[9], bounds[10])
    arguments = (Sizing(rule.value, 0.4), target, held, price, measured, limits, account)
    assert same(compiled["plan_of"](*arguments), plan_of(*arguments))
