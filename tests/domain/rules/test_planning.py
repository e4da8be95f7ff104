"""From a target to an order, by hand: exits pass whole, entries meet sizing, limits and cash in this order."""

from math import inf

from hypothesis import given
from hypothesis import strategies as st

from domain.rules.limits import Breach, Limits
from domain.rules.planning import Account, Plan, payable_lots, plan_order
from domain.rules.sizing import Size

NO_LIMITS = Limits()


def account(**changes: float) -> Account:
    """Return an account of 100,000 in cash that may do everything but go short."""
    plain = Account(100_000.0, 100_000.0, 0.0, 0, 0.0, 0.0, shorts_allowed=False)
    return plain._replace(**changes)  # type: ignore[arg-type]  # the fields are named by the tests


def plan(
    lots: int, held: int, *, limits: Limits = NO_LIMITS, missing: bool = False, units: float | None = None, **changes: float
) -> Plan:
    """Plan ``lots`` wanted where ``held`` are there, at 50 without costs."""
    wanted = Size(lots, float(lots) if units is None else units, missing)
    return plan_order(wanted, held, 50.0, 0.0, 1, limits, account(**changes))


def order(lots: int) -> Plan:
    """Return a plan that refuses nothing."""
    return Plan(lots, 0, 0, 0.0, 0.0, again=False)


def test_entry_increase_reduction_and_exit_order_the_difference() -> None:
    """From 0 to 100, 100 to 150, 150 to 100, 100 to 0."""
    assert plan(100, 0) == order(100)
    assert plan(150, 100) == order(50)
    assert plan(100, 150) == order(-50)
    assert plan(0, 100) == order(-100)


def test_what_is_held_already_makes_no_order() -> None:
    """100 of 100."""
    assert plan(100, 100) == order(0)


def test_cash_cuts_what_remains_after_the_limits() -> None:
    """2,000 wanted; the share leaves 600, the cash of 25,000 pays 500: refused as cash with what 600 would have cost."""
    made = plan(2_000, 0, limits=Limits(0.3), spendable=25_000.0)
    assert made == Plan(500, Breach.CASH.value, 1_500, 30_000.0, 25_000.0, again=False)


def test_a_cut_to_nothing_is_a_refusal_without_an_order() -> None:
    """No cash at all."""
    assert plan(10, 0, spendable=0.0) == Plan(0, Breach.CASH.value, 10, 500.0, 0.0, again=False)


def test_missing_input_is_planned_again() -> None:
    """Size 0 with a reason, asked for anew at the next close."""
    assert plan(0, 0, missing=True) == Plan(0, Breach.MISSING_INPUT.value, 0, 0.0, 0.0, again=True)


def test_less_than_a_lot_is_a_refusal_of_size() -> None:
    """0.4 shares: nothing to order, not planned again."""
    assert plan(0, 0, units=0.4) == Plan(0, Breach.BELOW_LOT.value, 0, 0.4, 1.0, again=False)


def test_less_than_a_lot_of_a_held_symbol_is_an_exit() -> None:
    """Five held, 0.4 wanted: all five are sold."""
    assert plan(0, 5, units=0.4) == order(-5)


def test_state_limits_refuse_the_whole_entry_and_are_planned_again() -> None:
    """The refusal carries the limit, its value and its bound."""
    breach = {"state_breach": Breach.DAILY_LOSS_LIMIT.value, "state_value": 0.04, "state_bound": 0.03}
    assert plan(100, 0, **breach) == Plan(0, Breach.DAILY_LOSS_LIMIT.value, 100, 0.04, 0.03, again=True)
    assert plan(150, 100, **breach) == Plan(0, Breach.DAILY_LOSS_LIMIT.value, 50, 0.04, 0.03, again=True)


def test_short_is_refused_without_the_right_account_and_the_exit_passes() -> None:
    """Wanted -30: from flat nothing, from 100 the sale of 100."""
    assert plan(-30, 0) == Plan(0, Breach.SHORT_NOT_ALLOWED.value, 30, -30.0, 0.0, again=False)
    assert plan(-30, 100) == Plan(-100, Breach.SHORT_NOT_ALLOWED.value, 30, -30.0, 0.0, again=False)


def test_flip_passes_its_exit_where_the_entry_is_refused() -> None:
    """Short 100 to long 50 in a drawdown: the 100 are covered, the 50 wait."""
    made = plan(50, -100, state_breach=Breach.MAX_DRAWDOWN.value, state_value=0.3, state_bound=0.25)
    assert made == Plan(100, Breach.MAX_DRAWDOWN.value, 50, 0.3, 0.25, again=True)


def test_flip_where_shorts_are_allowed_is_one_order() -> None:
    """Long 100 to short 50 sells 150; limits bound the short part."""
    assert plan(-50, 100, shorts_allowed=True) == order(-150)
    assert plan(-2_000, 100, limits=Limits(0.3), shorts_allowed=True).lots == -700


def test_payable_lots_count_costs_on_the_price() -> None:
    """1,000 at 10 x 1.01 pay 99."""
    assert payable_lots(200, 10.0, 0.01, 1_000.0, 1) == 99
    assert payable_lots(99, 10.0, 0.01, 1_000.0, 1) == 99
    assert payable_lots(99, 10.0, 0.01, -1.0, 1) == 0


def test_one_lot_less_where_rounding_would_overdraw() -> None:
    """0.3 / 0.1 is below 3 in float64, the whole-lot rule makes it 3, but 3 x 0.1 is above 0.3: two are paid."""
    assert 3 * 0.1 > 0.3
    assert payable_lots(5, 0.1, 0.0, 0.3, 1) == 2


@given(
    st.integers(-500, 500),
    st.integers(-500, 500).filter(bool),
    st.floats(-1e5, 1e5),
    st.sampled_from([0, Breach.DAILY_LOSS_LIMIT.value, Breach.MAX_DRAWDOWN.value, Breach.HALTED.value]),
    st.floats(0.0, 2.0),
    st.floats(0.0, 1e6),
    st.booleans(),
)
def test_no_limit_blocks_an_exit(
    wanted: int,
    held: int,
    spendable: float,
    breach: int,
    bound: float,
    other: float,
    shorts: bool,  # noqa: FBT001 - drawn
) -> None:
    """Whatever stands against entries, the part that reduces the position is ordered whole; nothing is ordered past the target."""
    limits = Limits(bound, bound, inf, inf)
    changes = {"spendable": spendable, "state_breach": breach, "other_exposure": other, "shorts_allowed": shorts}
    made = plan(wanted, held, limits=limits, **changes)
    after = held + made.lots
    reducing = wanted * held <= 0 or abs(wanted) < abs(held)
    if reducing and held > 0:
        assert after <= max(wanted, 0)
    if reducing and held < 0:
        assert after >= min(wanted, 0)
    assert min(wanted, held) <= after <= max(wanted, held)
