"""Bars walked by the finer ones they were made of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from histories import DAILY, HOURLY, MONDAY, Protected, fraction, history, market, quantity, run_alike, run_spec

from domain.errors import InputError
from domain.ledger import dataset_id
from domain.market import HOUR
from domain.resampling import resample
from domain.rules.fills import PathMode
from domain.strategy import Exits
from strategies.moving_average_crossover import MovingAverageCrossover
from tasks.backtest import BacktestRequest, run_backtest
from tasks.history import from_file

if TYPE_CHECKING:
    from domain.market import Bars
    from domain.timeline import History

DATA = Path(__file__).parents[1] / "data"
BOTH = Exits(stop_loss=0.1, take_profit=0.1)


def walked(finer: Bars) -> History:
    """Return the daily bars of ``finer`` with them inside."""
    return replace(history(resample(finer, DAILY).bars), finer=(finer,))


def hours(*rows: tuple[float, float, float, float]) -> Bars:
    """Return hourly bars in New York's regular hours, two a day from 2021-03-01 on."""
    opens, highs, lows, closes = zip(*rows, strict=True)
    made = market("AAA", opens, closes, highs=highs, lows=lows, timeframe=HOURLY)
    made.time[:] = MONDAY + np.array([day * 24 + hour for day in range(len(rows) // 2) for hour in (15, 16)]) * HOUR
    return made


FLAT = (10.0, 10.0, 10.0, 10.0)


@pytest.mark.parametrize(
    ("first", "second", "reason", "price"),
    [
        ((10.0, 11.5, 10.0, 10.0), (10.0, 10.0, 8.5, 10.0), "take_profit", 11.0),  # the high first, in the first hour
        ((10.0, 10.0, 8.5, 10.0), (10.0, 11.5, 10.0, 10.0), "stop_loss", 9.0),
        ((10.0, 10.0, 10.0, 10.0), (8.0, 11.5, 8.0, 10.0), "stop_loss", 8.0),  # the second hour opens through the stop
    ],
)
def test_the_hour_that_comes_first_decides(
    first: tuple[float, float, float, float], second: tuple[float, float, float, float], reason: str, price: float
) -> None:
    """Bought at 10 on Tuesday: the stop of 9 and the target of 11 both lie in Wednesday's range, and an hour says which was met."""
    past = walked(hours(FLAT, FLAT, FLAT, FLAT, first, second))
    spec = run_spec(past, {"AAA": Protected("1 . .", BOTH)}, quantity(100.0), path=PathMode.FINER)
    run = run_alike(spec, past)
    assert [(fill.price, fill.reason) for fill in run.fills] == [(10.0, "target"), (price, reason)]
    assert run.ambiguities == []


def test_a_day_is_walked_by_the_hour_in_which_it_opens_and_by_none_before() -> None:
    """The hour of 14:00 UTC holds 09:30 to 10:00 New York: its low of 8.5 meets the stop of 9. That of 13:00 is none of the day."""
    rows = [FLAT, FLAT, FLAT, (10.0, 10.0, 8.5, 10.0)] * 2
    rows[3] = FLAT
    opens, highs, lows, closes = zip(*[(20.0, 20.0, 5.0, 20.0), FLAT, FLAT, *rows[4:]] * 3, strict=True)
    made = market("AAA", opens, closes, highs=highs, lows=lows, timeframe=HOURLY)
    hours_of_a_day = (13, 14, 15, 16, 17, 18, 19)
    made.time[:] = MONDAY + np.array([day * 24 + hour for day in range(3) for hour in hours_of_a_day]) * HOUR
    made.low[:] = np.where(made.low == 8.5, 10.0, made.low)
    made.low[2 * len(hours_of_a_day) + 1] = 8.5  # Wednesday's first hour
    past = walked(made)
    spec = run_spec(past, {"AAA": Protected("1 . .", BOTH)}, quantity(100.0), path=PathMode.FINER)
    run = run_alike(spec, past)
    assert [(fill.price, fill.reason) for fill in run.fills] == [(10.0, "target"), (9.0, "stop_loss")]


def test_an_hour_with_both_extremes_is_walked_by_its_worse_way() -> None:
    """Wednesday's second hour spans stop and target: the stop is booked and the bar told as ambiguous."""
    past = walked(hours(FLAT, FLAT, FLAT, FLAT, FLAT, (10.0, 11.5, 8.5, 10.0)))
    spec = run_spec(past, {"AAA": Protected("1 . .", BOTH)}, quantity(100.0), path=PathMode.FINER)
    run = run_alike(spec, past)
    assert [fill.reason for fill in run.fills] == ["target", "stop_loss"]
    assert [(one.high_first, one.low_first) for one in run.ambiguities] == [(100_100.0, 99_900.0)]


def test_drivers_agree_on_real_minutes_inside_hours() -> None:
    """BAC's hours of six days, each walked by its minutes; fewer bars are ambiguous than by the hours alone."""
    loaded = from_file(DATA / "equity_1m.parquet", None, HOURLY, finer=True)
    past = loaded.history
    strategy = type("Guarded", (MovingAverageCrossover,), {"exits": Exits(stop_loss=0.002, take_profit=0.002, trailing=0.002)})
    spec = run_spec(past, {"BAC": strategy(fast=2, slow=3)}, fraction(0.5), path=PathMode.FINER)
    run = run_alike(spec, past)
    plain = replace(past, finer=())
    coarse = run_alike(replace(spec, path=PathMode.WORST), plain)
    assert len(run.fills) > 10
    assert len(run.ambiguities) < len(coarse.ambiguities)
    assert dataset_id(past) != dataset_id(plain)


def test_finer_bars_are_asked_for_where_there_are_none() -> None:
    """Minutes cannot be walked by anything finer; hours of them can, and the result names the minutes."""
    request = BacktestRequest(("buy_and_hold",), bars=DATA / "equity_1m.parquet", path="finer")
    with pytest.raises(InputError, match="--path finer walks 1m bars by finer ones"):
        run_backtest(request)
    assumptions = run_backtest(replace(request, timeframe="1h")).document["assumptions"]
    assert (assumptions["path"], assumptions["finer_timeframe"]) == ("finer", "1m")
