"""What risk management cuts and refuses, by hand: the rules alone, then whole runs by every driver."""

from math import inf

import pytest
from histories import HOURLY, MONDAY, fraction, history, market, quantity, run_scripts
from hypothesis import given
from hypothesis import strategies as st

from domain.market import AssetClass, Bars
from domain.rules.limits import (
    NOTHING_BARRED,
    UNWATCHED,
    Barred,
    Bounded,
    Breach,
    Exposure,
    Limits,
    Share,
    Watch,
    barred_account,
    barred_symbol,
    bound_by_limits,
    lots_for,
    rest_of_account,
    watch,
    weigh,
)

START = UNWATCHED._replace(base=100_000.0, peak=100_000.0)
DAILY_LOSS = Limits(daily_loss_limit=0.03)
DRAWDOWN = Limits(max_drawdown=0.10)


def follow(limits: Limits, *closes: tuple[int, float]) -> Watch:
    """Return the state after these (session, equity) closes of a run that began with 100,000."""
    state, before = START, 100_000.0
    for session, equity in closes:
        state = watch(state, limits, session, before, equity)
        before = equity
    return state


def test_daily_loss_counts_from_the_last_close_of_the_session_before() -> None:
    """Session 1 ends at 110,000; 3 % of it are 3,300: 106,800 is no breach, 106,600 is one, although 100,000 is far below."""
    assert follow(DAILY_LOSS, (1, 105_000.0), (1, 110_000.0), (2, 106_800.0)).daily_breach == 0
    assert follow(DAILY_LOSS, (1, 105_000.0), (1, 110_000.0), (2, 106_600.0)).daily_breach == Breach.DAILY_LOSS_LIMIT.value


def test_first_session_counts_from_the_initial_cash() -> None:
    """There was no session before."""
    assert follow(DAILY_LOSS, (1, 96_900.0)).daily_breach == Breach.DAILY_LOSS_LIMIT.value


def test_daily_loss_stands_to_the_end_of_its_session_though_equity_recovers() -> None:
    """It ends with the session's last bar, not before."""
    assert follow(DAILY_LOSS, (1, 96_000.0), (1, 105_000.0)).daily_breach == Breach.DAILY_LOSS_LIMIT.value


def test_daily_loss_ends_with_its_session_though_equity_stays_low() -> None:
    """The next session counts from where this one ended."""
    assert follow(DAILY_LOSS, (1, 96_000.0), (2, 95_000.0)).daily_breach == 0


def test_drawdown_counts_from_the_peak_of_the_run() -> None:
    """10 % below the peak of 120,000 lie 108,000, far above the initial cash."""
    assert follow(DRAWDOWN, (1, 120_000.0), (2, 109_000.0)).drawdown_breach == 0
    assert follow(DRAWDOWN, (1, 120_000.0), (2, 109_000.0), (3, 107_000.0)).drawdown_breach == Breach.MAX_DRAWDOWN.value


def test_drawdown_stands_though_equity_makes_a_new_peak() -> None:
    """Only a person lifts it."""
    assert follow(DRAWDOWN, (1, 89_000.0), (2, 150_000.0)).drawdown_breach == Breach.MAX_DRAWDOWN.value


@pytest.mark.parametrize(("bound", "equity"), [(0.03, 97_000.0), (0.1, 90_000.0), (0.2, 80_000.0), (0.4, 60_000.0)])
def test_a_loss_of_exactly_its_bound_is_a_breach(bound: float, equity: float) -> None:
    """Of 100,000, at the first close of a session and at a later one; a cent more equity is none."""
    for limits in (Limits(daily_loss_limit=bound), Limits(max_drawdown=bound)):
        for earlier in ((), ((1, 99_999.0),)):
            met, missed = follow(limits, *earlier, (1, equity)), follow(limits, *earlier, (1, equity + 0.01))
            assert met.daily_breach + met.drawdown_breach > 0
            assert missed.daily_breach + missed.drawdown_breach == 0


