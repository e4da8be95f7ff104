"""Settlement days against the schedules NASD published, and what an account would have been told, by hand."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.regulation import day_number
from domain.settlement import Split, Traded, good_faith_violations, pattern_day_trades, settles

CENT = 0.01


def day(text: str) -> int:
    """Return an ISO date as days since 1970."""
    return day_number(date.fromisoformat(text))


def buy(when: str, symbol: str, units: float, price: float, **more: Any) -> Traded:
    """Return a purchase."""
    return Traded(day(when), symbol, 1, units, price, **more)


def sell(when: str, symbol: str, units: float, price: float, **more: Any) -> Traded:
    """Return a sale."""
    return Traded(day(when), symbol, -1, units, price, **more)


@pytest.mark.parametrize(
    ("traded", "settled"),
    [
        # T+5, Notice to Members 88-82: Veterans Day 1988 and Thanksgiving
        ("1988-11-03", "1988-11-10"),
        ("1988-11-04", "1988-11-14"),
        ("1988-11-10", "1988-11-18"),
        ("1988-11-11", "1988-11-18"),
        ("1988-11-18", "1988-11-28"),
        # T+5, Notice to Members 88-99: year end, Martin Luther King Day while markets traded on it
        ("1988-12-16", "1988-12-23"),
        ("1988-12-23", "1989-01-03"),
        ("1989-01-06", "1989-01-13"),
        ("1989-01-09", "1989-01-17"),
        ("1989-01-16", "1989-01-23"),
        # T+3, Notice to Members 95-77: Columbus Day 1995
        ("1995-10-04", "1995-10-10"),
        ("1995-10-06", "1995-10-12"),
        ("1995-10-09", "1995-10-12"),
        ("1995-10-10", "1995-10-13"),
        # T+3, Notice to Members 97-93: Martin Luther King Day and Good Friday 1998
        ("1998-01-13", "1998-01-16"),
        ("1998-01-14", "1998-01-20"),
        ("1998-04-07", "1998-04-13"),
        ("1998-04-09", "1998-04-15"),
        # T+3, Notice to Members 00-82: Christmas and New Year
        ("2000-12-22", "2000-12-28"),
        ("2000-12-27", "2001-01-02"),
        # T+3 to T+2: the trades of Friday and of Tuesday settle on one day
        ("2017-09-01", "2017-09-07"),
        ("2017-09-05", "2017-09-07"),
        # T+2 to T+1 over Memorial Day: the trades of Friday and of Tuesday settle on one day
        ("2024-05-23", "2024-05-28"),
        ("2024-05-24", "2024-05-29"),
        ("2024-05-28", "2024-05-29"),
        ("2024-05-31", "2024-06-03"),
        # clearing stayed open on the day of mourning
        ("2018-12-03", "2018-12-05"),
        ("2018-12-04", "2018-12-06"),
        ("2025-01-08", "2025-01-09"),
        # T+1: Columbus Day 2024, Veterans Day on a Sunday (2029) and on a Saturday (2028)
        ("2024-10-11", "2024-10-15"),
        ("2024-10-14", "2024-10-15"),
        ("2029-11-09", "2029-11-13"),
        ("2028-11-09", "2028-11-10"),
    ],
)
def test_trade_settles_on_the_day_of_the_published_schedule(traded: str, settled: str) -> None:
    """Sessions on which banks are open too, counted from the trade date in the cycle then in force."""
    assert settles(day(traded)) == day(settled)


@given(st.integers(5_844, 24_000))
def test_later_trades_never_settle_earlier(traded: int) -> None:
    """The queue of proceeds relies on it; and no trade settles on its own day or a weekend."""
    assert traded < settles(traded) <= settles(traded + 1)
    assert (settles(traded) + 3) % 7 < 5


@pytest.mark.parametrize(("sold", "violations"), [("2024-06-04", 1), ("2024-06-05", 0)])
def test_position_bought_with_unsettled_proceeds_is_sold(sold: str, violations: int) -> None:
    """T+1: the 2,100 from XYZ settle on Wednesday; UVW bought with 1,000 of them may be sold from then on."""
    events = [
        buy("2024-06-03", "XYZ", 100, 20.0),
        sell("2024-06-04", "XYZ", 100, 21.0),
        buy("2024-06-04", "UVW", 10, 100.0),
        sell(sold, "UVW", 10, 150.0),
    ]
    assert good_faith_violations(events, 2_000.0) == events[3:] * violations


@pytest.mark.parametrize(("sold", "violations"), [("2015-02-03", 1), ("2015-02-04", 1), ("2015-02-05", 0)])
def test_three_days_of_settlement_make_three_days_of_violations(sold: str, violations: int) -> None:
    """T+3: XYZ sold on Monday settles on Thursday; ABC bought with it on Monday is not paid for before."""
    events = [
        buy("2015-01-20", "XYZ", 100, 50.0),
        sell("2015-02-02", "XYZ", 100, 50.0),
        buy("2015-02-02", "ABC", 50, 100.0),
        sell(sold, "ABC", 50, 101.0),
    ]
    assert good_faith_violations(events, 5_000.0) == events[3:] * violations


@pytest.mark.parametrize(("price", "violations"), [(50.0, 0), (50.01, 1)])
def test_settled_cash_pays_first(price: float, violations: int) -> None:
    """Of 10,000, 5,000 stay settled: 100 shares at 50.00 need no proceeds, at 50.01 they need 1.00 of them."""
    events = [
        buy("2024-06-03", "XYZ", 100, 50.0),
        sell("2024-06-04", "XYZ", 100, 55.0),
        buy("2024-06-04", "ABC", 100, price),
        sell("2024-06-04", "ABC", 100, 50.0),
    ]
    assert len(good_faith_violations(events, 10_000.0)) == violations


def test_fees_are_paid_and_received_like_the_price() -> None:
    """Of 5,002, 5,000 and a fee of 2 leave nothing settled: the next purchase is made of proceeds alone."""
    events = [
        buy("2024-06-03", "XYZ", 100, 50.0, fee=2.0),
        sell("2024-06-04", "XYZ", 100, 50.0, fee=2.0),
        buy("2024-06-04", "ABC", 1, 1.0),
        sell("2024-06-04", "ABC", 1, 1.0),
    ]
    assert good_faith_violations(events, 5_002.0) == [events[3]]
    assert good_faith_violations(events, 5_003.0) == []


def test_fee_of_a_sale_is_missing_from_its_proceeds() -> None:
    """XYZ brings 100 less a fee of 10: on Wednesday 90 are settled, and a purchase of 95 needs 5 of ABC's proceeds."""
    events = [
        buy("2024-06-03", "XYZ", 1, 100.0),
        buy("2024-06-03", "ABC", 1, 100.0),
        sell("2024-06-04", "XYZ", 1, 100.0, fee=10.0),
        sell("2024-06-05", "ABC", 1, 100.0),
        buy("2024-06-05", "DEF", 1, 95.0),
        sell("2024-06-05", "DEF", 1, 95.0),
    ]
    assert good_faith_violations(events, 200.0) == [events[5]]
    assert good_faith_violations(events, 205.0) == []


