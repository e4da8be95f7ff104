"""A snapshot as columns and rows of the tables: pure functions, every value formatted and inert."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from dashboards.components import cell, column
from dashboards.formatting import UNDEFINED, inert, number, percent, price, quantity, tone, utc

if TYPE_CHECKING:
    from dashboards.snapshot import Row, Snapshot

type Data = dict[str, Any]

POSITION_COLUMNS: Final = [
    column("symbol", "Symbol"),
    column("current_price", "Price", number=True),
    column("value", "Value", number=True),
    column("unrealized_pnl", "Gain or loss", number=True),
]
ORDER_COLUMNS: Final = [
    column("created_at", "Time (UTC)"),
    column("symbol", "Symbol"),
    column("side", "Side", wide=True),
    column("order_type", "Type", wide=True),
    column("quantity", "Quantity", number=True),
    column("filled_price", "Fill price", number=True, wide=True),
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
LEVEL_TONES: Final = {"warning": "warn", "error": "loss", "critical": "loss"}


def _row(key: object, *cells: dict[str, str]) -> Data:
    return {"key": str(key), "cells": list(cells)}


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
        cell(inert(row["symbol"]), "strong", f"{quantity(held)} at {price(paid)}"),
        cell(price(now)),
        cell(number(value)),
        cell(number(gain, signed=True), tone(gain), percent(share, signed=True)),
    )


def order_rows(snapshot: Snapshot) -> list[Data]:
    """Return the latest orders, newest first."""
    return [_order(row) for row in snapshot.orders]


def _order(row: Row) -> Data:
    total, filled = row.get("quantity"), row.get("filled_quantity")
    status = _words(row.get("status"))
    partly = f"{quantity(filled)} filled" if filled and filled != total else ""
    return _row(
        row["order_id"],
        cell(utc(row.get("created_at"))),
        cell(inert(row["symbol"]), "strong"),
        cell(inert(row.get("side"))),
        cell(_words(row.get("order_type")), "", _waits_for(row)),
        cell(_bought(row.get("side"), total), "", partly),
        cell(price(row.get("filled_price"))),
        cell(status, "loss" if status in {"rejected", "unknown"} else "", _words(row.get("reason"))),
    )


def _words(code: object) -> str:
    """Return a code such as stop_loss as words."""
    return inert(code).replace("_", " ")


def _waits_for(row: Row) -> str:
    """Return the prices that an order waits for."""
    given = (("stop", row.get("stop_price")), ("limit", row.get("price")))
    return ", ".join(f"{name} {price(value)}" for name, value in given if value is not None)


def _bought(side: object, amount: float | None) -> str:
    """Return a quantity with the sign of its side: what was sold is negative."""
    return quantity(-amount if amount is not None and side == "sell" else amount)


def fill_rows(snapshot: Snapshot) -> list[Data]:
    """Return the latest fills, newest first."""
    return [
        _row(
            row["key"],
            cell(utc(row.get("time"))),
            cell(inert(row["symbol"]), "strong"),
            cell(inert(row.get("side"))),
            cell(_bought(row.get("side"), row.get("quantity"))),
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
    period = _period(row.get("start"), row.get("end"))
    about = " \N{MIDDLE DOT} ".join((symbols, inert(row.get("timeframe")), period))
    return _row(
        row["id"],
        cell(inert(row.get("strategy")), "strong", about),
        cell(percent(gain, signed=True), tone(gain)),
        cell(percent(row.get("max_drawdown"))),
        cell(number(row.get("sharpe"))),
        cell(number(row.get("trades"), 0)),
    )


def _period(start: datetime | None, end: datetime | None) -> str:
    """Return the years a back-test covers, or its dates where it begins and ends in one year."""
    if start is None or end is None:
        return UNDEFINED
    first, last = start.astimezone(UTC), end.astimezone(UTC)
    shape = "%Y-%m-%d" if first.year == last.year else "%Y"
    return f"{first.strftime(shape)} to {last.strftime(shape)}"


def event_rows(snapshot: Snapshot) -> list[Data]:
    """Return the latest system events, newest first."""
    return [
        _row(
            row["id"],
            cell(utc(row.get("timestamp"), seconds=True)),
            cell(inert(row.get("level")), LEVEL_TONES.get(inert(row.get("level")), "")),
            cell(inert(row.get("message")), "", _details(row)),
        )
        for row in snapshot.events
    ]


def _details(row: Row) -> str:
    """Return where an event comes from and what it says of limits, symbols and reasons."""
    about = row.get("metadata") or {}
    parts = [inert(row.get("module"))]
    if about.get("breach"):
        parts.append(f"{inert(about['breach'])} {percent(about.get('value'))} against {percent(about.get('bound'))}")
    parts += [inert(about[name]) for name in ("symbol", "reason", "error") if about.get(name)]
    if isinstance(about.get("time"), int):
        parts.append(f"at {utc(datetime.fromtimestamp(about['time'] / 1e6, tz=UTC))}")
    return " \N{MIDDLE DOT} ".join(part for part in parts if part)
