"""Adjusted prices out of the database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from histories import DAILY, market

from domain.market import AssetClass, CorporateAction, Instrument
from domain.symbol_changes import SymbolChange
from tasks.adjusted_prices import adjusted_prices
from tasks.database.bars import save_actions, save_instruments, save_symbol_changes, upsert_bars

if TYPE_CHECKING:
    from tasks.database.connection import Database


def test_stored_prices_are_adjusted_by_the_actions_known_then(embedded_database: Database) -> None:
    """2 for 1 on Tuesday, 1 of 49 paid on Wednesday: all of it, the split alone, or what was known on Tuesday."""
    actions = [CorporateAction("ADJ", "2021-03-02", "split", 2.0), CorporateAction("ADJ", "2021-03-03", "dividend", 1.0)]
    upsert_bars(embedded_database, [market("ADJ", [98, 49, 48])], "test")
    save_actions(embedded_database, actions, "test")
    assert adjusted_prices(embedded_database, "ADJ", DAILY).close.tolist() == pytest.approx([48.0, 48.0, 48.0])
    for choice in ({"convention": None}, {"known_at": "2021-03-02"}):
        assert adjusted_prices(embedded_database, "ADJ", DAILY, **choice).close.tolist() == pytest.approx([49.0, 49.0, 48.0])


def test_prices_know_the_calendar_of_their_instrument(embedded_database: Database) -> None:
    """And a symbol without bars has none."""
    save_instruments(embedded_database, [Instrument.of("ADJ-USD", AssetClass.CRYPTO)])
    bars = adjusted_prices(embedded_database, "ADJ-USD", DAILY)
    assert (len(bars), bars.calendar) == (0, "24/7")


def test_prices_go_on_through_a_change_of_symbol(embedded_database: Database) -> None:
    """The split was declared under the old symbol; who asks for that gets its own bars."""
    upsert_bars(embedded_database, [market("OLDP", [98, 49, 7]), market("NEWP", [6, 6, 48, 47])], "test")
    save_actions(embedded_database, [CorporateAction("OLDP", "2021-03-02", "split", 2.0)], "test")
    save_symbol_changes(embedded_database, [SymbolChange("2021-03-03", "OLDP", "NEWP")], "test")
    found = adjusted_prices(embedded_database, "NEWP", DAILY)
    assert (found.symbol, found.close.tolist()) == ("NEWP", [49.0, 49.0, 48.0, 47.0])
    assert adjusted_prices(embedded_database, "OLDP", DAILY).close.tolist() == [49.0, 49.0, 7.0]
