"""The session's loop: the same book as the back-test, commands from the database, a database that goes and comes back."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from msgspec import structs

from domain.commands import Flatten, Halt, Resume, Stop
from domain.errors import AlreadyRunning, InputError
from domain.events import (
    BarAmbiguous,
    BorrowCharged,
    EquityMarked,
    MarginCalled,
    OrderCancelled,
    OrderFilled,
    OrderRefused,
    OrderRequested,
    TradingHalted,
)
from domain.market import Side
from domain.rules.fills import PathMode
from domain.rules.sizing import Sizing
from domain.strategy import Exits
from tasks import registry
from tasks.backtest import run_backtest
from tasks.database import commands, journal
from tasks.database.connection import Database
from tasks.ingest import Request, ingest
from tasks.session import Session, trade
from tasks.session_observers import Recorder
from tasks.session_plan import SessionPlan, Wishes, _configuration, parse_speed, plan_session, session_request
from tasks.settings import load_settings
from tests import sessions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from domain.commands import AnyCommand
    from domain.events import JournalEvent
    from tasks.session import Outcome
    from tests.conftest import DatabaseServer

BARS = 90
ACTIONS = sessions.SHIPPED.with_name("corporate_actions.csv")


@pytest.fixture
def database(embedded_server: DatabaseServer) -> Iterator[Database]:
    """A fresh database for one test."""
    name = embedded_server.create()
    made = Database(embedded_server.url(name), application="session")
    yield made
    made.close()
    embedded_server.drop(name)


@pytest.fixture(scope="module")
def configuration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three strategies on 90 real daily bars of three symbols."""
    folder = tmp_path_factory.mktemp("session")
    return sessions.write_configuration(folder, sessions.write_bars(folder / "bars.csv", BARS))


@pytest.fixture
def guarded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A strategy with all exits, long and short in a margin account, on 90 real daily bars of two symbols."""
    monkeypatch.setattr(registry, "_installed", lambda: sessions.RESTING_STRATEGIES)
    resting = "\n".join(line for line in sessions.RESTING.splitlines() if "bracketed" not in line)
    return sessions.write_configuration(tmp_path, sessions.write_bars(tmp_path / "bars.csv", BARS, ("IBM", "SPY")), resting)


def plan(configuration: Path, database: Database, speed: str = "max") -> SessionPlan:
    """Return the plan of the configuration."""
    return plan_session(load_settings(configuration, {}), database, Wishes(speed=parse_speed(speed)))


def events(database: Database, outcome: Outcome) -> list[JournalEvent]:
    """Return the run's journal."""
    return list(journal.load(database, outcome.run_id))


def when(count: int, act: Callable[[], object]) -> Callable[[JournalEvent], None]:
    """Return an observer that acts once, at the ``count``-th close."""
    seen = 0

    def observe(event: JournalEvent) -> None:
        nonlocal seen
        if isinstance(event, EquityMarked):
            seen += 1
            if seen == count:
                act()

    return observe


def run_with_commands(database: Database, wanted: SessionPlan, wishes: dict[int, AnyCommand]) -> Outcome:
    """Trade to the end; at the n-th close ask for ``wishes[n]`` as a person at the page does, and wait until it is seen."""
    session: list[Session] = []

    def ask(command: AnyCommand) -> None:
        commands.request(database, None, command, "tests")
        session[0]._next_poll = 0.0

    async def main() -> Outcome:
        observers = {f"at-{count}": when(count, lambda command=command: ask(command)) for count, command in wishes.items()}
        session.append(Session(wanted, database, observers))
        return await session[0].run()

    return asyncio.run(main())


def test_session_ends_with_the_hashes_of_the_event_backtest(database: Database, configuration: Path) -> None:
    """Streaming the bars one by one decides and books what the back-test did over all of them."""
    expected = sessions.expected(load_settings(configuration, {})).document
    outcome = trade(plan(configuration, database), database)
    assert outcome.state == "finished"
    assert (outcome.ledger_sha256, outcome.equity_sha256) == (expected["ledger_sha256"], expected["equity_sha256"])
    assert outcome.equity == expected["final_equity"]
    assert outcome.instants == BARS


