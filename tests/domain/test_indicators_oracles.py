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

from domain.indicators import ema, momentum, rsi, sma

if TYPE_CHECKING:
    from domain.strategy import Series

TESTS = Path(__file__).parents[1]
SHARED = Path(os.environ.get("PI5_SHARED", TESTS.parents[1] / "shared"))
PEER = {"sma": sma, "ema": ema, "rsi": rsi}


def column(path: Path, symbol: str, name: str) -> Series:
    """Return one column of one symbol, in the order of the file."""
    return np.asarray(pq.read_table(path).filter(pc.field("symbol") == symbol)[name].to_numpy())


@pytest.mark.parametrize("name", ["sma_20", "ema_20", "rsi_14"])
def test_indicator_equals_stock_indicators_on_spy(name: str) -> None:
    """502 sessions of SPY: equal to 1e-9 wherever the other has a value, NaN where it has none."""
    with gzip.open(TESTS / "oracles" / "indicators_spy_2017_2018.csv.gz", "rt") as file:
        rows = list(csv.DictReader(file))
    closes = np.array([float(row["close"]) for row in rows])
    expected = np.array([float(row[name] or "nan") for row in rows])
    kind, length = name.split("_")
    np.testing.assert_allclose(PEER[kind](closes, int(length)), expected, rtol=1e-9, equal_nan=True)


@pytest.mark.parametrize("symbol", ["IWM", "BTC-USD"])
@pytest.mark.parametrize("name", ["sma_10", "sma_50", "ema_12", "ema_26", "rsi_14", "roc_10"])
def test_indicator_equals_talib_columns(symbol: str, name: str) -> None:
    """Daily IWM and hourly BTC-USD: equal to 1e-9; TA-Lib's ROC is our momentum in per cent."""
    bars = TESTS / "data" / ("equity_1d.parquet" if symbol == "IWM" else "crypto_1h.parquet")
    closes = column(bars, symbol, "close")
    kind, length = name.split("_")
    ours = 100.0 * momentum(closes, int(length)) if kind == "roc" else PEER[kind](closes, int(length))
    expected = column(TESTS / "oracles" / "indicators_talib.parquet", symbol, name)
    np.testing.assert_allclose(ours, expected, rtol=1e-9, atol=1e-9, equal_nan=True)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the wide data directory is not here (PI5_SHARED)")
def test_indicators_meet_the_checkpoints_of_backtrader() -> None:
    """Three rows each of SMA, EMA, RSI and rate of change on an index, to the six decimals printed."""
    with gzip.open(SHARED / "oracles" / "inputs" / "index_2006_daily_backtrader.csv.gz", "rt") as file:
        closes = np.array([float(row["close"]) for row in csv.DictReader(file)])
    cases = json.loads((SHARED / "oracles" / "backtrader_tests.json").read_text())["indicator_checkpoints"]
    ours = {"sma_30": sma(closes, 30), "ema_30": ema(closes, 30), "rsi_14": rsi(closes, 14), "roc_12": momentum(closes, 12)}
    met = [case["indicator"] for case in cases if case["indicator"] in ours]
    for case in cases:
        if case["indicator"] in ours:
            assert ours[case["indicator"]][case["rows_0based"]] == pytest.approx(case["expected"], abs=1e-6)
    assert met == list(ours)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the wide data directory is not here (PI5_SHARED)")
@pytest.mark.parametrize(("symbol", "file"), [("IWM", "equity_1d"), ("BTC-USD", "crypto_1h")])
def test_indicators_equal_talib_on_the_whole_series(symbol: str, file: str) -> None:
    """All 5,244 days of IWM and the hours of BTC-USD to 2018-02."""
    oracle = SHARED / "oracles" / "indicators_talib.parquet"
    closes = column(SHARED / "data" / f"{file}.parquet", symbol, "close")[: len(column(oracle, symbol, "sma_10"))]
    for name in ("sma_10", "sma_50", "ema_12", "ema_26", "rsi_14"):
        kind, length = name.split("_")
        np.testing.assert_allclose(
            PEER[kind](closes, int(length)), column(oracle, symbol, name), rtol=1e-9, atol=1e-9, equal_nan=True
        )
