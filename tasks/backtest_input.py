"""What a back-test needs, assembled and refused before anything runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from domain.errors import InputError, repeated
from domain.market import AssetClass, Timeframe, parse_symbol
from domain.rules.accounting import MOST_LOTS
from domain.rules.costs import Costs
from domain.rules.fills import PathMode
from domain.rules.sizing import SizingRule
from domain.run import Assignment, RunSpec, parse_sizing
from domain.shared import owned
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

_ROOM_FOR_GAINS: Final = 4.0
MOST_BARS: Final = 50_000_000
"""A run is not begun with more than this: their columns alone take 2.4 GB."""


@dataclass(frozen=True)
class Choice:
    """One strategy of a back-test: its symbols (empty for all bars there are), how they are sized, and whether it shares them."""

    name: str
    strategy: Strategy
    symbols: tuple[str, ...]
    sizing: str | None
    shared: bool = False


@dataclass(frozen=True)
class Prepared:
    """Everything that fixes the result."""

    spec: RunSpec
    history: History
    choices: tuple[Choice, ...]
    warnings: tuple[str, ...]
    engine: str = "kernel"


def assemble(
    request: BacktestRequest, database: Database | None, *, now: int | None = None, most_bars: int = MOST_BARS
) -> Prepared:
    """Return what ``request`` means; raise InputError naming the argument that cannot be used, DataError for its bars.

    Bars later than ``now`` (UTC microseconds, the machine's clock where None) are left out. More than ``most_bars`` are refused.
    Where bars are a file's, the database only warns of splits it knows and the run does not.
    """
    dates = parse_date(request.start, "--start"), parse_date(request.end, "--end")
    check_dates(*dates)
    _check_numbers(request)
    choices = _choices(request)
    timeframe = _timeframe(request)
    asset_class = _asset_class(request.asset_class)
    finer = request.path == PathMode.FINER.code
    wanted = sorted({symbol for choice in choices for symbol in choice.symbols})
    if request.bars is not None:
        loaded = from_file(
            request.bars, wanted or None, timeframe, dates, asset_class, request.actions, zone=request.zone, now=now, finer=finer
        )
        if database is not None:
            loaded = Loaded(loaded.history, (*loaded.warnings, *splits_only_stored(loaded.history, database)))
    else:
        if request.zone is not None:
            raise InputError("--zone goes with --bars: bars of the database are in UTC")
        if request.actions is not None:
            raise InputError("--actions goes with --bars: bars of the database have their actions there, see ./pi5 ingest")
        loaded = _stored(database, wanted, timeframe or Timeframe.parse("1d"), dates, asset_class, now, finer=finer)
    if finer and not loaded.history.finer:
        size = loaded.history.timeframe.name
        raise InputError(
            f"--path finer walks {size} bars by finer ones, which are not there: give those with a coarser --timeframe"
        )
    _check_size(loaded.history.size, most_bars)
    choices = _own_symbols(choices, loaded)
    for choice in choices:
        choice.strategy.check_timeframe(loaded.history.timeframe)
    spec = _spec(request, choices, loaded.history)
    _check_lots(spec, loaded.history)
    return Prepared(spec, loaded.history, choices, loaded.warnings, _engine(request, choices))


def _check_lots(spec: RunSpec, history: History) -> None:
    """Raise InputError where the cash buys more lots of a symbol at its lowest price than are counted, with room for gains."""
    for assignment, instrument, bars in zip(spec.assignments, history.instruments, history.bars, strict=True):
        if assignment.sizing.rule == SizingRule.FIXED_QUANTITY:
            continue
        lowest, most = float(bars.low.min()), MOST_LOTS / _ROOM_FOR_GAINS / instrument.lots_per_unit
        if spec.initial_cash > most * lowest:
            raise InputError(
                f"{spec.initial_cash:g} of cash buy {spec.initial_cash / lowest:.4g} {instrument.symbol} at its lowest price "
                f"{lowest:g}, at most {most:.4g} are counted: use --cash {most * lowest / 2:.4g}, or prices of a thousand of them"
            )


def _spec(request: BacktestRequest, choices: tuple[Choice, ...], history: History) -> RunSpec:
    """Return the run that the request asks for; what it leaves open is the configuration's, else the default."""
    settings = request.settings
    costs = settings.costs.rates() if settings else Costs()
    if request.commission_bps is not None:
        costs = costs._replace(commission_rate=request.commission_bps / 1e4)
    if request.slippage_bps is not None:
        costs = costs._replace(slippage_rate=request.slippage_bps / 1e4)
    cash = settings.session.initial_cash if settings else DEFAULT_CASH
    account = request.account or (settings.broker.type if settings else "cash")
    borrow_rate = request.borrow_rate if request.borrow_rate is not None else (settings.costs.borrow_rate if settings else None)
    return RunSpec(
        _assignments(choices),
        history.instruments,
        history.timeframe,
        cash if request.cash is None else float(request.cash),
        costs,
        (settings or shipped_settings()).risk_management.limits() if request.limits else None,
        request.volume_limit,
        PathMode[(request.path or "worst").upper()],
        account == "margin",
        borrow_rate,
        settings.costs.borrow_rates if settings else {},
        regulatory_fees=settings.costs.regulatory_fees if settings else False,
        touch_probability=request.touch_probability or 0.0,
        seed=request.seed,
    )


def _engine(request: BacktestRequest, choices: tuple[Choice, ...]) -> str:
    """Return the driver: what was asked for, else the kernel where it can run every strategy."""
    eventful = [choice.name for choice in choices if choice.strategy.decides_on_events()]
    if eventful and request.engine == "kernel":
        raise InputError(f"{', '.join(eventful)} places orders itself and is not offered for the kernel: use --engine event")
    return request.engine or ("event" if eventful else "kernel")


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
    if request.borrow_rate is not None and not 0.0 <= request.borrow_rate < float("inf"):
        raise InputError(f"--borrow-rate {request.borrow_rate} is not allowed: a fraction a year from 0, such as 0.03")
    if request.borrow_rate is not None and request.account == "cash":
        raise InputError("--borrow-rate goes with --account margin: a cash account borrows no shares")
    if request.touch_probability is not None and not 0.0 <= request.touch_probability <= 1.0:
        raise InputError(f"--touch-probability {request.touch_probability} is not allowed: a number from 0 to 1")
    if not 0 <= request.seed < 1 << 63:
        raise InputError(f"--seed {request.seed} is not allowed: a whole number from 0 to below 2**63")
    if request.volume_limit is not None and not 0.0 <= request.volume_limit <= 1.0:
        raise InputError(f"--volume-limit {request.volume_limit} is not allowed: a share above 0 and at most 1, or off")


def _choices(request: BacktestRequest) -> tuple[Choice, ...]:
    """Return the strategies asked for, with what the configuration says of each where there is one."""
    if not request.strategies:
        raise InputError("name a strategy: ./pi5 strategies lists them")
    entries = {entry.name: entry for entry in request.settings.strategies} if request.settings else {}
    if len(request.strategies) > 1:
        return _several(request, entries)
    symbols = tuple(parse_symbol(symbol) for symbol in request.symbols)
    if twice := repeated(symbols):
        raise InputError(f"--symbols: {', '.join(twice)} stands twice: name each symbol once")
    name = request.strategies[0]
    return (_choice(request, name, entries.get(name), symbols, request.parameters),)


def _several(request: BacktestRequest, entries: Mapping[str, StrategyEntry]) -> tuple[Choice, ...]:
    """Return several strategies of one account, each with its group of symbols and with parameters written ``strategy.name``."""
    names, groups = request.strategies, request.symbols
    if not groups and request.settings is None and not request.shared:
        raise InputError(
            "each of several strategies trades symbols of its own: name them in order with --symbols, such as "
            f"{','.join('ABCDEFGH'[: len(names)])}, or as A+B,C where one trades more; --shared lets them trade the same ones"
        )
    if groups and len(groups) != len(names):
        raise InputError(
            f"--symbols has {len(groups)} groups for {len(names)} strategies: one group each, in order, such as A+B,C for two"
        )
    given: dict[str, dict[str, Any]] = {name: {} for name in names}
    for key, value in request.parameters.items():
        owner, _, name = key.partition(".")
        if owner not in given or not name:
            raise InputError(f"--param {key[:40]} is no parameter of {', '.join(names)}: write {names[0]}.NAME=VALUE")
        given[owner][name] = value
    traded = [tuple(parse_symbol(symbol) for symbol in group.split("+")) for group in groups] or [()] * len(names)
    return tuple(
        _choice(request, name, entries.get(name), symbols, given[name]) for name, symbols in zip(names, traded, strict=True)
    )


def _choice(
    request: BacktestRequest, name: str, entry: StrategyEntry | None, symbols: tuple[str, ...], given: Mapping[str, Any]
) -> Choice:
    configured: Mapping[str, Any] = entry.parameters if entry else {}
    texts = {key: value for key, value in given.items() if isinstance(value, str)}
    values = {key: value for key, value in given.items() if not isinstance(value, str)}
    parameters = {**configured, **values, **registry.parse(name, texts)}
    sizing = request.sizing if request.sizing is not None else (entry.sizing if entry else None)
    shared = request.shared or (entry is not None and entry.shared)
    return Choice(name, registry.create(name, parameters), symbols or (entry.symbols if entry else ()), sizing, shared)


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
    *,
    finer: bool,
) -> Loaded:
    if database is None:
        raise InputError("there are no bars: name a file with --bars, or start the system's database with ./pi5 up")
    if not symbols:
        raise InputError("name the symbols with --symbols: the database may hold many")
    return from_database(database, symbols, timeframe, dates, asset_class, now=now, finer=finer)


