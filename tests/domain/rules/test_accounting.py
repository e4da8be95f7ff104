"""What fills, splits and dividends do to the books, by hand."""

from dataclasses import replace

import pytest
from histories import fraction, history, market, quantity, run_alike, run_scripts, scripted, stream
from hypothesis import given
from hypothesis import strategies as st

from domain.market import AssetClass, CorporateAction
from domain.rules.accounting import (
    Booking,
    Position,
    Split,
    apply_fill,
    apply_split,
    dividend_cash,
    is_receivable,
    split_lots,
    value_of,
)

COIN = 100_000_000


def test_opening_takes_cash_and_fee_and_keeps_the_price() -> None:
    """Ten at 5 with a fee of 0.05 take 50.05; the average is 5 without the fee."""
    assert apply_fill(Position(), 1, 10, 5.0, 0.05, 1) == Booking(Position(10, 5.0, 0.0), -50.05)


def test_opening_price_is_the_average_to_the_bit() -> None:
    """3 x 0.1 / 3 is not 0.1 in float64: a first fill is not averaged."""
    assert 3 * 0.1 / 3 != 0.1
    assert apply_fill(Position(), 1, 3, 0.1, 0.0, 1).position.average_price == 0.1


def test_increase_averages_by_quantity() -> None:
    """10 at 5 and 30 at 9: (50 + 270) / 40 = 8."""
    assert apply_fill(Position(10, 5.0, 1.0), 1, 30, 9.0, 0.0, 1) == Booking(Position(40, 8.0, 1.0), -270.0)


def test_reduction_realises_its_part() -> None:
    """10 of 40 at 8 sold at 12 realise 40; the average stays."""
    assert apply_fill(Position(40, 8.0, 0.0), -1, 10, 12.0, 0.12, 1) == Booking(Position(30, 8.0, 40.0), 119.88)


def test_close_leaves_nothing_but_what_it_realised() -> None:
    """40 at 8 sold at 7 lose 40."""
    assert apply_fill(Position(40, 8.0, 5.0), -1, 40, 7.0, 0.0, 1) == Booking(Position(0, 0.0, -35.0), 280.0)


def test_flip_closes_and_opens_at_the_fill() -> None:
    """Long 10 at 5, 25 sold at 7: 20 realised, short 15 at 7, 175 received."""
    assert apply_fill(Position(10, 5.0, 0.0), -1, 25, 7.0, 1.0, 1) == Booking(Position(-15, 7.0, 20.0), 174.0)


def test_short_gains_as_the_price_falls() -> None:
    """Short 10 at 7, 4 bought back at 5: 8 realised; flipped by 10 more: 12 more, long 4 at 5."""
    part = apply_fill(Position(-10, 7.0, 0.0), 1, 4, 5.0, 0.0, 1)
    assert part == Booking(Position(-6, 7.0, 8.0), -20.0)
    assert apply_fill(part.position, 1, 10, 5.0, 0.0, 1) == Booking(Position(4, 5.0, 20.0), -50.0)


