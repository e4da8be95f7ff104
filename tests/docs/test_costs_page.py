"""The tables of dated rows on the page are the ones a run uses."""

from pathlib import Path
from typing import Final

import pytest

from domain.regulation import SEC_FEES, SETTLEMENT_CYCLES, TRADING_ACTIVITY_FEES, Dated

PAGE: Final = (Path(__file__).parents[2] / "docs" / "costs.md").read_text()
FIRST: Final = 1970
"""The year that stands for every day before a table's first change."""


def since(row: Dated) -> str:
    """Return the day a row begins as the page writes it."""
    return "before" if row.since.year == FIRST else row.since.isoformat()


def confirmed(*, yes: bool) -> str:
    """Return the page's last column."""
    return "" if yes else "not confirmed"


TABLES: Final = {
    "section 31": [(since(r), f"{r.per_million:.2f}", r.source, confirmed(yes=r.confirmed)) for r in SEC_FEES],
    "trading activity": [
        (since(r), f"{r.per_share:.6f}", f"{r.cap:.2f}", r.source, confirmed(yes=r.confirmed)) for r in TRADING_ACTIVITY_FEES
    ],
    "settlement": [(since(r), f"T+{r.days}", r.source, confirmed(yes=r.confirmed)) for r in SETTLEMENT_CYCLES],
}


@pytest.mark.parametrize("name", TABLES)
def test_page_shows_the_rows_a_run_uses(name: str) -> None:
    """A changed row needs the page changed with it: the expected block is in the failure."""
    assert "\n".join(f"| {' | '.join(cells)} |" for cells in TABLES[name]) + "\n\n" in PAGE
