"""An equity curve kept in memory: exact figures, few points.

A session can mark its equity a million times; a screen shows some hundred points. The buffer takes every mark once, keeps the
peak, the drawdown and the deepest drawdown exactly, and for drawing every n-th mark, the latest, and the deepest.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable


class Mark(NamedTuple):
    """Equity and cash after a bar: ``time`` in UTC milliseconds, ``session`` the day it belongs to."""

    time: int
    session: str
    equity: float
    cash: float


class Point(NamedTuple):
    """A point of the drawing; ``drawdown`` is a fraction of the peak so far, zero or negative."""

    time: int
    equity: float
    drawdown: float


@dataclass(slots=True)
class EquityBuffer:
    """The curve of one run that began with ``base``; at most ``limit`` points are drawn, and two more."""

    base: float
    limit: int = 480
    last: Mark | None = None
    previous_close: float = field(init=False)
    peak: float = field(init=False)
    deepest: Point | None = None
    _points: list[Point] = field(default_factory=list)
    _count: int = 0
    _stride: int = 1

    def __post_init__(self) -> None:
        self.previous_close = self.peak = self.base

    def extend(self, marks: Iterable[Mark]) -> None:
        """Take the marks that follow, in time order."""
        for mark in marks:
            if self.last is not None and mark.session != self.last.session:
                self.previous_close = self.last.equity
            self.last = mark
            self.peak = max(self.peak, mark.equity)
            point = Point(mark.time, mark.equity, self._below_peak(mark.equity))
            if self.deepest is None or point.drawdown < self.deepest.drawdown:
                self.deepest = point
            if self._count % self._stride == 0:
                self._points.append(point)
            self._count += 1
            if len(self._points) > self.limit:
                del self._points[1::2]
                self._stride *= 2

    def points(self) -> list[Point]:
        """Return what to draw, in time order."""
        if self.last is None or self.deepest is None:
            return []
        latest = Point(self.last.time, self.last.equity, self.drawdown)
        chosen = {point.time: point for point in (*self._points, self.deepest, latest)}
        return [chosen[time] for time in sorted(chosen)]

    @property
    def drawdown(self) -> float:
        """How far the equity is below its peak, as a fraction; zero or negative."""
        return 0.0 if self.last is None else self._below_peak(self.last.equity)

    @property
    def day_return(self) -> float | None:
        """Equity against the last mark of the session day before (the start of the run on its first day)."""
        if self.last is None or self.previous_close <= 0:
            return None
        return self.last.equity / self.previous_close - 1

    @property
    def total_return(self) -> float | None:
        """Equity against the cash the run began with."""
        if self.last is None or self.base <= 0:
            return None
        return self.last.equity / self.base - 1

    def _below_peak(self, equity: float) -> float:
        return equity / self.peak - 1 if self.peak > 0 else 0.0
