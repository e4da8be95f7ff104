"""What a result rests on, read from its document.

The one place that knows the document's keys by name. A key that is not known here, such as one a later version adds, is shown under
its own name: nothing a run says about itself is left out.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from dashboards.formatting import UNDEFINED, number, percent, quantity
from domain.market import Timeframe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    type Pairs = list[tuple[str, str]]

_SHOWN_ELSEWHERE: Final = {
    "strategy", "parameters", "symbols", "timeframe", "start", "end", "bars", "fills", "trades", "initial_cash",
    "final_equity", "metrics", "drawdown", "benchmark", "warnings", "limits", "assumptions", "ambiguous_bars", "engine",
    "dataset_id", "ledger_sha256", "equity_sha256",
}  # fmt: skip
_AGAINST: Final = {
    "alpha": ("Alpha a year", percent),
    "beta": ("Beta", number),
    "capture": ("Capture", number),
    "up_capture": ("Capture when it rose", number),
    "down_capture": ("Capture when it fell", number),
    "tracking_error": ("Tracking error a year", percent),
    "information_ratio": ("Information ratio", number),
}
_HOLES_SHOWN: Final = 20
_NAMES_SHOWN: Final = 12

PATHS: Final = {
    "worst": "worst of open-high-low-close and open-low-high-close",
    "ohlc": "open, high, low, close",
    "olhc": "open, low, high, close",
    "nearest": "to the extreme nearer to the open first",
    "finer": "finer bars",
}


def assumptions(document: Mapping[str, Any]) -> Pairs:
    """Return what the simulated exchange and the account were assumed to be."""
    given = dict(document.get("assumptions") or {})
    for name in ("data_holes", "refusals"):
        given.pop(name, None)
    path = str(given.pop("path", "worst"))
    cut, trials = given.pop("fills_cut_by_volume", None), given.pop("trials", None)
    ambiguous, bars = document.get("ambiguous_bars", 0), document["bars"]
    shown = [
        ("Path inside a bar", PATHS.get(path, path)),
        ("Ambiguous bars", f"{number(ambiguous, 0)} of {number(bars, 0)} ({percent(ambiguous / bars if bars else None)})"),
        ("Fills limited by volume", percent(cut)),
        ("Volume a bar lets us take", _volume(given.pop("volume_limit", None))),
        ("Commission", _basis_points(given.pop("commission_bps", None))),
        ("Slippage", _basis_points(given.pop("slippage_bps", None))),
        ("Sizing", _sizing(given.pop("sizing", None))),
        ("Trials behind the parameters", UNDEFINED if trials is None else number(trials, 0)),
    ]
    return shown + [(label(name), plain(value)) for name, value in given.items()]


def against(document: Mapping[str, Any]) -> Pairs:
    """Return the run's measures against the benchmark, and the course of its deepest fall, as far as the document has them."""
    benchmark, fall = document.get("benchmark") or {}, document.get("drawdown") or {}
    shown = [(name, format_(benchmark[key])) for key, (name, format_) in _AGAINST.items() if key in benchmark]
    if fall:
        course = [fall.get(name) for name in ("peak", "trough", "recovery")]
        said = [when(each, daily=True) if each else "not yet" for each in course]
        shown.append(("Deepest drawdown", f"from {said[0]} to {said[1]}, recovered {said[2]}"))
        shown.append(("Longest below a peak", f"{plain(fall.get('longest_sessions'))} sessions"))
    return shown


def limits(document: Mapping[str, Any]) -> Pairs:
    """Return the limits in force, as shares of the equity."""
    bounds = document.get("limits") or {}
    if not bounds.get("on"):
        return [("Limits", "off")]
    return [(label(name), "none" if bound is None else _bound(bound)) for name, bound in bounds.items() if name != "on"]


def _bound(value: Any) -> str:
    return percent(value) if isinstance(value, float) else plain(value)


