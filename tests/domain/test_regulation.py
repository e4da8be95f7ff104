"""The dated rows, by hand: what holds the day before and the day of each change."""

from bisect import bisect_right
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from domain import regulation
from domain.regulation import (
    INITIAL_MARGIN,
    MAINTENANCE_MARGIN,
    PATTERN_DAY_TRADER,
    SEC_FEES,
    SETTLEMENT_CYCLES,
    TRADING_ACTIVITY_FEES,
    day_number,
    in_force,
    regulatory_rows,
)

TABLES = {name: table for name, table in vars(regulation).items() if name.isupper() and isinstance(table, tuple) and name[0] != "N"}


def on(rows: Any, day: str) -> Any:
    """Return the row of a table in force on an ISO date."""
    return in_force(rows, day_number(date.fromisoformat(day)))


@pytest.mark.parametrize(
    ("day", "before", "after"),
    [
        ("2001-12-28", 1e4 / 300, 15.00),
        ("2002-04-01", 15.00, 30.10),
        ("2003-03-22", 30.10, 25.20),
        ("2003-04-01", 25.20, 46.80),
        ("2004-02-22", 46.80, 39.00),
        ("2004-04-01", 39.00, 23.40),
        ("2005-01-07", 23.40, 32.90),
        ("2005-04-01", 32.90, 41.80),
        ("2005-12-22", 41.80, 30.70),
        ("2007-03-17", 30.70, 15.30),
        ("2008-01-25", 15.30, 11.00),
        ("2008-04-01", 11.00, 5.60),
        ("2009-04-10", 5.60, 25.70),
        ("2010-01-15", 25.70, 12.70),
        ("2010-04-01", 12.70, 16.90),
        ("2011-01-21", 16.90, 19.20),
        ("2012-02-21", 19.20, 18.00),
        ("2012-04-01", 18.00, 22.40),
        ("2013-05-25", 22.40, 17.40),
        ("2014-03-18", 17.40, 22.10),
        ("2015-02-14", 22.10, 18.40),
        ("2016-02-16", 18.40, 21.80),
        ("2017-07-04", 21.80, 23.10),
        ("2018-05-22", 23.10, 13.00),
        ("2019-04-16", 13.00, 20.70),
        ("2020-02-18", 20.70, 22.10),
        ("2021-02-25", 22.10, 5.10),
        ("2022-05-14", 5.10, 22.90),
        ("2023-02-27", 22.90, 8.00),
        ("2024-05-22", 8.00, 27.80),
        ("2025-05-14", 27.80, 0.00),
        ("2026-04-04", 0.00, 20.60),
    ],
)
def test_section_31_rate_changes_on_its_day(day: str, before: float, after: float) -> None:
    """Dollars a million, from the advisories, beside the table as the fee rule reads it."""
    rows, at = regulatory_rows(), day_number(date.fromisoformat(day))
    assert rows.sec_rate[bisect_right(rows.since, at - 1) - 1] == before / 1e6
    assert rows.sec_rate[bisect_right(rows.since, at) - 1] == after / 1e6


@pytest.mark.parametrize(
    ("day", "before", "after"),
    [
        ("2002-10-01", (0.0, 0.0), (0.0001, 10.00)),
        ("2004-11-01", (0.0001, 10.00), (0.000075, 3.75)),
        ("2011-07-01", (0.000075, 3.75), (0.000090, 4.50)),
        ("2012-03-01", (0.000090, 4.50), (0.000095, 4.75)),
        ("2012-07-01", (0.000095, 4.75), (0.000119, 5.95)),
        ("2022-01-01", (0.000119, 5.95), (0.000130, 6.49)),
        ("2023-01-01", (0.000130, 6.49), (0.000145, 7.27)),
        ("2024-01-01", (0.000145, 7.27), (0.000166, 8.30)),
        ("2026-01-01", (0.000166, 8.30), (0.000195, 9.79)),
        ("2026-10-01", (0.000195, 9.79), (0.0, 0.0)),
        ("2027-01-01", (0.0, 0.0), (0.000195, 9.79)),
    ],
)
def test_trading_activity_fee_changes_on_its_day(day: str, before: tuple[float, float], after: tuple[float, float]) -> None:
    """Rate a share and cap a trade, beside the table as the fee rule reads it."""
    rows, at = regulatory_rows(), day_number(date.fromisoformat(day))
    for day_of, pair in ((at - 1, before), (at, after)):
        place = bisect_right(rows.since, day_of) - 1
        assert (rows.taf_rate[place], rows.taf_cap[place]) == pair


def test_every_change_has_its_row() -> None:
    """The merged columns begin a row on each change of either fee and on no other day."""
    changes = {day_number(row.since) for row in (*SEC_FEES, *TRADING_ACTIVITY_FEES)}
    rows = regulatory_rows()
    assert rows.since.tolist() == sorted(changes)
    assert {len(column) for column in rows} == {len(changes)}
    assert [column.dtype for column in rows] == [np.int64, np.float64, np.float64, np.float64]


@pytest.mark.parametrize(
    ("day", "cycle"),
    [
        ("1995-06-06", 5),
        ("1995-06-07", 3),
        ("2017-09-04", 3),
        ("2017-09-05", 2),
        ("2024-05-27", 2),
        ("2024-05-28", 1),
    ],
)
def test_settlement_cycle_is_that_of_the_trade_date(day: str, cycle: int) -> None:
    """T+5, T+3, T+2, T+1."""
    assert on(SETTLEMENT_CYCLES, day).days == cycle


def test_pattern_day_trader_rule_holds_from_2001_to_2026() -> None:
    """No rule before 2001-09-28; four day trades in five sessions and 25,000 until 2026-06-03; none from then on."""
    assert on(PATTERN_DAY_TRADER, "2001-09-27") is None
    for day in ("2001-09-28", "2026-06-03"):
        assert on(PATTERN_DAY_TRADER, day)[1:5] == (4, 5, 0.06, 25_000.0)
    assert on(PATTERN_DAY_TRADER, "2026-06-04").day_trades == 0


def test_margin_rows() -> None:
    """Half at first since 1974, 25 % long and 30 % short after, with the floors a share."""
    assert on(INITIAL_MARGIN, "1974-01-02") is None
    assert on(INITIAL_MARGIN, "1974-01-03").share == 0.5
    assert on(MAINTENANCE_MARGIN, "2026-11-26")[1:7] == (0.25, 5.0, 2.5, 1.0, 5.0, 0.3)


@pytest.mark.parametrize("name", TABLES)
def test_rows_ascend_and_name_their_source(name: str) -> None:
    """A table out of order would be read wrongly without a word."""
    table = TABLES[name]
    assert all(later.since - earlier.since >= timedelta(1) for earlier, later in pairwise(table))
    assert all(row.source and isinstance(row.confirmed, bool) for row in table)


def test_every_table_is_looked_at() -> None:
    """The check above covers the six tables."""
    assert len(TABLES) == 6
