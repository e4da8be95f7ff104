"""When a trade settles, and what a regulator or broker would have held against an account: checks after a run, pure.

They change no fill. Days are counts since 1970-01-01; money is in the account's currency.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict, deque
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from domain.new_york import day_of
from domain.regulation import PATTERN_DAY_TRADER, SETTLEMENT_CYCLES, in_force
from domain.sessions import is_session, sessions

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

_FIRST_YEAR, _LAST_YEAR = 1950, 2199
_FIRST_KING_DAY: Final = 1986
_FIRST_KING_DAY_OF_THE_EXCHANGE: Final = 1998
_OPEN_BANKS: Final = np.array([day_of(2018, 12, 5), day_of(2025, 1, 9)], np.int64)
"""Days of mourning: markets closed, clearing and banks open (DTCC and SIFMA notices)."""

_WINDOW: Final = 24  # days that hold five sessions, whatever closes in between
_CENT: Final = 0.01
_NO_UNITS: Final = 1e-9


class Traded(NamedTuple):
    """A fill: ``side`` 1 for a buy and -1 for a sell, ``units`` > 0. What settles at once (crypto, FX) is no security here."""

    day: int
    symbol: str
    side: int
    units: float
    price: float
    fee: float = 0.0
    settles_at_once: bool = False


class Split(NamedTuple):
    """``ratio`` new units for an old one, before the fills of its day."""

    day: int
    symbol: str
    ratio: float


def settles(day: int) -> int:
    """Return the day on which a New York trade of ``day`` settles, by the cycle in force on the trade date.

    A settlement day is a session on which banks are open too: markets trade on Columbus Day and Veterans Day (and did on Martin
    Luther King Day before 1998), nothing settles then (NASD Notices to Members 88-82, 88-99, 95-77, 99-83).
    """
    cycle = in_force(SETTLEMENT_CYCLES, day)
    count = cycle.days if cycle else SETTLEMENT_CYCLES[0].days
    days = _settlement_days()
    return int(days[np.searchsorted(days, day, side="right") + count - 1])


def good_faith_violations(events: Iterable[Traded | Split], cash: float) -> list[Traded]:
    """Return the sales of a cash account that sold a position before the money that bought it had settled.

    ``events`` in booking order, ``cash`` what the account began with, settled. A purchase takes settled cash first, then sales'
    proceeds, those that settle first first; the shares it bought are paid for on the last of those days. A sale takes the
    oldest shares first, and is a violation where one of them is paid for after the day of the sale. Regulation T, 12 CFR
    220.8(c): a security sold without having been paid for in full before. Cash that no fill explains (dividends) counts as
    settled, but only where no unsettled proceeds are left, so that a doubt is a violation.
    """
    account, violations = _CashAccount(cash), []
    for event in events:
        if isinstance(event, Split):
            account.split(event)
        elif account.violates(event):
            violations.append(event)
    return violations


class _CashAccount:
    """Settled cash, proceeds on their way, and for each symbol its shares with the day on which they are paid for."""

    def __init__(self, cash: float) -> None:
        self.settled = cash
        self.proceeds: deque[tuple[int, float]] = deque()
        self.shares: defaultdict[str, deque[tuple[float, int]]] = defaultdict(deque)

    def split(self, event: Split) -> None:
        """Book a split."""
        shares = self.shares[event.symbol]
        self.shares[event.symbol] = deque((units * event.ratio, paid) for units, paid in shares)

    def violates(self, fill: Traded) -> bool:
        """Book a fill and return whether it is a sale of shares not yet paid for."""
        self._settle(fill.day)
        value = fill.units * fill.price
        if fill.side > 0:
            self.shares[fill.symbol].append((fill.units, self._pay(value + fill.fee, fill.day)))
            return False
        if fill.settles_at_once:
            self.settled += value - fill.fee
        else:
            self.proceeds.append((settles(fill.day), value - fill.fee))
        return self._paid_for(fill) > fill.day and not fill.settles_at_once

    def _settle(self, day: int) -> None:
        while self.proceeds and self.proceeds[0][0] <= day:
            self.settled += self.proceeds.popleft()[1]

    def _pay(self, amount: float, day: int) -> int:
        """Take ``amount`` and return the day on which the last of it is settled."""
        taken = min(self.settled, amount)
        self.settled -= taken
        amount -= taken
        paid = day
        while amount >= _CENT and self.proceeds:
            paid, coming = self.proceeds.popleft()
            if coming > amount:
                self.proceeds.appendleft((paid, coming - amount))
            amount -= coming
        return paid

    def _paid_for(self, sale: Traded) -> int:
        """Take the shares sold, oldest first, and return the latest day on which one of them is paid for."""
        shares, left, latest = self.shares[sale.symbol], sale.units, sale.day
        while left > _NO_UNITS and shares:
            units, paid = shares.popleft()
            latest = max(latest, paid)
            if units > left + _NO_UNITS:
                shares.appendleft((units - left, paid))
            left -= units
        return latest


def pattern_day_trades(events: Iterable[Traded | Split], closes: Sequence[tuple[int, float]], equity: float) -> list[int]:
    """Return the sessions on which the pattern-day-trader rule of the time would have restricted a margin account.

    That is a session with a day trade that makes as many as the rule names within its sessions, and more than its share of all
    fills then, while the equity at the session before's close was below the minimum: today's row names 4, 5, 6 % and 25,000.
    ``closes`` are (day, equity at the close), ascending; ``equity`` is what the account began with.
    """
    day_trades, trades = _count_day_trades(events)
    days = [day for day, _ in closes]
    restricted = []
    for day in sorted(day_trades):
        rule = in_force(PATTERN_DAY_TRADER, day)
        if rule is None or rule.day_trades == 0:
            continue
        window = [int(session) for session in sessions(day - _WINDOW, day, "XNYS")[-rule.sessions :]]
        count = sum(day_trades[session] for session in window)
        before = bisect_left(days, day)
        own = closes[before - 1][1] if before else equity
        if count >= rule.day_trades and count > rule.share * sum(trades[session] for session in window) and own < rule.equity:
            restricted.append(day)
    return restricted


def _count_day_trades(events: Iterable[Traded | Split]) -> tuple[Counter[int], Counter[int]]:
    """Return day trades and fills by session.

    A day trade is a change of direction: what was opened or added to on a day is reduced on that day (Regulatory Notice 21-13).
    A position held overnight and reduced before anything is added to it makes none.
    """
    day_trades, trades = Counter[int](), Counter[int]()
    held: defaultdict[str, float] = defaultdict(float)
    opened: set[tuple[int, str]] = set()
    for event in events:
        if isinstance(event, Split):
            held[event.symbol] *= event.ratio
            continue
        if event.settles_at_once:
            continue
        key, before = (event.day, event.symbol), held[event.symbol]
        held[event.symbol] = after = before + event.side * event.units
        trades[event.day] += 1
        if before * event.side < -_NO_UNITS:
            day_trades[event.day] += key in opened
            opened.discard(key)
        if after * event.side > _NO_UNITS:
            opened.add(key)
    return +day_trades, trades


@lru_cache(maxsize=1)
def _settlement_days() -> NDArray[np.int64]:
    """Return every day on which trades settle, ascending."""
    days = np.arange(day_of(_FIRST_YEAR, 1, 1), day_of(_LAST_YEAR, 12, 31), dtype=np.int64)
    settlement = is_session(days, "XNYS") & ~np.isin(days, _bank_holidays()) | np.isin(days, _OPEN_BANKS)
    return days[settlement]


@lru_cache(maxsize=1)
def _bank_holidays() -> NDArray[np.int64]:
    """Return the bank holidays on which New York trades: Columbus Day, Veterans Day, before 1998 Martin Luther King Day."""
    days = []
    for year in range(_FIRST_YEAR, _LAST_YEAR + 1):
        veterans = day_of(year, 11, 11)
        days += [_monday(year, 10, 2), veterans + (_weekday(veterans) == 6)]
        if _FIRST_KING_DAY <= year < _FIRST_KING_DAY_OF_THE_EXCHANGE:
            days.append(_monday(year, 1, 3))
    return np.array(days, np.int64)


def _monday(year: int, month: int, number: int) -> int:
    """Return the ``number``-th Monday of a month."""
    first = day_of(year, month, 1)
    return first + -_weekday(first) % 7 + 7 * (number - 1)


def _weekday(day: int) -> int:
    """Return 0 for Monday to 6 for Sunday."""
    return (day + 3) % 7
