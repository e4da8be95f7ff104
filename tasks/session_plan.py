"""What a session is to trade: the same specification and bars as a back-test asked for in the same words."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from domain.errors import ConfigurationError, InputError
from domain.ledger import dataset_id
from domain.shared import SharedSymbol
from tasks import registry
from tasks.backtest import BacktestRequest
from tasks.backtest_input import assemble

if TYPE_CHECKING:
    from collections.abc import Sequence

    from domain.run import Assignment, RunSpec
    from domain.timeline import History
    from tasks.database.connection import Database
    from tasks.settings import Settings


@dataclass(frozen=True)
class Wishes:
    """What a caller sets in place of the configuration; None and empty leave the configuration's value."""

    strategies: Sequence[str] = ()
    symbols: Sequence[str] = ()
    feed: str | None = None
    speed: float | None = None
    initial_cash: float | None = None


@dataclass(frozen=True)
class SessionPlan:
    """Everything that fixes a session.

    ``speed`` is in instants of closing bars a second, infinity for as fast as it goes. ``configuration`` is the SHA-256 by
    which a restarted session finds its unfinished run: it covers the decisions, not the speed.
    """

    spec: RunSpec
    history: History
    feed: str
    speed: float
    configuration: str
    account: str
    broker: str = "paper"
    unusable: tuple[tuple[str, str], ...] = ()
    """Configured strategies that do not trade because their file cannot be used: name and reason."""

    @property
    def strategies(self) -> tuple[str, ...]:
        """The names of the strategies, each once, in the order of their symbols."""
        return tuple(dict.fromkeys(assignment.strategy_name for assignment in self.spec.assignments))

    @property
    def symbols(self) -> tuple[str, ...]:
        """What is traded, in code-point order."""
        return tuple(assignment.symbol for assignment in self.spec.assignments)

    @property
    def dataset(self) -> str:
        """The SHA-256 of the bars and actions of the feed."""
        return dataset_id(self.history)


def plan_session(settings: Settings, database: Database | None, wishes: Wishes | None = None) -> SessionPlan:
    """Return the plan of a session; raise InputError, ConfigurationError or DataError where it cannot trade.

    Of the configured strategies those whose file is broken are left out; one that was asked for by name is an error.
    """
    wishes = wishes or Wishes()
    usable, unusable = _usable(settings) if not wishes.strategies else (wishes.strategies, ())
    wishes = replace(wishes, strategies=usable)
    feed = wishes.feed or settings.session.feed
    speed = settings.session.speed if wishes.speed is None else wishes.speed
    if not speed > 0.0:
        raise InputError(f"speed {speed} is not allowed: bars a second above 0, or max")
    prepared = assemble(session_request(settings, feed, wishes), database)
    configuration = _configuration(prepared.spec, feed, settings.broker.account)
    account, broker = settings.broker.account, settings.broker.name
    return SessionPlan(prepared.spec, prepared.history, feed, speed, configuration, account, broker, unusable)


def _usable(settings: Settings) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """Return the enabled strategies that can trade, and those whose file cannot be used with the reason.

    A name without a file is not left out: it is a mistake of the configuration.
    """
    files = registry.found()
    reasons = {entry.name: entry.error for entry in files.values() if entry.error is not None}
    names = tuple(entry.name for entry in settings.enabled)
    unusable = tuple((name, reasons[name]) for name in names if name in reasons)
    if unusable and len(unusable) == len(names):
        told = "; ".join(f"{name}: {reason}" for name, reason in unusable)
        raise ConfigurationError(f"no strategy of the configuration can be used: {told}; see ./pi5 strategies")
    return tuple(name for name in names if name not in reasons), unusable


def session_request(settings: Settings, feed: str, wishes: Wishes) -> BacktestRequest:
    """Return the back-test that gives the session's ledger and equity."""
    kind, _, path = feed.partition(":")
    if kind != "replay":
        raise InputError(f"feed {feed[:60]!r} is not there yet: allowed is replay, or replay:PATH for the bars of a file")
    return BacktestRequest(
        strategies=tuple(wishes.strategies) or tuple(entry.name for entry in settings.enabled),
        symbols=tuple(wishes.symbols),
        bars=Path(path) if path else None,
        cash=wishes.initial_cash,
        limits=True,
        engine="event",
        settings=settings,
    )


def _configuration(spec: RunSpec, feed: str, account: str) -> str:
    """Return the fingerprint of the whole specification, the feed and the account; a new field of the first is in it by itself."""
    kind, _, path = feed.partition(":")
    decisive = {
        **{field.name: getattr(spec, field.name) for field in fields(spec)},
        "assignments": [_assigned(one) for one in spec.assignments],
        "instruments": [msgspec.to_builtins(one) for one in spec.instruments],
        "timeframe": spec.timeframe.name,
        "borrow_rates": dict(spec.borrow_rates),
        "feed": f"{kind}:{Path(path).resolve()}" if path else kind,
        "account": account,
    }
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()


def _assigned(one: Assignment) -> tuple[object, ...]:
    weights = [[member.weight for member in one.strategy.members]] if isinstance(one.strategy, SharedSymbol) else []
    return one.symbol, one.strategy_name, one.strategy.parameters, one.sizing, one.exits, *weights


FASTEST = 1e6
"""The largest number of bars a second that is paced at all."""


def parse_speed(text: str) -> float:
    """Return ``N`` or ``max`` as bars a second; raise InputError for anything else."""
    if text == "max":
        return math.inf
    try:
        speed = float(text)
    except ValueError:
        speed = math.nan
    if not 0.0 < speed <= FASTEST:
        raise InputError(f"speed {text[:20]!r} is not allowed: bars a second above 0 and at most 1e6, or max")
    return speed
