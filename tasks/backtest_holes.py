"""The bars a back-test did not have: missing inside sessions, by symbol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from domain.quality import iso
from domain.sessions import find_gaps

if TYPE_CHECKING:
    from collections.abc import Mapping

    from domain.timeline import History

_TOLERATED_SHARE: Final = 0.01
_TOLERATED_LENGTH: Final = 5


def data_holes(history: History) -> dict[str, dict[str, Any]]:
    """Return by symbol how many bars are ``missing`` inside sessions between its first and last, and the ``longest`` hole.

    A hole has the starts of its ``first`` and ``last`` missing bar, ISO 8601 in UTC, and how many ``bars``; ``longest`` is None
    where nothing is missing.
    """
    holes = {}
    for instrument, bars in zip(history.instruments, history.bars, strict=True):
        gaps = find_gaps(bars.time, bars.timeframe, instrument.calendar)
        longest = max(gaps, key=lambda gap: gap.missing, default=None)
        holes[instrument.symbol] = {
            "missing": sum(gap.missing for gap in gaps),
            "longest": longest and {"first": iso(longest.first), "last": iso(longest.last), "bars": longest.missing},
        }
    return holes


def hole_warnings(holes: Mapping[str, Mapping[str, Any]], history: History) -> list[str]:
    """Return one warning for each symbol that misses more than 1 % of its bars, or more than 5 in a row."""
    warnings = []
    for bars in history.bars:
        missing, longest = holes[bars.symbol]["missing"], holes[bars.symbol]["longest"]
        share = missing / (missing + len(bars))
        if longest and (share > _TOLERATED_SHARE or longest["bars"] > _TOLERATED_LENGTH):
            warnings.append(
                f"{bars.symbol} misses {missing} bars inside sessions ({share:.2%}), {longest['bars']} of them from "
                f"{longest['first']} to {longest['last']}: the run passes over them"
            )
    return warnings
