"""The figures of the report's tables, computed by hand, and text that stays text."""

from __future__ import annotations

import numpy as np
import pytest

from dashboards.report import honesty
from dashboards.report.costs import costs_by_symbol
from dashboards.report.markup import Html, element, table
from dashboards.report.monthly import Year, monthly_returns
from domain.ledger import LedgerRow


def days(*dates: str) -> np.ndarray:
    """Return dates as days since 1970."""
    return np.array(dates, "datetime64[D]").astype(np.int64)


def test_months_and_years_are_those_of_the_last_equity_before() -> None:
    """100 -> 110 -> 99 in two months of a year, 99 -> 148.5 in the next; the first month counts from the initial cash."""
    sessions = days("2020-11-03", "2020-11-30", "2020-12-31", "2021-01-04", "2021-01-29")
    first, second = monthly_returns(sessions, np.array([105.0, 110.0, 99.0, 120.0, 148.5]), 100.0)
    assert first.year == 2020
    assert first.months[:10] == (None,) * 10
    assert first.months[10:] == pytest.approx((0.10, -0.10))
    assert first.total == pytest.approx(-0.01)
    assert second == Year(2021, (pytest.approx(0.5), *(None,) * 11), pytest.approx(0.5))


def test_a_month_without_a_session_is_empty_and_the_next_counts_from_before_it() -> None:
    """January 100 -> 110, nothing in February, March to 121."""
    (year,) = monthly_returns(days("2021-01-29", "2021-03-31"), np.array([110.0, 121.0]), 100.0)
    assert year.months[:3] == (pytest.approx(0.1), None, pytest.approx(0.1))
    assert year.total == pytest.approx(0.21)


def test_a_month_after_all_was_lost_has_no_return() -> None:
    """There is no growth from nothing."""
    (year,) = monthly_returns(days("2021-01-29", "2021-02-26"), np.array([0.0, 50.0]), 100.0)
    assert year.months[:2] == (-1.0, None)


def test_slippage_is_what_the_price_moved_against_us() -> None:
    """At 1 % a buy of 10 at 101 paid 10 more than the market's 100, a sale of 10 at 99 got 10 less; an action slips nothing."""
    fills = [
        LedgerRow(0, "SPY", "buy", 10.0, 101.0, 0.5, "target"),
        LedgerRow(1, "SPY", "sell", 10.0, 99.0, 0.25, "target"),
        LedgerRow(2, "QQQ", "sell", 10.0, 50.0, 0.0, "corporate_action"),
    ]
    found = costs_by_symbol(fills, 0.01)
    assert found["SPY"] == (2, 2000.0, 0.75, pytest.approx(20.0))
    assert found["QQQ"] == (1, 500.0, 0.0, 0.0)


def document(**more: object) -> dict[str, object]:
    """Return the part of a back-test's document that says what it rests on."""
    return {
        "timeframe": "1d",
        "bars": 200,
        "ambiguous_bars": 3,
        "engine": "kernel",
        "dataset_id": "d",
        "ledger_sha256": "l",
        "equity_sha256": "e",
        "limits": {"on": True, "max_drawdown": 0.2, "daily_loss_limit": None},
        "assumptions": {
            "path": "worst",
            "fills_cut_by_volume": 0.125,
            "volume_limit": {"BTC-USD": None, "SPY": 0.025},
            "commission_bps": 5.0,
            "slippage_bps": 0.0,
            "refusals": {"cash": 2},
            "trials": 40,
            "data_holes": {
                "QQQ": {"missing": 0, "longest": None},
                "SPY": {"missing": 4, "longest": {"first": "2001-09-11T04:00:00Z", "last": "2001-09-14T04:00:00Z", "bars": 3}},
            },
        },
        **more,
    }


def test_what_a_result_rests_on_is_said_in_words() -> None:
    """Shares as per cent, one rule of volume a symbol where they differ, limits, refusals and the holes there are."""
    said = dict(honesty.assumptions(document()))
    assert said["Ambiguous bars"] == "3 of 200 (1.50 %)"
    assert said["Fills limited by volume"] == "12.50 %"
    assert said["Volume a bar lets us take"] == "BTC-USD no rule, SPY 2.5 %"
    assert said["Commission"] == "5 bp of the value traded"
    assert said["Trials behind the parameters"] == "40"
    assert honesty.limits(document()) == [("Max drawdown", "20.00 %"), ("Daily loss limit", "none")]
    assert honesty.refusals(document()) == [("Cash", "2")]
    assert honesty.holes(document()) == [("SPY", "4", "3 from 2001-09-11 to 2001-09-14")]


def test_the_run_is_told_against_the_market_as_far_as_its_document_goes() -> None:
    """A fall that did not end says so; a document without these figures has none."""
    fall = {
        "depth": -0.3,
        "peak": "2020-02-19T05:00:00Z",
        "trough": "2020-03-23T04:00:00Z",
        "recovery": None,
        "longest_sessions": 7,
    }
    assert honesty.against(document(benchmark={"alpha": 0.05, "beta": None}, drawdown=fall)) == [
        ("Alpha a year", "5.00 %"),
        ("Beta", "\N{EN DASH}"),
        ("Deepest drawdown", "from 2020-02-19 to 2020-03-23, recovered not yet"),
        ("Longest below a peak", "7 sessions"),
    ]
    assert honesty.against(document()) == []


def test_what_the_report_does_not_know_is_shown_under_its_own_name() -> None:
    """A figure that a later version adds to the document is not lost."""
    later = document(path_equity={"ohlc": 101.5, "olhc": 99.0})
    later["assumptions"] = {"borrow_rate": 0.03, "itemised_fees": {"sec": 1.25, "taf": None}}
    assert ("Path equity", "ohlc 101.5, olhc 99") in honesty.fingerprints(later)
    said = dict(honesty.assumptions(later))
    assert said["Borrow rate"] == "0.03"
    assert said["Itemised fees"] == "sec 1.25, taf none"


def test_text_is_escaped_and_markup_is_not() -> None:
    """Only what was made as markup is markup: in children, attributes and the cells of a table."""
    hostile = "<img src=x onerror=alert(1)>\"'\x1b"
    made = element("p", hostile, Html("<b>bold</b>"), title=hostile)
    assert made.count("<") == 4
    assert "<b>bold</b>" in made
    assert "\x1b" not in made
    assert "<img" not in table(hostile, [(hostile, "")], [[hostile]])
