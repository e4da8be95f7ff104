"""``ingest`` and ``trade``: bars in, and a session without Prefect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deployments.output import print_pairs
from domain.errors import InputError, nearest
from tasks import log
from tasks.settings import installation, load_settings
from tasks.system_database import open_database

if TYPE_CHECKING:
    import argparse

BROKERS = ("paper", "alpaca", "interactive_brokers")


def trade(arguments: argparse.Namespace) -> int:
    """Run a paper session over a replay to its end, or until it is stopped."""
    from tasks.session import trade as run_session  # noqa: PLC0415 - a refusal above need not wait for it
    from tasks.session_plan import Wishes, plan_session  # noqa: PLC0415

    broker = arguments.broker or "paper"
    if broker not in BROKERS:
        raise InputError(f"broker {broker[:40]!r} is unknown: {nearest(broker, BROKERS)}allowed is paper")
    if broker != "paper":
        raise InputError(f"broker {broker}: not there yet, paper is")
    if arguments.feed in {"yahoo", "alpaca"}:
        raise InputError(f"feed {arguments.feed}: not there yet, replay and replay:PATH are")
    settings = load_settings(arguments.config)
    place = installation()
    log.configure("trade", place.logs, settings.system.log_level)
    wishes = Wishes(tuple(arguments.strategies), arguments.symbols or (), arguments.feed, arguments.speed)
    with open_database(place, "trade") as database:
        outcome = run_session(plan_session(settings, database, wishes), database)
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
