"""From a target to an order, by hand: exits pass whole, entries meet sizing, limits and cash in this order."""

from math import inf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.rules.book import OwnLots
from domain.rules.limits import NOTHING_BARRED, Barred, Bounded, Breach, Exposure, Limits
from domain.rules.planning import (
    Account,
    Parts,
    Plan,
    Shorting,
    bound_by_margin,
    enters,
    is_planned_again,
    kept_lots,
    parts_of_wish,
    payable_lots,
    plan_order,
    plan_wish,
    price_of_wish,
)
from domain.rules.sizing import Size

NO_LIMITS = Limits()
NO_LOTS = OwnLots(0, 0, 0, 0)
ALLOWED = Shorting.ALLOWED.value


def account(*, spendable: float = 100_000.0, **changes: Any) -> Account:
    """Return an account of 100,000 in cash that may do everything but go short."""
    plain = Account(100_000.0, Exposure(spendable), 0.0, NOTHING_BARRED, Shorting.CASH_ACCOUNT.value, 0.0, 0, 0.0)
    return plain._replace(**changes)


def plan(
    lots: int, held: int, *, limits: Limits = NO_LIMITS, missing: bool = False, units: float | None = None, **changes: Any
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
    barred = Barred(Breach.DAILY_LOSS_LIMIT.value, 0.04, 0.03)
    assert plan(100, 0, barred=barred) == Plan(0, Breach.DAILY_LOSS_LIMIT.value, 100, 0.04, 0.03, again=True)
    assert plan(150, 100, barred=barred) == Plan(0, Breach.DAILY_LOSS_LIMIT.value, 50, 0.04, 0.03, again=True)


def test_short_is_refused_without_the_right_account_and_the_exit_passes() -> None:
    """Wanted -30: from flat nothing, from 100 the sale of 100; what lacks is named."""
    assert plan(-30, 0) == Plan(0, Breach.SHORT_NOT_ALLOWED.value, 30, -30.0, 0.0, again=False)
    assert plan(-30, 100) == Plan(-100, Breach.SHORT_NOT_ALLOWED.value, 30, -30.0, 0.0, again=False)
    unknown = plan(-30, 100, shorting=Shorting.NO_BORROW.value)
    assert unknown == Plan(-100, Breach.BORROW_UNAVAILABLE.value, 30, -30.0, 0.0, again=False)


def test_a_reduction_of_a_short_passes_whatever_shorting_says() -> None:
    """Short 100 to short 40 buys 60; to flat buys 100."""
    for shorting in Shorting:
        assert plan(-40, -100, shorting=shorting.value) == order(60)
        assert plan(0, -100, shorting=shorting.value) == order(100)


def test_flip_passes_its_exit_where_the_entry_is_refused() -> None:
    """Short 100 to long 50 in a drawdown: the 100 are covered, the 50 wait."""
    made = plan(50, -100, barred=Barred(Breach.MAX_DRAWDOWN.value, 0.3, 0.25))
    assert made == Plan(100, Breach.MAX_DRAWDOWN.value, 50, 0.3, 0.25, again=True)


def test_flip_where_shorts_are_allowed_is_one_order() -> None:
    """Long 100 to short 50 sells 150; limits bound the short part."""
    assert plan(-50, 100, shorting=ALLOWED) == order(-150)
    assert plan(-2_000, 100, limits=Limits(0.3), shorting=ALLOWED).lots == -700


def test_payable_lots_count_costs_on_the_price() -> None:
    """1,000 at 10 x 1.01 pay 99."""
    assert payable_lots(200, 10.0, 0.01, 1_000.0, 1) == 99
    assert payable_lots(99, 10.0, 0.01, 1_000.0, 1) == 99
    assert payable_lots(99, 10.0, 0.01, -1.0, 1) == 0


def test_one_lot_less_where_rounding_would_overdraw() -> None:
    """0.3 / 0.1 is below 3 in float64, the whole-lot rule makes it 3, but 3 x 0.1 is above 0.3: two are paid."""
    assert 3 * 0.1 > 0.3
    assert payable_lots(5, 0.1, 0.0, 0.3, 1) == 2


# Value at risk and margin


def test_value_at_risk_cuts_to_the_lots_it_allows() -> None:
    """120 of 200 allowed, the whole would risk 9 %, 5 % may be."""
    limits = Limits(max_value_at_risk=0.05)
    made = plan(200, 0, limits=limits, risk_lots=120, risk=0.09)
    assert made == Plan(120, Breach.MAX_VALUE_AT_RISK.value, 80, 0.09, 0.05, again=False)
    assert plan(200, 0, limits=limits, risk_lots=200, risk=0.04) == order(200)
    assert plan(-200, 0, limits=limits, risk_lots=120, risk=0.09, shorting=ALLOWED).lots == -120


def test_value_at_risk_leaves_what_is_held() -> None:
    """50 allowed, 100 held: the increase is refused, nothing is sold."""
    made = plan(200, 100, limits=Limits(max_value_at_risk=0.05), risk_lots=50, risk=0.09)
    assert made == Plan(0, Breach.MAX_VALUE_AT_RISK.value, 100, 0.09, 0.05, again=False)


def test_a_risk_that_cannot_be_told_refuses_the_entry_until_it_can() -> None:
    """Too few returns: asked again at the next close; without the limit nobody asks."""
    made = plan(200, 0, limits=Limits(max_value_at_risk=0.05), risk=inf)
    assert made == Plan(0, Breach.MISSING_INPUT.value, 200, 0.0, 0.0, again=True)
    assert plan(200, 0, risk=inf) == order(200)


def test_without_its_limit_risk_cuts_nothing() -> None:
    """The lots it would allow are not looked at."""
    assert plan(200, 0, risk_lots=1, risk=0.5) == order(200)


def test_initial_margin_of_a_half_buys_twice_the_equity() -> None:
    """100,000 back 4,000 at 50; of 5,000 1,000 are refused: 125,000 needed, 100,000 there. Cash does not matter."""
    made = plan(5_000, 0, initial=0.5, spendable=0.0)
    assert made == Plan(4_000, Breach.MARGIN.value, 1_000, 125_000.0, 100_000.0, again=False)
    assert plan(4_000, 0, initial=0.5, spendable=0.0) == order(4_000)


def test_initial_margin_counts_what_is_held_and_others() -> None:
    """Others bind 30,000, 1,000 held bind 25,000: 45,000 are left for 1,800 more."""
    made = plan(5_000, 1_000, initial=0.5, exposure=Exposure(0.0, margin=30_000.0))
    assert made == Plan(1_800, Breach.MARGIN.value, 2_200, 100_000.0, 45_000.0, again=False)


def test_initial_margin_of_a_short_sale() -> None:
    """-5,000 wanted, -4,000 backed."""
    assert plan(-5_000, 0, initial=0.5, shorting=ALLOWED).lots == -4_000


def test_initial_margin_counts_costs() -> None:
    """1 % of costs comes on top: 100,000 / (50 x 0.51) = 3,921.5."""
    bounded = bound_by_margin(Bounded(5_000, 0, 0.0, 0.0), 0, 50.0, 0.01, 1, account(initial=0.5))
    assert (bounded.lots, bounded.breach, bounded.bound) == (3_921, Breach.MARGIN.value, 100_000.0)


def test_margin_that_is_used_up_leaves_what_is_held() -> None:
    """Others bind more than there is: 100 of 200 stay, none is bought."""
    made = plan(200, 100, initial=0.5, exposure=Exposure(0.0, margin=150_000.0))
    assert (made.lots, made.breach, made.refused) == (0, Breach.MARGIN.value, 100)


def test_a_cash_account_knows_no_margin() -> None:
    """An initial margin of 0 leaves the decision to the cash."""
    assert plan(5_000, 0).breach == Breach.CASH.value


@pytest.mark.parametrize(("target", "held", "lots"), [(-1.0, 10, -10), (1.0, -10, 10), (1.0, 10, 0), (-0.5, -10, 0), (1.0, 0, 0)])
def test_a_position_that_is_to_turn_is_left_without_a_size(target: float, held: int, lots: int) -> None:
    """An exit needs no input; how much to hold on the side there is, nobody knows, so that it stays."""
    made = plan_order(Size(0, target, missing=True), held, 50.0, 0.0, 1, NO_LIMITS, account())
    assert made == Plan(lots, Breach.MISSING_INPUT.value, 0, 0.0, 0.0, again=True)


@pytest.mark.parametrize("equity", [0.0, -1.0])
def test_an_account_without_equity_enters_nothing_and_leaves_everything(equity: float) -> None:
    """Each limit is a share of the equity: without one an entry lacks an input. A turn keeps its exit."""
    made = plan(10, -5, limits=Limits(0.3), equity=equity)
    assert made == Plan(5, Breach.MISSING_INPUT.value, 10, equity, 0.0, again=True)
    assert plan(0, -5, limits=Limits(0.3), equity=equity) == order(5)


def test_what_bars_an_entry_for_a_time_is_planned_again_and_what_cuts_it_is_not() -> None:
    """An input may come, a day ends, a person resumes, a call is met, a price comes back; a size stays too large."""
    again = {breach.code for breach in Breach if is_planned_again(breach.value)}
    for_a_time = {"daily_loss_limit", "max_drawdown", "halted", "margin_call", "price_collar", "max_order_rate", "doubted_data"}
    assert again == {"missing_input", *for_a_time}


# Orders of a strategy's own


def wished(lots: int, held: int, own: OwnLots = NO_LOTS, *, limits: Limits = NO_LIMITS, **changes: Any) -> Plan:
    """Plan an order of ``lots`` at 50 without costs beside the strategy's ``own`` lots."""
    return plan_wish(parts_of_wish(lots, held, own), 50.0, 0.0, 1, limits, account(**changes))


def test_an_own_order_is_planned_on_top_of_those_of_its_side() -> None:
    """0.3 of 100,000 at 50 are 600: 400 held, 150 open: 50 of 100 are left; met 0.325."""
    made = wished(100, 400, OwnLots(150, 999, 999, 999), limits=Limits(0.3))
    assert made == Plan(50, Breach.MAX_POSITION_SIZE.value, 50, 0.325, 0.3, again=False)


def test_an_own_sale_of_what_is_held_passes_whatever_rests_and_one_beyond_it_is_cut() -> None:
    """100 held, all of them for sale already: 100 more are an exit too, of 130 more 30 would be short."""
    own = OwnLots(999, 0, 0, 100)
    assert wished(-100, 100, own) == order(-100)
    assert wished(-130, 100, own) == Plan(-100, Breach.SHORT_NOT_ALLOWED.value, 30, -30.0, 0.0, again=False)
    assert wished(-130, 100, own, shorting=ALLOWED) == order(-130)


def test_no_limit_holds_up_the_exit_of_an_own_order_that_turns() -> None:
    """A short of 100 bought back and 50 more: in a drawdown the 50 are refused, with the value and bound that bar them."""
    barred = Barred(Breach.MAX_DRAWDOWN.value, 0.2, 0.1)
    assert wished(150, -100, OwnLots(0, 0, 100, 0), barred=barred) == Plan(100, Breach.MAX_DRAWDOWN.value, 50, 0.2, 0.1, again=True)


@pytest.mark.parametrize(
    ("lots", "held", "parts"),
    [
        (-40, 100, Parts(-40, 0, -7)),
        (-130, 100, Parts(-100, -30, -7)),
        (-30, 0, Parts(0, -30, -7)),
        (-30, -10, Parts(0, -30, -17)),
        (130, -100, Parts(100, 30, 5)),
        (30, 10, Parts(0, 30, 15)),
    ],
)
def test_an_own_order_is_divided_into_what_leaves_and_what_enters(lots: int, held: int, parts: Parts) -> None:
    """Entries of 5 and 7 rest: what enters is planned behind those of its side, once the position is left."""
    assert parts_of_wish(lots, held, OwnLots(5, 7, 50, 60)) == parts


def test_an_own_order_is_priced_at_its_limit_else_its_stop_else_the_mark() -> None:
    """0 is none."""
    assert price_of_wish(1, 9.0, 11.0, 10.0) == 9.0
    assert price_of_wish(1, 0.0, 11.0, 10.0) == 11.0
    assert price_of_wish(1, 0.0, 0.0, 10.0) == 10.0
    assert price_of_wish(-1, 11.0, 9.0, 10.0) == 11.0
    assert price_of_wish(-1, 0.0, 9.0, 10.0) == 9.0


def test_an_own_order_that_the_market_has_passed_is_priced_at_the_mark() -> None:
    """A stop to buy at 1 and a limit to sell at 1 fill near 10; a limit to buy at 11 may pay that, a stop to sell gets no more."""
    assert price_of_wish(1, 0.0, 1.0, 10.0) == 10.0
    assert price_of_wish(-1, 1.0, 0.0, 10.0) == 10.0
    assert price_of_wish(-1, 1.0, 11.0, 10.0) == 10.0
    assert price_of_wish(1, 11.0, 0.0, 10.0) == 11.0
    assert price_of_wish(-1, 0.0, 11.0, 10.0) == 11.0


@pytest.mark.parametrize(
    ("held", "lots", "entry"),
    [
        (0, 10, True),
        (0, -10, True),
        (10, 5, True),
        (-10, -5, True),
        (10, -5, False),
        (10, -10, False),
        (-10, 10, False),
        (-10, 4, False),
        (10, -12, True),  # turns it, although less is held than before
        (-10, 12, True),
        (10, 0, False),
    ],
)
def test_an_order_enters_where_it_opens_adds_or_turns(held: int, lots: int, entry: bool) -> None:  # noqa: FBT001 - from the table
    """What only reduces is no entry."""
    assert enters(held, lots) is entry


def test_lots_of_the_same_direction_are_kept() -> None:
    """A turn and an exit keep nothing."""
    assert [kept_lots(wanted, 10) for wanted in (5, 20, -5, 0)] == [10, 10, 0, 0]
    assert [kept_lots(wanted, -10) for wanted in (-5, 5)] == [-10, 0]


@given(
    st.integers(-500, 500),
    st.integers(-500, 500).filter(bool),
    st.floats(-1e5, 1e5),
    st.sampled_from([0, Breach.DAILY_LOSS_LIMIT.value, Breach.MAX_DRAWDOWN.value, Breach.HALTED.value, Breach.MARGIN_CALL.value]),
    st.floats(0.0, 2.0),
    st.floats(0.0, 1e6),
    st.sampled_from(Shorting),
    st.sampled_from([0.0, 0.5, 1.0]),
    st.tuples(st.integers(0, 500), st.sampled_from([0.0, 0.5, inf])),
)
def test_no_limit_blocks_an_exit(
    wanted: int,
    held: int,
    spendable: float,
    breach: int,
    bound: float,
    other: float,
    shorting: Shorting,
    initial: float,
    risk: tuple[int, float],
) -> None:
    """Whatever stands against entries, the part that reduces the position is ordered whole; nothing is ordered past the target."""
    limits = Limits(bound, bound, inf, inf, bound, bound, bound, 0.7, bound, bound * 50, max_value_at_risk=bound)
    exposure = Exposure(spendable, other, other, -other, other * other, other)
    changes = {"barred": Barred(breach, 0.0, 0.0), "exposure": exposure, "cluster": other, "shorting": shorting.value}
    made = plan(wanted, held, limits=limits, initial=initial, risk_lots=risk[0], risk=risk[1], **changes)
    after = held + made.lots
    reducing = wanted * held <= 0 or abs(wanted) < abs(held)
    if reducing and held > 0:
        assert after <= max(wanted, 0)
    if reducing and held < 0:
        assert after >= min(wanted, 0)
    assert min(wanted, held) <= after <= max(wanted, held)
