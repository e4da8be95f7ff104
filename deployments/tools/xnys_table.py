"""Print ``domain/xnys.py`` from the exchange_calendars package: ``python -m deployments.tools.xnys_table > domain/xnys.py``.

The table lets the domain know the sessions of New York without pandas, whose import alone takes longer than a whole
back-test of ten years of daily bars. Run this again when the exchange announces a closure; the tests of
``domain.sessions`` compare the two.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from importlib.metadata import version
from typing import Final

import exchange_calendars
import pandas as pd

FIRST_YEAR: Final = 1986
LAST_YEAR: Final = 2035
_REGULAR: Final = "0930-1600"

_HEADER: Final = '''"""Sessions of the New York Stock Exchange from {first} to {last}, as far as announced or ruled.

Written by ``deployments/tools/xnys_table.py`` from exchange_calendars {version} (Apache-2.0); do not edit.
"""

from typing import Final

FIRST_YEAR: Final = {first}
LAST_YEAR: Final = {last}
'''


def _by_year(tokens: list[tuple[int, str]]) -> str:
    """Return the tokens as the lines of a dictionary, a year a line."""
    years: dict[int, list[str]] = defaultdict(list)
    for year, token in tokens:
        years[year].append(token)
    return "".join(f'    {year}: "{" ".join(words)}",\n' for year, words in sorted(years.items()))


def table() -> str:
    """Return the text of the module."""
    calendar = exchange_calendars.get_calendar("XNYS", start=f"{FIRST_YEAR}-01-01", end=f"{LAST_YEAR}-12-31")
    weekdays = pd.bdate_range(f"{FIRST_YEAR}-01-01", f"{LAST_YEAR}-12-31")
    holidays = [(day.year, day.strftime("%m%d")) for day in weekdays.difference(calendar.sessions)]
    opens = calendar.opens.dt.tz_convert("America/New_York").dt.strftime("%H%M")
    closes = calendar.closes.dt.tz_convert("America/New_York").dt.strftime("%H%M")
    hours = opens + "-" + closes
    special = [(day.year, f"{day:%m%d}={span}") for day, span in hours[hours != _REGULAR].items()]
    return (
        _HEADER.format(first=FIRST_YEAR, last=LAST_YEAR, version=version("exchange-calendars"))
        + "\nHOLIDAYS: Final = {\n"
        + _by_year(holidays)
        + '}\n"""Weekdays (mmdd) without a session, by year."""\n'
        + "\nSPECIAL_HOURS: Final = {\n"
        + _by_year(special)
        + '}\n"""Sessions (mmdd) that do not run from 09:30 to 16:00 New York, by year, with their hours."""\n'
    )


if __name__ == "__main__":
    sys.stdout.write(table())
