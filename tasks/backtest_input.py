"""What a back-test needs, assembled and refused before anything runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from domain.errors import InputError
from domain.market import AssetClass, Timeframe, parse_symbol
from domain.rules.costs import Costs
from domain.run import Assignment, RunSpec, parse_sizing
from tasks import registry
from tasks.history import Loaded, check_dates, from_database, from_file, parse_date, splits_only_stored
from tasks.settings import shipped_settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from domain.strategy import Strategy
    from domain.timeline import History
    from tasks.backtest import BacktestRequest
    from tasks.database.connection import Database
    from tasks.settings import StrategyEntry

DEFAULT_CASH = 100_000.0
"""The initial cash where no configuration is named."""

MOST_BARS: Final = 50_000_000
"""A run is not begun with more than this: their columns alone take 2.4 GB."""


@dataclass(frozen=True)
class Choice:
    """One strategy of a back-test: its symbols (empty for all bars there are) and how they are sized."""

    name: str
    strategy: Strategy
    symbols: tuple[str, ...]
    sizing: str | None


@dataclass(frozen=True)
class Prepared:
    """Everything that fixes the result."""

    spec: RunSpec
    history: History
    choices: tuple[Choice, ...]
    warnings: tuple[str, ...]


def assemble(
    request: BacktestRequest, database: Database | None, *, now: int | None = None, most_bars: int = MOST_BARS
) -> Prepared:
    """Return what ``request`` means; raise InputError naming the argument that cannot be used, DataError for its bars.

    Bars later than ``now`` (UTC microseconds, the machine's clock where None) are left out. More than ``most_bars`` are refused.
    Where bars are a file's, the database only warns of splits it knows and the run does not.
    """
    settings = request.settings
    dates = parse_date(request.start, "--start"), parse_date(request.end, "--end")
    check_dates(*dates)
    _check_numbers(request)
    choices = _choices(request)
    timeframe = _timeframe(request)
    asset_class = _asset_class(request.asset_class)
    wanted = sorted({symbol for choice in choices for symbol in choice.symbols})
    if request.bars is not None:
        loaded = from_file(request.bars, wanted or None, timeframe, dates, asset_class, request.actions, now=now)
        if database is not None:
            loaded = Loaded(loaded.history, (*loaded.warnings, *splits_only_stored(loaded.history, database)))
    else:
        if request.actions is not None:
            raise InputError("--actions goes with --bars: bars of the database have their actions there, see ./pi5 ingest")
        loaded = _stored(database, wanted, timeframe or Timeframe.parse("1d"), dates, asset_class, now)
    _check_size(loaded.history.size, most_bars)
    choices = _own_symbols(choices, loaded)
    for choice in choices:
        choice.strategy.check_timeframe(loaded.history.timeframe)
    costs, cash = (settings.costs.rates(), settings.session.initial_cash) if settings else (Costs(), DEFAULT_CASH)
    if request.commission_bps is not None:
        costs = costs._replace(commission_rate=request.commission_bps / 1e4)
    if request.slippage_bps is not None:
        costs = costs._replace(slippage_rate=request.slippage_bps / 1e4)
    spec = RunSpec(
        _assignments(choices),
        loaded.history.instruments,
        loaded.history.timeframe,
        cash if request.cash is None else float(request.cash),
        costs,
        (settings or shipped_settings()).risk_management.limits() if request.limits else None,
        request.volume_limit,
    )
    return Prepared(spec, loaded.history, choices, loaded.warnings)


def _check_size(bars: int, most: int) -> None:
    if bars > most:
        raise InputError(
            f"{bars:,} bars are too many for one back-test, {most:,} are allowed: name fewer with --symbols, --start and --end, "
            "or take a longer timeframe"
        )


def _check_numbers(request: BacktestRequest) -> None:
    if request.cash is not None and not 0.0 < request.cash < float("inf"):
        raise InputError(f"--cash {request.cash} is not allowed: it must be a positive number")
    for option, value in (("--commission-bps", request.commission_bps), ("--slippage-bps", request.slippage_bps)):
        if value is not None and not 0.0 <= value < 10_000.0:
            raise InputError(f"{option} {value} is not allowed: it must be a number from 0 to below 10000")
    if request.volume_limit is not None and not 0.0 <= request.volume_limit <= 1.0:
        raise InputError(f"--volume-limit {request.volume_limit} is not allowed: a share above 0 and at most 1, or off")


def _choices(request: BacktestRequest) -> tuple[Choice, ...]:
    """Return the strategies asked for, with what the configuration says of each where there is one."""
    if not request.strategies:
        raise InputError("name a strategy: ./pi5 strategies lists them")
    several = len(request.strategies) > 1
    if several and (request.symbols or request.parameters or request.settings is None):
        raise InputError(
            "several strategies on the same symbols are not there yet: with --config each trades the symbols it has there, "
            "without --symbols and --param"
        )
    entries = {entry.name: entry for entry in request.settings.strategies} if request.settings else {}
    symbols = tuple(parse_symbol(symbol) for symbol in request.symbols)
    return tuple(_choice(request, name, entries.get(name), symbols) for name in request.strategies)


def _choice(request: BacktestRequest, name: str, entry: StrategyEntry | None, symbols: tuple[str, ...]) -> Choice:
    configured: Mapping[str, Any] = entry.parameters if entry else {}
    texts = {key: value for key, value in request.parameters.items() if isinstance(value, str)}
    values = {key: value for key, value in request.parameters.items() if not isinstance(value, str)}
    parameters = {**configured, **values, **registry.parse(name, texts)}
    sizing = request.sizing if request.sizing is not None else (entry.sizing if entry else None)
    return Choice(name, registry.create(name, parameters), symbols or (entry.symbols if entry else ()), sizing)


def _timeframe(request: BacktestRequest) -> Timeframe | None:
    if request.timeframe is not None:
        return Timeframe.parse(request.timeframe)
    entries: Sequence[StrategyEntry] = request.settings.strategies if request.settings else ()
    frames = {entry.timeframe for entry in entries if entry.name in request.strategies}
    if len(frames) > 1:
        raise InputError(f"one back-test has one timeframe, the strategies ask for {', '.join(sorted(frames))}")
    return Timeframe.parse(frames.pop()) if frames else None


def _asset_class(text: str | None) -> AssetClass:
    try:
        return AssetClass(text or "equity")
    except ValueError:
        raise InputError(f"--asset-class {text!r} is unknown: allowed are {', '.join(AssetClass)}") from None


def _stored(
    database: Database | None,
    symbols: list[str],
    timeframe: Timeframe,
    dates: tuple[Any, Any],
    asset_class: AssetClass,
    now: int | None,
) -> Loaded:
    if database is None:
        raise InputError("there are no bars: name a file with --bars, or start the system's database with ./pi5 up")
    if not symbols:
        raise InputError("name the symbols with --symbols: the database may hold many")
    return from_database(database, symbols, timeframe, dates, asset_class, now=now)


def _own_symbols(choices: tuple[Choice, ...], loaded: Loaded) -> tuple[Choice, ...]:
    """Give a strategy without symbols all there are; refuse symbols without bars."""
    there = tuple(instrument.symbol for instrument in loaded.history.instruments)
    filled = tuple(choice if choice.symbols else Choice(choice.name, choice.strategy, there, choice.sizing) for choice in choices)
    missing = sorted({symbol for choice in filled for symbol in choice.symbols} - set(there))
    if missing:
        raise InputError(f"there are no bars of {', '.join(missing)}: the source has {', '.join(there[:20])}")
    return filled


def _assignments(choices: tuple[Choice, ...]) -> tuple[Assignment, ...]:
    count = sum(len(choice.symbols) for choice in choices)
    made = [
        Assignment(symbol, choice.name, choice.strategy, parse_sizing(choice.sizing, count))
        for choice in choices
        for symbol in choice.symbols
    ]
    return tuple(sorted(made, key=lambda assignment: assignment.symbol))
