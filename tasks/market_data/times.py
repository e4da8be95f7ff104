"""Times of files as int64 UTC microseconds: whatever is ambiguous is refused, a single unreadable one becomes ``NO_TIME``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pyarrow as pa

from domain.errors import DataError, InputError
from domain.market import DAY
from domain.quality import NO_TIME
from tasks.market_data.arrow import integers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_DATE_LENGTH: Final = len("2020-01-02")
_UNIT_BOUNDS: Final = (10**11, 10**14, 10**17)
_UNITS: Final = ((1_000_000, 1), (1_000, 1), (1, 1), (1, 1_000))
"""An epoch below the first bound is in seconds, then milliseconds, microseconds, nanoseconds: multiply, then divide."""


def parse_zone(name: str | None) -> ZoneInfo | None:
    """Return the time zone called ``name``; raise InputError where there is none."""
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InputError(f"time zone {name!r} is unknown: write one of the IANA database, such as America/New_York") from error


def from_arrow(column: pa.ChunkedArray, zone: ZoneInfo | None, source: str) -> NDArray[np.int64]:
    """Return a column of dates, timestamps, epochs or texts as UTC microseconds.

    Raises DataError where times of day have neither an offset nor a declared ``zone``, or none can be read.
    """
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_date(kind):
        times = integers(column.cast(pa.timestamp("us"), safe=True), NO_TIME)
    elif pa.types.is_timestamp(kind):
        times = _timestamps(column, zone, source)
    elif pa.types.is_integer(kind):
        times = _epochs(integers(column.cast(pa.int64()), NO_TIME))
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
        times = _texts(column, zone, source)
    else:
        raise DataError(f"{source}: column 'time' holds {kind}; it must hold timestamps, dates or texts in ISO 8601")
    if len(times) and (times == NO_TIME).all():
        raise DataError(f"{source}: no value of column 'time' can be read, the first is {column[0].as_py()!r}")
    return times


def _timestamps(column: pa.ChunkedArray, zone: ZoneInfo | None, source: str) -> NDArray[np.int64]:
    """Return timestamps of any unit; those without a zone must be dates, or ``zone`` says what they mean."""
    zoned = column.type.tz is not None
    try:
        times = integers(column.cast(pa.timestamp("us", column.type.tz)), NO_TIME)
    except pa.ArrowInvalid as error:
        raise DataError(f"{source}: column 'time' cannot be kept to the microsecond: {error}") from error
    present = times[times != NO_TIME]
    if zoned or bool(np.all(present % DAY == 0)):
        return times
    if zone is None:
        raise _no_zone(source, len(present), str(np.datetime64(int(present[present % DAY != 0][0]), "us")))
    naive = [None if time == NO_TIME else _EPOCH.replace(tzinfo=None) + time * _MICROSECOND for time in times.tolist()]
    return np.array([NO_TIME if moment is None else _localised(moment, zone) for moment in naive], np.int64)


def _texts(column: pa.ChunkedArray, zone: ZoneInfo | None, source: str) -> NDArray[np.int64]:
    """Return texts: ISO 8601 with an offset, plain dates, or epochs; fast where a whole column is of one form."""
    for read in (_zoned_texts, _date_texts, _epoch_texts):
        try:
            return read(column)
        except pa.ArrowInvalid:
            continue
    texts = column.to_pylist()
    naive = [text for text in texts if text is not None and _is_naive(text)]
    if naive and zone is None:
        raise _no_zone(source, len(naive), naive[0])
    return np.array([_moment(text, zone) for text in texts], np.int64)


def _zoned_texts(column: pa.ChunkedArray) -> NDArray[np.int64]:
    """Return texts that all have an offset; raise ArrowInvalid for others."""
    return integers(column.cast(pa.timestamp("us", "UTC")), NO_TIME)


def _date_texts(column: pa.ChunkedArray) -> NDArray[np.int64]:
    """Return texts that are all dates, as 00:00 UTC; raise ArrowInvalid for others."""
    return integers(column.cast(pa.date32()).cast(pa.timestamp("us")), NO_TIME)


def _epoch_texts(column: pa.ChunkedArray) -> NDArray[np.int64]:
    """Return texts that all are whole numbers; raise ArrowInvalid for others."""
    return _epochs(integers(column.cast(pa.int64()), NO_TIME))


def _epochs(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return epochs of the unit that most of them have; what is in another unit becomes ``NO_TIME``."""
    present = values != NO_TIME
    unit = np.searchsorted(np.array(_UNIT_BOUNDS), np.abs(np.where(present, values, 0)), side="right")
    usual = int(np.bincount(unit[present], minlength=1).argmax())
    multiplier, divisor = _UNITS[usual]
    readable = present & (unit == usual)
    return np.where(readable, np.where(readable, values, 0) // divisor * multiplier, NO_TIME)


def _is_naive(text: str) -> bool:
    """Return whether ``text`` is a time of day without an offset."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return False
    return len(text.strip()) > _DATE_LENGTH and moment.tzinfo is None and moment.time() != datetime.min.time()


def _moment(text: str | None, zone: ZoneInfo | None) -> int:
    """Return one text as UTC microseconds, ``NO_TIME`` where it is no time; a date is 00:00 UTC."""
    try:
        moment = datetime.fromisoformat((text or "").strip())
    except ValueError:
        return NO_TIME
    if moment.tzinfo is not None:
        return (moment - _EPOCH) // _MICROSECOND
    if zone is None or len((text or "").strip()) == _DATE_LENGTH:
        return (moment.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
    return _localised(moment, zone)


def _localised(moment: datetime, zone: ZoneInfo) -> int:
    """Return a local time as UTC microseconds, ``NO_TIME`` in the hour that a change of the clock skips or repeats."""
    first, second = moment.replace(tzinfo=zone, fold=0), moment.replace(tzinfo=zone, fold=1)
    if first.utcoffset() != second.utcoffset():
        return NO_TIME
    return (first - _EPOCH) // _MICROSECOND


def _no_zone(source: str, count: int, example: str) -> DataError:
    """Return the refusal of times of day that could mean any place."""
    return DataError(
        f"{source}: {count} times have no zone, such as {example!r}: write UTC with an offset (2020-01-02T14:30:00Z), "
        "a plain date for daily bars, or name their zone: --zone America/New_York with backtest, check-data and ingest"
    )


def steps_of(times: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the distances between neighbouring bars of one symbol."""
    steps: NDArray[np.int64] = np.diff(np.unique(times[times != NO_TIME]))
    return steps


def usual_step(steps: Sequence[NDArray[np.int64]]) -> int:
    """Return the most frequent distance between neighbouring bars of one symbol, 0 where no symbol has two; see ``steps_of``."""
    distances, counts = np.unique(np.concatenate(steps) if steps else np.empty(0, np.int64), return_counts=True)
    return int(distances[np.argmax(counts)]) if len(distances) else 0
