"""The journal: one writer, durable, chained, and its projections."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import AlreadyRunning, DataError, Fenced, InvariantViolated
from domain.events import (
    CorporateActionApplied,
    EquityMarked,
    LimitBreached,
    OrderAccepted,
    OrderFilled,
    OrderRequested,
    RunStarted,
)
from domain.market import DAY, AssetClass, CorporateAction, Instrument, Side
from tasks.database import bars, journal, record, runs
from tasks.database.connection import UNAVAILABLE

if TYPE_CHECKING:
    from domain.events import JournalEvent
    from tasks.database.connection import Database

SYMBOL = "BTC-USD"
UNIT = 100_000_000


@pytest.fixture
def run(database: Database) -> tuple[str, str]:
    """A run of its own and its account, trading a symbol with fractions."""
    bars.save_instruments(database, [Instrument.of(SYMBOL, AssetClass.CRYPTO), Instrument.of("SPY")])
    run_id = runs.create_run(
        database,
        configuration_sha="c",
        broker="paper",
        feed="replay:x",
        account="main",
        strategies=["buy_and_hold"],
        initial_cash=1e5,
    )
    return run_id, f"replay-{run_id}"


def requested(order_id: str, lots: int, symbol: str = SYMBOL) -> OrderRequested:
    """An order to buy."""
    return OrderRequested(2 * DAY, order_id, symbol, "hold", Side.BUY, lots, "market", None, "gtc", "target", DAY)


def filled(order_id: str, lots: int, total: int, price: float, symbol: str = SYMBOL) -> OrderFilled:
    """A fill of it."""
    return OrderFilled(2 * DAY, order_id, symbol, "hold", Side.BUY, lots, price, 0.1, "target", total, 2 * DAY)


def query(database: Database, statement: str, *values: object) -> list[tuple]:
    """Rows of a query."""
    with database.connect() as connection:
        return connection.execute(statement, values).fetchall()


def test_what_was_appended_is_loaded_and_shown_in_the_tables(database: Database, run: tuple[str, str]) -> None:
    """Events come back equal; order, fills, position, equity and the place in the feed are those they describe."""
    run_id, account = run
    events = [
        RunStarted(DAY, account, run_id, 1e5, DAY, "c"),
        requested(f"r1-{run_id}", 3 * UNIT // 2),
        OrderAccepted(2 * DAY, f"r1-{run_id}", "b1"),
        filled(f"r1-{run_id}", UNIT, UNIT, 100.1),
        filled(f"r1-{run_id}", UNIT // 2, 3 * UNIT // 2, 100.4),
        EquityMarked(3 * DAY, 2 * DAY, 2, 1e5 + 0.1 + 0.2, 0.1 + 0.2),
    ]
    with journal.Writer(database, account) as writer:
        writer.append(run_id, events[:3], (2 * DAY, 0))
        writer.append(run_id, events[3:], (3 * DAY, 1), marks={SYMBOL: 101.0, "ETH-USD": 5.0})
    assert list(journal.load(database, run_id)) == events
    assert journal.cursor(database, run_id) == (3 * DAY, 1)
    order = query(
        database,
        "SELECT symbol, side, quantity::text, status, filled_quantity::float8, filled_price::float8, fees::text, filled_lots "
        "FROM orders WHERE client_order_id = %s",
        f"r1-{run_id}",
    )[0]
    assert order[:5] == (SYMBOL, "buy", "1.5", "filled", 1.5)
    assert order[5] == pytest.approx((100.1 + 100.4 / 2) / 1.5)
    assert order[6:] == ("0.2", 3 * UNIT // 2)
    fills = query(database, "SELECT quantity::text, price::text, seq FROM fills WHERE run_id = %s ORDER BY seq", run_id)
    assert fills == [("1", "100.1", 4), ("0.5", "100.4", 5)]
    position = query(
        database,
        "SELECT quantity::text, average_price::float8, current_price::float8, unrealized_pnl::float8 FROM positions "
        "WHERE account = %s",
        account,
    )
    assert position == [("1.5", pytest.approx(100.2), 101.0, pytest.approx(1.5 * 101 - 100.1 - 50.2))]
    assert query(database, "SELECT equity::float8, cash::float8 FROM equity WHERE run_id = %s", run_id) == [
        (1e5 + 0.1 + 0.2, 0.1 + 0.2)
    ]


def test_positions_go_on_from_the_table_in_the_next_life(database: Database, run: tuple[str, str]) -> None:
    """A second writer averages into what the first one bought."""
    run_id, account = run
    for life, price in enumerate((100.0, 200.0)):
        order = f"r1-{run_id}-{life}"
        with journal.Writer(database, account) as writer:
            writer.append(run_id, [requested(order, UNIT), filled(order, UNIT, UNIT, price)], (2 * DAY, 1))
    row = query(database, "SELECT quantity::float8, average_price::float8 FROM positions WHERE account = %s", account)
    assert row == [(2.0, 150.0)]


def test_a_split_scales_position_and_open_order_and_its_fills_stay_distinct(database: Database, run: tuple[str, str]) -> None:
    """A reverse split brings totals that the order had before; they are other fills all the same."""
    run_id, account = run
    order = f"r1-{run_id}"
    split = CorporateAction("SPY", "1970-01-04", "split", 0.5)
    with journal.Writer(database, account) as writer:
        writer.append(run_id, [requested(order, 20, "SPY"), filled(order, 6, 6, 10.0, "SPY")], (2 * DAY, 1))
        writer.append(run_id, [filled(order, 4, 10, 10.0, "SPY")], (2 * DAY, 1))
        writer.append(run_id, [CorporateActionApplied(3 * DAY, split, 10, 5, 0.0, 3 * DAY, 20.0)], (3 * DAY, 1))
        question = "SELECT current_price::float8, unrealized_pnl::float8 FROM positions WHERE account = %s"
        assert query(database, question, account) == [(20.0, 0.0)]
        writer.append(run_id, [filled(order, 1, 6, 20.0, "SPY")], (3 * DAY, 1))
    row = query(database, "SELECT lots, filled_lots, quantity::float8, status FROM orders WHERE client_order_id = %s", order)
    assert row == [(10, 6, 10.0, "partially_filled")]
    row = query(database, "SELECT quantity::float8, average_price::float8 FROM positions WHERE account = %s", account)
    assert row == [(6.0, 20.0)]


def test_a_second_session_of_an_account_is_refused(database: Database, run: tuple[str, str]) -> None:
    """The lock names who holds the account."""
    with journal.Writer(database, run[1]), pytest.raises(AlreadyRunning, match=r"another session trades .* process \d+ since"):
        journal.Writer(database, run[1]).__enter__()


def test_a_writer_that_lost_its_lock_is_fenced_off_before_it_writes(database: Database, run: tuple[str, str]) -> None:
    """The server ends the first one's session, a second one takes over: the first writes nothing more."""
    run_id, account = run
    first = journal.Writer(database, account)
    with first:
        first.append(run_id, [RunStarted(DAY, account, run_id, 1e5, DAY, "c")], (DAY, 0))
        pid = first._connection.info.backend_pid
        query(database, "SELECT pg_terminate_backend(%s, 5000)", pid)
        with journal.Writer(database, account) as second:
            assert second.epoch == first.epoch + 1
            with pytest.raises(Fenced, match="another session took over"):
                first.append(run_id, [EquityMarked(DAY, DAY, 1, 1.0, 1.0)], (DAY, 1))
            second.append(run_id, [EquityMarked(2 * DAY, DAY, 1, 2.0, 2.0)], (2 * DAY, 0))
    assert [type(event) for event in journal.load(database, run_id)] == [RunStarted, EquityMarked]


