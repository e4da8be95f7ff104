"""A snapshot as the components' data."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from dashboards import tables, views
from dashboards.snapshot import Account, Snapshot

NOW = 1_700_000_000.0
RUN = {
    "run_id": "0123456789abcdef",
    "account": "paper",
    "state": "trading",
    "broker": "paper",
    "feed": "replay",
    "strategies": ["buy_and_hold"],
    "currency": "USD",
    "started_at": datetime(2024, 1, 2, tzinfo=UTC),
    "last_bar": datetime(2024, 1, 3, 14, 30, tzinfo=UTC),
}
ACCOUNT = Account(
    equity=101_000.0,
    cash=21_000.0,
    initial_cash=100_000.0,
    session_day="2024-01-03",
    day_change=-500.0,
    day_return=-500 / 101_500,
    total_return=0.01,
    drawdown=-0.02,
    deepest_drawdown=-0.05,
)


def test_before_the_first_answer_nothing_is_claimed() -> None:
    """Without a reading the page says so, and no figure is a number."""
    snapshot = Snapshot(failure="it cannot be reached")
    assert views.notice(snapshot, NOW)["level"] == "stop"
    shown = views.headline(snapshot)
    assert {shown["value"], *(figure["value"] for figure in shown["figures"])} == {"\N{EN DASH}"}


@pytest.mark.parametrize(
    ("snapshot", "level", "words"),
    [
        (Snapshot(read_at=NOW - 1), "info", "No session has run yet"),
        (Snapshot(read_at=NOW - 1, run=RUN), "", ""),
        (Snapshot(read_at=NOW - 1, run={**RUN, "state": "halted"}), "warn", "halted"),
        (Snapshot(read_at=NOW - 300, run=RUN, failure="gone"), "stop", "5 min old"),
        (Snapshot(read_at=NOW - 60, run=RUN), "stop", "60 s old"),
        (Snapshot(read_at=NOW - 1, run={**RUN, "silent_seconds": 90.0}), "warn", "has not reported for 90 s"),
        (Snapshot(read_at=NOW - 1, run={**RUN, "silent_seconds": 90.0, "state": "finished"}), "", ""),
    ],
)
def test_the_notice_says_what_must_be_known_first(snapshot: Snapshot, level: str, words: str) -> None:
    """Silence, a halt, no session: each in words; a silent database counts as away even without an error."""
    notice = views.notice(snapshot, NOW)
    assert notice["level"] == level
    assert words in notice["text"]


def test_the_headline_shows_money_moves_and_share() -> None:
    """Equity, the day's and the whole change with sign, arrow and tone, and what is invested."""
    shown = views.headline(Snapshot(read_at=NOW, run=RUN, account=ACCOUNT, open_orders=3))
    assert (shown["value"], shown["unit"]) == ("101,000.00", "USD")
    day, total = shown["moves"]
    assert day["value"] == "\N{BLACK DOWN-POINTING TRIANGLE} \N{MINUS SIGN}500.00 (\N{MINUS SIGN}0.49 %)"
    assert (day["label"], day["tone"], total["tone"]) == ("on 2024-01-03", "loss", "gain")
    figures = {figure["name"]: figure["value"] for figure in shown["figures"]}
    assert figures["invested"] == "80,000.00"
    assert figures["share"] == "79.2 %"
    assert figures["open_orders"] == "3"


def test_a_position_shows_value_and_gain_of_its_cost() -> None:
    """A short position's gain is a fraction of what it cost, with the right sign."""
    row = {"symbol": "IBM", "quantity": -10.0, "average_price": 100.0, "current_price": 90.0, "unrealized_pnl": 100.0}
    (shown,) = tables.position_rows(Snapshot(positions=(row,)))
    texts = [cell["text"] for cell in shown["cells"]]
    assert texts == ["IBM", "90.00", "\N{MINUS SIGN}900.00", "+100.00"]
    assert shown["cells"][0]["sub"] == "\N{MINUS SIGN}10 at 100.00"
    assert shown["cells"][-1]["sub"] == "+10.00 %"


def test_a_partly_filled_order_says_how_much() -> None:
    """The status and the part that traded are both shown."""
    order = {
        "order_id": "a",
        "symbol": "IBM",
        "side": "buy",
        "quantity": 10.0,
        "filled_quantity": 4.0,
        "status": "partially_filled",
    }
    (shown,) = tables.order_rows(Snapshot(orders=(order,)))
    cells = {column["name"]: cell for column, cell in zip(tables.ORDER_COLUMNS, shown["cells"], strict=True)}
    assert cells["status"]["text"] == "partially filled"
    assert cells["quantity"]["sub"] == "4 filled"


@pytest.mark.parametrize(
    ("kind", "prices", "words", "waits_for"),
    [
        ("market", {}, "market", ""),
        ("limit", {"price": 94.5}, "limit", "limit 94.50"),
        ("stop_limit", {"price": 94.5, "stop_price": 95.0}, "stop limit", "stop 95.00, limit 94.50"),
    ],
)
def test_an_order_shows_its_type_its_prices_and_its_reason(kind: str, prices: dict, words: str, waits_for: str) -> None:
    """What an order waits for stands under its type, why it was placed under its status."""
    order = {"order_id": "a", "symbol": "IBM", "status": "accepted", "order_type": kind, "reason": "stop_loss", **prices}
    (shown,) = tables.order_rows(Snapshot(orders=(order,)))
    cells = {column["name"]: cell for column, cell in zip(tables.ORDER_COLUMNS, shown["cells"], strict=True)}
    assert (cells["order_type"]["text"], cells["order_type"]["sub"]) == (words, waits_for)
    assert (cells["status"]["text"], cells["status"]["sub"]) == ("accepted", "stop loss")


def test_a_limit_that_stands_is_named_until_the_session_ends() -> None:
    """A person sees why nothing is bought any more; what a finished session refused does not matter now."""
    limit = {"time": datetime(2024, 1, 3, tzinfo=UTC), "value": 0.254, "bound": 0.25}
    shown = views.notice(Snapshot(read_at=NOW, run=RUN, standing_limit=limit), NOW)
    assert shown["level"] == "warn"
    assert "25.00 % was met on 2024-01-03 with 25.40 %" in shown["text"]
    over = views.notice(Snapshot(read_at=NOW, run={**RUN, "state": "finished"}, standing_limit=limit), NOW)
    assert over["level"] == ""


def test_an_event_of_a_limit_tells_value_and_bound() -> None:
    """The details of an event are read from what was recorded with it."""
    about = {"breach": "daily_loss_limit", "value": 0.0311, "bound": 0.03, "time": 1_611_349_200_000_000}
    (shown,) = tables.event_rows(Snapshot(events=({"id": 1, "module": "session", "message": "limit breached", "metadata": about},)))
    assert shown["cells"][2]["sub"].split(" \N{MIDDLE DOT} ")[1] == "daily_loss_limit 3.11 % against 3.00 %"
    assert shown["cells"][2]["sub"].endswith("at 2021-01-22 21:00")


def test_no_chosen_back_test_leaves_an_empty_drawing() -> None:
    """The drawing asks for a choice instead of showing a flat line."""
    assert views.backtest_curve(None)["times"] == []
