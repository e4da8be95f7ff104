"""Back-tests in which several strategies trade one symbol."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from histories import TESTS

from domain.errors import InputError
from tasks.backtest import BacktestRequest, run_backtest
from tasks.settings import load_settings, shipped_settings

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.settings import Settings

BARS = TESTS / "data/equity_1d.parquet"
PAIR = BacktestRequest(("moving_average_crossover", "momentum_trend"), symbols=("SPY", "SPY+AAPL"), bars=BARS, shared=True)


def document(request: BacktestRequest, **changes: Any) -> dict[str, Any]:
    """Return the document of a back-test."""
    return run_backtest(replace(request, **changes)).document


def entries(folder: Path, *shared: str) -> Settings:
    """Return a configuration of two strategies on SPY, each shared or not."""
    path = folder / "config.yaml"
    rows = [
        f"  - {{name: {name}, shared: {word}, symbols: [SPY], sizing: 'fixed_fraction:{share}'}}\n"
        for name, word, share in zip(PAIR.strategies, shared, (0.1, 0.2), strict=True)
    ]
    path.write_text("strategies:\n" + "".join(rows))
    return load_settings(path, {})


def test_document_of_a_shared_symbol_says_who_shares_it_and_keeps_parameters_apart() -> None:
    """Parameters and sizing stand by strategy as ever; both engines tell the same."""
    made = document(PAIR, parameters={"moving_average_crossover.fast": 5, "momentum_trend.period": 60}, sizing="fixed_fraction:0.2")
    assert made["strategy"] == "moving_average_crossover,momentum_trend"
    assert made["parameters"]["moving_average_crossover"]["fast"] == 5
    assert made["parameters"]["momentum_trend"] == {"period": 60}
    assert made["assumptions"]["shared_symbols"] == {"SPY": ["moving_average_crossover", "momentum_trend"]}
    assert made["assumptions"]["sizing"] == dict.fromkeys(PAIR.strategies, "fixed_fraction:0.2")
    assert made["fills"] > 50
    other = document(
        PAIR,
        parameters={"moving_average_crossover.fast": 5, "momentum_trend.period": 60},
        sizing="fixed_fraction:0.2",
        engine="event",
    )
    assert {**other, "engine": "kernel"} == made


def test_document_without_a_shared_symbol_says_nothing_of_it() -> None:
    """Each its own, allowed to share or not: the same run, and no word of sharing."""
    apart = replace(PAIR, symbols=("SPY", "AAPL"))
    assert document(apart) == document(apart, shared=False)
    assert "shared_symbols" not in document(apart)["assumptions"]


def test_usual_sizing_counts_a_shared_symbol_once_for_each_strategy() -> None:
    """Two on SPY, one of them on AAPL too: 0.95 / 3 each, so two thirds of 0.95 on SPY."""
    sizes = {one.symbol: one.sizing.value for one in run_backtest(PAIR).run.spec.assignments}
    assert sizes == {"AAPL": 0.95 / 3, "SPY": 0.95 / 3 + 0.95 / 3}


def test_strategies_without_symbols_share_all_there_are() -> None:
    """One word gives every symbol of the file to both."""
    made = document(PAIR, symbols=())
    assert made["assumptions"]["shared_symbols"].keys() == set(made["symbols"])
    assert len(made["symbols"]) > 2


def test_configuration_lets_strategies_share_and_the_request_lets_those_that_it_did_not(tmp_path: Path) -> None:
    """Sizes of the configuration add up; a symbol named in the request is shared by its own word."""
    settings = entries(tmp_path, "true", "true")
    configured = replace(PAIR, symbols=(), shared=False, settings=settings)
    (assignment,) = run_backtest(configured).run.spec.assignments
    assert (assignment.strategy_name, assignment.sizing.value) == ("moving_average_crossover+momentum_trend", 0.1 + 0.2)
    alone = replace(PAIR, symbols=("SPY", "SPY"), settings=shipped_settings())
    assert document(alone)["assumptions"]["shared_symbols"] == {"SPY": list(PAIR.strategies)}
    with pytest.raises(InputError, match="SPY is traded by one strategy"):
        run_backtest(replace(alone, shared=False))


def test_strategy_that_does_not_share_keeps_the_others_out(tmp_path: Path) -> None:
    """All of a symbol's strategies have to agree, here two of three by the configuration."""
    settings = entries(tmp_path, "true", "true")
    three = replace(PAIR, strategies=(*PAIR.strategies, "buy_and_hold"), symbols=("SPY",) * 3, shared=False, settings=settings)
    with pytest.raises(InputError) as refused:
        run_backtest(three)
    assert "moving_average_crossover and momentum_trend and buy_and_hold" in str(refused.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shared": False}, "SPY is traded by one strategy, but given to moving_average_crossover and momentum_trend"),
        ({"symbols": ("SPY+SPY", "AAPL")}, "SPY: moving_average_crossover stands twice"),
        ({"symbols": ("SPY",)}, "1 groups for 2 strategies"),
        ({"sizing": "risk_parity"}, "SPY is shared with sizing moving_average_crossover risk_parity, momentum_trend risk_parity"),
        ({"symbols": (), "shared": False}, "--shared lets them trade the same ones"),
    ],
)
def test_symbols_that_cannot_be_shared_are_refused_before_anything_runs(changes: dict[str, Any], message: str) -> None:
    """An input error that names the symbol and the strategies."""
    with pytest.raises(InputError) as refused:
        run_backtest(replace(PAIR, **changes))
    assert message in str(refused.value)
