"""Holes of what is stored: recorded, asked for again once, and kept with the answer where there is nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from domain.quality import iso
from domain.sessions import session_dates
from tasks.database.reference import read_gaps, replace_gaps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from domain.market import Instrument, Timeframe
    from domain.sessions import Gap
    from tasks.database.connection import Database

MOST_ASKED: Final = 5
"""Holes of one series that an ingest asks for again; a provider is not to be asked for hundreds at once."""

_ASKED: Final = "asked again"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_ZERO: Final = date(1970, 1, 1)
_LONGEST_ANSWER: Final = 200


class Hole(NamedTuple):
    """A recorded hole: its first and last session date, and its start and end in UTC microseconds, the end exclusive."""

    first: date
    last: date
    start: int
    end: int


def record(database: Database, instrument: Instrument, timeframe: Timeframe, gaps: Sequence[Gap], source: str) -> None:
    """Keep ``gaps`` as all the holes of a series; what a provider answered about one of them stays with it."""
    answers = {(row["start"], row["end"]): row["detail"] for row in _recorded(database, instrument, timeframe)}
    rows = [
        {
            "symbol": instrument.symbol,
            "timeframe": timeframe.name,
            "start": gap.first,
            "end": gap.last + timeframe.length,
            "missing": gap.missing,
            "detail": _detail(answers.get((gap.first, gap.last + timeframe.length), ""), source),
        }
        for gap in gaps
    ]
    replace_gaps(database, instrument.symbol, timeframe.name, rows)


def _detail(before: str, source: str) -> str:
    return before if _ASKED in before else f"no bars in {source}"


def unasked(database: Database, instrument: Instrument, timeframe: Timeframe) -> list[Hole]:
    """Return the holes nobody asked for again yet, the latest first, at most ``MOST_ASKED``."""
    rows = [row for row in _recorded(database, instrument, timeframe) if _ASKED not in row["detail"]]
    spans = [(row["start"], row["end"]) for row in sorted(rows, key=lambda row: row["start"], reverse=True)[:MOST_ASKED]]
    holes = []
    for start, end in spans:
        days = session_dates(np.array([start, end - timeframe.length]), timeframe, instrument.calendar)
        first, last = (_DAY_ZERO + timedelta(days=int(day)) for day in days)
        holes.append(Hole(first, last, start, end))
    return holes


def answered(database: Database, instrument: Instrument, timeframe: Timeframe, hole: Hole, answer: str, now: int) -> None:
    """Keep what a provider said about a hole, in what is left of it."""
    rows = _recorded(database, instrument, timeframe)
    for row in rows:
        if hole.start <= row["start"] and row["end"] <= hole.end and _ASKED not in row["detail"]:
            row["detail"] = f"{row['detail']}; {_ASKED} {iso(now)}: {answer[:_LONGEST_ANSWER]}"
    replace_gaps(database, instrument.symbol, timeframe.name, rows)


def _recorded(database: Database, instrument: Instrument, timeframe: Timeframe) -> list[dict[str, Any]]:
    """Return the holes of a series as they are stored, times in UTC microseconds."""
    return [
        {
            "symbol": row["symbol"],
            "timeframe": row["timeframe"],
            "start": (row["gap_start"] - _EPOCH) // timedelta(microseconds=1),
            "end": (row["gap_end"] - _EPOCH) // timedelta(microseconds=1),
            "missing": row["missing"],
            "detail": row["detail"],
        }
        for row in read_gaps(database, instrument.symbol)
        if row["timeframe"] == timeframe.name
    ]
