"""Symbols that several strategies share: worked out by hand, and alike in every driver."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numba
from generated import shared_runs
from histories import Scripted, fraction, history, market, quantity, real_bars, run_alike, run_spec
from hypothesis import HealthCheck, given, settings
from test_parity import assert_laws

from domain.market import CorporateAction
from domain.rules.costs import Costs
from domain.run import Assignment, RunSpec
from domain.shared import owned
from tasks import registry

if TYPE_CHECKING:
    from domain.rules.sizing import Sizing
    from domain.timeline import History

COMPILED = not numba.config.DISABLE_JIT
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]


def run_of(past: History, scripts: dict[str, tuple[str, Sizing]], **options: object) -> RunSpec:
    """Return the run of strategies that share AAA, without costs."""
    together = owned([Assignment("AAA", name, Scripted(script), sizing) for name, (script, sizing) in scripts.items()])
    return run_spec(past, {"AAA": together.strategy}, together.sizing, **options)


def test_fixed_quantities_of_two_strategies_are_one_position() -> None:
    """Up to 100 of one and 50 of the other, decided at a close, filled at the next open.

    close 0: 1 and 0        -> 100      buy 100 at 10   -1,000
    close 1: 1 and -1       ->  50      sell 50 at 12     +600
    close 2: 1 and 0.5      -> 125      buy 75 at 11      -825
    close 3: 0 and 0.5      ->  25      sell 100 at 13  +1,300
    close 4: 0 and 0        ->   0      sell 25 at 14     +350
    Together +425: apart the first makes (13 - 10) x 100 = 300, the other, short, 50 x (12 - 11) + 25 x (14 - 11) = 125. The short
    half of the other is no short position: a cash account holds it.
    """
    past = history(market("AAA", [10, 10, 12, 11, 13, 14]))
    run = run_alike(run_of(past, {"a": ("1 . . 0", quantity(100.0)), "b": (". -1 0.5 . 0", quantity(50.0))}), past)
    assert [(fill.side, fill.quantity, fill.price) for fill in run.fills] == [
        ("buy", 100.0, 10.0),
        ("sell", 50.0, 12.0),
        ("buy", 75.0, 11.0),
        ("sell", 100.0, 13.0),
        ("sell", 25.0, 14.0),
    ]
    assert run.equity[-1].cash == 100_425.0
    assert run.refusals == []


def test_fractions_of_two_strategies_are_sized_anew_when_either_changes() -> None:
    """10 % and 20 % of the equity.

    close 0 at 10: 1 and 0 -> 0.1 x 100,000 / 10 = 1,000, bought at 10
    close 1 at 12: equity 102,000; 1 and 1 -> 0.3 x 102,000 / 12 = 2,550: 1,550 bought at 12
    close 2 at 12: 0 and 1 -> 0.2 x 102,000 / 12 = 1,700: 850 sold at 12, of the first's 1,000 what the change of the other left
    """
    past = history(market("AAA", [10, 10, 12, 12], [10, 12, 12, 12]))
    run = run_alike(run_of(past, {"a": ("1 . 0", fraction(0.1)), "b": (". 1", fraction(0.2))}), past)
    assert [(fill.side, fill.quantity, fill.price) for fill in run.fills] == [
        ("buy", 1_000.0, 10.0),
        ("buy", 1_550.0, 12.0),
        ("sell", 850.0, 12.0),
    ]
    assert run.equity[-1].equity == 102_000.0


def test_wishes_that_cancel_each_other_trade_nothing() -> None:
    """One wants 0.1 long, the other 0.1 short: no position, no order, no refusal of a short sale."""
    past = history(market("AAA", [10, 10, 10]))
    run = run_alike(run_of(past, {"a": ("1", fraction(0.1)), "b": ("-1", fraction(0.1))}), past)
    assert (run.fills, run.refusals) == ([], [])


@settings(max_examples=600 if COMPILED else 60, deadline=None, suppress_health_check=SLOW)
@given(shared_runs())
def test_all_drivers_agree_and_keep_the_laws_on_shared_symbols(drawn: tuple[RunSpec, History]) -> None:
    """Members that mostly say NaN, one to three a symbol, by every rule that adds up, with and without exits."""
    spec, past = drawn
    assert_laws(run_alike(spec, past), past)


def test_strategies_of_the_system_share_real_bars_alike() -> None:
    """A crossover, RSI and momentum on one symbol with a split, by every driver."""
    bars = [one.slice(1_800, 2_600) for one in real_bars("equity_1d") if one.symbol == "AAPL"]
    past = history(*bars, actions=[CorporateAction("AAPL", "2014-06-09", "split", 7.0)])
    parameters = {"moving_average_crossover": {"fast": 5, "slow": 20}, "rsi_mean_reversion": {}, "momentum_trend": {"period": 30}}
    owners = [Assignment("AAPL", name, registry.create(name, given), fraction(0.3)) for name, given in parameters.items()]
    together = owned(owners)
    run = run_alike(run_spec(past, {"AAPL": together.strategy}, together.sizing, costs=Costs(0.0005, 0.0002)), past)
    assert len(run.fills) > 30
