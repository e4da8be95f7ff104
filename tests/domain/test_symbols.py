"""Symbols, timeframes and columns of bars."""

import numpy as np
import pytest
from histories import DAILY, market

from domain.errors import InputError
from domain.market import AssetClass as Class
from domain.market import Bar, Bars, Instrument, Timeframe, parse_symbol


@pytest.mark.parametrize("text", ["spy", " SPY ", "BRK.B", "BTC-USD", "EUR/USD", "ES=F", "WM.1", "3M"])
def test_symbols_are_taken_in_upper_case(text: str) -> None:
    """Letters, digits and . - / = ^, spaces around them dropped."""
    assert parse_symbol(text) == text.strip().upper()


@pytest.mark.parametrize("text", ["", " ", ".SPY", "S P Y", "SPY;DROP", "A" * 21, "SPY\n;", "ÄÖÜ"])
def test_what_cannot_be_a_symbol_is_refused(text: str) -> None:
    """The message shows what was given, cut short, and what is allowed."""
    with pytest.raises(InputError, match="is not valid: 1 to 20 of A-Z 0-9"):
        parse_symbol(text)


def test_an_unknown_timeframe_is_refused_with_the_nearest() -> None:
    """1d and others are allowed."""
    assert (Timeframe.parse("1d").is_daily, Timeframe.parse("4h").is_daily) == (True, False)
    with pytest.raises(InputError, match="timeframe '1hh' is unknown: did you mean '1h'"):
        Timeframe.parse("1hh")


@pytest.mark.parametrize(
    ("asset_class", "calendar", "lots", "tick"),
    [(Class.EQUITY, "XNYS", 1, 0.01), (Class.CRYPTO, "24/7", 100_000_000, 0.01), (Class.FX, "FX", 1, 1e-5)],
)
def test_an_asset_class_brings_its_conventions(asset_class: Class, calendar: str, lots: int, tick: float) -> None:
    """Lots of 1 share, 1e-8 coins, 1 unit of currency."""
    made = Instrument.of("EUR-USD", asset_class)
    assert (made.calendar, made.lots_per_unit, made.tick, made.currency) == (calendar, lots, tick, "USD")


def test_bars_are_columns_and_values() -> None:
    """One bar as a value, a part sharing memory, and none at all."""
    bars = market("AAA", [1, 2, 3], [1.5, 2.5, 3.5], volume=7)
    assert bars.bar(1) == Bar("AAA", int(bars.time[1]), 2.0, 2.5, 2.0, 2.5, 7.0)
    part = bars.slice(1, 3)
    assert len(part) == 2
    assert np.shares_memory(part.close, bars.close)
    assert len(Bars.empty("AAA", DAILY)) == 0
