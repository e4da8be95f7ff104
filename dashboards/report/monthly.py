"""Returns by calendar month and year."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Year(NamedTuple):
    """The returns of a year as fractions: twelve months, None where there was no session, and the whole ``total``."""

    year: int
    months: tuple[float | None, ...]
    total: float | None


def monthly_returns(sessions: NDArray[np.int64], equity: NDArray[np.float64], initial_cash: float) -> list[Year]:
    """Return the years of a run, oldest first.

    ``sessions`` are days since 1970 of each value of ``equity``, in time order. A month's return is its last equity / the last
    equity before the month - 1; before the first month that is ``initial_cash``. None too where that was not above 0.
    """
    if not len(sessions):
        return []
    numbers = sessions.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    last = np.flatnonzero(np.diff(numbers, append=numbers[-1] + 1))
    ends = dict(zip(numbers[last].tolist(), equity[last].tolist(), strict=True))
    years: list[Year] = []
    standing = initial_cash
    for year in range(min(ends) // 12, max(ends) // 12 + 1):
        months: list[float | None] = []
        before = standing
        for number in range(12 * year, 12 * year + 12):
            end = ends.get(number)
            months.append(None if end is None else _growth(standing, end))
            standing = standing if end is None else end
        years.append(Year(1970 + year, tuple(months), _growth(before, standing)))
    return years


def _growth(before: float, after: float) -> float | None:
    return after / before - 1.0 if before > 0.0 else None
