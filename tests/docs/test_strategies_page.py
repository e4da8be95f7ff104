"""The examples of the page on writing strategies run as they stand there."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from deployments.arguments import parse
from domain.adjustment import adjust_forward
from domain.market import Timeframe
from domain.rules.sizing import Sizing, SizingRule
from domain.run import Assignment, RunSpec
from domain.shared import LINEAR
from domain.strategy import Exits, checked_target
from domain.sweep import METRICS
from domain.wishes import Wish
from strategies.moving_average_crossover import MovingAverageCrossover
from tasks import registry
from tasks.backtest import BacktestRequest, Run, run_backtest, run_events, run_kernel
from tasks.history import from_file
from tasks.settings import load_settings
from tasks.strategy_check import check_strategies

if TYPE_CHECKING:
    from domain.strategy import Strategy
    from domain.timeline import History

ROOT = Path(__file__).parents[2]
BARS = ROOT / "deployments" / "data" / "equity_1d.parquet"
PAGE = (ROOT / "docs" / "strategies.md").read_text()
EXAMPLES = dict(re.findall(r"This is `strategies/(\w+)\.py`:\n\n```python\n(.*?)```", PAGE, re.DOTALL))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of strategies with the page's files."""
    place = tmp_path_factory.mktemp("strategies")
    for name, code in EXAMPLES.items():
        (place / f"{name}.py").write_text(code)
    return place


@pytest.fixture(scope="module")
def past() -> History:
    """The bars that the page's commands name."""
    return from_file(BARS, ["SPY"], Timeframe.parse("1d"), (None, None)).history


def spec(strategy: Strategy, past: History) -> RunSpec:
    """Return a run of one strategy on SPY with default costs."""
    sizing = Sizing(SizingRule.FIXED_FRACTION.value, 0.9)
    assignment = Assignment("SPY", strategy.strategy_name(), strategy, sizing)
    return RunSpec((assignment,), past.instruments, past.timeframe)


def reasons(run: Run) -> set[str]:
    """Return why orders were filled."""
    return {fill.reason for fill in run.fills}


def test_page_has_an_example_of_each_kind(folder: Path) -> None:
    """Both files are found and none is refused."""
    assert {name: entry.error for name, entry in registry.found(folder).items()} == {"breakout_exits": None, "dip_bracket": None}
    assert registry.strategy_class("dip_bracket", folder).decides_on_events()


def test_example_with_targets_leaves_by_its_exits_in_both_drivers(folder: Path, past: History) -> None:
    """Stop-losses, trailing stops and time exits fill, and the drivers agree."""
    run = run_kernel(spec(registry.create("breakout_exits", {}, folder), past), past)
    assert reasons(run) >= {"target", "stop_loss", "trailing_stop", "time_exit"}
    assert run_events(run.spec, past).fills == run.fills


def test_example_with_targets_decides_on_its_lookback(folder: Path, past: History) -> None:
    """What it says of lookback is true."""
    strategy = registry.create("breakout_exits", {}, folder)
    (bars,) = adjust_forward(past)
    whole = checked_target(strategy, bars)
    at = range(0, len(bars), 7)
    windows = [checked_target(strategy, bars.slice(max(0, i + 1 - strategy.lookback), i + 1))[-1] for i in at]
    assert np.array_equal(windows, whole[::7], equal_nan=True)


def test_exits_of_the_example_follow_its_parameter(folder: Path) -> None:
    """The property gives each parameter its own stop."""
    strategy = registry.create("breakout_exits", {"stop": 0.1}, folder)
    assert strategy.exits == Exits(stop_loss=0.1, take_profit=0.15, trailing=0.08, bars=60)


def test_example_with_orders_trades_its_bracket(folder: Path, past: History) -> None:
    """Bids fill, and each is left by its stop or its limit: never more is sold than was bought."""
    run = run_events(spec(registry.create("dip_bracket", {}, folder), past), past)
    held = 0.0
    for fill in run.fills:
        held += fill.quantity if fill.side == "buy" else -fill.quantity
        assert held >= 0.0
    assert sum(fill.side == "sell" for fill in run.fills) > 20


def test_table_names_every_field_of_a_wish() -> None:
    """A field that is new needs a row."""
    table = PAGE.partition("| field of `Wish` |")[2].partition("\n\n")[0]
    assert {name for name in Wish.__dataclass_fields__ if f"`{name}`" not in table} == set()


def test_example_of_a_sweep_runs_as_it_stands(past: History) -> None:
    """The lines of the page give 63 results, of which the best is a back-test's."""
    (code,) = re.findall(r"```python\n(from domain.run import.*?)```", PAGE, re.DOTALL)
    names: dict[str, Any] = {"history": past}
    exec(code, names)  # noqa: S102 - our own page
    result = names["result"]
    assert len(result) == len(names["pairs"]) == 63
    run = run_kernel(replace(names["spec"], assignments=(_owned(names),)), past)
    assert result.final_equity[result.metrics["sharpe"].argmax()] == run.equity[-1].equity
    assert sorted(re.findall(r"`(\w+)`", PAGE.partition("each of `metrics`:")[2].partition(", as\n")[0])) == sorted(METRICS)


def test_example_of_a_shared_symbol_is_a_configuration_that_trades(tmp_path: Path) -> None:
    """What the page says of sizes holds, and its command shares the same symbols."""
    (entries,) = re.findall(r"```yaml\n(strategies:.*?)```", PAGE, re.DOTALL)
    (tmp_path / "config.yaml").write_text(entries)
    settings = load_settings(tmp_path / "config.yaml", {})
    assert check_strategies(settings) == []
    names = tuple(entry.name for entry in settings.strategies)
    result = run_backtest(BacktestRequest(names, bars=BARS, end="2003-12-31", settings=settings))
    assert {one.symbol: one.sizing.value for one in result.run.spec.assignments} == {"QQQ": 0.1, "SPY": 0.1 + 0.2}
    (command,) = re.findall(r"`\./pi5 (backtest [^`]*--shared)`", PAGE)
    given = parse(shlex.split(command))
    request = BacktestRequest(
        given.strategies, symbols=given.symbols, bars=ROOT / given.bars, end="2003-12-31", shared=given.shared
    )
    asked = run_backtest(request).document
    assert asked["assumptions"]["shared_symbols"] == result.document["assumptions"]["shared_symbols"] == {"SPY": list(names)}
    assert asked["symbols"] == result.document["symbols"]


def test_page_names_every_rule_of_sizing_that_can_be_shared() -> None:
    """A rule that is new stands in the table or is refused."""
    row = PAGE.partition("| different sizing rules")[2].partition("\n")[0]
    assert sorted(re.findall(r"`(\w+)`", row)) == sorted(rule.name.lower() for rule in LINEAR)


def _owned(names: dict[str, Any]) -> Assignment:
    return replace(names["owned"][0], strategy=MovingAverageCrossover(**names["best"]))
