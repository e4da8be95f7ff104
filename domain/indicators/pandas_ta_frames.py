"""Any indicator of pandas-ta by name: the wide set, for research.

pandas and pandas-ta are imported when the first one is named: seconds and over 100 MB that no other process pays. A call costs
0.1 to 5 ms over 500 bars, and live it is computed over all bars of the run at every close; what trades many symbols is better
written with the other indicators of this package.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from domain.errors import InputError, nearest
from domain.indicators.memory import needs_the_whole_series

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from domain.market import Bars

_COLUMNS: Final = {"open_": "open", "open": "open", "high": "high", "low": "low", "close": "close", "volume": "volume"}
"""The arguments of pandas-ta that are columns of bars."""
_SEES_LATER: Final = {
    "tos_stdevall": "its lines are fitted to the whole series",
    "vhm": "it divides by the deviation of the last volumes it is given",
    "zigzag": "its last legs are drawn anew when later bars come",
}
_CAUSAL: Final[dict[str, dict[str, bool]]] = {"dpo": {"centered": False}, "ichimoku": {"include_chikou": False}}
"""What must be so that a value comes from its own and earlier bars: neither a centred average nor the shifted close."""
_MADE_UP: Final = 2_000  # bars on which every indicator with a sensible length has values


def pandas_ta_indicator(name: str, bars: Bars, **parameters: Any) -> dict[str, NDArray[np.float64]]:
    """Return pandas-ta's ``name`` of ``bars``: float64 arrays aligned with them under pandas-ta's names for its columns.

    The names hold the parameters (``BBL_20_2.0_2.0``) and may change with pandas-ta: take columns by position, as in
    ``lower, middle, upper, *_ = pandas_ta_indicator("bbands", bars, length=20).values()``. There is no value, NaN, during the
    warm-up, whose length is pandas-ta's, and all columns are there however few the bars. What looks ahead is not offered:
    ``dpo`` is not centred, ``ichimoku`` comes without its chikou span, ``zigzag``, ``tos_stdevall`` and ``vhm`` are refused, and so
    is a negative ``offset``. With TA-Lib installed pandas-ta uses it, so windowed values carry the rounding of bars before.

    Raise InputError for a name or a parameter that is unknown, with the nearest, or that looks ahead.
    """
    needs_the_whole_series()
    function = _function(name)
    _check(name, function, parameters)
    parameters |= _CAUSAL.get(name, {})
    computed = _columns(function, bars.time, {column: getattr(bars, column) for column in _COLUMNS.values()}, parameters)
    if computed is not None:
        return computed
    return {column: np.full(len(bars), np.nan) for column in _made_up(function, parameters)}


def _function(name: str) -> Callable[..., Any]:
    import pandas_ta  # noqa: PLC0415 - seconds and 100 MB, for those who name an indicator of it alone

    functions = {known: getattr(pandas_ta, known) for names in pandas_ta.Category.values() for known in names}
    offered = {known: function for known, function in functions.items() if _inputs(function)}
    if name in _SEES_LATER:
        raise InputError(f"pandas-ta indicator {name!r} looks ahead: {_SEES_LATER[name]}")
    if name not in offered:
        raise InputError(
            f"pandas-ta indicator {name!r} is unknown: {nearest(name, offered)}it has {len(offered)}, such as rsi or bbands"
        )
    return offered[name]  # type: ignore[no-any-return]


def _inputs(function: Callable[..., Any]) -> list[str]:
    """Return the arguments that are columns of bars; none where others are needed too."""
    arguments = inspect.signature(function).parameters.values()
    needed = {argument.name for argument in arguments if argument.default is argument.empty and argument.name != "kwargs"}
    return [argument.name for argument in arguments if argument.name in _COLUMNS] if needed <= _COLUMNS.keys() else []


def _check(name: str, function: Callable[..., Any], parameters: dict[str, Any]) -> None:
    fixed = _CAUSAL.get(name, {})
    allowed = [known for known in inspect.signature(function).parameters if known not in {*_COLUMNS, *fixed, "kwargs"}]
    for parameter, value in parameters.items():
        if parameter in fixed:
            raise InputError(
                f"parameter {parameter} of pandas-ta indicator {name!r} is always {fixed[parameter]}: else it looks ahead"
            )
        if parameter not in allowed:
            raise InputError(
                f"parameter {parameter} of pandas-ta indicator {name!r} is unknown: "
                f"{nearest(parameter, allowed)}allowed are {', '.join(allowed)}"
            )
        if parameter == "offset" and value < 0:
            raise InputError(f"offset {value} of pandas-ta indicator {name!r} looks ahead: it must be 0 or more")


def _columns(
    function: Callable[..., Any], time: NDArray[np.int64], columns: dict[str, NDArray[np.float64]], parameters: dict[str, Any]
) -> dict[str, NDArray[np.float64]] | None:
    """Return the columns of the result by name; None where the bars are too few for pandas-ta to say which there are."""
    import pandas as pd  # noqa: PLC0415 - as pandas_ta

    if len(time) < 2:
        return None  # a single time is no ordered index to pandas-ta
    index = pd.DatetimeIndex(time.astype("datetime64[us]"))
    frame = pd.DataFrame({name: np.array(values) for name, values in columns.items()}, index=index)
    result = function(**{argument: frame[_COLUMNS[argument]] for argument in _inputs(function)}, **parameters)
    if isinstance(result, tuple):
        result = result[0]  # the second frame of ichimoku lies after the last bar
    if result is None:
        return None
    if isinstance(result, pd.Series):
        return {str(result.name): result.to_numpy(np.float64)}
    return {str(name): result[name].to_numpy(np.float64) for name in result.columns}


def _made_up(function: Callable[..., Any], parameters: dict[str, Any]) -> list[str]:
    """Return the names of the columns, from bars that are enough for any."""
    close = 100.0 + np.sin(np.arange(float(_MADE_UP)))
    columns = {"open": close, "high": close + 1.0, "low": close - 1.0, "close": close, "volume": close}
    found = _columns(function, np.arange(_MADE_UP) * 3_600_000_000, columns, parameters)
    if found is None:
        raise InputError(f"pandas-ta indicator {function.__name__!r} has no value on {_MADE_UP} bars: shorten its lengths")
    return list(found)
