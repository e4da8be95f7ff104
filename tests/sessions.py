"""Sessions for tests: a configuration, real bars in a small file, and a session in a process of its own.

As a program (``python -m tests.sessions URL CONFIG SPEED [STRATEGIES [FEED]]``) it trades one session to its end, as the
supervisor's process does without Prefect; STRATEGIES is a folder in place of the installed one, FEED what the bars pass for.
"""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from domain.errors import TradingError
from tasks import log, registry
from tasks.backtest import run_backtest
from tasks.database.connection import Database
from tasks.history import from_file
from tasks.session import trade
from tasks.session_plan import Wishes, parse_speed, plan_session, session_request
from tasks.settings import load_settings

if TYPE_CHECKING:
    from tasks.backtest import BacktestResult
    from tasks.settings import Settings

ROOT = Path(__file__).parents[1]
SHIPPED = ROOT / "deployments/data/equity_1d.parquet"

STRATEGIES = """
  - {name: moving_average_crossover, symbols: [SPY], parameters: {fast: 3, slow: 8}, sizing: "fixed_fraction:0.3"}
  - {name: rsi_mean_reversion, symbols: [IBM], parameters: {period: 5, low: 45, high: 55}, sizing: "fixed_fraction:0.3"}
  - {name: buy_and_hold, symbols: [QQQ], sizing: "fixed_fraction:0.2"}
"""

SHARED = """
  - {name: moving_average_crossover, shared: true, symbols: [IBM, SPY],
     parameters: {fast: 3, slow: 8}, sizing: "fixed_fraction:0.2"}
  - {name: rsi_mean_reversion, shared: true, symbols: [IBM, SPY],
     parameters: {period: 5, low: 45, high: 55}, sizing: "fixed_fraction:0.1"}
  - {name: buy_and_hold, symbols: [QQQ], sizing: "fixed_fraction:0.2"}
"""
"""Two strategies that mostly let their targets stand, on two symbols together."""

RESTING = """
  - {name: guarded, symbols: [IBM, SPY], sizing: "fixed_fraction:0.4"}
  - {name: bracketed, symbols: [QQQ]}
costs: {slippage_bps: 1, impact: 0.5, borrow_rate: 0.05, regulatory_fees: true}
broker: {type: margin}
risk_management: {max_drawdown: off, daily_loss_limit: off, max_position_size: 1.0, max_gross_exposure: 3.0}
"""
"""Stop-losses, take-profits and trailing stops, brackets of a strategy's own, short positions, and every cost."""

RESTING_STRATEGIES = ROOT / "tests/session_strategies"

PRESENT = "yahoo"
"""A feed whose bars nobody has examined with hindsight."""


def write_bars(path: Path, count: int, symbols: tuple[str, ...] = ("IBM", "QQQ", "SPY"), first: int = 600) -> Path:
    """Write ``count`` shipped daily bars of each symbol, from bar ``first`` of the last to begin, as CSV."""
    shipped = from_file(SHIPPED, symbols, None).history
    begin = int(max(bars.time[first] for bars in shipped.bars))
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["time", "symbol", "open", "high", "low", "close", "volume"])
        for bars in shipped.bars:
            low = int(bars.time.searchsorted(begin))
            for index in range(low, low + count):
                bar = bars.bar(index)
                stamp = datetime.fromtimestamp(bar.time // 1_000_000, UTC).isoformat()
                writer.writerow([stamp, bar.symbol, bar.open, bar.high, bar.low, bar.close, bar.volume])
    return path


def make_spikes(path: Path, symbol: str, every: int, factor: float = 1.4) -> None:
    """Take every so many bars of ``symbol`` in a file to another level, from the thirtieth on: a session may doubt them by then."""
    lines = path.read_text().splitlines()
    mine = [number for number, line in enumerate(lines) if f",{symbol}," in line]
    for number in mine[30::every]:
        time, name, *prices, volume = lines[number].split(",")
        lines[number] = ",".join([time, name, *(str(round(float(price) * factor, 2)) for price in prices), volume])
    path.write_text("\n".join(lines) + "\n")


def write_configuration(folder: Path, bars: Path, strategies: str = STRATEGIES, speed: float | str = "max") -> Path:
    """Write a configuration that trades ``bars``; return its path."""
    path = folder / "config.yaml"
    path.write_text(f"session: {{feed: 'replay:{bars}', speed: {speed}}}\nstrategies:{strategies}", encoding="utf-8")
    return path


def expected(settings: Settings) -> BacktestResult:
    """Return what the event back-test gives for the session of ``settings``."""
    return run_backtest(session_request(settings, settings.session.feed, Wishes()))


def start(
    url: str, configuration: Path, speed: str = "max", strategies: Path | None = None, feed: str | None = None
) -> subprocess.Popen[str]:
    """Start a session in a process of its own."""
    command = [sys.executable, "-m", "tests.sessions", url, str(configuration), speed, str(strategies or ""), feed or ""]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PI5")}
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def main(url: str, configuration: str, speed: str, strategies: str = "", feed: str = "") -> int:
    """Trade to the end; return the exit code that the command would have."""
    if strategies:
        registry._installed = lambda: Path(strategies)
    log.configure("session", None, "warning")
    database = Database(url, application="session")
    try:
        settings = load_settings(Path(configuration), {})
        plan = plan_session(settings, database, Wishes(speed=parse_speed(speed)))
        outcome = trade(replace(plan, feed=feed or plan.feed), database)
    except TradingError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    sys.stdout.write(f"{outcome.state} {outcome.ledger_sha256} {outcome.equity_sha256}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
