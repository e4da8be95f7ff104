"""Bars from Yahoo Finance, as traded: what Yahoo divided by later splits is multiplied back.

Yahoo promises nothing. It answers a failure with an empty table, so an empty table is a failure here; its prices are 32-bit numbers
widened, so they are rounded to the tick; its daily bar of today is unfinished until the session closes, so it is left out.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import yfinance
from yfinance.exceptions import YFException, YFRateLimitError

from domain.errors import DataError, InputError, ProviderError
from domain.market import HOUR, TIMEFRAMES, AssetClass, CorporateAction, Instrument, Timeframe
from domain.new_york import at_local
from domain.quality import Rows
from domain.sessions import instants, session_dates
from tasks.market_data.provider import Fetched

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

_PRICES: Final = ("Open", "High", "Low", "Close")
_MALFORMED: Final = (KeyError, IndexError, TypeError, ValueError, AttributeError)
"""What the library raises when an answer is not shaped as expected."""

_DAILY: Final = TIMEFRAMES["1d"]
_EPOCH: Final = date(1970, 1, 1)


class Yahoo:
    """The provider ``yahoo``.

    ``session`` replaces the HTTP session of the library; ``cache`` is the directory of its time zone cache; ``timeout`` is in
    seconds, a request. Nothing is tried again here: that is for the caller, who knows how long it may take.
    """

    name = "yahoo"

    def __init__(self, *, session: Any = None, cache: Path | None = None, timeout: float = 10.0) -> None:
        self._session = session
        self._timeout = timeout
        if cache is not None:
            yfinance.set_tz_cache_location(str(cache))
        yfinance.config.debug.hide_exceptions = False

    def fetch(self, instrument: Instrument, timeframe: Timeframe, start: date | None, end: date | None, now: int) -> Fetched:
        """Return finished bars and corporate actions of one symbol; see ``Provider.fetch``."""
        ticker = yfinance.Ticker(yahoo_symbol(instrument), session=self._session)
        # Splits count until today, whatever the end of the range: Yahoo divided by them all.
        daily = self._history(ticker, instrument, "1d", start, None)
        actions = _raw_actions(instrument.symbol, daily)
        frame = daily
        if not timeframe.is_daily:
            frame = self._history(ticker, instrument, _interval(instrument, timeframe), start, end)
        rows = _rows(frame, instrument, timeframe, actions)
        rows = rows.take(_wanted(rows, instrument, timeframe, end, now))
        if len(rows) == 0:
            raise ProviderError(f"Yahoo has no finished {timeframe.name} bars of {instrument.symbol} from {start} to {end}")
        return Fetched(rows, timeframe, (instrument,), actions, self.name)

    def _history(self, ticker: Any, instrument: Instrument, interval: str, start: date | None, end: date | None) -> pd.DataFrame:
        """Return Yahoo's table of one symbol, its failures as ProviderError."""
        span: dict[str, Any] = {"start": start, "end": end + timedelta(days=1) if end else None} if start else {"period": "max"}
        try:
            frame: pd.DataFrame | None = ticker.history(
                interval=interval, auto_adjust=False, actions=True, timeout=self._timeout, **span
            )
            currency = ticker.history_metadata.get("currency")
        except YFRateLimitError as error:
            raise ProviderError(f"Yahoo limits our requests, asked for {instrument.symbol}: wait some minutes") from error
        except (YFException, OSError) as error:
            raise ProviderError(f"Yahoo failed for {instrument.symbol}: {error}") from error
        except _MALFORMED as error:
            raise ProviderError(f"Yahoo's answer for {instrument.symbol} is not as expected: {error!r}") from error
        if frame is None or len(frame) == 0:
            raise ProviderError(f"Yahoo answered with nothing for {instrument.symbol} ({interval} from {start} to {end})")
        if currency != instrument.currency:
            raise DataError(f"Yahoo quotes {instrument.symbol} in {currency}, not in {instrument.currency}: leave it out")
        return frame


def yahoo_symbol(instrument: Instrument) -> str:
    """Return what Yahoo calls an instrument: BRK-B for BRK.B, EURUSD=X for EUR-USD."""
    if instrument.asset_class is AssetClass.FX:
        return instrument.symbol.replace("-", "") + "=X"
    return instrument.symbol.replace(".", "-")


def _interval(instrument: Instrument, timeframe: Timeframe) -> str:
    """Return the interval to ask for: Yahoo's own hours of New York begin at half past, ours on the hour."""
    if timeframe.length < HOUR:
        return timeframe.name
    if timeframe.length == HOUR:
        return "30m" if instrument.calendar == "XNYS" else "1h"
    raise InputError(f"Yahoo has no {timeframe.name} bars: ask for 1m, 5m, 15m, 30m, 1h or 1d")


