"""A snapshot as the data of the components: pure functions, every value formatted and inert."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from dashboards.components import cell, column
from dashboards.formatting import UNDEFINED, inert, number, percent, price, quantity, span, tone, utc

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dashboards.equity import Point
    from dashboards.snapshot import Account, Row, Snapshot

type Data = dict[str, Any]

POSITION_COLUMNS: Final = [
    column("symbol", "Symbol"),
    column("quantity", "Quantity", number=True),
    column("average_price", "Average price", number=True, wide=True),
    column("current_price", "Price", number=True),
    column("value", "Value", number=True, wide=True),
    column("unrealized_pnl", "Gain or loss", number=True),
]
ORDER_COLUMNS: Final = [
    column("created_at", "Time (UTC)", wide=True),
    column("symbol", "Symbol"),
    column("side", "Side"),
    column("quantity", "Quantity", number=True),
    column("filled_price", "Filled at", number=True, wide=True),
    column("status", "Status"),
]
FILL_COLUMNS: Final = [
    column("time", "Bar (UTC)"),
    column("symbol", "Symbol"),
    column("side", "Side", wide=True),
    column("quantity", "Quantity", number=True),
    column("price", "Price", number=True),
    column("fee", "Fee", number=True, wide=True),
]
BACKTEST_COLUMNS: Final = [
    column("strategy", "Strategy"),
    column("total_return", "Return", number=True),
    column("max_drawdown", "Drawdown", number=True),
    column("sharpe", "Sharpe", number=True, wide=True),
    column("trades", "Trades", number=True, wide=True),
]
EVENT_COLUMNS: Final = [
    column("timestamp", "Time (UTC)"),
    column("level", "Level", wide=True),
    column("message", "What happened"),
]
STALE_SECONDS: Final = 15.0  # the feed reads every three seconds at least
SILENT_SECONDS: Final = 60.0  # a session reports every few seconds
LIVE_STATES: Final = frozenset({"starting", "trading", "halted"})
STATE_TONES: Final = {"trading": "good", "starting": "good", "halted": "bad"}
LEVEL_TONES: Final = {"warning": "warn", "error": "loss", "critical": "loss"}


def _row(key: object, *cells: dict[str, str]) -> Data:
    return {"key": str(key), "cells": list(cells)}


def headline(snapshot: Snapshot) -> Data:
    """Return the account's figures, or dashes where no session has marked its equity yet."""
    account = snapshot.account
    run = snapshot.run or {}
    if account is None:
        names = (("cash", "Cash"), ("invested", "Invested"), ("drawdown", "Drawdown now"), ("deepest", "Deepest drawdown"))
        figures = [_figure(name, label, UNDEFINED) for name, label in names]
        return {"caption": "Equity", "value": UNDEFINED, "unit": "", "moves": [], "figures": figures}
    currency = inert(run.get("currency", "USD"))
    return {
        "caption": f"Equity, {inert(run.get('broker'))} account",
        "value": number(account.equity),
        "unit": currency,
        "moves": _moves(account),
        "figures": _figures(account, snapshot),
    }


def _moves(account: Account) -> list[Data]:
    """Return how far the equity moved on its last session day and since the start."""
    gained = account.equity - account.initial_cash
    day = f"{number(account.day_change, signed=True)} ({percent(account.day_return, signed=True)})"
    total = f"{number(gained, signed=True)} ({percent(account.total_return, signed=True)})"
    return [
        {
            "name": "day",
            "value": _arrow(account.day_return) + day,
            "label": f"on {account.session_day}",
            "tone": tone(account.day_return),
        },
        {"name": "total", "value": _arrow(gained) + total, "label": "since the start", "tone": tone(gained)},
    ]


def _arrow(value: float | None) -> str:
    """Return a direction that needs no colour to be read."""
    direction = tone(value)
    return {"gain": "\N{BLACK UP-POINTING TRIANGLE} ", "loss": "\N{BLACK DOWN-POINTING TRIANGLE} "}.get(direction, "")


def _figure(name: str, label: str, value: str, tone_: str = "", title: str = "") -> Data:
    return {"name": name, "label": label, "value": value, "tone": tone_, "title": title}


