"""What US regulators take of a sale: the SEC's section 31 fee and FINRA's Trading Activity Fee, from the rows of the day."""

from typing import Any

from domain.rules.rule import rule, to_cents_of_a_cent


@rule
def row_in_force(since: Any, day: int) -> int:
    """Return the place of the last row with ``since <= day`` (days since 1970, ascending); -1 where none has begun."""
    first, end = 0, len(since)
    while first < end:
        middle = (first + end) // 2
        if since[middle] <= day:
            first = middle + 1
        else:
            end = middle
    return first - 1


@rule
def sec_fee(notional: float, sec_rate: float) -> float:
    """Return the section 31 fee on a sale of ``notional``, rounded half to even to 4 decimals."""
    return to_cents_of_a_cent(notional * sec_rate)


@rule
def trading_activity_fee(units: float, taf_rate: float, taf_cap: float) -> float:
    """Return the Trading Activity Fee on a sale of ``units`` shares, at most ``taf_cap``, rounded half to even to 4 decimals."""
    charged = units * taf_rate
    return to_cents_of_a_cent(taf_cap if charged > taf_cap else charged)


@rule
def regulatory_fee(notional: float, units: float, sec_rate: float, taf_rate: float, taf_cap: float) -> float:
    """Return what the regulators take of one sale: both fees, each rounded by itself."""
    return sec_fee(notional, sec_rate) + trading_activity_fee(units, taf_rate, taf_cap)