def test_improbable_bar_is_told_and_the_ledger_is_that_of_the_backtest(database: Database, tmp_path: Path) -> None:
    """A low at half the price: a replay reports it once and trades on as the back-test does."""
    bars = sessions.write_bars(tmp_path / "bars.csv", BARS)
    lines = bars.read_text().splitlines()
    at = next(n for n in range(len(lines) - 1, 0, -1) if ",SPY," in lines[n]) - 30
    cells = lines[at].split(",")
    cells[4] = str(float(cells[4]) / 2.0)
    bars.write_text("\n".join([*lines[:at], ",".join(cells), *lines[at + 1 :]]) + "\n")
    configuration = sessions.write_configuration(tmp_path, bars)
    expected = sessions.expected(load_settings(configuration, {})).document
    outcome = trade(plan(configuration, database), database)
    assert (outcome.ledger_sha256, outcome.equity_sha256) == (expected["ledger_sha256"], expected["equity_sha256"])
    with database.connect() as connection:
        told = connection.execute("SELECT level, metadata FROM system_events WHERE event_type = 'DataQuality'").fetchall()
    assert [(level, found["symbol"], found["kind"], found["fate"]) for level, found in told] == [
        ("warning", "SPY", "drop", "doubted")
    ]


def test_session_opens_nothing_on_bars_in_doubt_and_leaves_what_it_holds(database: Database, tmp_path: Path) -> None:
    """Every sixth bar 40 % too high on a feed of the present: entries are refused, exits pass, and a later start goes on so."""
    bars = sessions.write_bars(tmp_path / "bars.csv", BARS)
    for symbol in ("IBM", "QQQ", "SPY"):
        sessions.make_spikes(bars, symbol, 6)
    configuration = sessions.write_configuration(tmp_path, bars)
    wanted = replace(plan(configuration, database), feed=sessions.PRESENT)
    stopped = run_with_commands(database, wanted, {50: Stop("enough")})
    ended = trade(wanted, database)
    assert (ended.run_id, ended.state) == (stopped.run_id, "finished")
    with database.connect() as connection:
        told = connection.execute(
            "SELECT metadata ->> 'symbol', extract(epoch FROM (metadata ->> 'time')::timestamptz)::int8 * 1000000 "
            "FROM system_events WHERE event_type = 'DataQuality' AND metadata ->> 'fate' = 'doubted'"
        ).fetchall()
    doubted, journalled = {tuple(row) for row in told}, events(database, ended)
    traded = [event for event in journalled if isinstance(event, OrderFilled) and (event.symbol, event.bar_time) in doubted]
    asked = [event for event in journalled if isinstance(event, OrderRequested) and (event.symbol, event.bar_time) in doubted]
    assert any(isinstance(event, OrderRefused) and event.breach == "doubted_data" for event in journalled)
    assert traded or asked, "no exit met a bar in doubt"
    assert {event.side for event in [*traded, *asked]} == {Side.SELL}
    assert any(isinstance(event, OrderFilled) and event.side > 0 for event in journalled)


def test_finished_session_started_again_is_a_new_run_in_an_account_of_its_own(database: Database, configuration: Path) -> None:
    """A replay can be repeated; its second account knows nothing of the first."""
    first, second = (trade(plan(configuration, database), database) for _ in range(2))
    assert first.run_id != second.run_id
    assert (first.account, second.account) == (f"replay-{first.run_id}", f"replay-{second.run_id}")
    assert first.ledger_sha256 == second.ledger_sha256