def _rows(frame: pd.DataFrame, instrument: Instrument, timeframe: Timeframe, actions: tuple[CorporateAction, ...]) -> Rows:
    """Return Yahoo's table as raw bars of ``timeframe``."""
    index: Any = frame.index
    days = np.asarray(index.tz_localize(None), "datetime64[D]").astype(np.int64)
    if not timeframe.is_daily:
        time = np.asarray(index.tz_convert("UTC").tz_localize(None), "datetime64[us]").astype(np.int64)
    elif instrument.calendar == "XNYS":
        time = at_local(days, 0)
    else:
        time = days * _DAILY.length
    later = _later_ratio(days, actions)
    open_, high, low, close = (_to_tick(frame[name].to_numpy(np.float64) * later, instrument) for name in _PRICES)
    volume = _volume(frame["Volume"].to_numpy(np.float64), later, instrument)
    rows = Rows((instrument.symbol,), np.zeros(len(time), np.int64), time, open_, high, low, close, volume)
    return rows if timeframe.length != HOUR or instrument.calendar != "XNYS" else _whole_hours(rows)


def _later_ratio(days: NDArray[np.int64], actions: tuple[CorporateAction, ...]) -> NDArray[np.float64]:
    """Return the product of the splits after each day: what Yahoo divided its prices by."""
    ratio = np.ones(len(days))
    for action in actions:
        if action.action == "split":
            ratio[days < _day_number(action.ex_date)] *= action.value
    return ratio


def _to_tick(prices: NDArray[np.float64], instrument: Instrument) -> NDArray[np.float64]:
    """Return prices rounded to the tick; what is not a number stays."""
    coarse, fine = (round(-np.log10(tick)) for tick in (instrument.tick, instrument.tick_below_one))
    return np.where(np.abs(prices) < 1.0, np.round(prices, fine), np.round(prices, coarse))


def _volume(volume: NDArray[np.float64], later: NDArray[np.float64], instrument: Instrument) -> NDArray[np.float64]:
    """Return shares as traded. Yahoo's crypto volume is in dollars and its FX volume always 0: both say nothing of units."""
    if instrument.asset_class is AssetClass.EQUITY:
        return np.round(volume / later)
    return np.full(len(volume), np.nan)


def _whole_hours(rows: Rows) -> Rows:
    """Return half hours joined into bars on the full hour; the 09:00 bar holds 09:30 to 10:00."""
    hours = rows.time // HOUR * HOUR
    first = np.flatnonzero(np.concatenate([[True], hours[1:] != hours[:-1]])) if len(hours) else np.empty(0, np.int64)
    last = np.concatenate([first[1:] - 1, [len(hours) - 1]]) if len(first) else first
    return Rows(
        rows.symbols,
        rows.code[first],
        hours[first],
        rows.open[first],
        np.maximum.reduceat(rows.high, first),
        np.minimum.reduceat(rows.low, first),
        rows.close[last],
        np.add.reduceat(rows.volume, first),
    )


def _raw_actions(symbol: str, frame: pd.DataFrame) -> tuple[CorporateAction, ...]:
    """Return splits and dividends of Yahoo's table; a dividend is multiplied by the splits after it, as its price is."""
    index: Any = frame.index
    days = np.asarray(index.tz_localize(None), "datetime64[D]").astype(np.int64)
    found = []
    for name, action in (("Stock Splits", "split"), ("Dividends", "dividend")):
        values = frame[name].to_numpy(np.float64) if name in frame else np.zeros(len(days))
        found += [(int(days[at]), action, float(values[at])) for at in np.flatnonzero(values > 0.0)]
    splits = tuple(CorporateAction(symbol, _iso_date(day), "split", value) for day, action, value in found if action == "split")
    paid = [(day, value) for day, action, value in found if action == "dividend"]
    later = _later_ratio(np.array([day for day, _ in paid], np.int64), splits)
    dividends = tuple(
        CorporateAction(symbol, _iso_date(day), "dividend", round(value * float(ratio), 6))
        for (day, value), ratio in zip(paid, later, strict=True)
    )
    return tuple(sorted(splits + dividends, key=lambda action: (action.ex_date, action.action != "split")))


def _wanted(rows: Rows, instrument: Instrument, timeframe: Timeframe, end: date | None, now: int) -> NDArray[np.bool_]:
    """Return which bars are finished and not after ``end``."""
    wanted: NDArray[np.bool_] = instants(rows.time, timeframe, instrument.calendar)[1] <= now
    if end is not None:
        wanted &= session_dates(rows.time, timeframe, instrument.calendar) <= (end - _EPOCH).days
    return wanted


def _day_number(text: str) -> int:
    """Return an ISO date as days since 1970."""
    return (date.fromisoformat(text) - _EPOCH).days


def _iso_date(day: int) -> str:
    """Return days since 1970 as an ISO date."""
    return (_EPOCH + timedelta(days=day)).isoformat()