@given(
    st.lists(st.tuples(st.integers(0, 2), st.floats(50_000.0, 150_000.0)), min_size=1, max_size=30),
    st.sampled_from([0.01, 0.05, inf]),
    st.sampled_from([0.02, 0.2, inf]),
)
def test_the_state_is_that_of_its_definition(steps: list[tuple[int, float]], daily: float, drawdown: float) -> None:
    """However equity moves, both breaches are those found by looking at the whole curve."""
    sessions = [sum(step for step, _ in steps[: i + 1]) for i in range(len(steps))]
    equity = [100_000.0, *(value for _, value in steps)]
    state = follow(Limits(daily_loss_limit=daily, max_drawdown=drawdown), *zip(sessions, equity[1:], strict=True))
    first = sessions.index(sessions[-1])
    base = equity[first]
    assert (state.daily_breach != 0) == any(value <= base * (1.0 - daily) for value in equity[first + 1 :])
    fallen = any(value <= max(equity[: i + 2]) * (1.0 - drawdown) for i, value in enumerate(equity[1:]))
    assert (state.drawdown_breach != 0) == fallen


ALONE = Exposure(0.0)


def bound(wanted: int, held: int, limits: Limits, *, exposure: Exposure = ALONE, cluster: float = 0.0, units: int = 1) -> Bounded:
    """Bound lots at 50 in an account worth 100,000."""
    return bound_by_limits(wanted, held, 50.0, 100_000.0, exposure, cluster, units, limits)


def test_position_share_cuts_to_its_bound() -> None:
    """0.3 x 100,000 / 50 = 600 of 1,000 wanted; met 0.5, bound 0.3."""
    limits = Limits(max_position_size=0.3)
    assert bound(1_000, 0, limits) == Bounded(600, Breach.MAX_POSITION_SIZE.value, 0.5, 0.3)
    assert bound(600, 0, limits) == Bounded(600, 0, 0.0, 0.0)
    assert bound(-1_000, 0, limits) == Bounded(-600, Breach.MAX_POSITION_SIZE.value, 0.5, 0.3)


def test_gross_exposure_cuts_to_the_room_that_others_leave() -> None:
    """Others hold 80,000 of 100,000: 20,000 / 50 = 400 of 1,000 wanted; met 1.3."""
    limits = Limits(max_gross_exposure=1.0)
    others = Exposure(0.0, gross=80_000.0)
    assert bound(1_000, 0, limits, exposure=others) == Bounded(400, Breach.MAX_GROSS_EXPOSURE.value, 1.3, 1.0)
    assert bound(1_000, 0, limits, exposure=Exposure(0.0, gross=120_000.0)).lots == 0


def test_both_bounds_hold_where_both_cut() -> None:
    """600 by share, then 400 by exposure: the later one is reported."""
    bounded = bound(1_000, 0, Limits(0.3, 1.0), exposure=Exposure(0.0, gross=80_000.0))
    assert (bounded.lots, bounded.breach) == (400, Breach.MAX_GROSS_EXPOSURE.value)


def test_net_exposure_lets_a_short_position_make_room_for_a_long_one() -> None:
    """Others are 30,000 net short at their highest: 0.5 x 100,000 + 30,000 pay 1,600 at 50; from 1,700 on it cuts, met 0.55."""
    limits, others = Limits(max_net_exposure=0.5), Exposure(0.0, gross=90_000.0, highest=-30_000.0, lowest=-50_000.0)
    assert bound(1_600, 0, limits, exposure=others) == Bounded(1_600, 0, 0.0, 0.0)
    assert bound(1_700, 0, limits, exposure=others) == Bounded(1_600, Breach.MAX_NET_EXPOSURE.value, 0.55, 0.5)


def test_net_exposure_of_a_short_counts_what_others_are_short_at_their_lowest() -> None:
    """50,000 net short already is the whole bound of 0.5: nothing more; from 30,000 short 400 are left of 1,000, met 0.8."""
    limits = Limits(max_net_exposure=0.5)
    assert bound(-1_000, 0, limits, exposure=Exposure(0.0, highest=90_000.0, lowest=-50_000.0)).lots == 0
    bounded = bound(-1_000, 0, limits, exposure=Exposure(0.0, highest=90_000.0, lowest=-30_000.0))
    assert bounded == Bounded(-400, Breach.MAX_NET_EXPOSURE.value, 0.8, 0.5)


