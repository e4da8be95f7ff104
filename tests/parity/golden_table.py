"""What a row of the golden table is, and how it is run: bars, orders or targets, and the fills worked out by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest
from histories import (
    DAILY,
    HOURLY,
    MONDAY,
    OrderScript,
    Protected,
    history,
    market,
    quantity,
    run_alike,
    run_orders_alike,
    run_spec,
)

from domain.market import HOUR, AssetClass, Side
from domain.rules.fills import OrderType, TimeInForce
from domain.strategy import Exits
from domain.wishes import Cancel, Wish

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from domain.market import Bars, CorporateAction
    from domain.timeline import History
    from tasks.backtest import Run

BUY, SELL = Side.BUY, Side.SELL
LIMIT, STOP, STOP_LIMIT = OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT
TRAILING, ON_CLOSE = OrderType.TRAILING_STOP, OrderType.MARKET_ON_CLOSE
DAY, IOC, FOK = TimeInForce.DAY, TimeInForce.IOC, TimeInForce.FOK

FLAT = (10.0, 10.0, 10.0, 10.0)
"""A bar on which nothing but a market order can happen."""

MUCH = 1e9
"""A volume that limits nothing."""

NO_EXITS = Exits()
SYMBOL = "AAA"
ANY = ""
"""The reason of a fill that two orders of one side and one price could both have made: the model does not say which."""


class Fill(NamedTuple):
    """A fill expected on bar ``bar``; ``fee`` None is not looked at, ``reason`` is one of the ledger's."""

    bar: int
    side: str
    quantity: float
    price: float
    reason: str = "target"
    fee: float | None = None


class Refused(NamedTuple):
    """A refusal expected: decided on the close, or at the fill, of bar ``bar``."""

    bar: int
    breach: str
    lots: int


@dataclass(frozen=True)
class Case:
    """One row. ``bars`` are (open, high, low, close) or with the volume as fifth, ``why`` the arithmetic.

    Either ``script`` has one target a bar, of ``size`` units, protected by ``exits``; or ``orders`` has the orders placed at the
    close of each bar. Bars are daily from Monday 2021-03-01 on, or on these ``days`` after it; with ``hours`` they are hourly and
    start so many hours after its midnight, UTC. ``cash`` and ``equity`` are those of the last close, None is not looked at.
    ``ambiguous`` counts the bars in which the order of the extremes decided. ``options`` are those of ``run_spec``.
    """

    name: str
    why: str
    bars: tuple[tuple[float, ...], ...]
    fills: tuple[Fill, ...]
    script: str = ""
    exits: Exits = NO_EXITS
    size: float = 100.0
    orders: Mapping[int, Sequence[Wish | Cancel]] = field(default_factory=dict)
    cash: float | None = None
    equity: float | None = None
    ambiguous: int = 0
    refused: tuple[Refused, ...] = ()
    days: tuple[int, ...] = ()
    hours: tuple[float, ...] = ()
    actions: tuple[CorporateAction, ...] = ()
    kind: AssetClass = AssetClass.EQUITY
    options: Mapping[str, Any] = field(default_factory=dict)

    def past(self) -> History:
        """Return the bars as a history."""
        return history(self._bars(), actions=self.actions, classes={SYMBOL: self.kind})

    def run(self) -> Run:
        """Run the case by kernel and engine, targets by the engine on streamed bars too; they agree, or this fails."""
        past = self.past()
        strategy = OrderScript(self.orders, self.exits) if self.orders else Protected(self.script, self.exits)
        spec = run_spec(past, {SYMBOL: strategy}, quantity(self.size), **self.options)
        return run_orders_alike(spec, past) if self.orders else run_alike(spec, past)

    def _bars(self) -> Bars:
        opens, highs, lows, closes, volume = zip(*((*row, MUCH)[:5] for row in self.bars), strict=True)
        columns: dict[str, Any] = {"highs": highs, "lows": lows, "volume": list(volume), "timeframe": DAILY}
        if self.days:
            columns["days"] = list(self.days)
        if self.hours:
            columns["timeframe"] = HOURLY
        made = market(SYMBOL, opens, closes, **columns)
        if self.hours:
            made.time[:] = MONDAY + np.array(self.hours) * HOUR
        return made


def check(case: Case) -> None:
    """Assert that a run of ``case`` did what was worked out by hand."""
    run = case.run()
    place = {int(time): number for number, time in enumerate(run.history.bars[0].time)}
    booked = [Fill(place[f.time], f.side, f.quantity, f.price, f.reason, f.fee) for f in run.fills]
    assert [(f.bar, f.side, f.quantity) for f in booked] == [(f.bar, f.side, f.quantity) for f in case.fills]
    for found, expected in zip(booked, case.fills, strict=True):
        assert found.price == pytest.approx(expected.price, abs=1e-9)
        assert expected.reason in {found.reason, ANY}
        assert expected.fee is None or found.fee == pytest.approx(expected.fee, abs=1e-4)
    assert [Refused(place[r.time], r.breach, r.lots) for r in run.refusals] == list(case.refused)
    assert len(run.ambiguities) == case.ambiguous
    assert case.cash is None or run.equity[-1].cash == pytest.approx(case.cash, abs=1e-9)
    assert case.equity is None or run.equity[-1].equity == pytest.approx(case.equity, abs=1e-9)


def borrowing(rate: float = 0.0, **options: Any) -> dict[str, Any]:
    """Return the options of a margin account that borrows at ``rate`` a year."""
    return {"margin": True, "borrow_rate": rate, **options}


def bought(*wishes: Wish | Cancel, units: float = 100.0) -> dict[int, Sequence[Wish | Cancel]]:
    """Return orders: a market buy at the first close, ``wishes`` at the second, when it has filled."""
    return {0: [Wish(BUY, units)], 1: wishes}


def sold(*wishes: Wish | Cancel, units: float = 100.0) -> dict[int, Sequence[Wish | Cancel]]:
    """Return orders: a market sale at the first close, ``wishes`` at the second, when it has filled."""
    return {0: [Wish(SELL, units)], 1: wishes}
