"""The rows of orders that rest: what they wait for, when they come to life, what a split makes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from domain.events import (
    BarAmbiguous,
    BorrowCharged,
    CorporateActionApplied,
    MarginCalled,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderFilled,
    OrderRequested,
)
from domain.market import DAY, AssetClass, CorporateAction, Instrument, Side
from domain.rules.accounting import split_lots
from tasks.database import journal, runs
from tasks.database.reference import save_instruments

if TYPE_CHECKING:
    from collections.abc import Iterator

    from domain.events import JournalEvent
    from tasks.database.connection import Database

UNIT = 100_000_000


class Books:
    """A run of its own to which events are appended, and its order rows."""

    def __init__(self, database: Database, run_id: str, writer: journal.Writer) -> None:
        self.database = database
        self.run_id = run_id
        self._writer = writer

    def append(self, *events: JournalEvent) -> None:
        """Journal the events as one batch."""
        self._writer.append(self.run_id, events, (events[-1].time, 0))

    def id(self, name: str) -> str:
        """Return an order id of this run."""
        return f"{self.run_id}-{name}"

    def request(self, name: str, lots: int, symbol: str = "SPY", **fields: Any) -> OrderRequested:
        """Return an order to sell at a stop of 95 unless ``fields`` say otherwise."""
        given = {"order_type": "stop", "price": None, "stop": 95.0, "place": 0, **fields}
        kind, price = given.pop("order_type"), given.pop("price")
        return OrderRequested(2 * DAY, self.id(name), symbol, "own", Side.SELL, lots, kind, price, "gtc", "stop_loss", DAY, **given)

    def row(self, name: str, columns: str) -> tuple[Any, ...]:
        """Return some columns of an order's row."""
        statement = f"SELECT {columns} FROM orders WHERE client_order_id = %s"  # noqa: S608 - columns of the tests
        with self.database.connect() as connection:
            row = connection.execute(statement.encode(), (self.id(name),)).fetchone()
        assert row is not None
        return row


@pytest.fixture
def books(database: Database) -> Iterator[Books]:
    """A run that trades shares and a symbol with fractions."""
    save_instruments(database, [Instrument.of("BTC-USD", AssetClass.CRYPTO), Instrument.of("SPY")])
    run_id = runs.create_run(
        database, configuration_sha="c", broker="paper", feed="replay", account="main", strategies=["own"], initial_cash=1e5
    )
    with journal.Writer(database, f"replay-{run_id}") as writer:
        yield Books(database, run_id, writer)


RESTING = "order_type, price::float8, stop_price::float8, trail::float8, watermark::float8, place, parent, order_group, tag"


def test_a_resting_order_shows_what_it_waits_for_and_its_relatives(books: Books) -> None:
    """Every field of the request has its column; a market order of a target leaves them empty."""
    books.append(
        books.request("rests", 5, order_type="trailing_stop", trail=0.05, watermark=100.0, place=4, parent=3, group=2, tag=9),
        books.request("target", 5, order_type="market", stop=None, place=-1),
    )
    assert books.row("rests", RESTING) == ("trailing_stop", None, 95.0, 0.05, 100.0, 4, 3, 2, 9)
    assert books.row("target", RESTING) == ("market", *[None] * 8)


def test_an_amended_order_is_shown_as_it_is_now(books: Books) -> None:
    """Lots, quantity, type, prices and watermark change; the trail and the place stay."""
    asked = books.request("a", 3 * UNIT, "BTC-USD", order_type="trailing_stop", trail=0.05, watermark=100.0, parent=3)
    amended = OrderAmended(3 * DAY, books.id("a"), "limit", 3 * UNIT // 2, 94.5, 96.5, 101.6)
    books.append(asked, amended)
    assert books.row("a", RESTING) == ("limit", 94.5, 96.5, 0.05, 101.6, 0, None, None, None)
    assert books.row("a", "lots, quantity::text, status") == (3 * UNIT // 2, "1.5", "requested")


def test_a_child_is_stored_without_lots_and_fills_once_its_parent_gave_it_some(books: Books) -> None:
    """It is accepted at once, grows with its parent's fills and is filled when all that it then has has traded."""
    books.append(books.request("child", 0, place=4, parent=3), OrderAccepted(2 * DAY, books.id("child"), "b"))
    assert books.row("child", "lots, quantity::text, status") == (0, "0", "accepted")
    books.append(OrderAmended(3 * DAY, books.id("child"), "stop", 6, None, 95.0, 0.0, 3))
    books.append(OrderFilled(4 * DAY, books.id("child"), "SPY", "own", Side.SELL, 2, 94.0, 0.1, "stop_loss", 2, 4 * DAY, 95.0, 4))
    assert books.row("child", "lots, filled_lots, status, parent") == (6, 2, "partially_filled", 3)
    books.append(OrderFilled(5 * DAY, books.id("child"), "SPY", "own", Side.SELL, 4, 94.0, 0.1, "stop_loss", 6, 5 * DAY))
    assert books.row("child", "filled_lots, status") == (6, "filled")


def test_a_child_whose_parent_never_filled_is_withdrawn_without_ever_having_had_lots(books: Books) -> None:
    """What never came to life ends as cancelled."""
    books.append(books.request("child", 0, place=4, parent=3), OrderCancelled(3 * DAY, books.id("child")))
    assert books.row("child", "lots, status") == (0, "cancelled")


@pytest.mark.parametrize("ratio", [7.0, 0.5, 1.0 / 3.0, 1.1])
def test_a_split_scales_lots_and_prices_of_open_orders_as_the_rules_do(books: Books, ratio: float) -> None:
    """Limit, stop and watermark are divided, a waiting child goes on waiting, and a withdrawn order stays as it was."""
    books.append(
        books.request("open", 30, order_type="stop_limit", price=94.0, watermark=100.0),
        books.request("child", 0, place=4, parent=3),
        books.request("gone", 30, place=5),
        OrderCancelled(2 * DAY, books.id("gone")),
    )
    split = CorporateAction("SPY", "1970-01-04", "split", ratio)
    books.append(CorporateActionApplied(3 * DAY, split, 0, 0, 0.0, 3 * DAY, 20.0))
    assert books.row("open", "lots, price::float8, stop_price::float8, watermark::float8") == (
        split_lots(30, ratio),
        *(pytest.approx(price / ratio, rel=1e-14) for price in (94.0, 95.0, 100.0)),
    )
    assert books.row("child", "lots, stop_price::float8, status") == (0, pytest.approx(95.0 / ratio), "requested")
    assert books.row("gone", "lots, stop_price::float8, status") == (30, 95.0, "cancelled")


def test_events_that_no_table_shows_are_journalled_all_the_same(books: Books) -> None:
    """Borrow fees, margin calls and ambiguous bars come back from the journal."""
    events = [
        BorrowCharged(2 * DAY, "SPY", -10, 3, 0.25),
        MarginCalled(2 * DAY, 900.0, 1000.0),
        BarAmbiguous(2 * DAY, "SPY", 10.0, 9.0, DAY),
    ]
    books.append(*events)
    assert list(journal.load(books.database, books.run_id)) == events