def test_concentration_is_the_sum_of_the_squared_shares_of_the_equity() -> None:
    """One other position of 0.3: squares 9e8. 1,000 x 50 is 0.5: index 0.09 + 0.25 = 0.34.

    The bound 0.25 leaves sqrt(0.25 - 0.09) = 0.4 of the equity: 800 lots.
    """
    limits, others = Limits(max_concentration=0.25), Exposure(0.0, squares=30_000.0**2)
    assert bound(1_000, 0, limits, exposure=others) == Bounded(800, Breach.MAX_CONCENTRATION.value, 0.34, 0.25)
    assert bound(-1_000, 0, limits, exposure=others).lots == -800
    assert bound(800, 0, limits, exposure=others) == Bounded(800, 0, 0.0, 0.0)


def test_concentration_of_others_alone_beyond_the_bound_leaves_nothing_but_what_is_held() -> None:
    """0.6 squared is 0.36: above 0.25 before anything is bought."""
    limits, others = Limits(max_concentration=0.25), Exposure(0.0, squares=60_000.0**2)
    assert bound(1_000, 0, limits, exposure=others).lots == 0
    assert bound(1_000, 300, limits, exposure=others).lots == 300


def test_a_cluster_is_bounded_together() -> None:
    """35,000 of symbols that move with this one: 0.5 leaves 15,000 / 50 = 300 of 1,000; met 0.85."""
    limits = Limits(max_cluster_exposure=0.5)
    assert bound(1_000, 0, limits, cluster=35_000.0) == Bounded(300, Breach.MAX_CLUSTER_EXPOSURE.value, 0.85, 0.5)
    assert bound(1_000, 0, limits) == Bounded(1_000, 0, 0.0, 0.0)


def test_order_size_cuts_the_entry_not_what_is_held() -> None:
    """From 200 to 1,000 is an order of 800 units; 250 are allowed: 450."""
    limits = Limits(max_order_size=250.0)
    assert bound(1_000, 200, limits) == Bounded(450, Breach.MAX_ORDER_SIZE.value, 800.0, 250.0)
    assert bound(-1_000, -200, limits) == Bounded(-450, Breach.MAX_ORDER_SIZE.value, 800.0, 250.0)
    assert bound(450, 200, limits) == Bounded(450, 0, 0.0, 0.0)


def test_order_size_is_in_units_where_lots_are_smaller() -> None:
    """Ten coins of 100 lots each, two and a half allowed: 250 lots."""
    assert bound(1_000, 0, Limits(max_order_size=2.5), units=100) == Bounded(250, Breach.MAX_ORDER_SIZE.value, 10.0, 2.5)


def test_order_notional_cuts_the_entry_in_money() -> None:
    """From 200 to 1,000 are 800 x 50 = 40,000; 10,040 pay 200 whole lots: 400."""
    bounded = bound(1_000, 200, Limits(max_order_notional=10_040.0))
    assert bounded == Bounded(400, Breach.MAX_ORDER_NOTIONAL.value, 40_000.0, 10_040.0)


def test_order_notional_is_checked_on_what_the_order_size_left() -> None:
    """250 of 800 by size are 12,500, above 10,000: 200."""
    bounded = bound(1_000, 0, Limits(max_order_size=250.0, max_order_notional=10_000.0))
    assert bounded == Bounded(200, Breach.MAX_ORDER_NOTIONAL.value, 12_500.0, 10_000.0)


def test_money_buys_whole_lots_and_nothing_buys_none() -> None:
    """199 at 50 are 3; none for 0 and for a debt."""
    assert [lots_for(money, 50.0, 1) for money in (199.0, 0.0, -500.0)] == [3, 0, 0]


OTHER = st.tuples(st.just(0.0), st.floats(0.0, 1e6), st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.floats(0.0, 1e12)).map(
    lambda drawn: Exposure(*drawn)
)
SHARE = st.floats(0.01, 2.0)


