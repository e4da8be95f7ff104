"""Indicators against what others computed on real bars."""

from __future__ import annotations

import csv
import gzip
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
