"""The strategy of backtrader's tests (mementum/backtrader b853d7c90b67, tests/test_strategy_unoptimized.py)."""

import json
from pathlib import Path

import numpy as np
import pytest
from peers import ORACLES, compressed, crossings, run_holdings


def test_sma_cross_of_backtrader(shared: Path) -> None:
    """All 23 decisions and fills of the close crossing SMA(15), one unit of an index, and the final value and cash."""
    oracle = json.loads((ORACLES / "backtrader_tests.json").read_text())["strategy"]
    bars = compressed(shared / "oracles/inputs/index_2006_daily_backtrader.csv.gz", "INDEX")
    above, below = crossings(bars, 1, 15)
    wanted = {int(i): int(above[i]) for i in np.flatnonzero(above | below)}
    run = run_holdings(bars, wanted, 10_000.0)
    for side, turned in (("buy", above), ("sell", below)):
        fills = [fill for fill in run.fills if fill.side == side]
        assert [fill.price for fill in fills] == pytest.approx([float(p) for p in oracle[f"{side}_fills"]], abs=0.005)
        acted = np.flatnonzero(turned)[-len(fills) :]  # a cross below before the first buy finds nothing to sell
        assert bars.close[acted].tolist() == pytest.approx([float(p) for p in oracle[f"{side}_decision_closes"]], abs=0.005)
        assert bars.time[acted + 1].tolist() == [fill.time for fill in fills]
    assert len(run.fills) == 23
    assert run.equity[-1].equity == pytest.approx(oracle["expected_final_value"], abs=0.005)
    assert run.equity[-1].cash == pytest.approx(oracle["expected_final_cash"], abs=0.005)
