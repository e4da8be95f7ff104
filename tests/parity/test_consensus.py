"""Four back-tests on which four programs agree, met fill by fill by both drivers through the whole back-test."""

import csv
import json
from typing import Any

import pytest
from histories import TESTS

from tasks.backtest import BacktestRequest, run_backtest

ORACLE = json.loads((TESTS / "oracles/consensus_backtests.json").read_text())
CASES = {case["id"]: case for case in ORACLE["cases"]}
OURS: dict[str, tuple[str, dict[str, Any]]] = {
    "sma_20_50_SPY": ("moving_average_crossover", {"fast": 20, "slow": 50}),
    "sma_10_30_IBM": ("moving_average_crossover", {"fast": 10, "slow": 30}),
    "rsi_14_IWM": ("rsi_mean_reversion", {"period": 14, "low": 30.0, "high": 55.0}),
    "roc_60_QQQ": ("momentum_trend", {"period": 60}),
}


def expected_fills(case: str) -> list[tuple[str, float, float]]:
    """Return date, signed quantity and price of each fill of a case."""
    with (TESTS / "oracles/consensus_fills.csv").open() as file:
        return [(row["date"], float(row["quantity"]), float(row["price"])) for row in csv.DictReader(file) if row["case"] == case]


def test_every_case_is_met() -> None:
    """No case of the file is left out, and each has a strategy of ours."""
    assert set(CASES) == set(OURS)


def asked(case: str, engine: Any) -> BacktestRequest:
    """Return the back-test of a case."""
    expected = CASES[case]
    strategy, parameters = OURS[case]
    return BacktestRequest(
        (strategy,),
        parameters,
        (expected["symbol"],),
        bars=TESTS / "data/consensus_1d.parquet",
        start=expected["first"],
        end=expected["last"],
        cash=1_000_000.0,
        commission_bps=10.0,
        volume_limit=0.0,
        sizing="fixed_quantity:100",
        engine=engine,
    )


@pytest.mark.parametrize("engine", ["kernel", "event"])
@pytest.mark.parametrize("case", list(CASES))
def test_consensus_of_four_programs(case: str, engine: Any) -> None:
    """100 shares, 0.1 % commission, no volume rule: fills to 1e-9, final equity and commission to 0.01, measures to 1e-9."""
    expected = CASES[case]
    result = run_backtest(asked(case, engine))
    fills = [(row["time"][:10], row["quantity"] * (1 if row["side"] == "buy" else -1), row["price"]) for row in result.fills]
    wanted = expected_fills(case)
    assert len(wanted) == expected["expected_fills"]
    assert [fill[:2] for fill in fills] == [fill[:2] for fill in wanted]
    assert [fill[2] for fill in fills] == pytest.approx([fill[2] for fill in wanted], abs=1e-9)
    document = result.document
    assert document["bars"] == expected["rows"]
    assert document["final_equity"] == pytest.approx(expected["expected_final_equity"], abs=0.01)
    assert document["metrics"]["fees"] == pytest.approx(expected["expected_commission"], abs=0.01)
    metrics = expected["metrics"]
    assert document["metrics"]["max_drawdown"] == pytest.approx(metrics["max_drawdown"], abs=1e-9)
    assert document["metrics"]["sharpe"] == pytest.approx(metrics["sharpe_rf0_252_ddof1"], abs=1e-9)
    assert document["metrics"]["total_return"] == pytest.approx(metrics["total_return"], abs=1e-9)
    assert document["metrics"]["annual_volatility"] == pytest.approx(metrics["annual_volatility_252"], abs=1e-9)


@pytest.mark.parametrize("case", list(CASES))
def test_both_engines_give_a_case_to_the_bit(case: str) -> None:
    """Each meets the figures within their tolerance; the two meet each other without one."""
    one, other = (run_backtest(asked(case, engine)).document for engine in ("kernel", "event"))
    assert (one["ledger_sha256"], one["equity_sha256"]) == (other["ledger_sha256"], other["equity_sha256"])