def test_stopped_session_goes_on_where_it_stopped(database: Database, configuration: Path) -> None:
    """Stop ends the session after its instant; the next start continues the run to the hashes of one never stopped."""
    expected = sessions.expected(load_settings(configuration, {})).document
    stopped = run_with_commands(database, plan(configuration, database), {44: Stop("enough")})
    assert stopped.state == "stopped"
    assert 44 <= stopped.instants < BARS
    ended = trade(plan(configuration, database), database)
    assert (ended.run_id, ended.state, ended.instants) == (stopped.run_id, "finished", BARS)
    assert (ended.ledger_sha256, ended.equity_sha256) == (expected["ledger_sha256"], expected["equity_sha256"])


def test_halt_refuses_every_later_entry_until_resume(database: Database, configuration: Path) -> None:
    """A halt is latched in the journal: exits go on, entries wait for a person."""
    halted = run_with_commands(database, plan(configuration, database), {20: Halt("a person said so")})
    told = events(database, halted)
    at = next(number for number, event in enumerate(told) if isinstance(event, TradingHalted))
    later = [event for event in told[at:] if isinstance(event, OrderRequested)]
    assert all(event.side < 0 for event in later), "an entry after the halt"
    assert commands.pending(database, halted.account) == []
    resumed = run_with_commands(database, plan(configuration, database), {20: Halt("stop"), 40: Resume("go on")})
    told = events(database, resumed)
    at = next(number for number, event in enumerate(told) if isinstance(event, TradingHalted))
    assert any(isinstance(event, OrderRequested) and event.side > 0 for event in told[at:]), "no entry after the resume"


def test_halted_session_that_is_started_again_is_still_halted(database: Database, configuration: Path) -> None:
    """A restart is no resume."""
    wanted = plan(configuration, database)
    first = run_with_commands(database, wanted, {20: Halt("a person said so"), 21: Stop("and stop")})
    assert first.state == "stopped"
    ended = trade(wanted, database)
    told = events(database, ended)
    at = next(number for number, event in enumerate(told) if isinstance(event, TradingHalted))
    assert not any(isinstance(event, OrderRequested) and event.side > 0 for event in told[at:])


def test_flatten_closes_every_position_at_the_next_open(database: Database, configuration: Path) -> None:
    """After flatten nothing is held, and each closing fill says why."""
    outcome = run_with_commands(database, plan(configuration, database), {40: Flatten("a person said so")})
    closing = [event for event in events(database, outcome) if isinstance(event, OrderFilled) and event.reason == "flatten"]
    assert closing
    with psycopg.connect(database.url) as connection:
        held = connection.execute("SELECT count(*) FROM positions WHERE lots <> 0 AND account = %s", (outcome.account,)).fetchone()
    assert held == (0,)


def test_protective_orders_stay_until_the_position_is_left_and_are_withdrawn_with_it(database: Database, guarded: Path) -> None:
    """Flatten leaves no position without its stop; a stop that is met first withdraws the order to flatten, not the reverse."""
    outcome = run_with_commands(database, plan(guarded, database), {40: Flatten("a person said so")})
    told = events(database, outcome)
    at = next(number for number, event in enumerate(told) if isinstance(event, TradingHalted))
    done = {event.order_id for event in told[:at] if isinstance(event, OrderCancelled | OrderFilled)}
    guards = {
        event.order_id: event.symbol
        for event in told[:at]
        if isinstance(event, OrderRequested) and event.place >= 0 and event.order_id not in done
    }
    assert guards, "nothing is guarded when the command comes"
    left = {event.symbol: number for number, event in enumerate(told) if isinstance(event, OrderFilled) and number > at}
    assert left.keys() == set(guards.values())
    ends = {
        event.order_id: number
        for number, event in enumerate(told)
        if isinstance(event, OrderCancelled | OrderFilled) and event.order_id in guards
    }
    assert ends.keys() == guards.keys()
    assert all(ends[order_id] >= left[symbol] for order_id, symbol in guards.items())
    with psycopg.connect(database.url) as connection:
        still_open = connection.execute(
            "SELECT count(*) FROM orders WHERE status NOT IN ('filled', 'cancelled', 'rejected')"
        ).fetchone()
        held = connection.execute("SELECT count(*) FROM positions WHERE lots <> 0").fetchone()
    assert (still_open, held) == ((0,), (0,))


