"""Markets and runs drawn by hypothesis: short, with holes, empty bars, splits, dividends and mixed calendars."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from histories import DAILY, HOURLY, MONDAY, OrderScript, Protected, Scripted, fraction, history, market, quantity, run_spec
from hypothesis import strategies as st

from domain.indicators import ema
from domain.market import DAY, HOUR, AssetClass, CorporateAction, Side
from domain.resampling import resample
from domain.rules.costs import Costs
from domain.rules.fills import OrderType, PathMode, TimeInForce
from domain.rules.limits import Limits
from domain.rules.sizing import Sizing, SizingRule
from domain.run import Assignment
from domain.shared import LINEAR, owned
from domain.strategy import Cancel, Exits, Strategy, Wish
from tasks.history import until_delisting

if TYPE_CHECKING:
    from domain.market import Bars
    from domain.run import RunSpec
    from domain.strategy import Series
    from domain.timeline import History

CLASSES = {
    "AAA": AssetClass.EQUITY,
    "BBB": AssetClass.EQUITY,
    "CCC": AssetClass.EQUITY,
    "BTC-USD": AssetClass.CRYPTO,
    "EUR-USD": AssetClass.FX,
}
PRICES = st.one_of(st.sampled_from([10.0, 10.5, 12.5, 0.1]), st.floats(8.0, 16.0), st.floats(0.5, 500.0))
VOLUMES = st.one_of(st.sampled_from([1e6, 1e6, 1_000.0, 400.0, math.nan, 0.0]), st.floats(0.0, 1e4))
TARGETS = st.sampled_from([".", "1", "0", ".", "0.5", "1", "0", "0.25", "-1"])
SIZINGS = st.one_of(
    st.sampled_from([7.0, 40.0, 1.0, 250.0, 0.3]).map(quantity),
    st.sampled_from([0.3, 0.475, 0.95, 1.0, 3.0]).map(fraction),
    st.sampled_from(
        [
            Sizing(SizingRule.RISK_PER_TRADE.value, 0.01),
            Sizing(SizingRule.VOLATILITY_TARGET.value, 0.1),
            Sizing(SizingRule.KELLY.value, 0.5),
            Sizing(SizingRule.RISK_PARITY.value, 1.0),
        ]
    ),
)


def rarely(*values: float) -> st.SearchStrategy[float]:
    """Draw infinity most of the time, so that one limit at a time decides."""
    return st.sampled_from([math.inf] * 3 + list(values))


BOUNDS = st.builds(
    Limits,
    max_position_size=st.sampled_from([0.2, 0.5, math.inf]),
    max_gross_exposure=st.sampled_from([0.4, 1.0, math.inf]),
    daily_loss_limit=st.sampled_from([0.03, 0.001, math.inf]),
    max_drawdown=st.sampled_from([math.inf, 0.1, 0.3]),
    max_net_exposure=rarely(0.3, 0.8),
    max_concentration=rarely(0.05, 0.3),
    max_cluster_exposure=rarely(0.3, 0.6),
    cluster_correlation=st.sampled_from([0.7, 0.0]),
    max_order_size=rarely(5.0, 30.0),
    max_order_notional=rarely(200.0, 5_000.0),
    price_collar=rarely(0.1, 0.5),
    max_order_rate=rarely(1.0, 2.0),
    max_value_at_risk=rarely(0.01, 0.2),
)
FRACTIONS = st.sampled_from([None, 0.02, 0.05, 0.2])
EXITS = st.builds(Exits, FRACTIONS, FRACTIONS, FRACTIONS, st.sampled_from([None, None, 1, 2, 4]))
COSTS = st.sampled_from(
    [
        Costs(0.0, 0.0),
        Costs(0.001, 0.0),
        Costs(0.0005, 0.0002),
        Costs(0.0, 0.05),
        Costs(0.0, 0.001, half_spread_rate=0.002, per_unit=0.005, per_trade=0.1, least=1.0, most_rate=0.05),
        Costs(0.0, 0.0, impact=0.7),
    ]
)


@st.composite
def one_market(draw: st.DrawFn, symbol: str, *, daily: bool) -> Bars:
    """Draw the bars of one symbol: own first bar, holes, bars without volume or with unknown volume."""
    count = draw(st.sampled_from([1, 3, 8, 14]))
    prices = draw(st.lists(st.tuples(PRICES, PRICES, VOLUMES, PRICES, PRICES), min_size=count, max_size=count))
    opens, closes, volumes, one, other = zip(*prices, strict=True)
    wide = draw(st.booleans())
    beyond = {"highs": np.maximum(one, other), "lows": np.minimum(one, other)} if wide else {}
    whole = draw(st.booleans())
    offsets = [1] * count if whole else draw(st.lists(st.integers(1, 3), min_size=count, max_size=count))
    if daily:
        weekdays = [day for day in range(90) if CLASSES[symbol] is AssetClass.CRYPTO or day % 7 < 5]
        days = [weekdays[index] for index in np.cumsum(offsets)]
        return market(symbol, opens, closes, volume=list(volumes), days=days, **beyond)
    made = market(symbol, opens, closes, volume=list(volumes), timeframe=HOURLY, **beyond)
    made.time[:] = MONDAY + 12 * HOUR + np.cumsum(offsets) * HOUR
    return made


@st.composite
def actions_of(draw: st.DrawFn, symbol: str) -> list[CorporateAction]:
    """Draw a few splits and dividends of one symbol, and perhaps its end."""
    made = []
    for _ in range(draw(st.integers(0, 3))):
        day = draw(st.integers(1, 12))
        date = str(np.datetime64("2021-03-01") + day)
        if draw(st.booleans()):
            made.append(CorporateAction(symbol, date, "split", draw(st.sampled_from([2.0, 1.5, 0.1, 7.0, 1 / 3]))))
        else:
            pay = draw(st.none() | st.integers(0, 10))
            paid = None if pay is None else str(np.datetime64("2021-03-01") + day + pay)
            made.append(CorporateAction(symbol, date, "dividend", draw(st.sampled_from([0.05, 0.485, 1.0])), paid))
    if draw(st.sampled_from([False, False, False, True])):
        date = str(np.datetime64("2021-03-01") + draw(st.integers(1, 20)))
        made.append(CorporateAction(symbol, date, "delisting", draw(st.sampled_from([0.0, 0.05, 0.3, 1.0]))))
    return list({(a.ex_date, a.action): a for a in made}.values())


@st.composite
def wishes(draw: st.DrawFn, *, parent: Side | None = None) -> Wish:
    """Draw an order near the prices of the markets here; a child of ``parent`` leaves what that entered."""
    child = parent is not None
    side = Side(-parent) if parent is not None else draw(st.sampled_from(Side))
    types = [OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP]
    kind = draw(st.sampled_from(types if child else [OrderType.MARKET, OrderType.MARKET_ON_CLOSE, *types]))
    price = st.sampled_from([9.0, 10.0, 10.004, 11.0, 12.5, 8.0]) | st.floats(0.5, 30.0)
    forces = [TimeInForce.GTC, TimeInForce.GTC, TimeInForce.DAY]
    if not child and kind in {OrderType.MARKET, OrderType.LIMIT}:
        forces += [TimeInForce.IOC, TimeInForce.FOK]
    return Wish(
        side,
        draw(st.sampled_from([1.0, 7.0, 40.0, 300.0])),
        kind,
        draw(price) if kind in {OrderType.LIMIT, OrderType.STOP_LIMIT} else None,
        draw(price) if kind in {OrderType.STOP, OrderType.STOP_LIMIT} else None,
        draw(st.sampled_from([0.02, 0.1])) if kind is OrderType.TRAILING_STOP else None,
        draw(st.sampled_from(forces)),
        draw(st.sampled_from([0, 0, 1, 2])),
        draw(st.integers(0, 2)),
        () if child else tuple(draw(st.lists(wishes(parent=side), max_size=2))),
    )


@st.composite
def order_scripts(draw: st.DrawFn) -> OrderScript:
    """Draw what a strategy places at its first closes."""
    one = st.lists(wishes() | st.integers(0, 2).map(Cancel), min_size=1, max_size=3)
    return OrderScript(draw(st.dictionaries(st.integers(0, 10), one, max_size=6)), draw(st.just(Exits()) | EXITS))


@st.composite
def order_runs(draw: st.DrawFn) -> tuple[RunSpec, History]:
    """Draw a market and a run of orders over it."""
    spec, past = draw(runs())
    strategies = {bars.symbol: draw(order_scripts()) for bars in past.bars}
    assigned = tuple(replace(one, strategy=strategies[one.symbol]) for one in spec.assignments)
    return replace(spec, assignments=assigned), past


@st.composite
def runs(draw: st.DrawFn) -> tuple[RunSpec, History]:
    """Draw a market of one to four symbols and a run over it."""
    together = draw(st.booleans())  # equities alone share every instant, mixtures few
    names = ["AAA", "BBB", "CCC"] if together else list(CLASSES)
    symbols = draw(st.lists(st.sampled_from(names), min_size=1, max_size=len(names), unique=True))
    daily = draw(st.booleans())
    bars = [draw(one_market(symbol, daily=daily)) for symbol in symbols]
    actions = [action for symbol in symbols if draw(st.booleans()) for action in draw(actions_of(symbol))]
    finer = () if daily or draw(st.booleans()) else tuple(sorted(bars, key=lambda one: one.symbol))
    coarse = [resample(one, DAILY).bars for one in bars] if finer else bars
    if not all(len(one) > 1 for one in coarse):
        finer, coarse = (), bars
    past = replace(_ended(history(*coarse, actions=actions, classes=CLASSES)), finer=finer)
    scripts = {one.symbol: " ".join(draw(st.lists(TARGETS, min_size=len(one) // 2, max_size=len(one)))) for one in bars}
    options = {
        "cash": draw(st.sampled_from([1_000.0, 100_000.0, 400.0, 60.0])),
        "costs": draw(COSTS),
        "limits": draw(st.none() | BOUNDS),
        "volume_limit": draw(st.sampled_from([0.0, 0.1, None])),
        "path": PathMode.FINER if finer else draw(st.sampled_from(PathMode)),
        "touch_probability": draw(st.sampled_from([0.0, 0.0, 0.5, 1.0])),
        "seed": draw(st.sampled_from([0, 1, 2**62])),
        "margin": draw(st.booleans()),
        "borrow_rate": draw(st.sampled_from([0.03, 0.5, None])),
        "regulatory_fees": draw(st.booleans()),
    }
    guarded = draw(st.booleans())
    strategies: dict[str, Strategy] = {
        symbol: Protected(script, draw(EXITS)) if guarded else Scripted(script) for symbol, script in scripts.items()
    }
    return run_spec(past, strategies, draw(SIZINGS), **options), past


def _ended(past: History) -> History:
    """Return the history without bars of a symbol after its delisting, as every run gets it."""
    return replace(past, bars=tuple(until_delisting(past.bars, past.instruments, past.actions)[0]))


def walked_orders(seed: int) -> tuple[RunSpec, History]:
    """Return a longer run of orders over prices that walk, so that many of them act; the same for the same seed."""
    chance = random.Random(seed)  # noqa: S311 - drawn cases
    symbols = sorted(chance.sample(sorted(CLASSES), chance.choice([1, 2, 3])))
    daily, count = chance.random() < 0.5, chance.choice([12, 40])
    bars = [_walk(chance, symbol, count, daily=daily) for symbol in symbols]
    actions = [action for symbol in symbols for action in _walked_actions(chance, symbol)]
    past = _ended(history(*bars, actions=actions, classes=CLASSES))
    strategies = {symbol: OrderScript(_walked_script(chance, count), _walked_exits(chance)) for symbol in symbols}
    bounds = {
        "max_position_size": 0.3,
        "max_gross_exposure": 0.8,
        "daily_loss_limit": 0.01,
        "max_order_rate": 2.0,
        "price_collar": 0.06,
        "max_order_size": 60.0,
        "max_net_exposure": 0.3,
    }
    limits = Limits(**{name: bound for name, bound in bounds.items() if chance.random() < 0.25})
    options = {
        "cash": chance.choice([100_000.0, 2_000.0, 500.0]),
        "costs": chance.choice([Costs(0.0, 0.0), Costs(0.001, 0.001, 0.001)]),
        "limits": chance.choice([None, limits]),
        "path": chance.choice([PathMode.WORST, PathMode.OHLC, PathMode.OLHC, PathMode.NEAREST]),
        "touch_probability": chance.choice([0.0, 0.0, 0.5]),
        "margin": chance.random() < 0.5,
        "borrow_rate": chance.choice([0.1, 0.1, 0.1, None]),
    }
    return run_spec(past, strategies, quantity(100), **options), past


def _walk(chance: random.Random, symbol: str, count: int, *, daily: bool) -> Bars:
    """Return bars whose price walks, a tenth of them missing, on the days or hours of the symbol's market."""
    kind, price, times, rows = CLASSES[symbol], 10.0, [], []
    step, moment = (DAY, MONDAY) if daily else (HOUR, MONDAY + 3 * DAY + 14 * HOUR)
    while len(times) < count:
        day, hour = (moment // DAY + 3) % 7, moment // HOUR % 24
        trades = {
            AssetClass.CRYPTO: True,
            AssetClass.EQUITY: day < 5 and (daily or 14 <= hour < 21),
            AssetClass.FX: day < 5 if daily else day < 4 or (day == 4 and hour < 22) or (day == 6 and hour >= 22),
        }[kind]
        if trades and chance.random() < 0.9:
            times.append(moment)
        moment += step
    for _ in times:
        opened = price * (1.0 + chance.choice([0.0, 0.0, 0.02, -0.02, 0.06, -0.06]))
        price = opened * (1.0 + chance.choice([0.0, 0.01, -0.01, 0.05, -0.05]))
        high = max(opened, price) * (1.0 + chance.choice([0.0, 0.01, 0.04]))
        low = min(opened, price) * (1.0 - chance.choice([0.0, 0.01, 0.04]))
        rows.append(
            (*(round(one, 2) for one in (opened, price, high, low)), chance.choice([1e6, 1e6, 400.0, 2_000.0, 0.0, math.nan]))
        )
        price = rows[-1][1]
    opens, closes, highs, lows, volume = zip(*rows, strict=True)
    made = market(symbol, opens, closes, highs=highs, lows=lows, volume=volume, timeframe=DAILY if daily else HOURLY)
    made.time[:] = times
    return made


def _walked_actions(chance: random.Random, symbol: str) -> list[CorporateAction]:
    made = []
    if CLASSES[symbol] is not AssetClass.EQUITY:
        return made
    for day in chance.sample(range(1, 14), chance.choice([0, 1, 2, 3])):
        date = np.datetime64("2021-03-01") + day
        if chance.random() < 2 / 3:
            made.append(CorporateAction(symbol, str(date), "split", chance.choice([2.0, 0.1, 0.25, 1.5, 1 / 3])))
        else:
            made.append(CorporateAction(symbol, str(date), "dividend", 0.5, chance.choice([None, str(date + 2), str(date + 5)])))
    if chance.random() < 0.2:
        made.append(CorporateAction(symbol, str(np.datetime64("2021-03-01") + chance.randint(3, 14)), "delisting", 0.2))
    return made


def _walked_exits(chance: random.Random) -> Exits:
    some = Exits(
        chance.choice([None, 0.03, 0.08]), chance.choice([None, 0.05]), chance.choice([None, 0.04]), chance.choice([None, 2, 5])
    )
    return some if chance.random() < 0.4 else Exits()


def _walked_script(chance: random.Random, count: int) -> dict[int, list[Wish | Cancel]]:
    def one() -> Wish | Cancel:
        return _walked_wish(chance) if chance.random() < 0.8 else Cancel(chance.choice([0, 1, 2]))

    closes = [number for number in range(count) if chance.random() < 0.35]
    return {number: [one() for _ in range(chance.choice([1, 1, 2, 3]))] for number in closes}


def _walked_wish(chance: random.Random, parent: Side | None = None) -> Wish:
    child = parent is not None
    side = Side(-parent) if parent is not None else chance.choice([Side.BUY, Side.SELL])
    types = [OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP]
    kind = chance.choice(types if child else [OrderType.MARKET, OrderType.MARKET_ON_CLOSE, *types])
    prices = [round(10.0 * part, 2) for part in (0.9, 0.95, 0.97, 1.0, 1.03, 1.05, 1.1)]
    forces = [TimeInForce.GTC, TimeInForce.GTC, TimeInForce.DAY]
    if not child and kind in {OrderType.MARKET, OrderType.LIMIT}:
        forces += [TimeInForce.IOC, TimeInForce.FOK]
    return Wish(
        side,
        chance.choice([1.0, 3.0, 7.0, 40.0, 100.0, 300.0]),
        kind,
        chance.choice(prices) if kind in {OrderType.LIMIT, OrderType.STOP_LIMIT} else None,
        chance.choice(prices) if kind in {OrderType.STOP, OrderType.STOP_LIMIT} else None,
        chance.choice([0.02, 0.1]) if kind is OrderType.TRAILING_STOP else None,
        chance.choice(forces),
        chance.choice([0, 0, 1, 2]),
        chance.choice([0, 1, 2]),
        () if child else tuple(_walked_wish(chance, side) for _ in range(chance.choice([0, 0, 1, 2, 2]))),
    )


@dataclass(frozen=True)
class Extremes(Strategy):
    """Wants something after a close beyond one of two prices, and lets its target stand between them: one bar decides."""

    low: float = 10.0
    high: float = 12.0
    wanted: float = 1.0

    @property
    def recursive(self) -> bool:
        """The last bar decides."""
        return False

    @property
    def lookback(self) -> int:
        """The last bar decides."""
        return 1

    def target(self, bars: Bars) -> Series:
        """Return ``wanted`` above, 0 below."""
        return np.where(bars.close > self.high, self.wanted, np.where(bars.close < self.low, 0.0, np.nan))


@dataclass(frozen=True)
class Leaving(Extremes):
    """The same, but only where the close leaves its exponential average behind: the run's first bar decides with the last."""

    @property
    def recursive(self) -> bool:
        """The average remembers."""
        return True

    def target(self, bars: Bars) -> Series:
        """Return ``wanted`` well above the average, 0 well below."""
        share = bars.close / ema(bars.close, 3)
        return np.where(share > 1.02, self.wanted, np.where(share < 0.98, 0.0, np.nan))


MEMBERS = st.one_of(
    st.lists(st.sampled_from([".", ".", ".", "1", "0", "0.5", "-1"]), max_size=14).map(" ".join).map(Scripted),
    st.builds(Extremes, st.sampled_from([9.5, 10.2]), st.sampled_from([11.0, 14.0]), st.sampled_from([1.0, 0.3, -0.7])),
    st.builds(Leaving, wanted=st.sampled_from([1.0, 0.3, -0.7])),
)
"""Strategies whose targets mostly stand, because nothing happened in the bars they look at."""


def with_exits(strategy: Strategy, exits: Exits) -> Strategy:
    """Return the strategy with these exits."""
    object.__setattr__(strategy, "exits", exits)
    return strategy


@st.composite
def shared_runs(draw: st.DrawFn) -> tuple[RunSpec, History]:
    """Draw a market and a run over it in which most symbols are shared."""
    spec, past = draw(runs())
    assigned = []
    for one in spec.assignments:
        exits = draw(st.just(Exits()) | EXITS)
        rule = draw(st.sampled_from(LINEAR)).value
        names = draw(st.sampled_from(["a", "ab", "ab", "abc"]))
        values = st.sampled_from([7.0, 40.0, 1.0, 0.3] if rule == SizingRule.FIXED_QUANTITY else [0.1, 0.2, 0.475, 0.01])
        members = [Assignment(one.symbol, name, with_exits(draw(MEMBERS), exits), Sizing(rule, draw(values))) for name in names]
        assigned.append(owned(members))
    return replace(spec, assignments=tuple(assigned)), past
