"""Migrations on every kind of server: forward, back, and every state that is refused."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import psycopg
import pytest

import sql
from domain.errors import ConfigurationError
from tasks.database import migrate
from tasks.database.connection import Database

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import DatabaseServer

NAMES = [step.name for step in migrate.migrations()]


def run(database: Database, statement: str) -> list[tuple]:
    """Run a statement by hand, as somebody with psql would."""
    with database.connect(autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def test_an_empty_database_gets_everything_and_a_second_start_changes_nothing(empty_database: Database) -> None:
    """Up applies each migration once."""
    assert migrate.status(empty_database).version == 0
    assert migrate.up(empty_database) == NAMES
    assert migrate.up(empty_database) == []
    assert migrate.status(empty_database).pending == ()
    migrate.verify(empty_database)


def test_down_takes_everything_back_and_up_brings_it_again(empty_database: Database) -> None:
    """Each migration has a way back that leaves nothing behind."""
    migrate.up(empty_database)
    assert migrate.down(empty_database, len(NAMES)) == NAMES[::-1]
    left = "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' ORDER BY 1"
    assert run(empty_database, left) == [("schema_migrations",), ("schema_objects",)]
    assert migrate.up(empty_database) == NAMES
    migrate.verify(empty_database)


def test_orders_of_before_stay_valid_and_the_way_back_keeps_all_that_it_can(empty_database: Database) -> None:
    """An order of a schema without resting orders keeps its row; on the way back those without lots alone are lost."""
    migrate.up(empty_database)
    migrate.down(empty_database, len(NAMES) - NAMES.index("0004_orders"))
    insert = (
        "INSERT INTO orders (order_id, client_order_id, account, run_id, symbol, side, quantity, order_type, status, strategy, "
        "created_at, time_in_force, reason, bar_time, lots) VALUES (gen_random_uuid(), '{name}', 'a', 'r', 'SPY', 'buy', {lots}, "
        "'market', 'requested', 's', now(), 'gtc', 'target', now(), {lots})"
    )
    run(empty_database, insert.format(name="old", lots=5))
    with pytest.raises(psycopg.errors.CheckViolation):
        run(empty_database, insert.format(name="child", lots=0))
    migrate.up(empty_database)
    assert run(empty_database, "SELECT client_order_id, stop_price, parent FROM orders") == [("old", None, None)]
    run(empty_database, insert.format(name="child", lots=0))
    with pytest.raises(psycopg.errors.CheckViolation):
        run(empty_database, insert.format(name="negative", lots=-1))
    migrate.down(empty_database, len(NAMES) - NAMES.index("0004_orders"))
    assert run(empty_database, "SELECT client_order_id, lots FROM orders") == [("old", 5)]


def test_actions_of_before_stay_and_the_way_back_loses_changes_of_symbols_alone(empty_database: Database) -> None:
    """A split of a schema without successors keeps its row; a successor is there for changes of symbols and nothing else."""
    migrate.up(empty_database)
    steps = len(NAMES) - NAMES.index("0005_symbol_changes")
    migrate.down(empty_database, steps)
    insert = "INSERT INTO corporate_actions (symbol, ex_date, action, value, source{column}) VALUES ({values})"
    run(empty_database, insert.format(column="", values="'OLD', '2020-01-02', 'split', 2, 's'"))
    migrate.up(empty_database)
    known = insert.replace("{column}", ", successor")
    run(empty_database, known.format(values="'OLD', '2020-03-02', 'symbol_change', 1, 's', 'NEW'"))
    for wrong in (
        "'OLD', '2020-04-01', 'symbol_change', 1, 's', 'OTHER'",
        "'ANY', '2020-04-01', 'symbol_change', 1, 's', NULL",
        "'ANY', '2020-04-01', 'symbol_change', 2, 's', 'OTHER'",
        "'ANY', '2020-04-01', 'symbol_change', 1, 's', 'ANY'",
        "'ANY', '2020-04-01', 'split', 2, 's', 'OTHER'",
    ):
        with pytest.raises(psycopg.errors.IntegrityError):
            run(empty_database, known.format(values=wrong))
    migrate.down(empty_database, steps)
    assert run(empty_database, "SELECT symbol, action FROM corporate_actions") == [("OLD", "split")]


def test_hypertables_are_made_where_the_server_offers_them(database: Database, database_server: DatabaseServer) -> None:
    """Bars, equity and performance are hypertables on TimescaleDB, ordinary tables elsewhere; orders never."""
    if database_server.kind == "embedded":
        assert migrate.status(database).timescale is None
        return
    assert migrate.status(database).timescale
    tables = {row[0] for row in run(database, "SELECT hypertable_name FROM timescaledb_information.hypertables")}
    assert tables == {"market_data", "equity", "strategy_performance"}
    interval = "SELECT time_interval FROM timescaledb_information.dimensions WHERE hypertable_name = 'market_data'"
    assert run(database, interval)[0][0].days == 7


def test_a_newer_schema_is_refused(empty_database: Database) -> None:
    """A database that a newer program has migrated is left alone."""
    migrate.up(empty_database)
    run(empty_database, "INSERT INTO schema_migrations SELECT max(version) + 1, 'later', 'x' FROM schema_migrations")
    with pytest.raises(ConfigurationError, match=f"schema {len(NAMES) + 1}, this program knows {len(NAMES)}"):
        migrate.up(empty_database)


def test_an_edited_migration_is_refused(empty_database: Database, tmp_path: Path) -> None:
    """A migration that was applied from another text is named."""
    migrate.up(empty_database)
    shutil.copytree(sql.FOLDER, tmp_path / "sql")
    edited = tmp_path / "sql" / f"{NAMES[0]}.up.sql"
    edited.write_text(edited.read_text() + "-- edited\n")
    with pytest.raises(ConfigurationError, match=NAMES[0]):
        migrate.up(empty_database, tmp_path / "sql")


def test_a_failing_migration_leaves_nothing_behind(empty_database: Database, tmp_path: Path) -> None:
    """A migration that fails in its middle is taken back whole."""
    migrate.up(empty_database)
    shutil.copytree(sql.FOLDER, tmp_path / "sql")
    bad = tmp_path / "sql" / f"{len(NAMES) + 1:04d}_bad.up.sql"
    bad.write_text("CREATE TABLE half (a int); SELECT nonsense;")
    bad.with_name(bad.name.replace(".up.", ".down.")).write_text("DROP TABLE half;")
    with pytest.raises(psycopg.errors.UndefinedColumn):
        migrate.up(empty_database, tmp_path / "sql")
    assert run(empty_database, "SELECT to_regclass('half')") == [(None,)]
    migrate.verify(empty_database)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ("DROP INDEX orders_strategy", "CREATE INDEX orders_strategy ON .*orders"),
        (
            "ALTER TABLE fills DROP CONSTRAINT fills_pkey",
            r"ADD CONSTRAINT fills_pkey PRIMARY KEY \(order_id, splits, filled_lots\)",
        ),
        ("ALTER TABLE market_data DROP COLUMN source", "column market_data.source is missing"),
        ("DROP TABLE quarantine", "quarantine.* is missing .*restore a backup|quarantine.*restore a backup"),
        ("DROP TRIGGER keep_bar_revision ON market_data", "CREATE TRIGGER keep_bar_revision"),
        ("ALTER TABLE orders ALTER COLUMN quantity TYPE double precision", "orders.quantity differs"),
    ],
)
def test_a_schema_changed_by_hand_is_refused_with_the_repair(empty_database: Database, damage: str, told: str) -> None:
    """A half-applied or damaged schema is named, with the statement that repairs it."""
    migrate.up(empty_database)
    run(empty_database, damage)
    with pytest.raises(ConfigurationError, match=told) as refused:
        migrate.up(empty_database)
    if "run " in str(refused.value):
        for statement in str(refused.value).partition("run ")[2].split(";"):
            run(empty_database, statement)
        migrate.verify(empty_database)


@pytest.mark.timescale
def test_orders_as_a_hypertable_are_refused(timescale_server: DatabaseServer) -> None:
    """A table that must be plain is named where somebody made it a hypertable."""
    name = timescale_server.create()
    database = Database(timescale_server.url(name), application="tests")
    run(database, "ALTER TABLE journal DROP CONSTRAINT journal_pkey, ADD CONSTRAINT journal_pkey PRIMARY KEY (account, seq, time)")
    run(database, "SELECT create_hypertable('journal', 'time', create_default_indexes => false)")
    with pytest.raises(ConfigurationError, match="journal is a hypertable and must be a plain table"):
        migrate.up(database)
    timescale_server.drop(name)


@pytest.mark.timescale
def test_hypertables_that_need_another_timescale_are_refused(timescale_server: DatabaseServer) -> None:
    """An extension that the server lacks in the version its hypertables need is named."""
    name = timescale_server.create()
    database = Database(timescale_server.url(name), application="tests")
    run(database, "UPDATE pg_extension SET extversion = '2.99.0' WHERE extname = 'timescaledb'")
    with pytest.raises(ConfigurationError, match=r"timescaledb-2\.99\.0.*install that version"):
        migrate.up(database)
    timescale_server.drop(name)


@pytest.mark.timescale
def test_a_database_that_gains_timescale_later_is_converted_with_its_rows(timescale_server: DatabaseServer) -> None:
    """The repeatable step makes hypertables of filled ordinary tables."""
    name = timescale_server.create(migrated=False)
    database = Database(timescale_server.url(name), application="tests")
    with database.connect(autocommit=True) as connection:
        for step in migrate.migrations():
            connection.execute(step.forward.encode())
        connection.execute(
            "CREATE TABLE schema_migrations (version int PRIMARY KEY, name text, sha256 text, applied_at timestamptz)"
        )
        for step in migrate.migrations():
            connection.execute("INSERT INTO schema_migrations VALUES (%s, %s, %s, now())", (step.version, step.name, step.sha256))
        connection.execute("INSERT INTO equity SELECT 'r', now() - d * interval '1 year', 1, 1, now() FROM generate_series(1, 5) d")
    migrate.up(database)
    assert run(database, "SELECT count(*) FROM equity") == [(5,)]
    assert run(database, "SELECT num_chunks FROM timescaledb_information.hypertables WHERE hypertable_name = 'equity'")[0][0] >= 5
    timescale_server.drop(name)


def test_two_programs_that_start_together_migrate_once(empty_database: Database) -> None:
    """The second one waits for the first and finds nothing to do."""
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - only here

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda _: migrate.up(empty_database), range(2)))
    assert sorted(results) == [[], NAMES]


def test_a_read_only_database_is_refused(database_server: DatabaseServer) -> None:
    """A server that takes no writes is named before anything is tried."""
    name = database_server.create(migrated=False)
    database_server.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    with pytest.raises(ConfigurationError, match="read-only"):
        migrate.up(Database(database_server.url(name), application="tests"))
    database_server.drop(name)