def test_lots_of_crypto_are_hundred_millionths() -> None:
    """Half a coin at 30,000 is worth 15,000."""
    assert value_of(COIN // 2, 30_000.0, COIN) == 15_000.0
    assert apply_fill(Position(COIN, 20_000.0, 0.0), -1, COIN // 2, 30_000.0, 0.0, COIN).position.realised == 5_000.0


@given(
    st.lists(st.tuples(st.sampled_from([1, -1]), st.integers(1, 1_000), st.integers(1, 10_000)), max_size=30),
    st.integers(1, 10_000),
)
def test_cash_and_value_are_explained_by_profit_and_loss(fills: list[tuple[int, int, int]], mark: int) -> None:
    """Whatever is traded, cash + position x mark = realised + unrealised, fees aside."""
    position, cash = Position(), 0.0
    for side, lots, price in fills:
        position, moved = apply_fill(position, side, lots, float(price), 0.0, 1)
        cash += moved
    unrealised = value_of(position.lots, mark - position.average_price, 1)
    assert cash + value_of(position.lots, float(mark), 1) == pytest.approx(position.realised + unrealised, abs=1e-3)


def test_split_multiplies_lots_and_divides_the_price() -> None:
    """7 for 1: 100 at 645.57 become 700 at 92.224286."""
    after = apply_split(Position(100, 645.57, 3.0), 7.0, 92.7, 1)
    assert after == Split(Position(700, 645.57 / 7.0, 3.0), 0.0)


def test_fraction_of_a_lot_is_paid_at_the_opening_print() -> None:
    """3 for 2: 101 at 60 become 151 and half a share, paid 20.5 at the open 41: 0.5 realised over its cost of 20."""
    assert apply_split(Position(101, 60.0, 0.0), 1.5, 41.0, 1) == Split(Position(151, 40.0, 0.5), 20.5)


def test_reverse_split_can_leave_no_lot() -> None:
    """1 for 10: 5 at 2 become half a share, paid 9.5 at 19: 0.5 lost against 20 a share."""
    assert apply_split(Position(5, 2.0, 0.0), 0.1, 19.0, 1) == Split(Position(0, 0.0, -0.5), 9.5)


def test_short_position_owes_its_fraction() -> None:
    """Short 101 at 60, 3 for 2 at 41: short 151, 20.5 paid, half a unit lost."""
    assert apply_split(Position(-101, 60.0, 0.0), 1.5, 41.0, 1) == Split(Position(-151, 40.0, -0.5), -20.5)


def test_ratio_that_is_no_binary_fraction_still_counts_whole() -> None:
    """100 x 1.15 is 114.99999999999999 in float64; a stock dividend of 15 % makes 115, without cash in lieu."""
    assert 100 * 1.15 < 115
    assert split_lots(100, 1.15) == 115
    after = apply_split(Position(100, 11.5, 0.0), 1.15, 10.0, 1)
    assert (after.position.lots, after.cash) == (115, 0.0)


def test_a_dividend_waits_for_its_pay_date_where_it_has_one_and_is_ours() -> None:
    """A short owes it on the ex-date."""
    assert [is_receivable(cash, dated) for cash in (5.0, -5.0) for dated in (True, False)] == [True, False, False, False]


def test_dividend_is_rounded_to_the_fourth_decimal() -> None:
    """33 x 0.123456 = 4.074048 is received as 4.074; a short owes what a long receives."""
    assert dividend_cash(100, 0.485, 1) == 48.5
    assert dividend_cash(-100, 0.485, 1) == -48.5
    assert dividend_cash(33, 0.123456, 1) == 4.074


# Whole runs: bars on 2021-03-01, 02, 03, 04, 05, 08, ...


def test_split_multiplies_position_and_open_order() -> None:
    """100 wanted, 25 a day. After 25 at 100 comes 2 for 1: 50 held, 150 still open, filled 50 a day at 50. No equity moves."""
    bars = market("AAA", [100, 100, 50, 50, 50, 50], volume=[1_000, 1_000, 2_000, 2_000, 2_000, 2_000])
    past = history(bars, actions=[CorporateAction("AAA", "2021-03-03", "split", 2.0)])
    run = run_scripts(past, {"AAA": "1"}, quantity(100), volume_limit=None)
    assert [(f.quantity, f.price) for f in run.fills] == [(25.0, 100.0), (50.0, 50.0), (50.0, 50.0), (50.0, 50.0)]
    assert {row.equity for row in run.equity} == {100_000.0}
    assert run.equity[-1].cash == 90_000.0


def test_split_pays_cash_in_lieu_at_the_open() -> None:
    """101 at 60, 3 for 2, the open is 40: 151 and 20 in cash; cash 100,000 - 6,060 + 20."""
    past = history(market("AAA", [60, 60, 40, 40]), actions=[CorporateAction("AAA", "2021-03-03", "split", 1.5)])
    run = run_scripts(past, {"AAA": "1 . . 0"}, quantity(101))
    assert run.equity[2] == (int(past.bars[0].time[2]), 100_000.0, 93_960.0)


def test_order_for_less_than_a_lot_after_a_split_is_gone() -> None:
    """Nine wanted in a bar without volume, then 1 for 10: nothing is left to buy, in any driver."""
    bars = market("AAA", [10, 10, 100, 100], volume=[5, 0, 1e6, 1e6])
    past = history(bars, actions=[CorporateAction("AAA", "2021-03-03", "split", 0.1)])
    assert run_scripts(past, {"AAA": "1"}, quantity(9)).fills == []


def test_split_takes_effect_at_the_first_bar_on_or_after_its_date() -> None:
    """Dated on Saturday 2021-03-06, the split meets Monday's open (bar 5)."""
    past = history(market("AAA", [10] * 5 + [5] * 2), actions=[CorporateAction("AAA", "2021-03-06", "split", 2.0)])
    run = run_scripts(past, {"AAA": "1"}, quantity(100))
    assert {row.equity for row in run.equity} == {100_000.0}
    live = stream(scripted(past, {"AAA": "1"}, quantity(100)), past)
    assert live.engine.portfolio.position("AAA") == Position(200, 5.0, 0.0)


def test_action_on_or_before_the_first_bar_is_in_the_prices_already() -> None:
    """Neither a split on the first bar's date nor an earlier one changes anything."""
    actions = [CorporateAction("AAA", day, "split", 2.0) for day in ("2021-03-01", "2020-01-01")]
    plain, given_ = history(market("AAA", [10] * 3)), history(market("AAA", [10] * 3), actions=actions)
    assert run_scripts(plain, {"AAA": "1"}, quantity(1)).equity == run_scripts(given_, {"AAA": "1"}, quantity(1)).equity


def dividend_run(script: str, **dates: str) -> list[float]:
    """Return the cash at each close where 100 AAA at 10 meet a dividend of 0.5."""
    action = CorporateAction("AAA", dates["ex"], "dividend", 0.5, dates.get("pay"))
    run = run_scripts(history(market("AAA", [10.0] * 6), actions=[action]), {"AAA": script}, quantity(100))
    return [row.cash for row in run.equity]


def test_dividend_without_pay_date_is_cash_on_its_ex_date() -> None:
    """100 held at the close before 2021-03-03 receive 50 that day."""
    assert dividend_run("1", ex="2021-03-03") == [100_000.0, 99_000.0, 99_050.0, 99_050.0, 99_050.0, 99_050.0]


def test_dividend_is_cash_on_its_pay_date() -> None:
    """Ex 2021-03-03, paid 2021-03-05."""
    assert dividend_run("1", ex="2021-03-03", pay="2021-03-05") == [100_000.0, 99_000.0, 99_000.0, 99_000.0, 99_050.0, 99_050.0]


def test_dividend_paid_on_a_weekend_is_cash_at_the_next_bar() -> None:
    """Paid on Saturday 2021-03-06: the cash is there on Monday, bar 5."""
    assert dividend_run("1", ex="2021-03-03", pay="2021-03-06")[3:] == [99_000.0, 99_000.0, 99_050.0]


def test_dividend_paid_after_the_last_bar_never_arrives() -> None:
    """No bar, no cash."""
    assert dividend_run("1", ex="2021-03-03", pay="2021-04-01")[-1] == 99_000.0


def test_purchase_at_the_open_of_the_ex_date_has_no_dividend() -> None:
    """What counts is the holding at the close before: the order of 2021-03-02's close fills on the ex-date."""
    assert dividend_run(". 1", ex="2021-03-03")[-1] == 99_000.0


def test_sale_at_the_open_of_the_ex_date_has_the_dividend() -> None:
    """Held at the close before, sold at the open: 50 received, even where it is paid after the sale."""
    assert dividend_run("1 0", ex="2021-03-03")[-1] == 100_050.0
    assert dividend_run("1 0", ex="2021-03-03", pay="2021-03-05")[2:] == [100_000.0, 100_000.0, 100_050.0, 100_050.0]


def test_two_dividends_under_way_are_both_paid() -> None:
    """The second goes ex before the first is paid."""
    actions = [
        CorporateAction("AAA", "2021-03-03", "dividend", 0.5, "2021-03-05"),
        CorporateAction("AAA", "2021-03-04", "dividend", 0.25, "2021-03-08"),
    ]
    run = run_scripts(history(market("AAA", [10.0] * 6), actions=actions), {"AAA": "1"}, quantity(100))
    assert [row.cash for row in run.equity[2:]] == [99_000.0, 99_000.0, 99_050.0, 99_075.0]


def test_dividend_pays_for_a_purchase_at_the_same_open() -> None:
    """Actions come before fills: 900 went into AAA; BBB opens at 15, where 100 + 90 x 0.5 = 145 pay for 9, not 6."""
    bars = market("AAA", [10.0] * 4), market("BBB", [10, 10, 15, 15], volume=[9, 0, 9, 9])
    past = history(*bars, actions=[CorporateAction("AAA", "2021-03-03", "dividend", 0.5)])
    spec = scripted(past, {"AAA": "1", "BBB": "1"}, fraction(1.0), cash=1_000.0)
    sizes = tuple(replace(a, sizing=quantity(90.0 if a.symbol == "AAA" else 10.0)) for a in spec.assignments)
    run = run_alike(replace(spec, assignments=sizes), past)
    assert [(f.symbol, f.quantity, f.price) for f in run.fills] == [("AAA", 90.0, 10.0), ("BBB", 9.0, 15.0)]


def test_flip_from_long_to_short_keeps_to_the_exit_in_a_cash_account() -> None:
    """Target 1 then -1: the 100 held are sold, the short part is refused."""
    run = run_scripts(history(market("AAA", [10.0] * 4)), {"AAA": "1 -1"}, quantity(100))
    assert [(f.side, f.quantity) for f in run.fills] == [("buy", 100.0), ("sell", 100.0)]
    assert [(r.breach, r.lots) for r in run.refusals] == [("short_not_allowed", 100)]


def test_crypto_splits_in_its_own_lots() -> None:
    """1.5 coins redenominated 1,000 for 1 are 1,500."""
    bars = market("BTC-USD", [3_000, 3_000, 3, 3])
    action = CorporateAction("BTC-USD", "2021-03-03", "split", 1_000.0)
    past = history(bars, actions=[action], classes={"BTC-USD": AssetClass.CRYPTO})
    run = run_scripts(past, {"BTC-USD": "1 . 0"}, quantity(1.5))
    assert [(f.side, f.quantity) for f in run.fills] == [("buy", 1.5), ("sell", 1_500.0)]