def _own_symbols(choices: tuple[Choice, ...], loaded: Loaded) -> tuple[Choice, ...]:
    """Give a strategy without symbols all there are; refuse symbols without bars."""
    there = tuple(instrument.symbol for instrument in loaded.history.instruments)
    filled = tuple(choice if choice.symbols else replace(choice, symbols=there) for choice in choices)
    missing = sorted({symbol for choice in filled for symbol in choice.symbols} - set(there))
    if missing:
        raise InputError(f"there are no bars of {', '.join(missing)}: the source has {', '.join(there[:20])}")
    return filled


def _assignments(choices: tuple[Choice, ...]) -> tuple[Assignment, ...]:
    """Return the owner of each symbol; refuse a symbol of several strategies that do not all share it."""
    count = sum(len(choice.symbols) for choice in choices)
    owners: dict[str, list[Choice]] = {}
    for choice in choices:
        for symbol in choice.symbols:
            owners.setdefault(symbol, []).append(choice)
    made = []
    for symbol, several in sorted(owners.items()):
        names = list(dict.fromkeys(choice.name for choice in several))
        if len(names) > 1 and not all(choice.shared for choice in several):
            raise InputError(
                f"{symbol} is traded by one strategy, but given to {' and '.join(names)}: give each symbol to one strategy, or let "
                "them trade it as one position with --shared, in the configuration with shared: true on each of them"
            )
        made.append(owned([Assignment(symbol, one.name, one.strategy, parse_sizing(one.sizing, count)) for one in several]))
    return tuple(made)
