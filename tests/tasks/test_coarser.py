"""A run on coarser bars than there are: from a file, from the database, and what a person must know of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from histories import DAILY, HOURLY, MONDAY, history, market, real_bars
from msgspec.structs import replace

from domain.errors import DataError, InputError
from domain.ledger import dataset_id
from domain.market import DAY, HOUR, TIMEFRAMES, AssetClass, Bars, Instrument
from domain.resampling import resample
from tasks.backtest import BacktestRequest, run_backtest
from tasks.coarser import made_coarser
from tasks.database.bars import save_instruments, upsert_bars
from tasks.history import from_database, from_file

if TYPE_CHECKING:
    from tasks.database.connection import Database

MINUTES = TIMEFRAMES["1m"]
BAC = Path(__file__).parents[1] / "data" / "equity_1m.parquet"


def hours(symbol: str, count: int, first: int = MONDAY + 14 * HOUR) -> Bars:
    """Return hourly bars, from 09:00 New York on 2021-03-01 unless told otherwise."""
    return market(symbol, np.arange(count) + 1.0, timeframe=HOURLY, start=first)


def test_a_run_on_coarser_bars_than_the_files_is_one_on_the_resampled_ones() -> None:
    """Days of BAC's minutes: bars, timeframe, ledger and dataset id are those of the daily bars made of them."""
    result = run_backtest(BacktestRequest(("buy_and_hold",), bars=BAC, timeframe="1d"))
    daily = resample(real_bars("equity_1m")[0], DAILY).bars
    assert (result.document["timeframe"], result.document["bars"]) == ("1d", 6)
    assert result.document["dataset_id"] == dataset_id(history(daily))
    assert [(fill["time"], fill["price"]) for fill in result.fills] == [("2013-10-07T04:00:00+00:00", 13.9)]


def test_minutes_outside_regular_hours_and_missing_ones_are_told() -> None:
    """BAC's file has 1,126 minutes before the open or after the close of its six days; none inside them is missing."""
    loaded = from_file(BAC, None, DAILY)
    assert loaded.warnings[-1] == "1126 1m bars of BAC outside regular hours are not in its 1d bars"
    whole = real_bars("equity_1m")[0]
    kept = np.r_[0:700, 711 : len(whole)]
    holey = Bars("BAC", MINUTES, *(column[kept] for column in _columns(whole)))
    _, warnings = made_coarser([holey], [Instrument.of("BAC")], DAILY)
    assert [text for text in warnings if text.startswith("1m bars: BAC misses 11 bars inside sessions")]


def test_last_bar_of_a_file_that_ends_in_mid_session_is_left_out() -> None:
    """Monday is over at 21:00 UTC; of Tuesday there are two hours."""
    bars = hours("AAA", 7), hours("AAA", 2, MONDAY + DAY + 14 * HOUR)
    both = Bars("AAA", HOURLY, *(np.concatenate(pair) for pair in zip(*(_columns(one) for one in bars), strict=True)))
    (made,), warnings = made_coarser([both], [Instrument.of("AAA")], DAILY)
    assert made.close.tolist() == [7.0]
    assert warnings == ["the last 1d bar of AAA, of 2021-03-02T05:00:00Z, is not complete: left out"]


def _columns(bars: Bars) -> list[np.ndarray]:
    return [bars.time, bars.open, bars.high, bars.low, bars.close, bars.volume]


def test_bar_is_complete_when_another_symbol_shows_that_its_end_has_passed() -> None:
    """AAA does not trade in the last hour, BBB does: both days are over."""
    made, warnings = made_coarser([hours("AAA", 6), hours("BBB", 7)], [Instrument.of("AAA"), Instrument.of("BBB")], DAILY)
    assert [bars.close.tolist() for bars in made] == [[6.0], [7.0]]
    assert warnings == []


def test_a_file_without_one_complete_bar_is_refused(tmp_path: Path) -> None:
    """Two hours are no day."""
    path = tmp_path / "bars.csv"
    path.write_text("time,symbol,open,high,low,close,volume\n2021-03-01T14:00Z,AAA,1,1,1,1,1\n2021-03-01T15:00Z,AAA,1,1,1,1,1\n")
    with pytest.raises(DataError, match="there is no complete 1d bar from 1h bars"):
        from_file(path, None, DAILY)


def test_stored_bars_are_resampled_where_only_finer_ones_are(embedded_database: Database) -> None:
    """From the coarsest that is finer: hours, not the minutes beside them."""
    coin = replace(hours("FIN-USD", 48, MONDAY), calendar="24/7")
    minute = market("FIN-USD", [500.0] * 3, timeframe=MINUTES, start=MONDAY)
    save_instruments(embedded_database, [Instrument.of("FIN-USD", AssetClass.CRYPTO)])
    upsert_bars(embedded_database, [coin, minute], "test")
    loaded = from_database(embedded_database, ["FIN-USD"], DAILY)
    (made,) = loaded.history.bars
    assert (loaded.history.timeframe, made.calendar, made.open.tolist()) == (DAILY, "24/7", [1.0, 25.0])
    document = run_backtest(
        BacktestRequest(("buy_and_hold",), symbols=("FIN-USD",), timeframe="4h"), database=embedded_database
    ).document
    assert (document["timeframe"], document["bars"]) == ("4h", 12)


def test_stored_bars_of_the_size_asked_for_are_taken_as_they_are(embedded_database: Database) -> None:
    """Daily bars beside finer ones are not made anew."""
    upsert_bars(embedded_database, [market("BOTH", [10.0] * 3), hours("BOTH", 7)], "test")
    assert from_database(embedded_database, ["BOTH"], DAILY).history.bars[0].open.tolist() == [10.0] * 3


def test_finer_bars_than_those_stored_are_refused(embedded_database: Database) -> None:
    """Both sizes are named."""
    upsert_bars(embedded_database, [market("DAYS", [10.0] * 3)], "test")
    with pytest.raises(InputError, match="holds 1d bars of DAYS: --timeframe 1h cannot be finer"):
        from_database(embedded_database, ["DAYS"], HOURLY)
    with pytest.raises(DataError, match="there are no 1h bars of NONE"):
        from_database(embedded_database, ["NONE"], HOURLY)


def test_dates_are_sessions_of_the_finer_bars(tmp_path: Path) -> None:
    """--start and --end cut whole sessions: two days of BAC."""
    request = BacktestRequest(("buy_and_hold",), bars=BAC, timeframe="1h", start="2013-10-07", end="2013-10-08")
    document = run_backtest(request).document
    assert (document["bars"], document["start"], document["end"]) == (14, "2013-10-07T13:00:00+00:00", "2013-10-08T19:00:00+00:00")