@given(
    st.integers(-2_000, 2_000).filter(bool),
    st.integers(0, 2_000),
    st.floats(0.5, 500.0),
    st.floats(1_000.0, 1e6),
    OTHER,
    st.floats(0.0, 1e6),
    st.tuples(*[SHARE] * 5).map(lambda drawn: Limits(*drawn[:2], inf, inf, *drawn[2:])),
)
def test_limits_never_touch_what_is_held(
    wanted: int, held: int, price: float, equity: float, other: Exposure, cluster: float, limits: Limits
) -> None:
    """The result keeps the direction, never exceeds what was wanted, never falls below what is held already."""
    sign = 1 if wanted > 0 else -1
    lots = bound_by_limits(wanted, sign * held, price, equity, other, cluster, 1, limits).lots * sign
    assert min(abs(wanted), held) <= lots <= max(abs(wanted), held)
    if lots > held:
        value, net = lots * price, other.highest if sign > 0 else -other.lowest
        assert value <= limits.max_position_size * equity * (1 + 1e-12)
        assert other.gross + value <= limits.max_gross_exposure * equity * (1 + 1e-12)
        assert net + value <= limits.max_net_exposure * equity * (1 + 1e-12) + 1e-6
        assert cluster + value <= limits.max_cluster_exposure * equity * (1 + 1e-12)
        assert other.squares + value * value <= limits.max_concentration * equity * equity * (1 + 1e-9)


@given(st.integers(1, 2_000), st.integers(0, 2_000), st.floats(0.5, 500.0), st.floats(0.1, 500.0), st.floats(1.0, 1e5))
def test_no_entry_is_larger_than_an_order_may_be(wanted: int, held: int, price: float, most: float, money: float) -> None:
    """What comes on top of what is held stays within units and money, and is the whole of it where both allow."""
    limits = Limits(max_order_size=most, max_order_notional=money)
    lots = bound_by_limits(wanted, held, price, 1e9, Exposure(0.0), 0.0, 1, limits).lots
    entry = lots - held
    if wanted > held:
        assert 0 <= entry <= most + 1e-9
        assert entry * price <= money * (1 + 1e-12)
        assert lots == wanted or entry + 1 > most or (entry + 1) * price > money
    else:
        assert lots == wanted


def weighed(*terms: float) -> Share:
    """Return the share that ``weigh`` writes."""
    share = Share()
    weigh(share, *terms)  # type: ignore[arg-type]  # lots stand among the numbers
    return share


def test_a_symbol_without_orders_weighs_its_position() -> None:
    """Short 100 at 20 with a margin of a half: value 2,000, net -2,000, margin 1,000; no cash is reserved."""
    assert weighed(-100, 0, 0, 20.0, 20.2, 1, 0.5) == Share(0.0, 2_000.0, -2_000.0, -2_000.0, 1_000.0)


def test_a_symbol_weighs_its_open_orders_at_their_worst() -> None:
    """30 held, 20 may be bought, 100 sold at 10: highest 500, lowest -700; the worse counts: 700. Buys cost 20 x 10.5."""
    assert weighed(30, 20, 100, 10.0, 10.5, 1, 1.0) == Share(210.0, 700.0, 500.0, -700.0, 700.0)


def test_the_rest_of_the_account_is_every_listed_symbol_but_ones_own() -> None:
    """Shares of 2,000 short and of 700 at the worst, of 1,000 cash; squares 4e6 + 490,000. C is not listed."""
    shares = {
        "A": weighed(-100, 0, 0, 20.0, 20.2, 1, 0.5),
        "B": weighed(30, 20, 100, 10.0, 10.5, 1, 1.0),
        "C": weighed(1, 0, 0, 9.0, 9.0, 1, 1.0),
    }
    rest = rest_of_account(1_000.0, shares, ["A", "B", "OWN"], "OWN")
    assert rest == Exposure(790.0, 2_700.0, -1_500.0, -2_700.0, 4_490_000.0, 1_700.0)
    assert rest_of_account(1_000.0, shares, ["A", "B"], "B") == Exposure(1_000.0, 2_000.0, -2_000.0, -2_000.0, 4_000_000.0, 1_000.0)