@pytest.mark.parametrize(("units", "violations"), [(10, 0), (11, 1)])
def test_oldest_shares_are_sold_first(units: float, violations: int) -> None:
    """Ten paid shares and ten bought with proceeds: the eleventh sold is not paid for."""
    events = [
        buy("2024-06-03", "ABC", 10, 100.0),
        buy("2024-06-03", "XYZ", 10, 100.0),
        sell("2024-06-04", "XYZ", 10, 100.0),
        buy("2024-06-04", "ABC", 10, 100.0),
        sell("2024-06-04", "ABC", units, 100.0),
    ]
    assert len(good_faith_violations(events, 2_000.0)) == violations


@pytest.mark.parametrize(("units", "violations"), [(20, 0), (21, 1)])
def test_split_multiplies_the_shares_paid_for(units: float, violations: int) -> None:
    """Ten paid shares are twenty after 2 for 1, before the ten bought with proceeds."""
    events = [
        buy("2024-06-03", "ABC", 10, 100.0),
        buy("2024-06-03", "XYZ", 10, 100.0),
        Split(day("2024-06-04"), "ABC", 2.0),
        sell("2024-06-04", "XYZ", 10, 100.0),
        buy("2024-06-04", "ABC", 10, 50.0),
        sell("2024-06-04", "ABC", units, 50.0),
    ]
    assert len(good_faith_violations(events, 2_000.0)) == violations


