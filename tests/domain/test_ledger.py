"""Fingerprints, built again here from the words of the contract."""

from __future__ import annotations

import hashlib
import math
import struct

import numpy as np
import pytest
from histories import history, market
from msgspec.structs import replace

from domain.ledger import EquityRow, LedgerRow, dataset_id, equity_sha256, ledger_sha256
from domain.market import CorporateAction

FILLS = [
    LedgerRow(1_614_643_200_000_000, "AAA", "buy", 100.0, 119.36, 5.968, "target"),
    LedgerRow(1_614_816_000_000_000, "BTC-USD", "sell", 0.29, 1e-5, 0.0, "flatten"),
]


def test_ledger_is_one_line_a_fill_with_hexadecimal_numbers() -> None:
    """time_us,symbol,side,quantity,price,fee,reason and a newline, without a header."""
    text = (
        f"1614643200000000,AAA,buy,{(100.0).hex()},{(119.36).hex()},{(5.968).hex()},target\n"
        f"1614816000000000,BTC-USD,sell,{(0.29).hex()},{(1e-5).hex()},{(0.0).hex()},flatten\n"
    )
    assert text.startswith("1614643200000000,AAA,buy,0x1.9000000000000p+6,0x1.dd70a3d70a3d7p+6,")
    assert ledger_sha256(FILLS) == hashlib.sha256(text.encode()).hexdigest()


def test_equity_is_time_equity_and_cash() -> None:
    """The same over time_us,equity,cash."""
    text = f"1614643200000000,{(100_048.9).hex()},{(98_898.9).hex()}\n"
    assert equity_sha256([EquityRow(1_614_643_200_000_000, 100_048.9, 98_898.9)]) == hashlib.sha256(text.encode()).hexdigest()


def test_nothing_traded_has_the_hash_of_nothing() -> None:
    """No line at all."""
    assert ledger_sha256([]) == equity_sha256([]) == hashlib.sha256(b"").hexdigest()


def test_whole_numbers_hash_as_floats() -> None:
    """100 and 100.0 are the same quantity."""
    assert ledger_sha256([FILLS[0]._replace(quantity=100)]) == ledger_sha256(FILLS[:1])


@pytest.mark.parametrize("field", LedgerRow._fields)
def test_every_field_of_a_fill_is_in_the_hash(field: str) -> None:
    """The last bit of a price as much as the reason; booking order too."""
    value = getattr(FILLS[0], field)
    other = math.nextafter(value, math.inf) if isinstance(value, float) else (value + 1 if isinstance(value, int) else value + "x")
    assert ledger_sha256([FILLS[0]._replace(**{field: other}), FILLS[1]]) != ledger_sha256(FILLS)
    assert ledger_sha256(FILLS[::-1]) != ledger_sha256(FILLS)


def test_dataset_is_names_then_columns_little_endian_then_actions() -> None:
    """Symbols in code-point order, time int64, five float64, null as one bit pattern, then the actions that took effect."""
    aaa, bbb = market("AAA", [10, 11, 12], volume=[1, math.nan, 3]), market("BBB", [20, 21])
    split = CorporateAction("AAA", "2021-03-02", "split", 2.0)
    unused = CorporateAction("AAA", "2030-01-01", "split", 3.0)
    wanted = b""
    for bars in (aaa, bbb):
        wanted += bars.symbol.encode() + b"\n" + struct.pack(f"<{len(bars)}q", *bars.time.tolist())
        for column in (bars.open, bars.high, bars.low, bars.close, bars.volume):
            for value in column.tolist():
                wanted += bytes.fromhex("000000000000f87f") if math.isnan(value) else struct.pack("<d", value)
    wanted += f"AAA,2021-03-02,split,{(2.0).hex()}\n".encode()
    assert dataset_id(history(bbb, aaa, actions=[unused, split])) == hashlib.sha256(wanted).hexdigest()


def test_null_has_one_pattern_whatever_nan_it_is() -> None:
    """A NaN with another sign or payload is the same unknown volume."""
    bars = market("AAA", [10, 11], volume=math.nan)
    odd = replace(bars, volume=np.array([0xFFF8000000000001, 0x7FF8000000000000], np.uint64).view(np.float64))
    assert dataset_id(history(bars)) == dataset_id(history(odd))


def test_one_changed_bit_changes_the_dataset() -> None:
    """Any column of any bar."""
    bars = market("AAA", [10, 11])
    ids = {dataset_id(history(bars))}
    for name in ("open", "high", "low", "close", "volume"):
        column = getattr(bars, name).copy()
        column[1] = math.nextafter(column[1], math.inf)
        ids.add(dataset_id(history(replace(bars, **{name: column}))))
    assert len(ids) == 6
