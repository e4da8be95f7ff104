"""The command line: its commands, options and what may stand in them. Nothing heavy is imported here."""

from __future__ import annotations

import argparse
import math
import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from domain.errors import InputError, nearest, repeated
from domain.rules.fills import PathMode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LATER: Final = (
    "optimise", "walk-forward", "monte-carlo", "compare", "why", "halt", "flatten", "resume", "arm", "reconcile",
    "verify", "backup", "restore", "worker",
)  # fmt: skip
"""Commands of the contract that are not there yet."""

_HELP: Final = 2
"""Options every command has: -h and --help."""

ASSET_CLASSES: Final = ("equity", "crypto", "fx")
PATHS: Final = tuple(mode.code for mode in PathMode)
SIZINGS: Final = (
    "fixed_fraction:F, fixed_quantity:Q, risk_per_trade:R, volatility_target:V, kelly:C or risk_parity "
    "(fixed_fraction:0.95 over the number of symbols)"
)
CALENDARS: Final = ("XNYS", "24/7", "FX")
TIMEFRAMES: Final = ("1m", "5m", "15m", "30m", "1h", "4h", "1d")


class UsageError(InputError):
    """A command line that cannot be understood; ``usage`` is how the command is written."""

    def __init__(self, message: str, usage: str) -> None:
        super().__init__(message)
        self.usage = usage


