"""What a run may be made of."""

import math

import pytest
from histories import DAILY, HOURLY, Scripted, fraction, quantity

from domain.errors import InputError
from domain.market import AssetClass, Instrument, Timeframe
from domain.rules.sizing import Sizing, SizingRule
from domain.run import Assignment, RunSpec, parse_sizing

EQUITY, CRYPTO, FX = (
    Instrument.of("AAA"),
    Instrument.of("BTC-USD", AssetClass.CRYPTO),
    Instrument.of("EUR-USD", AssetClass.FX),
)


def spec_of(*instruments: Instrument, timeframe: Timeframe = DAILY, **options: float) -> RunSpec:
    """Return a run over these instruments."""
    made = tuple(Assignment(instrument.symbol, "scripted", Scripted(), fraction(0.1)) for instrument in instruments)
    return RunSpec(made, instruments, timeframe, **options)  # type: ignore[arg-type]  # named by the tests


@pytest.mark.parametrize("cash", [0.0, -1.0, math.nan, math.inf])
def test_cash_must_be_a_positive_number(cash: float) -> None:
    """Nothing is traded without money, and not with an unknown amount."""
    with pytest.raises(InputError, match=f"initial cash {cash} is not allowed"):
        spec_of(EQUITY, initial_cash=cash)


def test_a_run_needs_a_symbol() -> None:
    """There is nothing to trade."""
    with pytest.raises(InputError, match="at least one symbol"):
        spec_of()


def test_a_symbol_has_one_owner() -> None:
    """Two strategies on one symbol are refused by name."""
    with pytest.raises(InputError, match="AAA: a symbol is traded by one strategy"):
        spec_of(EQUITY, EQUITY)


def test_symbols_are_in_code_point_order_and_match_their_instruments() -> None:
    """Both drivers walk them side by side."""
    with pytest.raises(InputError, match="code-point order"):
        spec_of(CRYPTO, EQUITY)
    with pytest.raises(InputError, match="the same symbols"):
        RunSpec(spec_of(EQUITY).assignments, (CRYPTO,), DAILY)


def test_a_mixture_of_currencies_is_refused() -> None:
    """One account, one currency."""
    with pytest.raises(InputError, match="mixture of EUR, USD"):
        spec_of(EQUITY, Instrument.of("SAP", AssetClass.EQUITY, "EUR"))


@pytest.mark.parametrize(
    ("instrument", "timeframe", "share"),
    [(EQUITY, DAILY, 0.025), (EQUITY, HOURLY, 0.10), (CRYPTO, DAILY, 0.0), (CRYPTO, HOURLY, 0.0), (FX, HOURLY, 0.0)],
)
def test_volume_share_by_default(instrument: Instrument, timeframe: Timeframe, share: float) -> None:
    """2.5 % of daily bars, 10 % of shorter ones, off for crypto and FX."""
    assert spec_of(instrument, timeframe=timeframe).volume_share(instrument) == share


def test_volume_share_as_given_holds_for_all() -> None:
    """A number is taken for every class, 0 switches the rule off."""
    assert spec_of(EQUITY, CRYPTO, volume_limit=0.3).volume_share(CRYPTO) == 0.3
    assert spec_of(EQUITY, volume_limit=0.0).volume_share(EQUITY) == 0.0


@pytest.mark.parametrize(
    ("instruments", "periods"), [((EQUITY,), 252), ((CRYPTO,), 365), ((FX,), 260), ((EQUITY, CRYPTO), 252), ((CRYPTO, FX), 252)]
)
def test_periods_a_year(instruments: tuple[Instrument, ...], periods: int) -> None:
    """252 for equities and mixtures, 365 for crypto, 260 for FX."""
    assert spec_of(*instruments).annual_periods == periods


def test_sizing_by_default_is_095_of_the_equity_over_the_symbols() -> None:
    """Four symbols: 0.2375 each."""
    assert parse_sizing(None, 1) == fraction(0.95)
    assert parse_sizing(None, 4) == fraction(0.2375)


def test_sizing_is_read_from_its_rule_and_value() -> None:
    """As on the command line."""
    assert parse_sizing("fixed_quantity:100", 3) == quantity(100.0)
    assert parse_sizing("fixed_fraction:0.2", 3) == fraction(0.2)
    assert parse_sizing("risk_per_trade:0.01", 3) == Sizing(SizingRule.RISK_PER_TRADE.value, 0.01)
    assert parse_sizing("volatility_target:0.1", 3) == Sizing(SizingRule.VOLATILITY_TARGET.value, 0.1)
    assert parse_sizing("kelly:0.5", 3) == Sizing(SizingRule.KELLY.value, 0.5)
    assert parse_sizing("risk_parity", 3) == Sizing(SizingRule.RISK_PARITY.value, 1.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fixed_fracton:0.2", "did you mean 'fixed_fraction'"),
        ("kelly:0", "positive number"),
        ("kelly", "needs a number"),
        ("risk_parity:0.5", "risk_parity takes no value"),
        ("fixed_quantity", "needs a number"),
        ("fixed_quantity:ten", "needs a number"),
        ("fixed_quantity:0", "positive number"),
        ("fixed_quantity:-5", "positive number"),
        ("fixed_fraction:nan", "positive number"),
        ("fixed_fraction:inf", "positive number"),
        ("", "is unknown"),
    ],
)
def test_sizing_that_cannot_be_is_refused(text: str, message: str) -> None:
    """The message names what was given and what is allowed."""
    with pytest.raises(InputError, match=message):
        parse_sizing(text, 1)