def test_purchase_is_paid_for_by_the_last_proceeds_it_took() -> None:
    """T+3: 100 of Monday's proceeds and 100 of Tuesday's: the shares are paid for on Friday, not on Thursday."""
    events = [
        buy("2015-01-20", "AAA", 1, 100.0),
        buy("2015-01-20", "BBB", 1, 100.0),
        sell("2015-02-02", "AAA", 1, 100.0),
        sell("2015-02-03", "BBB", 1, 100.0),
        buy("2015-02-03", "CCC", 1, 100.0),
        buy("2015-02-03", "DDD", 1, 100.0),
        sell("2015-02-05", "CCC", 1, 100.0),
        sell("2015-02-05", "DDD", 1, 100.0),
    ]
    assert good_faith_violations(events, 200.0) == [events[7]]


def test_crypto_settles_at_once_and_is_no_security() -> None:
    """Its proceeds are settled cash; and selling a coin bought with unsettled proceeds is nobody's violation."""
    events = [
        buy("2024-06-03", "BTC-USD", 1, 1_000.0, settles_at_once=True),
        sell("2024-06-04", "BTC-USD", 1, 1_000.0, settles_at_once=True),
        buy("2024-06-04", "ABC", 10, 100.0),
        sell("2024-06-04", "ABC", 10, 100.0),
        buy("2024-06-04", "BTC-USD", 1, 1_000.0, settles_at_once=True),
        sell("2024-06-04", "BTC-USD", 1, 1_000.0, settles_at_once=True),
    ]
    assert good_faith_violations(events, 1_000.0) == []


def test_dividends_pay_where_no_proceeds_are_on_their_way() -> None:
    """Ten more than the account ever took in by fills: cash of another kind, and settled."""
    events = [buy("2024-06-03", "ABC", 1, 1_010.0), sell("2024-06-03", "ABC", 1, 1_010.0)]
    assert good_faith_violations(events, 1_000.0) == []


def test_less_than_a_cent_of_proceeds_is_rounding() -> None:
    """Binary sums differ from decimal ones far below a cent; a cent counts."""
    for missing, violations in ((CENT / 2, 0), (CENT * 2, 1)):
        events = [
            buy("2024-06-03", "XYZ", 1, 50.0),
            sell("2024-06-04", "XYZ", 1, 50.0),
            buy("2024-06-04", "ABC", 1, 50.0 + missing),
            sell("2024-06-04", "ABC", 1, 50.0),
        ]
        assert len(good_faith_violations(events, 100.0)) == violations


def round_trip(when: str, symbol: str = "ABC") -> list[Traded | Split]:
    """Return a day trade."""
    return [buy(when, symbol, 10, 50.0), sell(when, symbol, 10, 50.0)]


WEEK = ("2024-06-03", "2024-06-04", "2024-06-05", "2024-06-06")


@pytest.mark.parametrize(("equity", "restricted"), [(24_999.99, [WEEK[3]]), (25_000.0, [])])
def test_fourth_day_trade_in_five_sessions_needs_the_minimum(equity: float, restricted: list[str]) -> None:
    """Three are free; the fourth needs 25,000."""
    events = [event for when in WEEK for event in round_trip(when)]
    assert pattern_day_trades(events[:6], [], equity) == []
    assert pattern_day_trades(events, [], equity) == [day(when) for when in restricted]


@pytest.mark.parametrize(("fourth", "restricted"), [("2024-06-07", True), ("2024-06-10", False)])
def test_window_is_five_sessions(fourth: str, restricted: bool) -> None:  # noqa: FBT001 - a parameter of the case
    """Monday to Friday are five sessions; by the next Monday the first day trade is out of them."""
    events = [event for when in (*WEEK[:3], fourth) for event in round_trip(when)]
    assert pattern_day_trades(events, [], 10_000.0) == [day(fourth)] * restricted


