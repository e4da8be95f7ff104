"""What every page shows, read once for all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dashboards.equity import Point

type Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Money of the running session: amounts in the account's currency, the rest fractions."""

    equity: float
    cash: float
    initial_cash: float
    session_day: str
    day_change: float | None
    day_return: float | None
    total_return: float | None
    drawdown: float
    deepest_drawdown: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The state of the database at ``read_at`` (seconds since 1970; None before the first answer).

    ``failure`` is empty while the database answers. When it does not, everything else stays as it was last read, so that a
    page never shows an unknown position as none. ``standing_limit`` is the limit that refuses entries for the rest of the run:
    its ``value`` and ``bound`` as fractions, and the ``time`` it was met.
    """

    read_at: float | None = None
    failure: str = ""
    run: Row | None = None
    account: Account | None = None
    curve: tuple[Point, ...] = ()
    standing_limit: Row | None = None
    positions: tuple[Row, ...] = ()
    orders: tuple[Row, ...] = ()
    open_orders: int = 0
    fills: tuple[Row, ...] = ()
    backtests: tuple[Row, ...] = ()
    events: tuple[Row, ...] = ()
