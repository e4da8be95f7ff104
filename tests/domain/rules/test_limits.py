"""What risk management cuts and refuses, by hand: the rules alone, then whole runs by every driver."""

from math import inf

import pytest
from histories import HOURLY, MONDAY, fraction, history, market, quantity, run_scripts
from hypothesis import given
from hypothesis import strategies as st

from domain.market import AssetClass, Bars
from domain.rules.limits import UNWATCHED, Bounded, Breach, Limits, Watch, bound_by_limits, watch

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


def test_position_share_cuts_to_its_bound() -> None:
    """0.3 x 100,000 / 50 = 600 of 1,000 wanted; met 0.5, bound 0.3."""
    limits = Limits(max_position_size=0.3)
    assert bound_by_limits(1_000, 0, 50.0, 100_000.0, 0.0, 1, limits) == Bounded(600, Breach.MAX_POSITION_SIZE.value, 0.5, 0.3)
    assert bound_by_limits(600, 0, 50.0, 100_000.0, 0.0, 1, limits) == Bounded(600, 0, 0.0, 0.0)
    assert bound_by_limits(-1_000, 0, 50.0, 100_000.0, 0.0, 1, limits).lots == -600


def test_gross_exposure_cuts_to_the_room_that_others_leave() -> None:
    """Others hold 80,000 of 100,000: 20,000 / 50 = 400 of 1,000 wanted; met 1.3."""
    limits = Limits(max_gross_exposure=1.0)
    bounded = bound_by_limits(1_000, 0, 50.0, 100_000.0, 80_000.0, 1, limits)
    assert bounded == Bounded(400, Breach.MAX_GROSS_EXPOSURE.value, 1.3, 1.0)
    assert bound_by_limits(1_000, 0, 50.0, 100_000.0, 120_000.0, 1, limits).lots == 0


def test_both_bounds_hold_where_both_cut() -> None:
    """600 by share, then 400 by exposure: the later one is reported."""
    bounded = bound_by_limits(1_000, 0, 50.0, 100_000.0, 80_000.0, 1, Limits(0.3, 1.0))
    assert (bounded.lots, bounded.breach) == (400, Breach.MAX_GROSS_EXPOSURE.value)


@given(
    st.integers(-2_000, 2_000).filter(bool),
    st.integers(0, 2_000),
    st.floats(0.5, 500.0),
    st.floats(1_000.0, 1e6),
    st.floats(0.0, 1e6),
    st.floats(0.01, 2.0),
    st.floats(0.01, 2.0),
)
def test_limits_never_touch_what_is_held(
    wanted: int, held: int, price: float, equity: float, other: float, share: float, gross: float
) -> None:
    """The result keeps the direction, never exceeds what was wanted, never falls below what is held already."""
    sign = 1 if wanted > 0 else -1
    lots = bound_by_limits(wanted, sign * held, price, equity, other, 1, Limits(share, gross)).lots * sign
    assert min(abs(wanted), held) <= lots <= max(abs(wanted), held)
    if lots > held:
        assert lots * price <= share * equity * (1 + 1e-12)
        assert other + lots * price <= gross * equity * (1 + 1e-12)


def test_breach_names_are_those_of_the_settings() -> None:
    """A refusal names the limit as the configuration does."""
    assert {"max_position_size", "max_gross_exposure", "daily_loss_limit", "max_drawdown"} == set(Limits._fields)
    assert set(Limits._fields) <= {breach.code for breach in Breach}


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