def test_equity_is_that_of_the_session_before() -> None:
    """25,000 at Wednesday's close allow Thursday's day trade, whatever Thursday's close is."""
    events = [event for when in WEEK for event in round_trip(when)]
    closes = [(day(WEEK[2]), 25_000.0), (day(WEEK[3]), 10.0)]
    assert pattern_day_trades(events, closes, 10.0) == []
    assert pattern_day_trades(events, [(day(WEEK[2]), 24_999.0)], 99_999.0) == [day(WEEK[3])]


@pytest.mark.parametrize(("when", "restricted"), [("2001-09-27", 0), ("2001-09-28", 1), ("2026-06-03", 1), ("2026-06-04", 0)])
def test_rule_holds_while_it_is_in_force(when: str, restricted: int) -> None:
    """Four day trades on one day, the day before and the day of each change."""
    events = [event for symbol in "ABCD" for event in round_trip(when, symbol)]
    assert len(pattern_day_trades(events, [], 10_000.0)) == restricted


@pytest.mark.parametrize(("more", "restricted"), [(58, 1), (59, 0)])
def test_day_trades_must_be_more_than_six_percent_of_the_fills(more: int, restricted: int) -> None:
    """4 of 66 fills are 6.06 %, of 67 5.97 %."""
    events = [event for when in WEEK for event in round_trip(when)]
    events += [buy(WEEK[3], f"X{number}", 1, 1.0) for number in range(more)]
    assert len(pattern_day_trades(events, [], 10_000.0)) == restricted


BUY, SELL = (1, 10.0), (-1, 10.0)


@pytest.mark.parametrize(
    ("overnight", "fills", "count"),
    [
        (0.0, [BUY, SELL], 1),
        (0.0, [BUY, BUY, (-1, 20.0)], 1),
        (0.0, [(1, 20.0), SELL, SELL], 1),
        (0.0, [BUY, SELL, BUY, SELL], 2),
        (0.0, [SELL, BUY], 1),
        (0.0, [BUY, (-1, 20.0), BUY], 2),  # long to short, then covered
        (0.0, [BUY], 0),
        (10.0, [SELL], 0),
        (10.0, [SELL, BUY], 0),  # sold out of the night, bought anew
        (10.0, [BUY, SELL], 1),  # sold after a new purchase
        (10.0, [(-1, 20.0), BUY], 1),  # the night's shares sold and a short opened, then covered
        (-10.0, [BUY], 0),
    ],
)
def test_day_trade_is_a_change_of_direction(overnight: float, fills: list[tuple[int, float]], count: int) -> None:
    """What is opened or added to on a day and reduced on it; twice as many of them as symbols reach the four."""
    symbols = "ABCD"
    events = [
        Traded(day("2024-05-01"), symbol, 1 if overnight > 0 else -1, abs(overnight), 50.0) for symbol in symbols if overnight
    ]
    for symbol in symbols[: 4 // count if count else 4]:
        events += [Traded(day("2024-06-03"), symbol, side, units, 50.0) for side, units in fills]
    assert len(pattern_day_trades(events, [], 10_000.0)) == (count > 0)
    fewer = [event for event in events if event.symbol != "A"]
    assert pattern_day_trades(fewer, [], 10_000.0) == []


def test_split_is_no_trade_and_keeps_the_direction() -> None:
    """Ten shares of the night are twenty: selling all of them is no day trade, and opens no short."""
    night = [buy("2024-05-01", symbol, 10, 50.0) for symbol in "ABCD"]
    splits = [Split(day("2024-06-03"), symbol, 2.0) for symbol in "ABCD"]
    out = [sell("2024-06-03", symbol, 20, 25.0) for symbol in "ABCD"]
    back = [buy("2024-06-03", symbol, 1, 25.0) for symbol in "ABCD"]
    assert pattern_day_trades([*night, *splits, *out, *back], [], 10_000.0) == []


def test_crypto_makes_no_day_trade() -> None:
    """The rule is one for securities."""
    events = [event._replace(settles_at_once=True) for symbol in "ABCD" for event in round_trip("2024-06-03", symbol)]
    assert pattern_day_trades(events, [], 10_000.0) == []
