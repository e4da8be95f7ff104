"""All checks in their order on rows as they arrived, and the division that follows from what they find."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from domain.adjustment_checks import ADJUSTMENT_CHECKS
from domain.hard_checks import PRESENCE_CHECKS, ROW_CHECKS, SEQUENCE_CHECKS, TIME_CHECKS
from domain.market_wide import without_market_wide
from domain.quality import BAD_SYMBOL, FLAGGED, Finding, Partition, Rows, Series, apply, partition, series_of, without
from domain.shift_checks import zone_shifts
from domain.statistical_checks import STATISTICAL_CHECKS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from domain.market import CorporateAction, Instrument, Timeframe
    from domain.quality import Check

_SHIFT_CHECKS: Final[Sequence[Check]] = (zone_shifts,)


def examine(
    rows: Rows,
    timeframe: Timeframe,
    instruments: Mapping[str, Instrument],
    now: int | None = None,
    actions: Sequence[CorporateAction] = (),
) -> tuple[Partition, list[Finding]]:
    """Return the rows divided into good and quarantined ones, and every finding in the order of the rows.

    An instrument not given is an equity. ``now`` is UTC microseconds, None where no future is known; declared splits among
    ``actions`` are no errors. Rows are numbered as in their source; those refused before, for their symbol, are quarantined.
    """
    all_series = series_of(rows, timeframe, instruments, now, actions)
    findings = _found(all_series)
    divided = partition(all_series, findings)
    quarantined = list(divided.quarantined)
    if rows.place is not None:
        quarantined = [row._replace(row=rows.arrived(row.row)) for row in quarantined]
    if rows.refused:
        quarantined = sorted([*quarantined, *rows.refused], key=lambda row: row.row)
    return divided._replace(quarantined=tuple(quarantined)), _as_numbered(findings, rows)


def found_in(
    rows: Rows,
    timeframe: Timeframe,
    instruments: Mapping[str, Instrument],
    now: int | None = None,
    actions: Sequence[CorporateAction] = (),
) -> list[Finding]:
    """Return every finding as ``examine`` does, where nobody wants the rows divided."""
    return _as_numbered(_found(series_of(rows, timeframe, instruments, now, actions)), rows)


def _found(all_series: list[Series]) -> list[Finding]:
    """Return what all checks find, in the order of the rows' indices."""
    findings = [finding for series in all_series for finding in _examine_series(series)]
    findings = without_market_wide(all_series, findings)
    findings.sort(key=lambda finding: finding.row)
    return findings


def _as_numbered(findings: list[Finding], rows: Rows) -> list[Finding]:
    """Return findings by the row of the source, with those of rows that were refused before."""
    if rows.place is not None:
        findings = [finding._replace(row=rows.arrived(finding.row)) for finding in findings]
    if rows.refused:
        findings += [Finding(row.row, row.time, row.symbol, BAD_SYMBOL, row.detail) for row in rows.refused]
        findings.sort(key=lambda finding: finding.row)
    return findings


def _examine_series(series: Series) -> list[Finding]:
    """Return the findings of one symbol: of times, single rows and holes, their order, and last what is improbable."""
    times = apply(TIME_CHECKS, series)
    timed = without(series, times)
    shifts = apply(_SHIFT_CHECKS, timed)
    placed = without(timed, shifts)
    single = apply(ROW_CHECKS, placed)
    believed = without(placed, single)
    sequence = apply(SEQUENCE_CHECKS, believed)
    bars = without(believed, [finding for finding in sequence if finding.kind not in FLAGGED])
    improbable = apply((*STATISTICAL_CHECKS, *ADJUSTMENT_CHECKS), bars.in_time_order())
    return [*times, *shifts, *single, *apply(PRESENCE_CHECKS, timed), *sequence, *improbable]
