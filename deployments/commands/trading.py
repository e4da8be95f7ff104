"""``ingest`` and ``trade``: bars in, and a session without Prefect."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from deployments.lock import UpLock
from deployments.output import complain, print_pairs, print_table, say
from domain.errors import AlreadyRunning, InputError, nearest
from domain.market import AssetClass, Timeframe, parse_symbol
from tasks import log, registry
from tasks.settings import installation, load_settings
from tasks.strategy_check import check_strategies
from tasks.system_database import open_database

if TYPE_CHECKING:
    import argparse

    from tasks.ingest_report import IngestReport

BROKERS = ("paper", "alpaca", "interactive_brokers")
PROVIDERS = ("yahoo", "file")
PROVIDERS_LATER = ("alpaca",)
FEEDS = ("replay", "yahoo", "alpaca")


def ingest(arguments: argparse.Namespace) -> int:
    """Bring bars into the database and say what became of every row; 1 where a symbol failed."""
    from tasks import ingest as steps  # noqa: PLC0415 - other commands of this module need none of it

    settings = load_settings(arguments.config)
    provider = arguments.provider or ("file" if arguments.file else settings.data_providers.primary)
    if provider in PROVIDERS_LATER:
        raise InputError(f"provider {provider}: not there yet, {' and '.join(PROVIDERS)} are")
    if provider not in PROVIDERS:
        raise InputError(f"provider {provider[:40]!r} is unknown: {nearest(provider, PROVIDERS)}allowed are {', '.join(PROVIDERS)}")
    if (provider == "file") != (arguments.file is not None):
        raise InputError("--file PATH and --provider file go together, and with no other provider")
    if arguments.zone is not None and arguments.file is None:
        raise InputError("--zone goes with --file: bars of a provider come in UTC")
    configured = tuple(sorted({symbol for entry in settings.enabled for symbol in entry.symbols}))
    place = installation()
    request = steps.Request(
        provider=provider,
        symbols=arguments.symbols or (None if arguments.file else configured),
        timeframe=Timeframe.parse(arguments.timeframe) if arguments.timeframe else None,
        start=_date(arguments.start),
        end=_date(arguments.end),
        path=arguments.file,
        zone=arguments.zone,
        actions=arguments.actions,
        asset_class=AssetClass(arguments.asset_class),
        cache=place.data / "cache",
    )
    if request.start and request.end and request.start > request.end:
        raise InputError(f"--start {request.start} is after --end {request.end}")
    with open_database(place, "ingest") as database:
        report = steps.ingest(database, request)
    _print_report(report)
    return 1 if report.failed else 0


def _date(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def _print_report(report: IngestReport) -> None:
    columns = ("symbol", "timeframe", "found", "inserted", "updated", "unchanged", "quarantined", "gaps", "first", "last")
    rows = []
    for one in report.symbols:
        held = (one.found, one.inserted, one.updated, one.unchanged, sum(one.quarantined.values()), one.gaps)
        rows.append((one.symbol, one.timeframe, *held, one.first, one.last))
    print_table(columns, rows)
    for one in report.symbols:
        if one.repaired:
            say(f"{one.symbol}: {one.repaired} missing bars came when asked for again")
        for fate, kind, count, first in one.findings():
            say(f"{one.symbol}: {count} {kind}, {fate}")
            for example in first:
                say(f"    {example}")
            if count > len(first):
                say(f"    and {count - len(first)} more")
    for one in report.failed:
        complain(f"./pi5: no bars of {one.symbol}: {one.error}")


def _refuse_unusable(arguments: argparse.Namespace) -> None:
    """Raise InputError for a broker, feed or strategy that there is not."""
    broker = arguments.broker or "paper"
    if broker not in BROKERS:
        raise InputError(f"broker {broker[:40]!r} is unknown: {nearest(broker, BROKERS)}allowed is paper")
    if broker != "paper":
        raise InputError(f"broker {broker}: not there yet, paper is")
    kind = (arguments.feed or "replay").partition(":")[0]
    if kind not in FEEDS:
        raise InputError(f"feed {kind[:40]!r} is unknown: {nearest(kind, FEEDS)}allowed are replay and replay:PATH")
    if kind != "replay":
        raise InputError(f"feed {kind}: not there yet, replay and replay:PATH are")
    for name in arguments.strategies:
        registry.strategy_class(name)
    for symbol in arguments.symbols or ():
        parse_symbol(symbol)


def trade(arguments: argparse.Namespace) -> int:
    """Run a paper session over a replay to its end, or until it is stopped."""
    from tasks.session import trade as run_session  # noqa: PLC0415 - other commands of this module need none of it
    from tasks.session_plan import Wishes, plan_session  # noqa: PLC0415

    _refuse_unusable(arguments)
    settings = load_settings(arguments.config)
    # What can be known without the database is refused before one is started.
    for reason in check_strategies(settings) if not arguments.strategies else ():
        complain(f"./pi5: warning: {reason}")
    wishes = Wishes(tuple(arguments.strategies), arguments.symbols or (), arguments.feed, arguments.speed)
    from_file = ":" in (wishes.feed or settings.session.feed)
    plan = plan_session(settings, None, wishes) if from_file else None
    place = installation()
    log.configure("trade", place.logs, settings.system.log_level)
    try:
        with open_database(place, "trade") as database:
            outcome = run_session(plan or plan_session(settings, database, wishes), database)
    except AlreadyRunning as error:
        if UpLock(place.run).holder() is None:
            raise
        raise AlreadyRunning(f"{error}; ./pi5 down ends what ./pi5 up runs") from error
    pairs: list[tuple[str, Any]] = [
        ("session", outcome.state),
        ("run", outcome.run_id),
        ("account", outcome.account),
        ("equity", outcome.equity),
        ("ledger sha256", outcome.ledger_sha256),
        ("equity sha256", outcome.equity_sha256),
    ]
    print_pairs([pair for pair in pairs if pair[1] is not None])
    return 0
