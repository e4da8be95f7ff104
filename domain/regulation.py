"""What US regulators charge and demand, as dated rows with their source: the rules change, so none of it is a constant.

A row holds from its day ``since`` until the next row's. ``confirmed`` says that date and values were both read in the source it
names; where it is false, ``docs/costs.md`` says what was not. Rates are in account currency (USD).
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_EPOCH: Final = date(1970, 1, 1)
_MILLION: Final = 1_000_000


class Dated(Protocol):
    """A row that begins to hold on a day."""

    @property
    def since(self) -> date:
        """The first day on which the row holds."""


class SecFee(NamedTuple):
    """SEC section 31: dollars per million dollars of sales."""

    since: date
    per_million: float
    source: str
    confirmed: bool = True


class TradingActivityFee(NamedTuple):
    """FINRA (before 2007 NASD) Trading Activity Fee on sales of equities: dollars a share, at most ``cap`` dollars a trade."""

    since: date
    per_share: float
    cap: float
    source: str
    confirmed: bool = True


class SettlementCycle(NamedTuple):
    """Trades of the day settle ``days`` settlement days later."""

    since: date
    days: int
    source: str
    confirmed: bool = True


class PatternDayTrader(NamedTuple):
    """``day_trades`` within ``sessions``, and more than ``share`` of the trades then, need ``equity``; 0 day trades: no rule."""

    since: date
    day_trades: int
    sessions: int
    share: float
    equity: float
    source: str
    confirmed: bool = True


class InitialMargin(NamedTuple):
    """The share of a new position's value that must be own equity; for a short sale on top of its proceeds."""

    since: date
    share: float
    source: str
    confirmed: bool = True


class MaintenanceMargin(NamedTuple):
    """Equity that must stay behind a position.

    Long: ``long`` x value. Short below ``low_price`` a share: the greater of ``low_per_share`` x shares and ``low_share`` x value;
    at or above it: the greater of ``short_per_share`` x shares and ``short`` x value.
    """

    since: date
    long: float
    low_price: float
    low_per_share: float
    low_share: float
    short_per_share: float
    short: float
    source: str
    confirmed: bool = True


SEC_FEES: Final = (
    SecFee(_EPOCH, 1e4 / 300, "15 U.S.C. 78ee until 2001: 1/300 of 1 %", confirmed=False),
    SecFee(date(2001, 12, 28), 15.00, "Investor and Capital Markets Fee Relief Act; SEC fee rate advisory 8, 2002-01-16"),
    SecFee(date(2002, 4, 1), 30.10, "SEC mid-year adjustment of 2002-03-01", confirmed=False),
    SecFee(date(2003, 3, 22), 25.20, "SEC fee rate advisory 11 for 2003 (press release 2003-24)"),
    SecFee(date(2003, 4, 1), 46.80, "SEC fee rate advisory 12 for 2003 (press release 2003-27)"),
    SecFee(date(2004, 2, 22), 39.00, "SEC fee rate advisories for 2004", confirmed=False),
    SecFee(date(2004, 4, 1), 23.40, "SEC fee rate advisory 8 for 2004", confirmed=False),
    SecFee(date(2005, 1, 7), 32.90, "SEC fee rate advisory 6 for 2005"),
    SecFee(date(2005, 4, 1), 41.80, "SEC fee rate advisory 7 for 2005", confirmed=False),
    SecFee(date(2005, 12, 22), 30.70, "SEC press release 2006-194 (rate)", confirmed=False),
    SecFee(date(2007, 3, 17), 15.30, "SEC press release 2006-194 (rate); 30 days after the appropriation", confirmed=False),
    SecFee(date(2008, 1, 25), 11.00, "SEC press release 2007-89 (rate); 30 days after the appropriation", confirmed=False),
    SecFee(date(2008, 4, 1), 5.60, "FINRA Information Notice 3/10/08"),
    SecFee(date(2009, 4, 10), 25.70, "FINRA Information Notice 10/2/09 (rate); 30 days after the appropriation", confirmed=False),
    SecFee(date(2010, 1, 15), 12.70, "SEC press release 2009-270"),
    SecFee(date(2010, 4, 1), 16.90, "FINRA Information Notice 3/10/10"),
    SecFee(date(2011, 1, 21), 19.20, "SEC fee rate advisory 5 for 2011 (press release 2010-255)"),
    SecFee(date(2012, 2, 21), 18.00, "SEC fee rate advisory 5 for 2012"),
    SecFee(date(2012, 4, 1), 22.40, "SEC press release 2012-232 (rate); mid-year adjustment", confirmed=False),
    SecFee(date(2013, 5, 25), 17.40, "FINRA Information Notice 3/3/14 (rate); 60 days after the appropriation", confirmed=False),
    SecFee(date(2014, 3, 18), 22.10, "FINRA Information Notice 3/3/14"),
    SecFee(date(2015, 2, 14), 18.40, "Release 34-74057; 60 days after the appropriation", confirmed=False),
    SecFee(date(2016, 2, 16), 21.80, "FINRA Information Notice 3/15/16 (rate); 60 days after the appropriation", confirmed=False),
    SecFee(date(2017, 7, 4), 23.10, "SEC fee rate advisory for 2017"),
    SecFee(date(2018, 5, 22), 13.00, "Release 34-83057; FINRA Information Notice 5/7/18"),
    SecFee(date(2019, 4, 16), 20.70, "SEC fee rate advisory 2 for 2019"),
    SecFee(date(2020, 2, 18), 22.10, "SEC fee rate advisory 2 for 2020"),
    SecFee(date(2021, 2, 25), 5.10, "SEC fee rate advisory 2 for 2021"),
    SecFee(date(2022, 5, 14), 22.90, "SEC fee rate advisory for 2022", confirmed=False),
    SecFee(date(2023, 2, 27), 8.00, "Release 34-96724", confirmed=False),
    SecFee(date(2024, 5, 22), 27.80, "Release 34-99973", confirmed=False),
    SecFee(date(2025, 5, 14), 0.00, "Release 34-102779; FINRA Information Notice 4/24/25"),
    SecFee(date(2026, 4, 4), 20.60, "Release 34-104909"),
)