class Parser(argparse.ArgumentParser):
    """An argument parser that raises in place of exiting, and takes no abbreviated options."""

    def __init__(self, **options: object) -> None:
        super().__init__(**{"allow_abbrev": False, "formatter_class": argparse.RawDescriptionHelpFormatter, **options})  # type: ignore[arg-type]  # argparse's own options, passed on

    def error(self, message: str) -> NoReturn:
        """Raise what argparse complains about as a UsageError."""
        raise UsageError(message, self.short_usage())

    def short_usage(self) -> str:
        """Return how the command is written, its options left to --help."""
        places = " ".join(f"{self._place(action)}" for action in self._actions if not action.option_strings)
        return f"usage: {self.prog}{' ' if places else ''}{places}{' [OPTIONS]' if len(self.options()) > _HELP else ''}"

    @staticmethod
    def _place(action: argparse.Action) -> str:
        shown = action.metavar or ("|".join(map(str, action.choices)) if action.choices else action.dest)
        return f"[{shown}]" if action.nargs in {"?", "*"} else str(shown)

    def options(self) -> list[str]:
        """Return every option this parser knows."""
        return [name for action in self._actions for name in action.option_strings]


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Return the arguments as ``command`` and its options; raise UsageError, or InputError for a command of later."""
    for position, argument in enumerate(argv, 1):
        if not argument.isascii() and any("\udc80" <= letter <= "\udcff" for letter in argument):
            shown = argument.encode("utf-8", "surrogateescape")
            raise InputError(f"argument {position} is not UTF-8: {shown!r}")
    if argv and argv[0] in LATER:
        raise InputError(f"{argv[0]}: not there yet")
    parser, commands = _parser()
    if argv and argv[0] == "test":
        return argparse.Namespace(command="test", arguments=list(argv[1:]))
    if argv and not argv[0].startswith("-") and argv[0] not in commands:
        flag = f"--{argv[0]}"
        known = [*commands, *LATER]
        hint = f"did you mean {flag!r}? " if flag in parser.options() else nearest(argv[0], known)
        raise UsageError(f"unknown command {argv[0][:40]!r}: {hint}see ./pi5 --help", "usage: ./pi5 COMMAND")
    arguments, unknown = parser.parse_known_args(argv)
    if unknown:
        _refuse_unknown(unknown[0], commands.get(getattr(arguments, "command", None) or "", parser))
    if arguments.command == "backtest" and len(arguments.strategies) == 1 and (twice := named_twice(arguments.symbols or ())):
        commands["backtest"].error(f"argument --symbols: {twice}")
    return arguments


def _refuse_unknown(given: str, parser: Parser) -> NoReturn:
    flag = given.partition("=")[0]
    if flag.startswith("-"):
        message = f"unknown option {flag[:40]}: {nearest(flag, parser.options())}"
    else:
        message = f"unexpected argument {given[:40]!r}: "
    parser.error(f"{message}see {parser.prog} --help")


def _parser() -> tuple[Parser, dict[str, Parser]]:
    parser = Parser(prog="./pi5", description="A trading system for one small computer.", epilog=_epilog())
    parser.add_argument("--version", action="store_true", help="print the version")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    commands: dict[str, Parser] = {}

    def command(name: str, about: str) -> Parser:
        commands[name] = subparsers.add_parser(name, help=about, description=about)
        return commands[name]

    _lifecycle(command)
    _research(command)
    _operation(command)
    return parser, commands


def _epilog() -> str:
    return f"not there yet: {' '.join(LATER)}"


def _lifecycle(command: Callable[[str, str], Parser]) -> None:
    up = command("up", "start everything, in the foreground, until Ctrl-C")
    up.add_argument("--offline", action="store_true", help="use the bars shipped with the project, ask no provider")
    command("down", "stop what another terminal started with up")
    _json(command("status", "what runs, since when, with how much memory, and the session"))
    logs = command("logs", "show the logs of up and its processes")
    logs.add_argument("name", nargs="?", help="up, database, prefect, worker, session or web; all when left out")
    logs.add_argument("-f", "--follow", action="store_true", help="go on showing what comes")
    command("test", "run the test suite; everything after test goes to pytest")


def _research(command: Callable[[str, str], Parser]) -> None:
    _json(command("strategies", "list the strategies, their parameters and ranges"))
    ingest = command("ingest", "bring bars into the database, checked")
    ingest.add_argument("--provider", type=text, help="yahoo or file; the configured one when left out, file with --file")
    ingest.add_argument("--symbols", type=symbols, help="separated by commas; those of the configuration when left out")
    _span(ingest)
    ingest.add_argument("--file", type=path, help="a CSV or Parquet file of bars")
    _zone(ingest)
    ingest.add_argument("--actions", type=path, help="a CSV file of splits, dividends, delistings and changes of symbols")
    ingest.add_argument("--asset-class", choices=ASSET_CLASSES, default="equity", help="of symbols not known yet (equity)")
    _config(ingest)
    check = command("check-data", "look for errors in a file of bars, its rows in arrival order")
    check.add_argument("path", metavar="PATH", type=path, help="a CSV or Parquet file of bars")
    check.add_argument("--actions", type=path, help="a CSV file of splits and dividends: what is declared there is no error")
    _zone(check)
    check.add_argument("--calendar", choices=CALENDARS, help="when its symbols trade; by the bars themselves when left out")
    check.add_argument("--now", type=instant, help="later bars are errors; an ISO 8601 time with offset (the clock)")
    _json(check)
    _backtest(command("backtest", "run one back-test"))
    results = command("results", "list the stored back-tests, or show one")
    results.add_argument("id", nargs="?", type=text, help="the id of a stored back-test")
    _json(results)


def _backtest(parser: Parser) -> None:
    parser.add_argument("strategies", metavar="STRATEGY[,STRATEGY]", type=names, help="see ./pi5 strategies")
    parser.add_argument("--bars", type=path, help="a CSV or Parquet file; bars come from the database when left out")
    _zone(parser)
    parser.add_argument("--symbols", type=groups, help="separated by commas; of several strategies one each, or more as A+B,C")
    parser.add_argument("--shared", action="store_true", help="several strategies may trade one symbol, as one position")
    _span(parser)
    parser.add_argument("--param", dest="parameters", action="append", default=[], type=pair, metavar="NAME=VALUE")
    parser.add_argument("--cash", type=number, help="initial cash (100000)")
    parser.add_argument("--commission-bps", type=number, help="basis points of each fill's value (5)")
    parser.add_argument("--slippage-bps", type=number, help="basis points each fill is worse than the open (0)")
    parser.add_argument("--volume-limit", type=volume_limit, help="share of a bar's volume our fills may take, or off")
    parser.add_argument("--path", dest="path_mode", choices=PATHS, help="how a bar is walked between open and close (worst)")
    parser.add_argument("--sizing", type=text, metavar="RULE", help=SIZINGS)
    parser.add_argument("--limits", choices=("on", "off"), default="off", help="risk management (off)")
    parser.add_argument("--account", choices=("cash", "margin"), help="short positions need a margin account (cash)")
    parser.add_argument("--borrow-rate", type=number, help="a year's fee for borrowed shares as a fraction, with --account margin")
    parser.add_argument("--actions", type=path, help="a CSV file of splits, dividends, delistings and changes of symbols")
    parser.add_argument("--asset-class", choices=ASSET_CLASSES, help="equity when left out and unknown")
    parser.add_argument(
        "--engine", choices=("kernel", "event"), help="compiled loop or event engine: same results (kernel where it can)"
    )
    parser.add_argument("--touch-probability", type=number, help="chance that a limit which is only touched fills (0)")
    parser.add_argument("--seed", type=int, default=0, help="what the draws of touched limits depend on (0)")
    _config(parser)
    _json(parser)
    parser.add_argument("--out", type=path, metavar="DIR", help="write fills.csv, trades.csv, equity.csv and result.json")


def _operation(command: Callable[[str, str], Parser]) -> None:
    trade = command("trade", "run a trading session here, without Prefect")
    trade.add_argument("strategies", nargs="*", metavar="STRATEGY", type=text, help="those of the configuration when left out")
    trade.add_argument("--symbols", type=symbols, help="separated by commas")
    trade.add_argument("--broker", type=text, default=None, help="paper")
    trade.add_argument("--feed", type=text, help="replay, or replay:PATH for the bars of a file")
    trade.add_argument("--speed", type=speed, help="bars a second, or max")
    _config(trade)
    config = command("config", "check the configuration, or show what is in force and where it came from")
    config.add_argument("action", choices=("check", "show"))
    _config(config)
    _json(command("doctor", "look for what is wrong with this machine"))


def _zone(parser: Parser) -> None:
    parser.add_argument("--zone", type=text, help="of times in the file without an offset, such as America/New_York")


def _span(parser: Parser) -> None:
    parser.add_argument("--timeframe", choices=TIMEFRAMES, help="length of a bar")
    parser.add_argument("--start", type=day, help="first session date, such as 2020-01-02")
    parser.add_argument("--end", type=day, help="last session date, inclusive")


def _config(parser: Parser) -> None:
    parser.add_argument("--config", type=path, metavar="PATH", help="a configuration file in place of the installation's")


def _json(parser: Parser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def text(given: str) -> str:
    """Return a word that is not empty."""
    if not given.strip():
        raise argparse.ArgumentTypeError("it is empty")
    return given


def path(given: str) -> Path:
    """Return a path."""
    if not given.strip():
        raise argparse.ArgumentTypeError("it is empty: name a path")
    return Path(given).expanduser()


def names(given: str) -> tuple[str, ...]:
    """Return names separated by commas."""
    parts = tuple(part.strip() for part in given.split(","))
    if not all(parts):
        raise argparse.ArgumentTypeError(f"{given[:60]!r} has an empty name: write A,B")
    return parts


def groups(given: str) -> tuple[str, ...]:
    """Return what stands between commas: the symbols of one strategy, or a group of them for each of several."""
    parts = tuple(part.strip().upper() for part in given.split(","))
    if not all(parts):
        raise argparse.ArgumentTypeError(f"{given[:60]!r} has an empty symbol: write SPY or SPY,QQQ")
    return parts


def symbols(given: str) -> tuple[str, ...]:
    """Return symbols separated by commas, each once."""
    parts = groups(given)
    if twice := named_twice(parts):
        raise argparse.ArgumentTypeError(twice)
    return parts


def named_twice(parts: Sequence[str]) -> str:
    """Return what is wrong where a symbol stands more than once, else nothing."""
    twice = repeated(parts)
    return f"{', '.join(twice)} stands twice: name each symbol once" if twice else ""


def day(given: str) -> str:
    """Return a date as ISO text."""
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", given, re.ASCII):
        raise argparse.ArgumentTypeError(f"{given[:40]!r} is no date: write 2020-01-02")
    try:
        return date.fromisoformat(given).isoformat()
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{given!r} is no date: {error}") from None


def instant(given: str) -> datetime:
    """Return a time with an offset; a plain date is its 00:00 UTC."""
    try:
        moment = datetime.fromisoformat(given.strip())
    except ValueError:
        raise argparse.ArgumentTypeError(f"{given[:40]!r} is no time: write 2026-01-31T14:30:00Z") from None
    if moment.tzinfo is None and len(given.strip()) > len("2026-01-31"):
        raise argparse.ArgumentTypeError(f"{given[:40]!r} has no offset: write UTC as 2026-01-31T14:30:00Z")
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def number(given: str) -> float:
    """Return a finite number."""
    try:
        value = float(given)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{given[:40]!r} is no number") from None
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{given[:40]!r} is not allowed: a finite number")
    return value


def volume_limit(given: str) -> float:
    """Return the share of a bar's volume, 0 for ``off``."""
    if given == "off":
        return 0.0
    value = number(given)
    if not 0.0 < value <= 1.0:
        raise argparse.ArgumentTypeError(f"{given[:40]!r} is not allowed: a share above 0 and at most 1, or off")
    return value


def speed(given: str) -> float:
    """Return bars a second, infinity for ``max``."""
    from tasks.session_plan import parse_speed  # noqa: PLC0415 - only this option needs what trading needs

    try:
        return parse_speed(given)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def pair(given: str) -> tuple[str, str]:
    """Return ``name=value`` as two texts."""
    name, equals, value = given.partition("=")
    if not (name.strip() and equals and value.strip()):
        raise argparse.ArgumentTypeError(f"{given[:60]!r} is no parameter: write name=value, such as fast=10")
    return name.strip(), value.strip()
