"""Markets and runs drawn by hypothesis: short, with holes, empty bars, splits, dividends and mixed calendars."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from histories import HOURLY, MONDAY, Scripted, fraction, history, market, quantity, run_spec
from hypothesis import strategies as st

from domain.market import HOUR, AssetClass, CorporateAction
from domain.rules.costs import Costs
from domain.rules.limits import Limits

if TYPE_CHECKING:
    from domain.market import Bars
    from domain.run import RunSpec
    from domain.strategy import Strategy
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
)
BOUNDS = st.builds(
    Limits,
    st.sampled_from([0.2, 0.5, math.inf]),
    st.sampled_from([0.4, 1.0, math.inf]),
    st.sampled_from([0.03, 0.001, math.inf]),
    st.sampled_from([math.inf, 0.1, 0.3]),
)


@st.composite
def one_market(draw: st.DrawFn, symbol: str, *, daily: bool) -> Bars:
    """Draw the bars of one symbol: own first bar, holes, bars without volume or with unknown volume."""
    count = draw(st.sampled_from([1, 3, 8, 14]))
    prices = draw(st.lists(st.tuples(PRICES, PRICES, VOLUMES), min_size=count, max_size=count))
    opens, closes, volumes = zip(*prices, strict=True)
    whole = draw(st.booleans())
    offsets = [1] * count if whole else draw(st.lists(st.integers(1, 3), min_size=count, max_size=count))
    if daily:
        weekdays = [day for day in range(90) if CLASSES[symbol] is AssetClass.CRYPTO or day % 7 < 5]
        days = [weekdays[index] for index in np.cumsum(offsets)]
        return market(symbol, opens, closes, volume=list(volumes), days=days)
    made = market(symbol, opens, closes, volume=list(volumes), timeframe=HOURLY)
    made.time[:] = MONDAY + 12 * HOUR + np.cumsum(offsets) * HOUR
    return made


@st.composite
def actions_of(draw: st.DrawFn, symbol: str) -> list[CorporateAction]:
    """Draw a few splits and dividends of one symbol."""
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
    return list({(a.ex_date, a.action): a for a in made}.values())


@st.composite
def runs(draw: st.DrawFn) -> tuple[RunSpec, History]:
    """Draw a market of one to four symbols and a run over it."""
    together = draw(st.booleans())  # equities alone share every instant, mixtures few
    names = ["AAA", "BBB", "CCC"] if together else list(CLASSES)
    symbols = draw(st.lists(st.sampled_from(names), min_size=1, max_size=len(names), unique=True))
    daily = draw(st.booleans())
    bars = [draw(one_market(symbol, daily=daily)) for symbol in symbols]
    actions = [action for symbol in symbols if draw(st.booleans()) for action in draw(actions_of(symbol))]
    past = history(*bars, actions=actions, classes=CLASSES)
    scripts = {one.symbol: " ".join(draw(st.lists(TARGETS, min_size=len(one) // 2, max_size=len(one)))) for one in bars}
    options = {
        "cash": draw(st.sampled_from([1_000.0, 100_000.0, 400.0, 60.0])),
        "costs": draw(st.sampled_from([Costs(0.0, 0.0), Costs(0.001, 0.0), Costs(0.0005, 0.0002), Costs(0.0, 0.05)])),
        "limits": draw(st.none() | BOUNDS),
        "volume_limit": draw(st.sampled_from([0.0, 0.1, None])),
    }
    strategies: dict[str, Strategy] = {symbol: Scripted(script) for symbol, script in scripts.items()}
    return run_spec(past, strategies, draw(SIZINGS), **options), past
