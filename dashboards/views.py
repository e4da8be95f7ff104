"""A snapshot as the data of headline, notice, facts and curves: pure functions, every value formatted and inert."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from dashboards.formatting import UNDEFINED, inert, number, percent, span, tone, utc

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dashboards.equity import Point
    from dashboards.snapshot import Account, Row, Snapshot

type Data = dict[str, Any]

STALE_SECONDS: Final = 15.0  # the feed reads every three seconds at least
SILENT_SECONDS: Final = 60.0  # a session reports every few seconds
LIVE_STATES: Final = frozenset({"starting", "trading", "halted"})
STATE_TONES: Final = {"trading": "good", "starting": "good", "halted": "bad"}


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
    level, text = _database_notice(snapshot, now) or _session_notice(snapshot) or ("", "")
    return {"level": level, "text": text}


def _database_notice(snapshot: Snapshot, now: float) -> tuple[str, str] | None:
    """Return what to say when the figures are not those of now."""
    reason = inert(snapshot.failure) or "no reason is known"
    if snapshot.read_at is None:
        return "stop", f"No data yet: the database does not answer ({reason}). Nothing below is known."
    age = now - snapshot.read_at
    if snapshot.failure or age > STALE_SECONDS:
        return "stop", f"The database does not answer ({reason}). All figures are {span(age)} old and may have changed."
    return None


def _session_notice(snapshot: Snapshot) -> tuple[str, str] | None:
    """Return what to say of a session that is missing, silent, halted or held back by a limit."""
    run = snapshot.run
    if run is None:
        return "info", "No session has run yet. ./pi5 up starts one; ./pi5 trade starts one by hand."
    if run.get("state") not in LIVE_STATES:
        return None
    silence = run.get("silent_seconds") or 0.0
    if silence > SILENT_SECONDS:
        return "warn", f"The session has not reported for {span(silence)}: it may have ended. ./pi5 status says what runs."
    if run.get("state") == "halted":
        return "warn", "Trading is halted: no position is opened until a person resumes. Exits stay possible."
    limit = snapshot.standing_limit
    return None if limit is None else ("warn", _standing(limit))


def _standing(limit: Row) -> str:
    """Return why nothing is bought any more."""
    return (
        f"The drawdown limit of {percent(limit['bound'])} was met on {utc(limit['time'])[:10]} with {percent(limit['value'])}: no "
        "position is opened in the rest of this run. Exits stay possible."
    )


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


def backtest_curve(document: Row | None) -> Data:
    """Return the equity curve of a stored back-test; ``document`` carries its ``points`` beside the result."""
    if document is None:
        return curve("Equity of the back-test", "", (), 0.0, "Choose a back-test to see its equity.")
    title = f"{inert(document.get('strategy'))} on {', '.join(inert(symbol) for symbol in document.get('symbols', ()))}"
    note = f"{number(document.get('final_equity'))} at the end"
    return curve(title, note, document["points"], float(document["initial_cash"]), "This back-test has no bars.")
