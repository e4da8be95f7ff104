"""What every strategy must keep to, as checks that a test can also turn on a strategy that does not."""

from __future__ import annotations

from itertools import pairwise, product
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq

from domain.errors import InputError
from domain.indicators import Memory
from domain.market import AssetClass, Bars, Instrument, Timeframe
from domain.parameters import parameters_of
from domain.strategy import Series, Strategy, checked_target

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

COLUMNS = ("open", "high", "low", "close", "volume")


def bars_of(path: Path) -> list[Bars]:
    """Return the bars of a Parquet file; its name is the asset class and the size of a bar, as in ``equity_1d``."""
    table = pq.read_table(path)
    symbols = table["symbol"].to_numpy()
    asset_class, size = path.stem.split("_")[:2]
    timeframe, calendar = Timeframe.parse(size), Instrument.of("ANY", AssetClass(asset_class)).calendar
    time = table["time"].to_numpy().astype("datetime64[us]").astype(np.int64)
    columns = [table[name].to_numpy().astype(np.float64) for name in COLUMNS]
    edges = [0, *(np.flatnonzero(symbols[1:] != symbols[:-1]) + 1), len(symbols)]
    return [
        Bars(str(symbols[start]), timeframe, time[start:stop], *(column[start:stop] for column in columns), calendar=calendar)
        for start, stop in pairwise(edges)
    ]


def variants(cls: type[Strategy]) -> list[Strategy]:
    """Return the strategy with its defaults, with each parameter at the ends of its range, and with short windows."""
    given: list[dict[str, Any]] = [{}]
    short: dict[str, Any] = {}
    for parameter in parameters_of(cls):
        values: list[Any] = [parameter.search.low, parameter.search.high] if parameter.search else []
        values += [*parameter.choices, *([True, False] if parameter.kind is bool else [])]
        given += [{parameter.name: parameter.kind(value)} for value in values]
        if parameter.kind is int:
            short[parameter.name] = 2 + 3 * len(short)
    given += [short, *({**short, **one} for one in given if one.keys().isdisjoint(short))]
    found = {}
    for one in given:
        try:
            strategy = cls.create(one)
        except InputError:
            continue  # the two ends of a pair of ranges may contradict each other
        found[repr(strategy)] = strategy
    return list(found.values())


def runs(cls: type[Strategy], series: Iterable[Bars]) -> Iterator[tuple[Strategy, Bars]]:
    """Yield each variant with each of the series it can decide on."""
    for strategy, bars in product(variants(cls), series):
        try:
            strategy.check_timeframe(bars.timeframe)
        except InputError:
            continue
        yield strategy, bars


def sample(target: Series, every: int) -> list[int]:
    """Return the bars worth looking at: some decisions, the bars after them, and one in ``every``."""
    decisions = np.flatnonzero(~np.isnan(target))
    decisions = decisions[:: max(1, len(decisions) // 100)]
    picked = np.unique(np.concatenate([decisions, decisions + 1, np.arange(0, len(target), every)]))
    return [int(index) for index in picked if index < len(target)]


def assert_window_decides_as_the_whole(strategy: Strategy, bars: Bars, at: Iterable[int]) -> None:
    """Assert that the last ``lookback`` bars at each bar decide what the whole series decided there."""
    target = checked_target(strategy, bars)
    for index in at:
        window = bars.slice(max(0, index + 1 - strategy.lookback_of(bars.timeframe)), index + 1)
        decided = checked_target(strategy, window)[-1]
        assert _same(decided, target[index]), f"{strategy} on {bars.symbol}, bar {index}: {decided} != {target[index]}"


def assert_streamed_decides_as_the_whole(strategy: Strategy, bars: Bars, at: Iterable[int]) -> None:
    """Assert that bars coming one by one, as in live trading, are decided to the bit as the whole series was."""
    target = checked_target(strategy, bars)
    memory = Memory()
    for index in at:
        decided = memory.evaluate(
            lambda first, stop=index + 1: float(checked_target(strategy, bars.slice(first, stop))[-1]),
            index + 1,
            strategy.lookback_of(bars.timeframe),
            own_memory=strategy.recursive,
        )
        assert _same(decided, target[index]), f"{strategy} on {bars.symbol}, streamed bar {index}: {decided} != {target[index]}"


def assert_blind_to_the_future(strategy: Strategy, bars: Bars, at: Iterable[int]) -> None:
    """Assert that what comes after a bar, or that it ends the series, changes no target or indicator up to it."""
    target = checked_target(strategy, bars)
    series = strategy.indicators(bars)
    for index in at:
        past = bars.slice(0, index + 1)
        assert _same(checked_target(strategy, past), target[: index + 1]), f"{strategy} on {bars.symbol} sees beyond bar {index}"
        for name, values in strategy.indicators(past).items():
            assert values.shape == (index + 1,)
            assert _same(values, series[name][: index + 1]), f"{name} of {strategy} on {bars.symbol} sees beyond bar {index}"


def _same(first: Any, second: Any) -> bool:
    return bool(np.array_equal(first, second, equal_nan=True))
