"""Prices adjusted for corporate actions, so that a series has no jumps but the market's own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from domain.timeline import actions_by_bar

if TYPE_CHECKING:
    from domain.market import Bars
    from domain.timeline import History


def adjust_forward(history: History) -> tuple[Bars, ...]:
    """Return the bars as strategies see them: prices x, volume / the cumulative split factor since the first bar.

    Bar i depends on nothing later; the first bar is as it was traded. The bars know the calendar of their instrument.
    """
    effective = actions_by_bar(history)
    adjusted, offset = [], 0
    for instrument, bars in zip(history.instruments, history.bars, strict=True):
        splits = [
            (number - offset, action.value)
            for number in sorted(effective)
            if offset <= number < offset + len(bars)
            for action in effective[number]
            if action.action == "split"
        ]
        adjusted.append(_adjusted(replace(bars, calendar=instrument.calendar), splits))
        offset += len(bars)
    return tuple(adjusted)


def _adjusted(bars: Bars, splits: list[tuple[int, float]]) -> Bars:
    if not splits:
        return bars
    factor = np.ones(len(bars))
    for index, ratio in splits:
        factor[index:] *= ratio
    return replace(
        bars,
        open=bars.open * factor,
        high=bars.high * factor,
        low=bars.low * factor,
        close=bars.close * factor,
        volume=bars.volume / factor,
    )
