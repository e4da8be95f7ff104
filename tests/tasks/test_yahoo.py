"""Bars from Yahoo, through the real library, from a server of our own that answers as Yahoo did."""

from __future__ import annotations

import json
import threading
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
import requests
import yfinance
from requests.adapters import HTTPAdapter

from domain.errors import DataError, InputError, ProviderError
from domain.market import DAY, HOUR, TIMEFRAMES, AssetClass, CorporateAction, Instrument
from domain.sessions import expected_bars
from tasks.market_data import open_provider
from tasks.market_data.yahoo import Yahoo, yahoo_symbol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RECORDED = Path(__file__).parent / "yahoo"
AAPL = Instrument.of("AAPL")
NOW = int(np.datetime64("2025-02-20", "us").astype(np.int64))
type Answer = tuple[int, bytes]


def us(text: str) -> int:
    """Return an ISO time as UTC microseconds."""
    return int(np.datetime64(text, "us").astype(np.int64))


class ToLoopback(HTTPAdapter):
    """Sends every request to one address instead of Yahoo's."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._port = port

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Send the request with its path and query to the loopback."""
        parts = urlsplit(request.url or "")
        request.url = f"http://127.0.0.1:{self._port}{parts.path}?{parts.query}"
        return super().send(request, *args, **kwargs)


class FakeYahoo:
    """Answers chart requests with ``chart(symbol, query)`` and knows what it was asked."""

    def __init__(self) -> None:
        self.chart: Callable[[str, dict[str, str]], Answer] = lambda _symbol, _query: (404, b"{}")
        self.asked: list[dict[str, str]] = []
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # the name http.server calls
                parts = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                status, body = 200, b"crumb"
                if parts.path.startswith("/v8/finance/chart/"):
                    fake.asked.append(query)
                    status, body = fake.chart(parts.path.rsplit("/", 1)[1], query)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self._thread.start()

    def provider(self, cache: Path) -> Yahoo:
        """Return a provider that asks this server."""
        session = requests.Session()
        session.mount("https://", ToLoopback(self.server.server_port))
        yfinance.data.YfData(session=session).cache_get.cache_clear()
        return Yahoo(session=session, cache=cache, timeout=2.0)

    def close(self) -> None:
        """Stop the server."""
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


@pytest.fixture
def fake() -> Iterator[FakeYahoo]:
    """A server that stands in for Yahoo."""
    server = FakeYahoo()
    yield server
    server.close()


def recorded(name: str) -> Callable[[str, dict[str, str]], Answer]:
    """Return an answer with a recorded body."""
    body = (RECORDED / f"chart-{name}.json").read_bytes()
    return lambda _symbol, _query: (200, body)


def chart(
    stamps: list[int], prices: list[float | None], volumes: list[float | None], events: dict[str, Any] | None = None, **meta: Any
) -> bytes:
    """Return a body like the recorded ones, every bar flat at its price."""
    template = json.loads((RECORDED / "chart-AAPL-2020-01-01-to-2020-01-03.json").read_bytes())
    result = template["chart"]["result"][0]
    result["meta"] |= meta
    result["timestamp"] = stamps
    result["events"] = events or {}
    columns = dict.fromkeys(("open", "high", "low", "close"), prices) | {"volume": volumes}
    result["indicators"] = {"quote": [columns], "adjclose": [{"adjclose": prices}]}
    return json.dumps(template).encode()


def test_daily_bars_are_stamped_at_new_york_midnight_in_ticks(fake: FakeYahoo, tmp_path: Path) -> None:
    """Prices after the split are those of the exchange, to the cent; the split and the dividend are corporate actions."""
    fake.chart = recorded("AAPL-2020-08-31-to-2020-11-07")
    fetched = fake.provider(tmp_path).fetch(AAPL, TIMEFRAMES["1d"], date(2020, 8, 31), date(2020, 11, 6), NOW)
    assert (len(fetched.rows), fetched.source) == (49, "yahoo")
    assert fetched.rows.time[[0, -1]].tolist() == [us("2020-08-31T04:00"), us("2020-11-06T05:00")]
    assert fetched.rows.close[:3].tolist() == [129.04, 134.18, 131.4]
    assert fetched.actions == (
        CorporateAction("AAPL", "2020-08-31", "split", 4.0),
        CorporateAction("AAPL", "2020-11-06", "dividend", 0.205),
    )