TRADING_ACTIVITY_FEES: Final = (
    TradingActivityFee(date(2002, 10, 1), 0.0001, 10.00, "NASD announcement of 2002-10-17", confirmed=False),
    TradingActivityFee(date(2003, 9, 1), 0.0001, 10.00, "NASD Notice to Members 03-43 (date)", confirmed=False),
    TradingActivityFee(date(2004, 11, 1), 0.000075, 3.75, "NASD Notice to Members 04-84; FINRA Regulatory Notice 11-27"),
    TradingActivityFee(date(2011, 7, 1), 0.000090, 4.50, "FINRA Regulatory Notice 11-27"),
    TradingActivityFee(date(2012, 3, 1), 0.000095, 4.75, "FINRA Regulatory Notice 12-06"),
    TradingActivityFee(date(2012, 7, 1), 0.000119, 5.95, "77 FR 27527; SR-FINRA-2020-032 (rate)", confirmed=False),
    TradingActivityFee(date(2022, 1, 1), 0.000130, 6.49, "SR-FINRA-2020-032, fee increase schedule"),
    TradingActivityFee(date(2023, 1, 1), 0.000145, 7.27, "SR-FINRA-2020-032, fee increase schedule"),
    TradingActivityFee(date(2024, 1, 1), 0.000166, 8.30, "SR-FINRA-2020-032, fee increase schedule"),
    TradingActivityFee(date(2026, 1, 1), 0.000195, 9.79, "SR-FINRA-2024-019 (Release 34-101696)"),
    TradingActivityFee(date(2026, 10, 1), 0.0, 0.0, "SR-FINRA-2026-021 (Release 34-106409): no fee to 2026-12-31"),
    TradingActivityFee(date(2027, 1, 1), 0.000195, 9.79, "SR-FINRA-2026-020: held to 2028-12-31"),
)

SETTLEMENT_CYCLES: Final = (
    SettlementCycle(_EPOCH, 5, "Release 34-34952: the practice before rule 15c6-1", confirmed=False),
    SettlementCycle(date(1995, 6, 7), 3, "Rule 15c6-1, Release 34-34952; NASD Notice to Members 95-26"),
    SettlementCycle(date(2017, 9, 5), 2, "Rule 15c6-1(a) as amended, 82 FR 15564"),
    SettlementCycle(date(2024, 5, 28), 1, "Rule 15c6-1(a) as amended, Release 34-96930", confirmed=False),
)

PATTERN_DAY_TRADER: Final = (
    PatternDayTrader(date(2001, 9, 28), 4, 5, 0.06, 25_000.0, "NASD rule 2520, Notice to Members 01-26; FINRA rule 4210(f)(8)"),
    PatternDayTrader(date(2026, 6, 4), 0, 0, 0.0, 0.0, "SR-FINRA-2025-017 (Release 34-105226), Regulatory Notice 26-10"),
)

INITIAL_MARGIN: Final = (InitialMargin(date(1974, 1, 3), 0.50, "Regulation T, 12 CFR 220.12 and the Board's table of changes"),)

MAINTENANCE_MARGIN: Final = (
    MaintenanceMargin(_EPOCH, 0.25, 5.00, 2.50, 1.00, 5.00, 0.30, "NYSE rule 431(c), NASD rule 2520(c)", confirmed=False),
    MaintenanceMargin(date(2010, 12, 2), 0.25, 5.00, 2.50, 1.00, 5.00, 0.30, "FINRA rule 4210(c), Regulatory Notice 10-45"),
)


class FeeRows(NamedTuple):
    """The fees on sales as columns, one row for each day on which one of them changed.

    ``since`` int64 days since 1970, ascending; ``sec_rate`` per currency unit of notional, ``taf_rate`` per share, ``taf_cap``
    in currency a trade, float64. Before the first row nothing is charged.
    """

    since: NDArray[np.int64]
    sec_rate: NDArray[np.float64]
    taf_rate: NDArray[np.float64]
    taf_cap: NDArray[np.float64]


NO_REGULATORY_FEES: Final = FeeRows(np.zeros(1, np.int64), np.zeros(1), np.zeros(1), np.zeros(1))
"""The fees of what is not a US equity: none."""


def day_number(day: date) -> int:
    """Return a date as days since 1970."""
    return (day - _EPOCH).days


def in_force[R: Dated](rows: Sequence[R], day: int) -> R | None:
    """Return the row of ``rows`` (ascending) that holds on ``day`` (days since 1970), None before the first."""
    found = None
    for row in rows:
        if day_number(row.since) > day:
            break
        found = row
    return found


def regulatory_rows() -> FeeRows:
    """Return the SEC and FINRA fees on sales of US equities, merged on every day one of them changed."""
    days = sorted({day_number(row.since) for row in (*SEC_FEES, *TRADING_ACTIVITY_FEES)})
    sec = [in_force(SEC_FEES, day) for day in days]
    taf = [in_force(TRADING_ACTIVITY_FEES, day) for day in days]
    return FeeRows(
        np.array(days, np.int64),
        np.array([row.per_million / _MILLION if row else 0.0 for row in sec]),
        np.array([row.per_share if row else 0.0 for row in taf]),
        np.array([row.cap if row else 0.0 for row in taf]),
    )
