"""``backtest`` and ``results``: one back-test, and those that were stored."""

from __future__ import annotations

import csv
import json
from contextlib import nullcontext
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from deployments.output import Progress, brief, finite, print_json, print_pairs, print_table, say
from deployments.output_folder import output_folder
from domain.errors import DataError, InputError
from tasks import registry
from tasks.backtest import BacktestRequest, BacktestResult, run_backtest
from tasks.settings import installation, settings_of_a_run

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tasks.database.connection import Database

FILES: Final[Mapping[str, tuple[str, ...]]] = {
    "fills": ("time", "symbol", "side", "quantity", "price", "fee", "reason"),
    "trades": (
        "symbol", "side", "quantity", "entry_time", "entry_price", "exit_time", "exit_price", "fees", "pnl", "return", "reason",
    ),
    "equity": ("time", "equity", "cash"),
}  # fmt: skip
"""The CSV files of ``--out`` and their columns."""

_BEGINS_FORMULA: Final = frozenset("=+-@\t\r")


def backtest(arguments: argparse.Namespace) -> int:
    """Run one back-test and print it; bars of the system's database also store it there."""
    request = _request(arguments)
    with output_folder(arguments.out) if arguments.out else nullcontext() as draft:
        if request.bars is not None:
            result, stored = _run(request, None), None
        else:
            result, stored = _from_database(request)
        if draft:
            write_files(draft, result)
    if arguments.json:
        print_json(result.document)
    else:
        _print(result.document, stored)
        if arguments.out:
            say(f"\nwritten to {arguments.out}: {', '.join(f'{name}.csv' for name in FILES)}, result.json, report.html")
    return 0


def _request(arguments: argparse.Namespace) -> BacktestRequest:
    parameters = dict(arguments.parameters)
    if len(parameters) < len(arguments.parameters):
        raise InputError("--param names a parameter twice: give each one value")
    for name in arguments.strategies:
        registry.strategy_class(name)
    return BacktestRequest(
        strategies=arguments.strategies,
        parameters=parameters,
        symbols=arguments.symbols or (),
        bars=arguments.bars,
        zone=arguments.zone,
        actions=arguments.actions,
        timeframe=arguments.timeframe,
        start=arguments.start,
        end=arguments.end,
        cash=arguments.cash,
        commission_bps=arguments.commission_bps,
        slippage_bps=arguments.slippage_bps,
        volume_limit=arguments.volume_limit,
        sizing=arguments.sizing,
        limits=arguments.limits == "on",
        asset_class=arguments.asset_class,
        path=arguments.path_mode,
        account=arguments.account,
        borrow_rate=arguments.borrow_rate,
        engine=arguments.engine,
        seed=arguments.seed,
        touch_probability=arguments.touch_probability,
        # The arguments alone fix the result: a file that is named counts, variables of the environment never do.
        settings=settings_of_a_run(arguments.config) if arguments.config else None,
        shared=arguments.shared,
    )


def _run(request: BacktestRequest, database: Database | None) -> BacktestResult:
    progress = Progress("back-test")
    try:
        return run_backtest(request, database=database, progress=progress)
    finally:
        progress.close()


def _from_database(request: BacktestRequest) -> tuple[BacktestResult, str | None]:
    """Run on the system's bars, and store what came out beside them."""
    from tasks.database import results as stored_results  # noqa: PLC0415 - files need none of the database's import
    from tasks.system_database import open_database  # noqa: PLC0415

    with open_database(installation(), "backtest", create=False) as database:
        result = _run(request, database)
        stored = stored_results.save_backtest(
            database, finite(result.document), result.fills, result.trades, result.equity, origin="cli"
        )
    return result, stored


def results(arguments: argparse.Namespace) -> int:
    """List the stored back-tests, or show one again."""
    from tasks.database import results as stored_results  # noqa: PLC0415 - as above
    from tasks.system_database import open_database  # noqa: PLC0415

    with open_database(installation(), "results", create=False) as database:
        if arguments.id is not None:
            document = stored_results.read_backtest(database, arguments.id)
            if document is None:
                raise DataError(f"there is no back-test {arguments.id[:60]!r}: ./pi5 results lists them")
            if arguments.json:
                print_json(document)
            else:
                _print(document, arguments.id)
            return 0
        rows = stored_results.list_backtests(database)
    if arguments.json:
        print_json(rows)
    else:
        _print_list(rows)
    return 0