def test_an_old_epoch_writes_nothing_even_on_a_living_connection(database: Database, run: tuple[str, str]) -> None:
    """The epoch alone fences: no lock is needed for it."""
    run_id, account = run
    with journal.Writer(database, account) as writer:
        with database.connect() as connection:
            connection.execute("UPDATE writers SET epoch = epoch + 1 WHERE account = %s", (account,))
        with pytest.raises(Fenced):
            writer.append(run_id, [EquityMarked(DAY, DAY, 1, 1.0, 1.0)], (DAY, 0))
    assert list(journal.load(database, run_id)) == []
    assert query(database, "SELECT count(*) FROM equity WHERE run_id = %s", run_id) == [(0,)]


def test_a_lost_connection_without_a_successor_is_an_outage(database: Database, run: tuple[str, str]) -> None:
    """Nobody took over: the session may come back and go on."""
    run_id, account = run
    with journal.Writer(database, account) as writer:
        query(database, "SELECT pg_terminate_backend(%s, 5000)", writer._connection.info.backend_pid)
        with pytest.raises(UNAVAILABLE):
            writer.append(run_id, [EquityMarked(DAY, DAY, 1, 1.0, 1.0)], (DAY, 0))
    with journal.Writer(database, account) as writer:
        writer.append(run_id, [EquityMarked(DAY, DAY, 1, 1.0, 1.0)], (DAY, 0))


def test_a_failing_batch_leaves_nothing_and_the_writer_goes_on(database: Database, run: tuple[str, str]) -> None:
    """The same fill twice is refused by the table, with everything beside it; the next batch has the next numbers."""
    run_id, account = run
    order = f"r1-{run_id}"
    with journal.Writer(database, account) as writer:
        writer.append(run_id, [requested(order, UNIT), filled(order, UNIT, UNIT, 5.0)], (DAY, 0))
        with pytest.raises(psycopg.errors.UniqueViolation):
            writer.append(run_id, [EquityMarked(DAY, DAY, 1, 1.0, 1.0), filled(order, UNIT, UNIT, 5.0)], (DAY, 1))
        writer.append(run_id, [EquityMarked(2 * DAY, 2 * DAY, 2, 1.0, 1.0)], (2 * DAY, 0))
    assert [type(event) for event in journal.load(database, run_id)] == [OrderRequested, OrderFilled, EquityMarked]
    assert query(database, "SELECT quantity::float8 FROM positions WHERE account = %s", account) == [(1.0,)]