def test_an_account_is_barred_by_a_margin_call_before_a_drawdown_before_a_day() -> None:
    """Peak 125,000 and base 100,000 with 90,000 left: down 28 % from the peak, 10 % on the day."""
    state = Watch(1, 100_000.0, 125_000.0, Breach.DAILY_LOSS_LIMIT.value, Breach.MAX_DRAWDOWN.value, 0.0)
    limits = Limits(daily_loss_limit=0.05, max_drawdown=0.2)
    assert barred_account(state, limits, 90_000.0, 95_000.0) == Barred(Breach.MARGIN_CALL.value, 90_000.0, 95_000.0)
    drawdown = barred_account(state, limits, 90_000.0, 0.0)
    assert drawdown == (Breach.MAX_DRAWDOWN.value, pytest.approx(0.28), 0.2)
    daily = barred_account(state._replace(drawdown_breach=0), limits, 90_000.0, 0.0)
    assert daily == (Breach.DAILY_LOSS_LIMIT.value, pytest.approx(0.1), 0.05)
    calm = barred_account(state._replace(drawdown_breach=0, daily_breach=0), limits, 90_000.0, 0.0)
    assert calm == NOTHING_BARRED


def test_an_order_rate_bars_the_entry_beyond_it() -> None:
    """Two a session: the third is barred, as 3 of 2."""
    limits = Limits(max_order_rate=2.0)
    assert barred_symbol(NOTHING_BARRED, limits, 1, 10.0, 10.0) == NOTHING_BARRED
    assert barred_symbol(NOTHING_BARRED, limits, 2, 10.0, 10.0) == Barred(Breach.MAX_ORDER_RATE.value, 3.0, 2.0)


def test_a_collar_bars_a_price_far_from_the_one_before_in_both_directions() -> None:
    """A quarter: 125 after 100 passes, 130 and 70 do not; without a price before there is nothing to compare."""
    limits = Limits(price_collar=0.25)
    assert barred_symbol(NOTHING_BARRED, limits, 0, 125.0, 100.0) == NOTHING_BARRED
    for price in (130.0, 70.0):
        barred = barred_symbol(NOTHING_BARRED, limits, 0, price, 100.0)
        assert barred == (Breach.PRICE_COLLAR.value, pytest.approx(0.3), 0.25)
    assert barred_symbol(NOTHING_BARRED, limits, 0, 130.0, 0.0) == NOTHING_BARRED


@pytest.mark.parametrize(("collar", "price"), [(0.05, 105.0), (0.05, 95.0), (0.1, 110.0), (0.1, 90.0)])
def test_a_price_exactly_at_its_collar_passes_and_one_a_cent_beyond_is_barred(collar: float, price: float) -> None:
    """After 100."""
    limits, beyond = Limits(price_collar=collar), price + (0.01 if price > 100.0 else -0.01)
    assert barred_symbol(NOTHING_BARRED, limits, 0, price, 100.0) == NOTHING_BARRED
    assert barred_symbol(NOTHING_BARRED, limits, 0, beyond, 100.0).breach == Breach.PRICE_COLLAR.value


def test_what_bars_the_account_comes_before_what_bars_the_symbol() -> None:
    """A halt, although the rate and the collar would bar too."""
    halted = Barred(Breach.HALTED.value, 0.0, 0.0)
    assert barred_symbol(halted, Limits(price_collar=0.1, max_order_rate=0.0), 5, 200.0, 100.0) == halted


def test_breach_names_are_those_of_the_settings() -> None:
    """A refusal names the limit as the configuration does; the correlation of a cluster bounds nothing by itself."""
    assert {"max_position_size", "max_gross_exposure", "daily_loss_limit", "max_drawdown"} <= set(Limits._fields)
    assert set(Limits._fields) - {"cluster_correlation"} <= {breach.code for breach in Breach}


def test_no_limit_is_the_default() -> None:
    """Every bound is infinite unless it is set."""
    assert set(Limits()._replace(cluster_correlation=inf)) == {inf}


# Whole runs


def hours(symbol: str, closes: list[float]) -> Bars:
    """Return hourly bars from Monday 00:00 UTC that open where the bar before closed."""
    return market(symbol, [closes[0], *closes[:-1]], closes, timeframe=HOURLY, start=MONDAY)