def refusals(document: Mapping[str, Any]) -> Pairs:
    """Return how many orders, or parts of them, were refused for each reason."""
    counts = (document.get("assumptions") or {}).get("refusals") or {}
    return [(label(reason), plain(count)) for reason, count in counts.items()] or [("Refused orders", "none")]


def fingerprints(document: Mapping[str, Any]) -> Pairs:
    """Return what identifies data and result, and everything else the document says."""
    named = [
        ("Dataset", document["dataset_id"]),
        ("Ledger SHA-256", document["ledger_sha256"]),
        ("Equity SHA-256", document["equity_sha256"]),
        ("Engine", document["engine"]),
    ]
    return named + [(label(name), plain(value)) for name, value in document.items() if name not in _SHOWN_ELSEWHERE]


def holes(document: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return symbol, missing bars and longest hole of each symbol that misses bars, the worst first, and what is not shown."""
    found = (document.get("assumptions") or {}).get("data_holes") or {}
    broken = sorted(((symbol, hole) for symbol, hole in found.items() if hole["missing"]), key=lambda item: -item[1]["missing"])
    rows = [
        (symbol, number(hole["missing"], 0), _longest(hole["longest"], daily=is_daily(document)))
        for symbol, hole in broken[:_HOLES_SHOWN]
    ]
    if len(broken) > _HOLES_SHOWN:
        rest = sum(hole["missing"] for _, hole in broken[_HOLES_SHOWN:])
        rows.append((f"{len(broken) - _HOLES_SHOWN} more", number(rest, 0), "see result.json"))
    return rows


def _longest(hole: Mapping[str, Any] | None, *, daily: bool) -> str:
    if hole is None:
        return UNDEFINED
    return f"{number(hole['bars'], 0)} from {when(hole['first'], daily=daily)} to {when(hole['last'], daily=daily)}"


def when(iso: str, *, daily: bool) -> str:
    """Return an instant of the document in UTC as a person reads it: the day alone of ``daily`` bars."""
    day, _, clock = str(iso).partition("T")
    return day if daily or not clock else f"{day} {clock[:5]}"


def is_daily(document: Mapping[str, Any]) -> bool:
    """Whether a bar is a session: then its day says all of its time."""
    return Timeframe.parse(document["timeframe"]).is_daily


def _basis_points(value: float | None) -> str:
    return UNDEFINED if value is None else f"{quantity(round(float(value), 6))} bp of the value traded"


def _volume(shares: Mapping[str, float | None] | None) -> str:
    """Return the share of a bar's volume that fills may take: one where all symbols have the same."""
    if not shares:
        return UNDEFINED
    said = {symbol: "no rule" if share is None else percent(share, decimals=1) for symbol, share in shares.items()}
    return next(iter(said.values())) if len(set(said.values())) == 1 else plain(said)


def _sizing(rules: Mapping[str, str | None] | None) -> str:
    """Return the rule that made quantities of targets, by strategy where there are several."""
    said = {name: rule or "fixed_fraction, 0.95 / number of symbols" for name, rule in (rules or {}).items()}
    return next(iter(said.values())) if len(set(said.values())) == 1 else plain(said)


def label(name: str) -> str:
    """Return a key of the document as words."""
    words = str(name).replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def plain(value: Any) -> str:
    """Return any value of a document as a person reads it; long lists are cut with how many more there are."""
    if isinstance(value, dict):
        return _some([f"{str(key).replace('_', ' ')} {plain(item)}" for key, item in value.items()])
    if isinstance(value, list | tuple):
        return _some([plain(item) for item in value])
    return _scalar(value)


def _scalar(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return number(value, 0)
    if isinstance(value, float):
        return quantity(value) if math.isfinite(value) else UNDEFINED
    return str(value)


def _some(items: Sequence[str]) -> str:
    rest = len(items) - _NAMES_SHOWN
    return ", ".join(items[:_NAMES_SHOWN]) + (f" and {rest} more" if rest > 0 else "") if items else "none"
