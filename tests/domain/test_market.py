"""Instruments: which currency a symbol is quoted in, and that one account has one."""

import pytest
from histories import Scripted, fraction, history, market, run_spec

from domain.errors import InputError
from domain.market import AssetClass, Instrument, quote_currency


@pytest.mark.parametrize(
    ("symbol", "asset_class", "currency"),
    [
        ("BTC-USD", AssetClass.CRYPTO, "USD"),
        ("BTC-EUR", AssetClass.CRYPTO, "EUR"),
        ("ETH/BTC", AssetClass.CRYPTO, "BTC"),
        ("1INCH-USDT", AssetClass.CRYPTO, "USDT"),
        ("BTC-PERP", AssetClass.CRYPTO, "USD"),
        ("BTC", AssetClass.CRYPTO, "USD"),
        ("EUR-USD", AssetClass.FX, "USD"),
        ("EURUSD=X", AssetClass.FX, "USD"),
        ("USDJPY=X", AssetClass.FX, "JPY"),
        ("GBPCHF", AssetClass.FX, "CHF"),
        ("SPY", AssetClass.EQUITY, "USD"),
        ("BRK-BBB", AssetClass.EQUITY, "USD"),
        ("GOOGLE", AssetClass.EQUITY, "USD"),
    ],
)
def test_the_name_of_a_pair_says_what_it_is_quoted_in(symbol: str, asset_class: AssetClass, currency: str) -> None:
    """The second half of a pair; USD for equities and for names that do not say."""
    assert quote_currency(symbol, asset_class) == currency
    assert Instrument.of(symbol, asset_class).currency == currency


def test_a_named_currency_is_taken_as_it_is() -> None:
    """What a caller knows goes before what a name suggests."""
    assert Instrument.of("USDJPY=X", AssetClass.FX, "USD").currency == "USD"


@pytest.mark.parametrize(
    ("symbols", "asset_class", "mixture"),
    [(("EUR-USD", "USD-JPY"), AssetClass.FX, "JPY, USD"), (("BTC-EUR", "BTC-USD"), AssetClass.CRYPTO, "EUR, USD")],
)
def test_pairs_of_several_quote_currencies_are_refused_together(
    symbols: tuple[str, ...], asset_class: AssetClass, mixture: str
) -> None:
    """Yen are not added to dollars."""
    past = history(*(market(symbol, [1.0] * 3) for symbol in symbols), classes=dict.fromkeys(symbols, asset_class))
    with pytest.raises(InputError, match=f"a mixture of {mixture}"):
        run_spec(past, {symbol: Scripted() for symbol in symbols}, fraction(0.1))