def coins(*bars: Bars) -> dict[str, AssetClass]:
    """Return all symbols as crypto, whose session is the UTC day."""
    return {one.symbol: AssetClass.CRYPTO for one in bars}


def test_position_share_cuts_an_entry_and_it_is_not_planned_again() -> None:
    """0.3 x 100,000 / 50 = 600 of 1,000; the price then falls, but the cut part is never asked for again."""
    run = run_scripts(history(market("AAA", [50, 50, 10, 10])), {"AAA": "1"}, quantity(1_000), limits=Limits(0.3))
    assert [f.quantity for f in run.fills] == [600.0]
    assert [(r.breach, r.lots, r.value, r.bound) for r in run.refusals] == [("max_position_size", 400, 0.5, 0.3)]


def test_gross_exposure_counts_open_entries_of_the_same_close() -> None:
    """AAA takes 60,000 of 100,000 (still open), BBB is left 40,000 of its 60,000."""
    past = history(market("AAA", [50.0] * 3), market("BBB", [50.0] * 3))
    run = run_scripts(past, {"AAA": "1", "BBB": "1"}, quantity(1_200), limits=Limits(max_gross_exposure=1.0))
    assert [(f.symbol, f.quantity) for f in run.fills] == [("AAA", 1_200.0), ("BBB", 800.0)]
    assert [(r.symbol, r.breach, r.lots, r.value) for r in run.refusals] == [("BBB", "max_gross_exposure", 400, 1.2)]


def test_a_daily_loss_refuses_entries_to_the_end_of_its_session_and_then_lets_them_in() -> None:
    """BTC loses 5 % in hour 2. ETH, wanted in hour 3, is refused once and bought after the first close of Tuesday (hour 24).

    Refused are 500 coins of 1e8 lots; the loss is 10 x 500 of 100,000.
    """
    btc, eth = hours("BTC-USD", [100, 100, 90] + [90] * 27), hours("ETH-USD", [10.0] * 30)
    past = history(btc, eth, classes=coins(btc, eth))
    run = run_scripts(past, {"BTC-USD": "1", "ETH-USD": ". . . 1"}, quantity(500), limits=DAILY_LOSS)
    assert [(f.symbol, f.time) for f in run.fills] == [("BTC-USD", int(btc.time[1])), ("ETH-USD", int(eth.time[25]))]
    assert [(r.time, r.symbol, r.breach, r.lots) for r in run.refusals] == [
        (int(eth.time[3]), "ETH-USD", "daily_loss_limit", 50_000_000_000)
    ]
    assert (run.refusals[0].value, run.refusals[0].bound) == (pytest.approx(0.05, abs=1e-12), 0.03)


@pytest.mark.parametrize("word", ["daily_loss_limit", "max_drawdown"])
@pytest.mark.parametrize(("bound", "price"), [(0.1, 90.0), (0.2, 80.0)])
def test_an_entry_is_refused_at_a_loss_of_exactly_its_bound(word: str, bound: float, price: float) -> None:
    """1,000 AAA fall from 100 to it on bar 2, of 100,000: BBB, wanted at that close, is refused there."""
    past = history(market("AAA", [100.0] * 3, [100.0, 100, price]), market("BBB", [10.0] * 3))
    run = run_scripts(past, {"AAA": "0.1", "BBB": ". . 0.0001"}, quantity(10_000), limits=Limits(**{word: bound}))
    assert [(r.symbol, r.breach, r.lots, r.bound) for r in run.refusals] == [("BBB", word, 1, bound)]


@pytest.mark.parametrize(("price", "fills"), [(105.0, 1), (105.01, 0)])
def test_a_collar_lets_exactly_its_bound_pass(price: float, fills: int) -> None:
    """5 % of 100; wanted at the close of bar 2."""
    past = history(market("AAA", [100.0, 100, 100, price], [100.0, 100, price, price]))
    run = run_scripts(past, {"AAA": ". . 1"}, quantity(1), limits=Limits(price_collar=0.05))
    assert (len(run.fills), len(run.refusals)) == (fills, 1 - fills)


