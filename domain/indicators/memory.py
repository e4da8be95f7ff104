"""What recursive indicators remember, so that one more bar costs one more step.

A recursive indicator depends on every bar since the first. Over a whole series TA-Lib computes it in one pass; over a series
that grows bar by bar a ``Memory`` keeps TA-Lib's streaming handles, whose values equal those of the pass to the bit. A strategy
notices nothing: the same ``target`` calls the same ``ema(bars.close, n)``, and the memory in force around the call decides
whether the array it is given is the whole series or the end of one that is already known.
"""

from __future__ import annotations

from contextlib import suppress
from contextvars import ContextVar
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from domain.errors import TradingError
from domain.indicators.talib_extension import talib

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    type Inputs = tuple[NDArray[np.float64], ...]

_in_force: ContextVar[_Opening | _Continuing | None] = ContextVar("pass_in_force", default=None)


def talib_series(name: str, inputs: Inputs, *parameters: float) -> NDArray[np.float64]:
    """Return TA-Lib's ``name`` of ``inputs``, one row an output, each aligned with them.

    A bar with a missing or infinite input has no value and is skipped: the recursion goes on with the next as if it were not
    there. Leading NaN, as of an indicator of an indicator, are such bars.
    """
    running = _in_force.get()
    return whole(name, inputs, parameters) if running is None else running.series(name, inputs, parameters)


def needs_the_whole_series() -> None:
    """Tell the memory in force, if any, that what is computed now can only be computed from the first bar on."""
    running = _in_force.get()
    if running is not None:
        running.intact = False


def whole(name: str, inputs: Inputs, parameters: tuple[float, ...]) -> NDArray[np.float64]:
    """Return TA-Lib's ``name`` of ``inputs`` in one pass, bars with a missing input skipped."""
    return _around_gaps(inputs, lambda present: getattr(talib, name)(*present, *parameters))


def _around_gaps(inputs: Inputs, compute: Callable[[Inputs], Any]) -> NDArray[np.float64]:
    """Return ``compute`` of the bars at which every input is finite, one row an output, NaN at the others."""
    present = np.isfinite(inputs[0])
    for values in inputs[1:]:
        present &= np.isfinite(values)
    if present.all():
        return np.atleast_2d(compute(inputs))
    computed = np.atleast_2d(compute(tuple(values[present] for values in inputs)))
    result = np.full((len(computed), len(present)), np.nan)
    result[:, present] = computed
    return result


class Memory:
    """What the recursive indicators of one definition remember of one series that grows at its end.

    ``evaluate`` runs the definition over the last bars alone. A call of a recursive indicator is known by its place among the
    calls, its name and its parameters; it is fed the newest values of its input and answers with its values at the bars shown.
    A call that does not continue the one before (another order, an input that is not one value a bar, or that has changed
    where it was known) is answered by running the definition over the whole series again: slower, never different.
    """

    def __init__(self) -> None:
        self._calls: list[_Call] | None = None  # None: nothing to go on from
        self._seen = 0  # bars the calls have been fed

    def evaluate[T](self, definition: Callable[[int], T], count: int, window: int, *, own_memory: bool = False) -> T:
        """Return ``definition(first)``, which computes something from the bars ``first`` to ``count``, as if first were 0.

        ``window`` is how many last bars decide it beside what recursive indicators remember. With ``own_memory`` a definition
        that calls no recursive indicator remembers by itself, and is shown all bars.
        """
        calls, self._calls = self._calls, None  # half fed, should the definition fail
        if calls or (calls is not None and not own_memory):
            first = max(0, min(self._seen + 1, count) - window)
            running = _Continuing(calls, count - first, count - self._seen)
            token = _in_force.set(running)
            try:
                value = definition(first)
            except TradingError:
                if running.intact:
                    raise
            finally:
                _in_force.reset(token)
            if running.intact:
                self._calls, self._seen = (calls if running.complete else None), count
                return value
        return self._open(definition, count)

    def _open[T](self, definition: Callable[[int], T], count: int) -> T:
        opening = _Opening(count)
        token = _in_force.set(opening)
        try:
            value = definition(0)
        finally:
            _in_force.reset(token)
        self._calls, self._seen = (opening.calls if opening.intact else None), count
        return value


