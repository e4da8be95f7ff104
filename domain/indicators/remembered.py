"""Indicators remembered between runs over the same bars: in a sweep most parameter sets share most of their lines.

Within ``remembering`` an indicator that is asked again for the same arrays and parameters answers with what it computed before.
A strategy notices nothing: its ``target`` calls the same ``sma(bars.close, n)``. Outside, in every back-test and session, nothing
is kept.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MOST_BYTES: Final = 128 * 2**20
"""Room for the values of 6,000 indicators over 2,520 bars, or of 16 over a million."""

_in_force: ContextVar[_Answers | None] = ContextVar("answers_in_force", default=None)


@contextmanager
def remembering(most_bytes: int = MOST_BYTES) -> Iterator[None]:
    """Remember indicators of arrays that cannot be written to, the oldest given up beyond ``most_bytes``.

    What is remembered is shared, so it cannot be written to either: a caller that wants to change an indicator's values in place
    meets ValueError here, and none within ``remembering(0)``, which keeps nothing.
    """
    token = _in_force.set(_Answers(most_bytes))
    try:
        yield
    finally:
        _in_force.reset(token)


def remembered[**P, R](function: Callable[P, R]) -> Callable[P, R]:
    """Let an indicator be remembered: a function of arrays and numbers that returns an array or a named tuple of arrays."""

    @wraps(function)
    def asked(*given: P.args, **named: P.kwargs) -> R:
        answers = _in_force.get()
        return function(*given, **named) if answers is None else answers.of(function, given, named)

    return asked


class _Answers:
    """Indicators by function and arguments; arrays are known by identity, which holds while they are kept here."""

    def __init__(self, most_bytes: int) -> None:
        self._kept: dict[tuple[Any, ...], tuple[tuple[Any, ...], Any, int]] = {}
        self._room = most_bytes

    def of[R](self, function: Callable[..., R], given: tuple[Any, ...], named: dict[str, Any]) -> R:
        values = (*given, *named.values()) if named else given
        # With its type: 1, 1.0 and True are equal, but not to every indicator.
        key = (function, *named, *[id(one) if type(one) is np.ndarray else (type(one), one) for one in values])
        try:
            kept = self._kept.get(key)
        except TypeError:  # an argument that is neither array nor number
            return function(*given, **named)
        if kept is not None:
            return cast("R", kept[1])
        answer = function(*given, **named)
        if not any(type(one) is np.ndarray and one.flags.writeable for one in values):
            self._keep(key, values, answer)
        return answer

    def _keep(self, key: tuple[Any, ...], values: tuple[Any, ...], answer: Any) -> None:
        lines = answer if isinstance(answer, tuple) else (answer,)
        size = sum(line.nbytes for line in lines)
        while size > self._room and self._kept:
            self._room += self._kept.pop(next(iter(self._kept)))[2]
        if size > self._room:
            return
        for line in lines:
            line.flags.writeable = False
        self._kept[key] = values, answer, size
        self._room -= size