def test_a_deferred_entry_is_dropped_when_its_target_is() -> None:
    """ETH's target is 0 again before the session ends: nothing is bought on Tuesday."""
    btc, eth = hours("BTC-USD", [100, 100, 90] + [90] * 27), hours("ETH-USD", [10.0] * 30)
    run = run_scripts(
        history(btc, eth, classes=coins(btc, eth)), {"BTC-USD": "1", "ETH-USD": ". . . 1 0"}, quantity(500), limits=DAILY_LOSS
    )
    assert [f.symbol for f in run.fills] == ["BTC-USD"]
    assert len(run.refusals) == 1


def test_a_deferred_entry_is_sized_on_the_close_that_lets_it_in() -> None:
    """Deferred on Monday at 10; at Tuesday's first close 20 the position share of 0.1 x 95,000 / 20 leaves 475, one cut event."""
    btc = hours("BTC-USD", [100, 100, 90] + [90] * 27)
    eth = hours("ETH-USD", [10.0] * 24 + [20.0] * 6)
    limits = Limits(max_position_size=0.5, daily_loss_limit=0.03)
    run = run_scripts(
        history(btc, eth, classes=coins(btc, eth)), {"BTC-USD": "1", "ETH-USD": ". . . 1"}, quantity(500), limits=limits
    )
    assert [(f.symbol, f.quantity, f.price) for f in run.fills] == [("BTC-USD", 500.0, 100.0), ("ETH-USD", 500.0, 20.0)]


def test_a_deferred_entry_that_was_let_in_is_not_sized_again() -> None:
    """ETH falls a little after Tuesday's purchase: a fifth of the equity would now be 1,774 coins, but the target stands."""
    btc = hours("BTC-USD", [100, 100, 40] + [40] * 29)
    eth = hours("ETH-USD", [10.0] * 27 + [9.9] * 5)
    run = run_scripts(
        history(btc, eth, classes=coins(btc, eth)), {"BTC-USD": "1", "ETH-USD": ". . . 1"}, fraction(0.2), limits=DAILY_LOSS
    )
    assert [(f.symbol, f.quantity) for f in run.fills] == [("BTC-USD", 200.0), ("ETH-USD", 1_760.0)]  # 0.2 x 88,000 / 10


def test_a_drawdown_refuses_entries_to_the_end_of_the_run() -> None:
    """20 % below the peak on the second day; sold on the third; wanted again every later day, refused once a target."""
    bars = market("AAA", [100, 100, 80, 80, 200, 200, 200, 200])
    run = run_scripts(history(bars), {"AAA": "1 . 0 1 0 1 . ."}, quantity(1_000), limits=DRAWDOWN)
    assert [f.side for f in run.fills] == ["buy", "sell"]
    assert [(r.breach, r.lots) for r in run.refusals] == [("max_drawdown", 1_000)] * 2
    assert run.drawdown_breached


def test_an_exit_passes_under_every_breach() -> None:
    """Daily loss and drawdown stand, position and exposure are far over their bounds: the sale goes through."""
    limits = Limits(0.5, 0.5, 0.01, 0.01)
    run = run_scripts(history(market("AAA", [100, 100, 50, 50])), {"AAA": "1 . 0"}, quantity(500), limits=limits)
    assert [(f.side, f.quantity) for f in run.fills] == [("buy", 500.0), ("sell", 500.0)]
    assert run.refusals == []


def test_a_reduction_passes_and_an_increase_is_refused_under_a_breach() -> None:
    """Half is sold in the drawdown; going back to the whole is refused."""
    run = run_scripts(history(market("AAA", [100, 100, 50, 50, 50])), {"AAA": "1 . 0.5 1"}, quantity(500), limits=DRAWDOWN)
    assert [(f.side, f.quantity) for f in run.fills] == [("buy", 500.0), ("sell", 250.0)]
    assert [(r.breach, r.lots) for r in run.refusals] == [("max_drawdown", 250)]


def test_without_limits_nothing_is_refused() -> None:
    """The same fall with limits off: sold and bought again."""
    run = run_scripts(history(market("AAA", [100, 100, 50, 50, 50])), {"AAA": "1 . 0.5 1"}, quantity(500))
    assert len(run.fills) == 3
    assert run.refusals == []