def test_prices_before_a_split_are_as_traded_then(fake: FakeYahoo, tmp_path: Path) -> None:
    """Yahoo's 75.0875 of January 2020 was 300.35 on the day, and a quarter of the volume: the split lies after the range."""
    first = json.loads((RECORDED / "chart-AAPL-2020-01-01-to-2020-01-03.json").read_bytes())["chart"]["result"][0]
    quote = {name: values[0] for name, values in first["indicators"]["quote"][0].items()}
    body = json.loads((RECORDED / "chart-AAPL-2020-08-31-to-2020-11-07.json").read_bytes())
    result = body["chart"]["result"][0]
    result["timestamp"].insert(0, first["timestamp"][0])
    for name, values in result["indicators"]["quote"][0].items():
        values.insert(0, quote[name])
    result["indicators"]["adjclose"][0]["adjclose"].insert(0, quote["close"])
    result["events"]["dividends"]["1577975400"] = {"amount": 0.1925, "date": 1577975400}
    fake.chart = lambda _symbol, _query: (200, json.dumps(body).encode())
    fetched = fake.provider(tmp_path).fetch(AAPL, TIMEFRAMES["1d"], date(2020, 1, 2), date(2020, 1, 2), NOW)
    rows = fetched.rows
    assert (len(rows), rows.time[0]) == (1, us("2020-01-02T05:00"))
    assert [rows.open[0], rows.high[0], rows.low[0], rows.close[0]] == [296.24, 300.6, 295.19, 300.35]
    assert rows.volume[0] == 135480400 / 4
    assert fetched.actions[0] == CorporateAction("AAPL", "2020-01-02", "dividend", 0.77)
    assert all("period2" in query and int(query["period2"]) > 1_700_000_000 for query in fake.asked if "period1" in query)


def test_crypto_and_currency_bars_are_utc_days_of_unknown_volume(fake: FakeYahoo, tmp_path: Path) -> None:
    """Yahoo's midnight of London or UTC is the date; its volume is in dollars or 0."""
    for symbol, name, asset_class, close in (
        ("BTC-USD", "BTC-USD", AssetClass.CRYPTO, 7200.17),
        ("EUR-USD", "EURUSD=X", AssetClass.FX, 1.12208),
    ):
        fake.chart = recorded(f"{name}-2020-01-01-to-2020-01-03")
        instrument = Instrument.of(symbol, asset_class)
        rows = fake.provider(tmp_path).fetch(instrument, TIMEFRAMES["1d"], date(2020, 1, 1), date(2020, 1, 3), NOW).rows
        assert rows.time.tolist() == [us("2020-01-01"), us("2020-01-02"), us("2020-01-03")]
        assert rows.close[0] == close
        assert np.isnan(rows.volume).all()


def test_bar_of_the_running_session_is_left_out(fake: FakeYahoo, tmp_path: Path) -> None:
    """Before 16:00 New York the day's bar is unfinished."""
    fake.chart = recorded("AAPL-2020-08-31-to-2020-11-07")
    provider = fake.provider(tmp_path)
    during = provider.fetch(AAPL, TIMEFRAMES["1d"], date(2020, 8, 31), None, us("2020-11-06T20:59")).rows
    after = provider.fetch(AAPL, TIMEFRAMES["1d"], date(2020, 8, 31), None, us("2020-11-06T21:00")).rows
    assert (len(during), len(after)) == (48, 49)