def test_borrow_fees_and_margin_calls_are_told_to_a_person(database: Database, guarded: Path) -> None:
    """Each is a line of system_events with its figures; a bar whose way is unknown is for the journal alone."""
    wanted = plan(guarded, database)
    outcome = trade(wanted, database)
    told = events(database, outcome)
    charged = [event for event in told if isinstance(event, BorrowCharged)]
    assert charged
    assert any(isinstance(event, BarAmbiguous) for event in told)
    recorder = Recorder(database)
    recorder(MarginCalled(0, 900.0, 1000.0))
    recorder.close()
    with database.connect() as connection:
        lines = connection.execute(
            "SELECT event_type, level, count(*), sum((metadata ->> 'fee')::float8) FROM system_events "
            "WHERE event_type IN ('BorrowCharged', 'MarginCalled', 'BarAmbiguous') GROUP BY 1, 2 ORDER BY 1"
        ).fetchall()
    assert lines == [
        ("BorrowCharged", "info", len(charged), pytest.approx(sum(event.fee for event in charged))),
        ("MarginCalled", "warning", 1, None),
    ]


def test_session_outlives_a_database_that_drops_its_connections(database: Database, configuration: Path) -> None:
    """Connections cut three times: the session locks, loads and goes on, and nothing is lost or booked twice."""
    expected = sessions.expected(load_settings(configuration, {})).document

    def cut() -> None:
        with psycopg.connect(database.url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = 'pi5 session' AND datname = current_database()"
            )

    async def main() -> Outcome:
        observers = {f"cut-{count}": when(count, cut) for count in (10, 25, 60)}
        return await Session(plan(configuration, database), database, observers).run()

    outcome = asyncio.run(main())
    assert outcome.state == "finished"
    assert (outcome.ledger_sha256, outcome.equity_sha256) == (expected["ledger_sha256"], expected["equity_sha256"])
    with psycopg.connect(database.url) as connection:
        epochs = connection.execute("SELECT epoch FROM writers").fetchone()
    assert epochs == (4,)


def test_observer_that_raises_harms_nothing(database: Database, configuration: Path) -> None:
    """Who listens cannot stop who trades."""

    def broken(event: JournalEvent) -> Any:
        raise ValueError(f"cannot stand {type(event).__name__}")

    assert trade(plan(configuration, database), database, {"broken": broken}).state == "finished"


def test_second_session_in_the_same_database_is_refused(database: Database, configuration: Path) -> None:
    """While one holds the account, another start of the same configuration says who holds it."""
    wanted = plan(configuration, database, "30")

    async def main() -> None:
        first = Session(wanted, database)
        running = asyncio.create_task(first.run())
        while first.run_id is None or first.done < 3:  # noqa: ASYNC110 - the session offers no event for it
            await asyncio.sleep(0.02)
        with pytest.raises(AlreadyRunning, match="another session"):
            await Session(wanted, database).run()
        first.stop()
        assert (await running).state == "stopped"

    asyncio.run(main())


def test_pace_is_one_instant_of_closes_per_bar_a_second(database: Database, configuration: Path) -> None:
    """Speed 20 shows about 20 instants in a second, however many symbols close at each."""
    session = Session(plan(configuration, database, "20"), database)

    async def main() -> None:
        running = asyncio.create_task(session.run())
        while session.done < 2:  # noqa: ASYNC110 - the session offers no event for it
            await asyncio.sleep(0.01)
        before = session.done
        await asyncio.sleep(1.0)
        assert 14 <= session.done - before <= 22
        session.stop()
        await running

    asyncio.run(main())