def write_files(folder: Path, result: BacktestResult) -> None:
    """Write fills.csv, trades.csv, equity.csv, result.json and report.html into ``folder``."""
    from dashboards.report.page import report_html  # noqa: PLC0415 - a run without --out draws nothing

    rows: dict[str, Sequence[Mapping[str, Any]]] = {"fills": result.fills, "trades": result.trades, "equity": result.equity}
    for name, columns in FILES.items():
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
            writer.writeheader()
            writer.writerows({column: inert(value) for column, value in row.items()} for row in rows[name])
    document = json.dumps(finite(result.document), indent=2, default=str)
    (folder / "result.json").write_text(f"{document}\n", encoding="utf-8")
    (folder / "report.html").write_text(report_html(result), encoding="utf-8")


def inert(value: Any) -> Any:
    """Return a text so that no spreadsheet takes it for a formula: with an apostrophe before what would begin one."""
    return f"'{value}" if isinstance(value, str) and value[:1] in _BEGINS_FORMULA else value


def _print(document: Mapping[str, Any], stored: str | None) -> None:
    limits, shared = document["limits"], document["assumptions"].get("shared_symbols", {})
    bounds = ", ".join(f"{name} {value:g}" for name, value in limits.items() if name != "on" and value is not None)
    pairs: list[tuple[str, Any]] = [
        *[("strategy", called) for called in _called(document)],
        ("symbols", ", ".join(document["symbols"])),
        *[("one position", f"{symbol} of {' and '.join(names)}") for symbol, names in shared.items()],
        ("bars", f"{document['bars']:,} of {document['timeframe']}, {document['start']} to {document['end']}"),
        ("limits", bounds if limits["on"] else "off"),
        ("fills, trades", f"{document['fills']:,}, {document['trades']:,}"),
        ("equity", f"{document['initial_cash']:,.2f} to {document['final_equity']:,.2f}"),
        *((name.replace("_", " "), _measure(name, value)) for name, value in document["metrics"].items()),
        *([("deepest fall", _fall(document["drawdown"]))] if "drawdown" in document else []),
        *([("buy and hold", _against(document["benchmark"]))] if "benchmark" in document else []),
        ("engine", document["engine"]),
        ("ledger sha256", document["ledger_sha256"]),
        ("equity sha256", document["equity_sha256"]),
    ]
    if stored:
        pairs.append(("stored as", stored))
    print_pairs(pairs)
    for warning in document["warnings"]:
        say(f"warning: {warning}")


_SHARES: Final = {
    "total_return", "annual_return", "annual_volatility", "max_drawdown", "var_95", "cvar_95", "win_rate", "exposure", "alpha",
}  # fmt: skip


def _called(document: Mapping[str, Any]) -> list[str]:
    """Return each strategy as a person would call it: its name with its parameters."""
    names = document["strategy"].split(",")
    given = document["parameters"] if len(names) > 1 else {names[0]: document["parameters"]}
    return [f"{name}({', '.join(f'{key}={value}' for key, value in given[name].items())})" for name in names]


def _fall(drawdown: Mapping[str, Any]) -> str:
    """Return the deepest fall by its dates."""
    peak, trough, recovery = (drawdown[name] and drawdown[name][:10] for name in ("peak", "trough", "recovery"))
    return f"from {peak} to {trough}, {f'recovered {recovery}' if recovery else 'not recovered'}" if drawdown["depth"] else "none"


def _against(benchmark: Mapping[str, Any]) -> str:
    """Return what holding the run's symbols gave, and the run against it."""
    shown = {"total_return": "total return", "max_drawdown": "max drawdown", "alpha": "alpha", "beta": "beta"}
    return ", ".join(f"{text} {_measure(name, benchmark[name])}" for name, text in shown.items())


def _measure(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.2%}" if name in _SHARES else f"{value:,.2f}"


def _print_list(rows: Sequence[Mapping[str, Any]]) -> None:
    if not rows:
        say("no back-test is stored yet: ./pi5 up stores one of each strategy, ./pi5 backtest without --bars one more")
        return
    shown = [
        name for name in ("id", "created_at", "strategy", "symbols", "final_equity", "total_return", "origin") if name in rows[0]
    ]
    print_table(shown, [[_plain(row[name]) for name in shown] for row in rows])


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return brief(value)
    return ",".join(value) if isinstance(value, list) else value