def _figures(account: Account, snapshot: Snapshot) -> list[Data]:
    """Return the six figures beside the equity."""
    invested = account.equity - account.cash
    share = invested / account.equity if account.equity else None
    return [
        _figure("cash", "Cash", number(account.cash)),
        _figure("invested", "Invested", number(invested), title="market value of all positions"),
        _figure("share", "Invested share", percent(share, decimals=1)),
        _figure("drawdown", "Drawdown now", percent(account.drawdown), tone(account.drawdown), "below the highest equity so far"),
        _figure("deepest", "Deepest drawdown", percent(account.deepest_drawdown), tone(account.deepest_drawdown)),
        _figure("open_orders", "Open orders", str(snapshot.open_orders)),
    ]


def badge(snapshot: Snapshot, prefect_url: str) -> Data:
    """Return the state of the session for the header."""
    state = inert((snapshot.run or {}).get("state", "")) or "no session"
    if snapshot.failure:
        return {"state": "database away", "tone": "bad", "text": "", "prefect": prefect_url}
    last_bar = (snapshot.run or {}).get("last_bar")
    text = f"last bar {utc(last_bar)} UTC" if last_bar is not None else ""
    return {"state": state, "tone": STATE_TONES.get(state, ""), "text": text, "prefect": prefect_url}


def notice(snapshot: Snapshot, now: float) -> Data:
    """Return what a person must know before the figures; ``now`` in seconds since 1970."""
    if snapshot.read_at is None:
        reason = snapshot.failure or "it has not been asked yet"
        return {"level": "stop", "text": f"No data yet: the database does not answer ({inert(reason)}). Nothing below is known."}
    if snapshot.failure or now - snapshot.read_at > STALE_SECONDS:
        reason = inert(snapshot.failure) or "without a reason"
        text = f"The database does not answer ({reason}). All figures are {span(now - snapshot.read_at)} old and may have changed."
        return {"level": "stop", "text": text}
    if snapshot.run is None:
        text = "No session has run yet. ./pi5 up starts one; ./pi5 trade starts one by hand."
        return {"level": "info", "text": text}
    if snapshot.run.get("state") == "halted":
        text = "Trading is halted: no position is opened until a person resumes. Exits stay possible."
        return {"level": "warn", "text": text}
    silence = snapshot.run.get("silent_seconds") or 0.0
    if snapshot.run.get("state") in LIVE_STATES and silence > SILENT_SECONDS:
        text = f"The session has not reported for {span(silence)}: it may have ended. ./pi5 status says what runs."
        return {"level": "warn", "text": text}
    return {"level": "", "text": ""}


def session_facts(snapshot: Snapshot) -> Data:
    """Return the state of the session in words."""
    run = snapshot.run
    if run is None:
        return {"title": "Session", "note": "", "rows": [_fact("state", "State", "none yet")]}
    state = inert(run.get("state"))
    rows = [
        _fact("state", "State", state, {"halted": "loss strong"}.get(state, "strong")),
        _fact("broker", "Broker", inert(run.get("broker"))),
        _fact("feed", "Feed", inert(run.get("feed"))),
        _fact("last_bar", "Last bar", f"{utc(run.get('last_bar'))} UTC" if run.get("last_bar") else UNDEFINED),
        _fact("strategies", "Strategies", ", ".join(inert(name) for name in run.get("strategies", ())) or UNDEFINED),
        _fact("started_at", "Started", f"{utc(run.get('started_at'))} UTC"),
        _fact("run_id", "Run", inert(run.get("run_id"))[:8]),
    ]
    return {"title": "Session", "note": "", "rows": rows}


def _fact(name: str, label: str, value: str, tone_: str = "") -> Data:
    return {"name": name, "label": label, "value": value, "tone": tone_}


def session_curve(snapshot: Snapshot) -> Data:
    """Return the equity curve of the session."""
    base = snapshot.account.initial_cash if snapshot.account else 0.0
    note = ""
    if snapshot.curve:
        note = f"{_day(snapshot.curve[0].time)} to {_day(snapshot.curve[-1].time)}, UTC"
    return curve("Equity", note, snapshot.curve, base, "The curve begins with the first bar of a session.")


