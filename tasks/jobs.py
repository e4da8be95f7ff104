"""The steps that flows make tasks of: each finds its installation, configuration and database by itself."""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from domain.errors import TradingError
from tasks.backtest import BacktestRequest, run_backtest
from tasks.database.connection import UNAVAILABLE
from tasks.database.results import save_backtest
from tasks.report import DailyReport, daily_report
from tasks.session_plan import Wishes
from tasks.settings import installation, load_settings
from tasks.system_database import join_database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Literal

    from tasks.database.connection import Database
    from tasks.settings import Installation, Settings


@dataclass(frozen=True)
class Workspace:
    """What a process of the system works with."""

    installation: Installation
    settings: Settings
    database: Database


@contextmanager
def workspace(application: str) -> Iterator[Workspace]:
    """Give what a process works with; ``application`` is its name in the database's list of sessions."""
    place = installation()
    database = join_database(place, application)
    try:
        yield Workspace(place, load_settings(), database)
    finally:
        database.close()


def attempt[**P, R](step: Callable[P, R], *given: P.args, **named: P.kwargs) -> R | TradingError:
    """Return what ``step`` returns, or the error that a caller reports and goes on after."""
    try:
        return step(*given, **named)
    except TradingError as error:
        return error


def is_database_away(error: object) -> bool:
    """Whether a step failed because the database did not answer, which may pass."""
    return isinstance(error, UNAVAILABLE)


def dashboard_url() -> str:
    """Return the address of the dashboard, for links."""
    return f"http://127.0.0.1:{installation().web_port}/"


@dataclass(frozen=True)
class Wanted:
    """What a back-test job sets in place of the configuration."""

    symbols: tuple[str, ...] = ()
    parameters: Mapping[str, float | int | bool | str] = field(default_factory=dict)
    start: str | None = None
    end: str | None = None
    engine: Literal["kernel", "event"] = "kernel"


def strategies_to_test(names: Sequence[str] | None) -> list[str]:
    """Return ``names``, or where there are none those enabled in the configuration."""
    return list(names or ()) or [entry.name for entry in load_settings().enabled]


def backtest_and_store(strategy: str, wanted: Wanted | None = None) -> dict[str, Any]:
    """Back-test ``strategy`` with the configuration, limits on, and store it; return the row a person wants to see."""
    wanted = wanted or Wanted()
    with workspace("backtest") as place:
        request = BacktestRequest(
            strategies=(strategy,),
            parameters=dict(wanted.parameters),
            symbols=wanted.symbols,
            start=wanted.start or None,
            end=wanted.end or None,
            limits=True,
            engine=wanted.engine,
            settings=place.settings,
        )
        result = run_backtest(request, database=place.database)
        stored = save_backtest(place.database, result.document, result.fills, result.trades, result.equity, origin="flow")
    metrics = result.document["metrics"]
    return {
        "id": stored,
        "strategy": strategy,
        "symbols": ", ".join(result.document["symbols"]),
        "total return": _percent(metrics["total_return"]),
        "Sharpe": None if metrics["sharpe"] is None else round(metrics["sharpe"], 2),
        "max drawdown": _percent(metrics["max_drawdown"]),
        "trades": result.document["trades"],
        "warnings": len(result.document["warnings"]),
    }


def report_day(run_id: str | None = None) -> DailyReport:
    """Write the performance of a trading run, the latest where none is named, and return the report."""
    with workspace("report") as place:
        return daily_report(place.database, run_id)


def _percent(fraction: float | None) -> str:
    return "" if fraction is None else f"{100.0 * fraction:.2f} %"


def wishes(
    strategies: Sequence[str] | None,
    symbols: Sequence[str] | None,
    feed: str | None,
    speed: float | Literal["max"] | None,
    initial_cash: float | None,
) -> Wishes:
    """Return a session's wishes from a form's fields."""
    pace = math.inf if speed == "max" else speed
    return Wishes(tuple(strategies or ()), tuple(symbols or ()), feed or None, pace, initial_cash)