class _Opening:
    """A run of a definition over the whole series, which opens a call for each recursive indicator."""

    __slots__ = ("_shown", "calls", "intact")

    def __init__(self, shown: int) -> None:
        self.calls: list[_Call] = []
        self.intact = True
        self._shown = shown

    def series(self, name: str, inputs: Inputs, parameters: tuple[float, ...]) -> NDArray[np.float64]:
        """Return the indicator over the whole of ``inputs``."""
        self.intact = self.intact and all(len(values) == self._shown for values in inputs)
        if not self.intact:
            return whole(name, inputs, parameters)
        self.calls.append(_Call(name, parameters, inputs))
        return self.calls[-1].last(self._shown)


class _Continuing:
    """A run over the last ``shown`` bars, of which ``fresh`` are new to the calls."""

    __slots__ = ("_calls", "_fresh", "_next", "_shown", "intact")

    def __init__(self, calls: list[_Call], shown: int, fresh: int) -> None:
        self.intact = True
        self._calls = calls
        self._shown = shown
        self._fresh = fresh
        self._next = 0

    @property
    def complete(self) -> bool:
        """Whether every call was made, so that all of them are fed."""
        return self._next == len(self._calls)

    def series(self, name: str, inputs: Inputs, parameters: tuple[float, ...]) -> NDArray[np.float64]:
        """Return the indicator at the bars shown, from what its call remembers and the fresh values of ``inputs``."""
        call = self._calls[self._next] if self.intact and not self.complete else None
        if call is None or not call.continues(name, parameters, inputs, self._shown, self._fresh):
            self.intact = False
            return whole(name, inputs, parameters)
        self._next += 1
        call.feed(inputs, self._fresh)
        return call.last(self._shown)


class _Call:
    """One recursive indicator in a definition: its streaming handle and the values it has had."""

    __slots__ = ("_handle", "_name", "_parameters", "_row", "_size", "_values")

    def __init__(self, name: str, parameters: tuple[float, ...], inputs: Inputs) -> None:
        self._name = name
        self._parameters = parameters
        self._handle: Any = None
        self._open(inputs)

    def _open(self, inputs: Inputs) -> None:
        """Compute the whole series once and stand at its end; without a handle as long as it is too short for a value."""

        def compute(present: Inputs) -> Any:
            values = getattr(talib, self._name)(*present, *self._parameters)
            newest = np.atleast_2d(values)[0, -1:]
            # Not simply tried: on a history shorter than its lookback TA-Lib 0.8.2 may take outputs for inputs and fail otherwise.
            if np.isfinite(newest).any():
                with suppress(talib.InsufficientHistory):
                    self._handle = getattr(talib, f"{self._name}_Stream")(*present, *self._parameters)
            return values

        self._values = _around_gaps(inputs, compute)
        self._size = self._values.shape[1]
        self._row = [values.item(-1) if self._size else np.nan for values in inputs]

    def continues(self, name: str, parameters: tuple[float, ...], inputs: Inputs, shown: int, fresh: int) -> bool:
        """Whether this is the same call on the same series, ``fresh`` bars on."""
        if name != self._name or parameters != self._parameters:
            return False
        if self._handle is None and shown != self._size + fresh:
            return False  # only the whole series can open it
        newest_known = shown - fresh - 1
        for values, known in zip(inputs, self._row, strict=True):  # written out: this runs at every close
            if len(values) != shown or (newest_known >= 0 and not _same(values.item(newest_known), known)):
                return False
        return True

    def feed(self, inputs: Inputs, fresh: int) -> None:
        """Go ``fresh`` bars on."""
        if self._handle is None:
            self._open(inputs)
            return
        for age in range(fresh, 0, -1):
            self._row = [values.item(-age) for values in inputs]
            self._append(self._handle.update(*self._row) if all(map(isfinite, self._row)) else np.nan)

    def _append(self, value: float | tuple[float, ...]) -> None:
        if self._size == self._values.shape[1]:
            room = np.full((len(self._values), max(64, self._size)), np.nan)
            self._values = np.concatenate([self._values, room], axis=1)
        self._values[:, self._size] = value
        self._size += 1

    def last(self, shown: int) -> NDArray[np.float64]:
        """Return the values at the last ``shown`` bars, one row an output, as a copy: a caller may write into it."""
        return self._values[:, self._size - shown : self._size].copy()


def _same(first: float, second: float) -> bool:
    return first == second or (first != first and second != second)  # noqa: PLR0124 - both NaN
