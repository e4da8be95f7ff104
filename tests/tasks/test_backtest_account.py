"""What a back-test says of its account: good-faith violations of a cash account, day trades of a margin one."""

import numpy as np
import pytest
from histories import HOURLY, MONDAY, fraction, history, market, run_scripts

from domain.market import HOUR, AssetClass, Bars, CorporateAction
from tasks.backtest_account import account_warnings
from tasks.backtest_document import _splits_met, _warnings

FLAT = [50.0] * 7
ROTATION = {"AAA": "1 0 . . . . .", "BBB": ". . 1 0 . . ."}
"""AAA is bought, sold, BBB bought with the proceeds, sold: one bar after the other."""


def hourly(symbol: str) -> Bars:
    """Return seven bars of Monday 2021-03-01 from 15:00 UTC on."""
    bars = market(symbol, FLAT, timeframe=HOURLY)
    bars.time[:] = MONDAY + (15 + np.arange(len(bars))) * HOUR
    return bars


def test_rotation_within_a_session_is_a_good_faith_violation() -> None:
    """Hourly bars of Monday 2021-03-01: AAA's proceeds settle on Wednesday, BBB is bought and sold before."""
    past = history(*(hourly(symbol) for symbol in ROTATION))
    run = run_scripts(past, ROTATION, fraction(0.95))
    (warning,) = _warnings(run)
    assert warning.startswith("good-faith violations: 1, the first on 2021-03-01: ")


def test_days_are_looked_at_in_their_order() -> None:
    """AAA is bought on Monday, sold on Tuesday; BBB is bought with its proceeds and sold on Tuesday too."""
    past = history(*(hourly(symbol) for symbol in ROTATION))
    for bars in past.bars:
        bars.time[2:] += 24 * HOUR
    run = run_scripts(past, {"AAA": "1 . 0 . . . .", "BBB": ". . . 1 0 . ."}, fraction(0.95))
    (warning,) = _warnings(run)
    assert warning.startswith("good-faith violations: 1, the first on 2021-03-02: ")


def test_rotation_from_day_to_day_waits_for_settlement() -> None:
    """Daily bars, T+2: AAA is sold on the third day and settles on the fifth, when BBB is sold."""
    past = history(*(market(symbol, FLAT) for symbol in ROTATION))
    assert _warnings(run_scripts(past, ROTATION, fraction(0.95))) == []


def test_crypto_alone_is_told_nothing() -> None:
    """What settles at once has no settlement to violate."""
    classes = {"BTC-USD": AssetClass.CRYPTO, "ETH-USD": AssetClass.CRYPTO}
    past = history(*(hourly(symbol) for symbol in classes), classes=classes)
    scripts = dict(zip(classes, ROTATION.values(), strict=True))
    assert _warnings(run_scripts(past, scripts, fraction(0.95))) == []


def test_split_between_is_taken_into_account() -> None:
    """AAA is held through 2 for 1 and paid for: selling the doubled shares is no violation."""
    past = history(market("AAA", FLAT), actions=[CorporateAction("AAA", "2021-03-03", "split", 2.0)])
    run = run_scripts(past, {"AAA": "1 . . 0 . . ."}, fraction(0.95))
    assert len(_splits_met(run)) == 1
    assert account_warnings(run, _splits_met(run), "cash") == []


@pytest.mark.parametrize(("cash", "told"), [(20_000.0, True), (30_000.0, False)])
def test_four_day_trades_of_a_small_margin_account_are_told(cash: float, told: bool) -> None:  # noqa: FBT001 - a parameter
    """Four symbols bought and sold within Monday 2021-03-01."""
    scripts = dict.fromkeys(("AAA", "BBB", "CCC", "DDD"), "1 0 . . . . .")
    past = history(*(hourly(symbol) for symbol in scripts))
    run = run_scripts(past, scripts, fraction(0.2), cash=cash)
    warnings = account_warnings(run, [], "margin")
    assert [warning.startswith("pattern day trader: 1 sessions, the first 2021-03-01, ") for warning in warnings] == [True] * told