def test_hourly_bars_of_new_york_are_made_of_half_hours_on_the_hour(fake: FakeYahoo, tmp_path: Path) -> None:
    """The 09:00 bar holds 09:30 to 10:00; open, extremes, close and volume are those of the parts."""
    day = (date(2019, 4, 15) - date(1970, 1, 1)).days
    quarters = (expected_bars(day, day, TIMEFRAMES["15m"], "XNYS") // 1_000_000).tolist()
    prices = [100.0 + n for n in range(len(quarters))]
    trading = [[{"start": quarters[0], "end": quarters[-1] + 900, "timezone": "EDT", "gmtoffset": -14400}]]
    intraday = chart(quarters, prices, [10.0] * len(quarters), tradingPeriods=trading, dataGranularity="15m")
    daily = chart([quarters[0]], [100.0], [10.0])
    fake.chart = lambda _symbol, query: (200, intraday if query.get("interval") == "15m" else daily)
    rows = fake.provider(tmp_path).fetch(AAPL, TIMEFRAMES["1h"], date(2019, 4, 15), date(2019, 4, 15), NOW).rows
    assert rows.time.tolist() == expected_bars(day, day, TIMEFRAMES["1h"], "XNYS").tolist()
    assert [rows.open[0], rows.high[0], rows.low[0], rows.close[0], rows.volume[0]] == [100.0, 101.0, 100.0, 101.0, 20.0]
    assert [rows.open[1], rows.high[1], rows.low[1], rows.close[1], rows.volume[1]] == [102.0, 105.0, 102.0, 105.0, 40.0]
    assert rows.time[0] % DAY == 13 * HOUR


def test_missing_price_arrives_as_one_for_the_checks_to_find(fake: FakeYahoo, tmp_path: Path) -> None:
    """A null price is not a number, never 0."""
    fake.chart = lambda _symbol, _query: (200, chart([1577975400, 1578061800], [75.0, None], [100.0, 100.0]))
    rows = fake.provider(tmp_path).fetch(AAPL, TIMEFRAMES["1d"], date(2020, 1, 2), date(2020, 1, 3), NOW).rows
    assert rows.close[0] == 75.0
    assert np.isnan(rows.close[1])


def test_quotation_in_another_currency_is_refused(fake: FakeYahoo, tmp_path: Path) -> None:
    """London quotes in pence: a hundred times too much if taken for dollars."""
    fake.chart = recorded("OCDO.L-2020-01-01-to-2020-01-03")
    with pytest.raises(DataError, match="in GBp, not in USD"):
        fake.provider(tmp_path).fetch(Instrument.of("OCDO.L"), TIMEFRAMES["1d"], date(2020, 1, 1), date(2020, 1, 3), NOW)


NOT_FOUND = b'{"chart":{"result":null,"error":{"code":"Not Found","description":"No data found, symbol may be delisted"}}}'


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((404, NOT_FOUND), "symbol may be delisted"),
        ((200, chart([], [], [])), "nothing for AAPL|no price data"),
        ((429, b"Too Many Requests"), "limits our requests"),
        ((500, b"oops"), "AAPL"),
        ((200, b"<html>consent</html>"), "AAPL"),
        ((200, b'{"chart":{"result":[{"meta":{}}],"error":null}}'), "AAPL"),
        ((200, b"[]"), "AAPL"),
    ],
)
def test_failure_of_yahoo_is_never_taken_for_no_data(fake: FakeYahoo, tmp_path: Path, answer: Answer, message: str) -> None:
    """Whatever goes wrong over there raises, so that a flow can try again and a person sees it."""
    fake.chart = lambda _symbol, _query: answer
    with pytest.raises(ProviderError, match=message):
        fake.provider(tmp_path).fetch(AAPL, TIMEFRAMES["1d"], date(2020, 1, 2), date(2020, 1, 3), NOW)


def test_range_without_a_finished_bar_is_a_failure(fake: FakeYahoo, tmp_path: Path) -> None:
    """An answer whose bars all lie outside what was asked is an empty answer."""
    fake.chart = recorded("AAPL-2020-08-31-to-2020-11-07")
    with pytest.raises(ProviderError, match="no finished 1d bars"):
        fake.provider(tmp_path).fetch(AAPL, TIMEFRAMES["1d"], date(2020, 8, 1), date(2020, 8, 5), NOW)


def test_dead_network_is_a_failure_of_the_provider(fake: FakeYahoo, tmp_path: Path) -> None:
    """Nobody listens."""
    provider = fake.provider(tmp_path)
    fake.server.server_close()
    with pytest.raises(ProviderError, match="AAPL"):
        provider.fetch(AAPL, TIMEFRAMES["1d"], date(2020, 1, 2), date(2020, 1, 3), NOW)


def test_names_of_symbols_and_providers() -> None:
    """Share classes and currency pairs have other names there; what Yahoo lacks or nobody knows is refused."""
    assert yahoo_symbol(Instrument.of("BRK.B")) == "BRK-B"
    assert yahoo_symbol(Instrument.of("EUR-USD", AssetClass.FX)) == "EURUSD=X"
    assert yahoo_symbol(Instrument.of("BTC-USD", AssetClass.CRYPTO)) == "BTC-USD"
    assert open_provider("yahoo").name == "yahoo"
    with pytest.raises(InputError, match="did you mean 'yahoo'"):
        open_provider("yaho")


def test_timeframe_that_yahoo_lacks_is_refused(fake: FakeYahoo, tmp_path: Path) -> None:
    """There are no four-hour bars."""
    fake.chart = recorded("AAPL-2020-08-31-to-2020-11-07")
    with pytest.raises(InputError, match="no 4h bars"):
        fake.provider(tmp_path).fetch(AAPL, TIMEFRAMES["4h"], date(2020, 8, 31), date(2020, 11, 6), NOW)