@pytest.mark.parametrize("text", ["0", "-1", "fast", "nan", "inf", ""])
def test_speed_that_is_no_positive_number_is_refused(text: str) -> None:
    """``--speed`` says what is allowed."""
    with pytest.raises(InputError, match="bars a second"):
        parse_speed(text)


def test_plans_of_the_same_decisions_have_the_same_configuration_whatever_the_speed(
    database: Database, configuration: Path
) -> None:
    """The run of a restarted session is found though its speed was changed; other cash makes another run."""
    settings = load_settings(configuration, {})
    slow, fast = (plan_session(settings, database, Wishes(speed=speed)) for speed in (1.0, 100.0))
    rich = plan_session(settings, database, Wishes(initial_cash=1e6))
    assert slow.configuration == fast.configuration != rich.configuration


def test_a_run_is_continued_when_its_logs_changed_and_not_when_a_limit_did(database: Database, configuration: Path) -> None:
    """Pace, logs and schedules decide nothing; a limit does."""

    def planned(**environment: str) -> str:
        return plan_session(load_settings(configuration, environment), database).configuration

    same = {"PI5__SESSION__SPEED": "max", "PI5__SYSTEM__LOG_LEVEL": "debug", "PI5__SCHEDULES__INGEST": "off"}
    assert planned() == planned(**same)
    assert planned() != planned(PI5__RISK_MANAGEMENT__MAX_DRAWDOWN="0.123")


def test_everything_that_decides_a_run_makes_another_configuration(database: Database, guarded: Path) -> None:
    """Costs, limits, margin, borrowing, the way through a bar, fees, ticks and exits: a run with other ones is not continued."""
    spec = plan(guarded, database).spec
    first = spec.assignments[0]
    looser = type("Looser", (type(first.strategy),), {"exits": Exits(stop_loss=0.2)})()
    assert spec.limits is not None
    changed = [
        *(replace(spec, costs=spec.costs._replace(**{name: 0.123})) for name in spec.costs._fields),
        *(replace(spec, limits=spec.limits._replace(**{name: 0.123})) for name in spec.limits._fields),
        replace(spec, path=next(mode for mode in PathMode if mode is not spec.path)),
        replace(spec, margin=not spec.margin),
        replace(spec, borrow_rate=0.123),
        replace(spec, borrow_rates={"IBM": 0.123}),
        replace(spec, regulatory_fees=not spec.regulatory_fees),
        replace(spec, volume_limit=0.123),
        replace(spec, limits=None),
        replace(spec, assignments=(replace(first, strategy=looser), *spec.assignments[1:])),
        replace(spec, assignments=(replace(first, sizing=Sizing(0, 0.123)), *spec.assignments[1:])),
        replace(spec, instruments=tuple(structs.replace(one, tick=0.123) for one in spec.instruments)),
    ]
    found = [_configuration(one, "replay", "main") for one in (spec, *changed)]
    assert len(set(found)) == len(found)
    assert _configuration(replace(spec), "replay", "main") == found[0]


SHARED = """
  - {{name: buy_and_hold, shared: true, symbols: [SPY], sizing: "fixed_fraction:{}"}}
  - {{name: moving_average_crossover, shared: true, symbols: [SPY, IBM], sizing: "fixed_fraction:{}", parameters: {{fast: {}}}}}
"""


def test_size_and_parameters_of_each_strategy_of_a_shared_symbol_decide_its_run(database: Database, tmp_path: Path) -> None:
    """0.1 and 0.2 are the same sum as 0.2 and 0.1, and another run; so is another parameter. The same twice is the same."""
    bars = sessions.write_bars(tmp_path / "bars.csv", 30)
    cases = [(0.1, 0.2, 3), (0.2, 0.1, 3), (0.1, 0.2, 4), (0.1, 0.2, 3)]
    plans = [plan(sessions.write_configuration(tmp_path, bars, SHARED.format(*case)), database) for case in cases]
    assert {one.strategies for one in plans} == {("moving_average_crossover", "buy_and_hold+moving_average_crossover")}
    found = [
        _configuration(
            replace(one.spec, assignments=one.spec.assignments[1:], instruments=one.spec.instruments[1:]), "replay", "main"
        )
        for one in plans
    ]
    assert len(set(found)) == 3
    assert found[3] == found[0]