def curve(title: str, note: str, points: Iterable[Point], base: float, empty: str) -> Data:
    """Return the data of a drawing; amounts to a hundredth, drawdowns to a hundredth of a percent's hundredth."""
    points = tuple(points)
    return {
        "title": title,
        "note": note,
        "times": [point.time for point in points],
        "equity": [round(point.equity, 2) for point in points],
        "drawdown": [round(point.drawdown, 6) for point in points],
        "base": base,
        "unit": "USD",
        "empty": empty,
    }


def _day(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, tz=UTC).strftime("%Y-%m-%d")


def position_rows(snapshot: Snapshot) -> list[Data]:
    """Return the positions held."""
    return [_position(row) for row in snapshot.positions]


def _position(row: Row) -> Data:
    held, paid, now, gain = (row.get(name) for name in ("quantity", "average_price", "current_price", "unrealized_pnl"))
    value = held * now if held is not None and now is not None else None
    cost = abs(held * paid) if held is not None and paid is not None else None
    share = gain / cost if gain is not None and cost else None
    return _row(
        row["symbol"],
        cell(inert(row["symbol"]), "strong"),
        cell(quantity(held)),
        cell(price(paid)),
        cell(price(now)),
        cell(number(value)),
        cell(number(gain, signed=True), tone(gain), percent(share, signed=True)),
    )


def order_rows(snapshot: Snapshot) -> list[Data]:
    """Return the latest orders, newest first."""
    return [_order(row) for row in snapshot.orders]


def _order(row: Row) -> Data:
    total, filled = row.get("quantity"), row.get("filled_quantity")
    status = inert(row.get("status")).replace("_", " ")
    partly = f"{quantity(filled)} filled" if filled and filled != total else ""
    return _row(
        row["order_id"],
        cell(utc(row.get("created_at"))),
        cell(inert(row["symbol"]), "strong"),
        cell(inert(row.get("side"))),
        cell(quantity(total), "", partly),
        cell(price(row.get("filled_price"))),
        cell(status, "loss" if status in {"rejected", "unknown"} else ""),
    )


def fill_rows(snapshot: Snapshot) -> list[Data]:
    """Return the latest fills, newest first."""
    return [
        _row(
            row["key"],
            cell(utc(row.get("time"))),
            cell(inert(row["symbol"]), "strong"),
            cell(inert(row.get("side"))),
            cell(quantity(row.get("quantity"))),
            cell(price(row.get("price"))),
            cell(number(row.get("fee"))),
        )
        for row in snapshot.fills
    ]


def backtest_rows(snapshot: Snapshot) -> list[Data]:
    """Return the latest back-tests, newest first."""
    return [_backtest(row) for row in snapshot.backtests]


def _backtest(row: Row) -> Data:
    gain = row.get("total_return")
    symbols = ", ".join(inert(symbol) for symbol in row.get("symbols", ()))
    about = " \N{MIDDLE DOT} ".join(
        (inert(symbols), inert(row.get("timeframe")), f"{_date(row.get('start'))} to {_date(row.get('end'))}")
    )
    return _row(
        row["id"],
        cell(inert(row.get("strategy")), "strong", about),
        cell(percent(gain, signed=True), tone(gain)),
        cell(percent(row.get("max_drawdown"))),
        cell(number(row.get("sharpe"))),
        cell(number(row.get("trades"), 0)),
    )


def _date(moment: datetime | None) -> str:
    return UNDEFINED if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%d")


def event_rows(snapshot: Snapshot) -> list[Data]:
    """Return the latest system events, newest first."""
    return [
        _row(
            row["id"],
            cell(utc(row.get("timestamp"), seconds=True)),
            cell(inert(row.get("level")), LEVEL_TONES.get(inert(row.get("level")), "")),
            cell(inert(row.get("message")), "", inert(row.get("module"))),
        )
        for row in snapshot.events
    ]


def backtest_curve(document: Row | None) -> Data:
    """Return the equity curve of a stored back-test; ``document`` carries its ``points`` beside the result."""
    if document is None:
        return curve("Equity of the back-test", "", (), 0.0, "Choose a back-test to see its equity.")
    title = f"{inert(document.get('strategy'))} on {', '.join(inert(symbol) for symbol in document.get('symbols', ()))}"
    note = f"{number(document.get('final_equity'))} at the end"
    return curve(title, note, document["points"], float(document["initial_cash"]), "This back-test has no bars.")
