"""``check-data``: what is wrong with a file of bars, for a person or as one JSON list."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from deployments.output import print_pairs, print_records, print_table, say
from domain.quality import FLAGGED, REPEATED, iso
from tasks.check_data import check_file

if TYPE_CHECKING:
    import argparse

    from domain.quality import Finding
    from tasks.check_data import CheckedFile

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EXAMPLES: Final = 2
_LONGEST_DETAIL: Final = 90
_NAMED_SYMBOLS: Final = 8


def check_data(arguments: argparse.Namespace) -> int:
    """Print every finding; 0 whatever is found, for a file that can be checked."""
    now = None if arguments.now is None else (arguments.now - _EPOCH) // timedelta(microseconds=1)
    checked = check_file(arguments.path, arguments.actions, arguments.calendar, now, arguments.zone)
    if arguments.json:
        print_records(checked.records())
    else:
        _print(checked, str(arguments.path), given=arguments.calendar is not None)
    return 0


def _print(checked: CheckedFile, path: str, *, given: bool) -> None:
    names = ", ".join(checked.symbols[:_NAMED_SYMBOLS])
    more = len(checked.symbols) - _NAMED_SYMBOLS
    span = (
        "no time can be read" if checked.first is None or checked.last is None else f"{iso(checked.first)} to {iso(checked.last)}"
    )
    calendar = ", ".join(checked.calendars)
    pairs = [
        ("file", path),
        ("bars", f"{checked.rows:,} rows of {checked.timeframe.name}, {span}"),
        ("symbols", f"{names} and {more} more" if more > 0 else names),
        ("calendar", calendar if given else f"{calendar}, told by the bars; --calendar overrules"),
        ("declared", f"{checked.actions} splits and dividends" if checked.actions else "no splits or dividends: see --actions"),
    ]
    print_pairs(pairs)
    say()
    by_kind: dict[str, list[Finding]] = defaultdict(list)
    for finding in checked.findings:
        by_kind[finding.kind].append(finding)
    if not by_kind:
        say("nothing found")
        return
    _print_kinds(checked, by_kind)


def _print_kinds(checked: CheckedFile, by_kind: dict[str, list[Finding]]) -> None:
    """Print a line a kind with its counts, then the first of each."""
    kinds = sorted(by_kind.items(), key=lambda item: (-len(item[1]), item[0]))
    print_table(
        ("kind", "findings", "symbols", "on ingest the row is"),
        [(kind, len(found), len({one.symbol for one in found}), _fate(kind)) for kind, found in kinds],
    )
    rows = len({finding.row for finding in checked.findings})
    say(
        f"\n{len(checked.findings):,} findings in {rows:,} of {checked.rows:,} rows ({rows / checked.rows:.2%}); the first of each:"
    )
    for kind, found in kinds:
        say(f"\n{kind}")
        for one in found[:_EXAMPLES]:
            say(f"    row {checked.row(one)}, {one.symbol} {iso(one.time)}: {one.detail[:_LONGEST_DETAIL]}")


def _fate(kind: str) -> str:
    """Return what an ingest does with a row of this kind."""
    return "dropped, it says nothing new" if kind == REPEATED else "kept, marked" if kind in FLAGGED else "quarantined"