def test_a_symbol_without_an_instrument_is_refused(database: Database, run: tuple[str, str]) -> None:
    """Lots cannot be shown as a quantity where nobody said what a lot is."""
    run_id, account = run
    with journal.Writer(database, account) as writer, pytest.raises(DataError, match="NEW is not in the table instruments"):
        writer.append(run_id, [requested("r1-new", 1, "NEW")], (DAY, 0))


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ("UPDATE journal SET payload = replace(payload::text, '7.0', '8.0')::json WHERE run_id = %s AND seq = 2", "record 2"),
        ("DELETE FROM journal WHERE run_id = %s AND seq = 2", "lacks record 2"),
        ("UPDATE journal SET hash = '\\x00' WHERE run_id = %s AND seq = 3", "record 3"),
    ],
)
def test_a_changed_journal_is_refused(database: Database, run: tuple[str, str], damage: str, told: str) -> None:
    """The chain names the first record that is not as it was written."""
    run_id, account = run
    with journal.Writer(database, account) as writer:
        for day in (1, 2, 3):
            writer.append(run_id, [EquityMarked(day * DAY, day * DAY, day, 7.0, 7.0)], (day * DAY, 0))
    with database.connect() as connection:
        assert connection.execute(damage.encode(), (run_id,)).rowcount == 1
    with pytest.raises(InvariantViolated, match=told):
        list(journal.load(database, run_id))


def test_a_record_that_was_rewritten_with_its_hash_breaks_the_chain(database: Database, run: tuple[str, str]) -> None:
    """Whoever changes a record and its hash must change all that follow."""
    run_id, account = run
    with journal.Writer(database, account) as writer:
        for day in (1, 2, 3):
            writer.append(run_id, [EquityMarked(day * DAY, day * DAY, day, 7.0, 7.0)], (day * DAY, 0))
    with database.connect() as connection:
        (first,) = connection.execute("SELECT hash FROM journal WHERE account = %s AND seq = 1", (account,)).fetchone()
        payload = record.encode(EquityMarked(2 * DAY, 2 * DAY, 2, 8.0, 8.0))
        forged = record.chained(first, account, 2, run_id, writer.epoch, payload)
        connection.execute("UPDATE journal SET payload = %s, hash = %s WHERE account = %s AND seq = 2", (payload, forged, account))
    events = journal.load(database, run_id)
    next(events)
    assert next(events).equity == 8.0
    with pytest.raises(InvariantViolated, match="record 3"):
        next(events)


def test_a_journal_that_lost_its_end_is_not_continued(database: Database, run: tuple[str, str]) -> None:
    """Records restored from yesterday are noticed before the next one is written."""
    run_id, account = run
    with journal.Writer(database, account) as writer:
        for day in (1, 2, 3):
            writer.append(run_id, [EquityMarked(day * DAY, day * DAY, day, 7.0, 7.0)], (day * DAY, 0))
    query_all = "DELETE FROM journal WHERE run_id = %s AND seq > 1"
    with database.connect() as connection:
        connection.execute(query_all, (run_id,))
    with pytest.raises(InvariantViolated, match="written up to record 3, but record 1 is its last"):
        journal.Writer(database, account).__enter__()


@given(value=st.floats(), bound=st.floats(allow_nan=False))
def test_every_number_survives_a_record(value: float, bound: float) -> None:
    """Floats come back to the bit, infinite and undefined ones too."""
    event = LimitBreached(1, "max_drawdown", value, bound)
    found = record.decode(record.encode(event), record.VERSION)
    assert repr(found) == repr(event)


@pytest.mark.parametrize(
    ("text", "event"),
    [
        (
            (
                '{"type":"OrderRequested","time":172800000000,"order_id":"r1-hold-a","symbol":"SPY","strategy":"hold","side":1,"lots":20,'
                '"order_type":"market","price":null,"time_in_force":"gtc","reason":"target","bar_time":86400000000}'
            ),
            OrderRequested(2 * DAY, "r1-hold-a", "SPY", "hold", Side.BUY, 20, "market", None, "gtc", "target", DAY),
        ),
        (
            (
                '{"type":"OrderFilled","time":172800000000,"order_id":"r1-hold-a","symbol":"SPY","strategy":"hold","side":1,"lots":20,'
                '"price":10.5,"fee":0.1,"reason":"target","filled_lots":20,"bar_time":172800000000}'
            ),
            OrderFilled(2 * DAY, "r1-hold-a", "SPY", "hold", Side.BUY, 20, 10.5, 0.1, "target", 20, 2 * DAY),
        ),
    ],
)
def test_a_record_from_before_resting_orders_is_read(text: str, event: JournalEvent) -> None:
    """What the first programs wrote is version 1 still: fields that came later have their defaults."""
    found = record.decode(text, 1)
    assert found == event
    assert record.VERSION == 1
    if isinstance(found, OrderRequested):
        assert (found.stop, found.trail, found.place, found.parent, found.group) == (None, 0.0, -1, -1, 0)
