"""Moves that the whole market made: what several symbols did at the same instant is no vendor's error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from domain.quality import Finding, Series

MOVES: Final = frozenset({"spike", "drop"})
_FEWEST_OTHERS: Final = 2
_BEFORE: Final = 40
_LEAST_SIGMAS: Final = 10.0
_SHARE: Final = 0.5
_MOST_DOUBTED: Final = 10_000  # a file with more of them holds no market


def without_market_wide(all_series: Sequence[Series], findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings without spikes and drops that the others confirm.

    The (lower) median of their excursions in that bar, in robust deviations of their own last 40 returns, must reach 10 and half
    of the doubted one's. Two other symbols at least must have a bar of that time.
    """
    doubted = [finding for finding in findings if finding.kind in MOVES]
    if len(all_series) <= _FEWEST_OTHERS or not 0 < len(doubted) <= _MOST_DOUBTED:
        return list(findings)
    ordered = [series.in_time_order() for series in all_series]
    confirmed = {id(finding) for finding in doubted if _is_confirmed(finding, ordered)}
    return [finding for finding in findings if id(finding) not in confirmed]


def _is_confirmed(finding: Finding, ordered: Sequence[Series]) -> bool:
    own, others = 0.0, []
    for series in ordered:
        sigmas = _excursion(series, finding.time, finding.kind)
        if series.instrument.symbol == finding.symbol:
            own = sigmas or 0.0
        elif sigmas is not None:
            others.append(sigmas)
    # The lower median: one of two others may itself hold an error.
    return len(others) >= _FEWEST_OTHERS and sorted(others)[(len(others) - 1) // 2] >= max(_LEAST_SIGMAS, _SHARE * own)


def _excursion(series: Series, time: int, kind: str) -> float | None:
    """Return how far the bar of ``time`` went up (a spike) or down from its open and the close before; None without such a bar."""
    times = series.time
    at = int(np.searchsorted(times, time))
    if at >= len(times) or times[at] != time or at < 2:
        return None
    rows = series.row[max(0, at - _BEFORE) : at + 1]
    closes = series.rows.close[rows[:-1]]
    opened = series.rows.open[rows[-1]]
    extreme = series.rows.high[rows[-1]] if kind == "spike" else series.rows.low[rows[-1]]
    if not (min(extreme, opened) > 0.0 and np.all(closes > 0.0)):
        return None
    begun = max(opened, closes[-1]) if kind == "spike" else min(opened, closes[-1])  # a gap over night is no excursion
    usual = 1.4826 * float(np.median(np.abs(np.diff(np.log(closes)))))
    move = float(np.log(extreme / begun))
    return (move if kind == "spike" else -move) / max(usual, 1e-5)