def test_run_goes_on_with_the_bars_it_began_with_though_more_came_meanwhile(database: Database, tmp_path: Path) -> None:
    """Bars loaded between a stop and a restart belong to the next run: the ledger stays that of the first bars."""
    bars = sessions.write_bars(tmp_path / "bars.csv", 60)
    configuration = sessions.write_configuration(tmp_path, bars)
    expected = sessions.expected(load_settings(configuration, {})).document
    run_with_commands(database, plan(configuration, database), {20: Stop("enough")})
    sessions.write_bars(bars, 80)
    ended = trade(plan(configuration, database), database)
    assert (ended.state, ended.instants) == ("finished", 60)
    assert (ended.ledger_sha256, ended.equity_sha256) == (expected["ledger_sha256"], expected["equity_sha256"])


def test_stopped_session_on_stored_bars_goes_on_over_splits_and_dividends(database: Database, tmp_path: Path) -> None:
    """Corporate actions of the database reach the books, streamed targets and a restored session as they reach the back-test."""
    wanted = Request(symbols=("AAPL",), start=date(2013, 11, 1), end=date(2014, 9, 30), path=sessions.SHIPPED, actions=ACTIONS)
    ingest(database, wanted)
    path = tmp_path / "config.yaml"
    path.write_text("session: {feed: replay, speed: max}\nstrategies:\n  - {name: buy_and_hold, symbols: [AAPL]}\n", "utf-8")
    settings = load_settings(path, {})
    expected = run_backtest(session_request(settings, "replay", Wishes()), database=database).document
    assert expected["assumptions"]["corporate_actions"] > 3
    stopped = run_with_commands(database, plan(path, database), {145: Stop("between ex-date and next close")})
    assert stopped.state == "stopped"
    ended = trade(plan(path, database), database)
    assert (ended.ledger_sha256, ended.equity_sha256) == (expected["ledger_sha256"], expected["equity_sha256"])


def test_stopped_session_on_stored_bars_goes_on_over_a_change_of_symbol(database: Database, tmp_path: Path) -> None:
    """It trades under the new symbol from the start, stops before the change, and ends as the back-test of the files does."""
    bars, actions = sessions.write_bars(tmp_path / "bars.csv", 60, ("IBM",)), tmp_path / "actions.csv"
    header, *rows = bars.read_text().splitlines()
    changed = [row if number < 40 else row.replace(",IBM,", ",NEWIBM,") for number, row in enumerate(rows)]
    bars.write_text("\n".join([header, *changed]) + "\n")
    actions.write_text(f"symbol,ex_date,action,value\nIBM,{changed[40][:10]},symbol_change,NEWIBM\n")
    ingest(database, Request(path=bars, actions=actions))
    path = tmp_path / "config.yaml"
    strategy = "{name: rsi_mean_reversion, symbols: [NEWIBM], parameters: {period: 5, low: 45, high: 55}}"
    path.write_text(f"session: {{feed: replay, speed: max}}\nstrategies:\n  - {strategy}\n", "utf-8")
    request = session_request(load_settings(path, {}), "replay", Wishes())
    expected = run_backtest(replace(request, bars=bars, actions=actions)).document
    assert expected["trades"] > 2
    stopped = run_with_commands(database, plan(path, database), {35: Stop("before the change")})
    assert stopped.state == "stopped"
    ended = trade(plan(path, database), database)
    assert (ended.state, ended.instants) == ("finished", 60)
    assert (ended.ledger_sha256, ended.equity_sha256) == (expected["ledger_sha256"], expected["equity_sha256"])
